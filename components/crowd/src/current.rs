//! Each zone as it is now.

use axum::extract::Path;
use domain::crowd::{Density, Level, STALE_MS, Size};
use kit::db::{Database, Fetch as _};
use kit::input::Timestamp;
use kit::kept::{AsOf, Kept, Made, Sources, Topics};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::{Answer, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::figures::{CrowdShare, rounded};
use crate::temple::{MAX_ZONES, Temple, ZoneFilter, read_size, unknown_zone};

/// A temple as a whole, and its zones.
#[derive(Serialize, ToSchema)]
pub struct CurrentCrowd {
    /// The temple's slug.
    temple_id: String,
    /// The temple's name.
    name: String,
    /// People in all zones that were counted.
    count: i64,
    /// Of those zones, where it is known.
    capacity: Option<i64>,
    /// How full it is, percent, of the zones whose count and capacity are both known; null when none are.
    percent_of_capacity: Option<f64>,
    /// The worst of its zones.
    level: Option<Level>,
    /// Its zones.
    zones: Vec<CurrentZone>,
}

/// A zone as it is now.
#[derive(Serialize, ToSchema)]
struct CurrentZone {
    /// The zone's code.
    zone: String,
    /// The zone's name.
    name: String,
    /// Null until it is first counted.
    count: Option<i64>,
    /// How many people it holds; null when nobody has said.
    capacity: Option<i64>,
    /// Its area, square metres; null when nobody has said.
    area_m2: Option<f64>,
    /// How full it is, percent of its capacity; null when that or the count is not known.
    percent_of_capacity: Option<f64>,
    /// Persons per square metre.
    density: Option<f64>,
    /// The worse of the two below.
    level: Option<Level>,
    /// The level by the share of its capacity; null when that or the count is not known.
    share_level: Option<Level>,
    /// The level by the people on a square metre; null when its area or the count is not known.
    density_level: Option<Density>,
    /// Since when it has its level; null before the first count.
    level_changed_at: Option<Timestamp>,
    /// When it was counted; null when it never was.
    timestamp: Option<Timestamp>,
    /// Whether it was last counted more than ten minutes ago, or never.
    stale: bool,
}

#[derive(FromRow)]
struct ZoneRow {
    code: String,
    name: String,
    #[row(with = read_size)]
    size: Size,
    count: Option<i64>,
    at: Option<Timestamp>,
    level: Option<Level>,
    share_level: Option<Level>,
    density_level: Option<Density>,
    level_changed_at: Option<Timestamp>,
}

const ZONES: &str =
    "select z.code, z.name, z.capacity, z.area_m2, c.count, c.at, c.level, c.share_level, c.density_level, c.level_changed_at
     from zones z left join crowd_state c on c.site = z.site and c.zone = z.code
     where z.site = ?1 and z.code = coalesce(?2, z.code)
     order by z.position, z.code limit ?3";

const TOPICS: Topics = kit::topics!(Crowd, Places);

/// Returns how crowded a temple is now: each zone's newest count and its levels.
#[utoipa::path(get, path = "/api/crowd/temple/{id}/current")]
pub async fn current(Now(now): Now, Path(site): Path<String>, Query(filter): Query<ZoneFilter>) -> Answer<Kept<AsOf<CurrentCrowd>>> {
    let key = format!("current {site}\n{}", filter.zone.as_deref().unwrap_or_default());
    let current = Kept::find(&key, Sources::of(TOPICS), now, || {
        let temple = Temple::find(&site)?;
        let zones: Vec<ZoneRow> = Database.fetch_all(ZONES, params![&temple.slug, filter.zone.as_ref(), MAX_ZONES])?;
        if zones.is_empty() && filter.zone.is_some() {
            return Err(unknown_zone());
        }
        let turns: Vec<_> = zones.iter().map(|zone| zone.turns_stale_at().filter(|turn| *turn > now)).collect();
        Ok(Made::until(CurrentCrowd::new(temple, zones, now), turns))
    });
    current.map(|current| current.as_of(now))
}

impl ZoneRow {
    /// From when on its count is too old.
    fn turns_stale_at(&self) -> Option<i64> {
        self.at.map(|at| at.0.saturating_add(STALE_MS + 1))
    }
}

impl CurrentCrowd {
    fn new(temple: Temple, zones: Vec<ZoneRow>, now: i64) -> Self {
        // The share of the whole is that of the zones whose count and capacity are both known.
        let counted = zones.iter().filter_map(|zone| zone.count.zip(zone.size.capacity));
        let (count, capacity) = counted.fold((0_i64, 0_i64), |(sum, room), (count, capacity)| (sum + count, room + capacity));
        let whole = Size { capacity: Some(capacity).filter(|capacity| *capacity > 0), area_m2: None };
        Self {
            temple_id: temple.slug,
            name: temple.name,
            count: zones.iter().filter_map(|zone| zone.count).sum(),
            capacity: whole.capacity,
            percent_of_capacity: whole.share(count).map(|share| rounded(share * 100.0, 1)),
            level: zones.iter().filter_map(|zone| zone.level).max(),
            zones: zones.into_iter().map(|zone| CurrentZone::new(zone, now)).collect(),
        }
    }
}

impl CurrentZone {
    fn new(row: ZoneRow, now: i64) -> Self {
        let share = row.count.map(|count| CrowdShare::new(count, &row.size));
        let stale = row.turns_stale_at().is_none_or(|turn| now >= turn);
        Self {
            zone: row.code,
            name: row.name,
            count: row.count,
            capacity: row.size.capacity,
            area_m2: row.size.area_m2,
            percent_of_capacity: share.as_ref().and_then(|share| share.percent_of_capacity),
            density: share.and_then(|share| share.density),
            level: row.level,
            share_level: row.share_level,
            density_level: row.density_level,
            level_changed_at: row.level_changed_at,
            timestamp: row.at,
            stale,
        }
    }
}
