//! GET `/api/crowd/temple/{id}/current`: each zone as it is now.

use axum::extract::Path;
use axum::response::IntoResponse;
use domain::crowd::{Level, STALE_MS, Size};
use domain::time::format_rfc3339;
use kit::page::Listing;
use kit::request::{Now, Query};
use kit::{Answer, db, params};
use serde::Serialize;

use crate::place::{MAX_ZONES, Share, Temple, rounded};

#[derive(Serialize)]
struct Zone {
    zone: String,
    name: String,
    /// Null until it is first counted.
    count: Option<i64>,
    capacity: Option<i64>,
    area_m2: Option<f64>,
    percent_of_capacity: Option<f64>,
    density: Option<f64>,
    /// `low`, `moderate`, `high` or `critical`: the worse of the two below.
    level: Option<String>,
    share_level: Option<String>,
    density_level: Option<String>,
    level_changed_at: Option<String>,
    timestamp: Option<String>,
    /// Whether it was last counted more than ten minutes ago, or never.
    stale: bool,
}

/// The temple as a whole, and its zones.
#[derive(Serialize)]
struct Current {
    temple_id: String,
    name: String,
    /// People in all zones that were counted.
    count: i64,
    /// Of those zones, where known.
    capacity: Option<i64>,
    percent_of_capacity: Option<f64>,
    /// The worst of its zones.
    level: Option<&'static str>,
    zones: Vec<Zone>,
    as_of: String,
}

/// Public. 404 for an unknown temple.
pub async fn current(Now(now): Now, Path(site): Path<String>, Query(query): Query) -> Answer<impl IntoResponse> {
    let listing = Listing::parse(&query, &["zone"])?;
    let temple = Temple::find(&site)?;
    let zone = listing.filter("zone");
    if zone.is_some() {
        temple.zones(zone)?;
    }
    let rows = db::run(
        "select z.code, z.name, z.capacity, z.area_m2, c.count, c.at, c.level, c.share_level, c.density_level, c.level_changed_at
         from zones z left join crowd_state c on c.site = z.site and c.zone = z.code
         where z.site = ?1 and z.code = coalesce(?2, z.code)
         order by z.position, z.code limit ?3",
        params![&temple.slug, zone, MAX_ZONES],
    )?;
    let (mut zones, mut total, mut held, mut capacity, mut worst) = (Vec::with_capacity(rows.len()), 0_i64, 0_i64, 0_i64, None);
    for row in rows.iter() {
        let size = Size { capacity: row.opt_int(2)?, area_m2: row.opt_real(3)? };
        let count = row.opt_int(4)?;
        let at = row.opt_int(5)?;
        let share = count.map(|count| Share::of(count, &size));
        total = total.saturating_add(count.unwrap_or_default());
        if let (Some(count), Some(room)) = (count, size.capacity) {
            held = held.saturating_add(count);
            capacity = capacity.saturating_add(room);
        }
        worst = worst.max(row.opt_text(6)?.and_then(|name| name.parse::<Level>().ok()));
        zones.push(Zone {
            zone: row.text(0)?.to_owned(),
            name: row.text(1)?.to_owned(),
            count,
            capacity: size.capacity,
            area_m2: size.area_m2,
            percent_of_capacity: share.as_ref().and_then(|share| share.percent_of_capacity),
            density: share.as_ref().and_then(|share| share.density),
            level: row.opt_text(6)?.map(str::to_owned),
            share_level: row.opt_text(7)?.map(str::to_owned),
            density_level: row.opt_text(8)?.map(str::to_owned),
            level_changed_at: row.opt_time(9)?,
            timestamp: row.opt_time(5)?,
            stale: at.is_none_or(|at| now.saturating_sub(at) > STALE_MS),
        });
    }
    let whole = Size { capacity: (capacity > 0).then_some(capacity), area_m2: None };
    Ok(axum::Json(Current {
        temple_id: temple.slug,
        name: temple.name,
        count: total,
        capacity: whole.capacity,
        percent_of_capacity: whole.share(held).map(|share| rounded(share * 100.0, 1)),
        level: worst.map(|level: Level| level.into_str()),
        zones,
        as_of: format_rfc3339(now),
    }))
}
