//! The figures of a heat map.

use domain::crowd::{BUCKET_MS, Level, judge};
use domain::time::{DAY_MS, HOUR_MS};
use domain::transit_clock::{hour_of_day, offset_ms};
use kit::db::{Database, Fetch as _};
use kit::input::{At, Code, Input, Timestamp};
use kit::row::FromRow;
use kit::{Answer, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::figures::{CrowdShare, people, rounded};
use crate::span::Span;
use crate::temple::{Temple, Zone};

/// Hours of a day.
pub const HOURS: usize = 24;
/// The longest span.
const MAX_DAYS: i64 = 92;
/// The span where no other is asked for, back from now.
const DEFAULT_DAYS: i64 = 7;
/// The most zones of one heat map.
const MAX_ZONES: usize = 60;

/// Of which zones and which time.
#[derive(Input)]
#[input(check)]
pub struct HeatMapFilters {
    /// The code of one of the temple's zones, in any case.
    zone: Option<Code>,
    #[input(flatten)]
    span: Span,
}

impl HeatMapFilters {
    fn check(&self, at: &mut At<'_>) {
        let (from, to) = self.bounds(at.now_ms());
        let reason = format!("must lie at most {MAX_DAYS} days before the span's end");
        at.check_field(to - from <= MAX_DAYS * DAY_MS, "from", &reason);
    }

    /// The first and the last moment, milliseconds.
    fn bounds(&self, now: i64) -> (i64, i64) {
        let from = self.span.from.map(|from| from.0);
        let to = self.span.to.map_or_else(|| from.map_or(now, |from| now.max(from)), |to| to.0);
        (from.unwrap_or_else(|| to.saturating_sub(DEFAULT_DAYS * DAY_MS).max(0)), to)
    }
}

/// How full each zone is at each hour of the day.
#[derive(Serialize, ToSchema)]
pub struct HeatMap {
    /// The temple's slug.
    temple_id: String,
    /// The temple's name.
    pub name: String,
    /// The temple's time zone, by which the hours are told: an IANA name.
    pub time_zone: String,
    /// Where the stretch of time begins.
    pub from: Timestamp,
    /// Where the stretch of time ends.
    pub to: Timestamp,
    /// At most sixty.
    pub zones: Vec<HeatMapZone>,
}

/// A zone's day.
#[derive(Serialize, ToSchema)]
pub struct HeatMapZone {
    /// The zone's code.
    zone: String,
    /// The zone's name.
    pub name: String,
    /// How many people it holds; null when nobody has said.
    pub capacity: Option<i64>,
    /// Of the hours 0 to 23 of the site's day.
    pub hours: Vec<HeatMapHour>,
}

/// One hour of the day in one zone.
#[derive(Serialize, ToSchema)]
pub struct HeatMapHour {
    /// The hour that begins then, 0 to 23.
    hour: usize,
    /// How many counts it is made of.
    readings: i64,
    /// People, in the mean; null when it was never counted at this hour.
    pub mean: Option<f64>,
    /// Its parts are null when it was never counted at this hour.
    #[serde(flatten)]
    share: CrowdShare,
    /// The level of the mean by itself.
    level: Option<Level>,
}

impl HeatMap {
    /// Returns 404 if there is no such temple, 422 if it has no such zone.
    pub fn load(site: &str, filters: &HeatMapFilters, now: i64) -> Answer<Self> {
        let (from, to) = filters.bounds(now);
        let temple = Temple::find(site)?;
        let pieces = pieces(&temple.time_zone, from, to);
        let zones = temple.zones(filters.zone.as_ref())?;
        let load = |zone: Zone| {
            let sums = sums(&temple, &zone.code, &pieces)?;
            let hours = sums.into_iter().enumerate().map(|(hour, sum)| HeatMapHour::new(hour, sum, &zone)).collect();
            Ok(HeatMapZone { hours, zone: zone.code, name: zone.name, capacity: zone.size.capacity })
        };
        let zones = zones.into_iter().take(MAX_ZONES).map(load).collect::<Answer<_>>()?;
        Ok(Self { temple_id: temple.slug, name: temple.name, time_zone: temple.time_zone, from: Timestamp(from), to: Timestamp(to), zones })
    }
}

impl HeatMapHour {
    fn new(hour: usize, sum: Sum, zone: &Zone) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "sums of counts, far below 2^52")]
        let mean = (sum.readings > 0).then(|| sum.total as f64 / sum.readings as f64);
        let count = mean.map(people);
        Self {
            hour,
            readings: sum.readings,
            mean: mean.map(|mean| rounded(mean, 1)),
            share: count.map(|count| CrowdShare::new(count, &zone.size)).unwrap_or_default(),
            level: count.and_then(|count| judge(count, &zone.size)),
        }
    }

    /// Mean share of the capacity.
    pub fn percent_of_capacity(&self) -> Option<f64> {
        self.share.percent_of_capacity
    }
}

/// The span cut where the site's clocks change, so that within each piece a quarter of UTC's day is one of the site's.
fn pieces(zone: &str, from: i64, to: i64) -> Vec<(i64, i64)> {
    let mut pieces = Vec::new();
    let mut start = from - from.rem_euclid(BUCKET_MS);
    let mut hour = start - start.rem_euclid(HOUR_MS) + HOUR_MS;
    while hour <= to {
        if offset_ms(zone, hour) != offset_ms(zone, start) {
            pieces.push((start, hour));
            start = hour;
        }
        hour += HOUR_MS;
    }
    pieces.push((start, to.saturating_add(1)));
    pieces
}

/// How many counts there are, and their sum.
#[derive(Clone, Copy, Default)]
struct Sum {
    readings: i64,
    total: i64,
}

#[derive(FromRow)]
struct SumRow {
    time_of_day: i64,
    readings: i64,
    total: i64,
}

/// Of a zone at each hour of the site's day.
fn sums(temple: &Temple, zone: &str, pieces: &[(i64, i64)]) -> Answer<[Sum; HOURS]> {
    let mut sums = [Sum::default(); HOURS];
    for (from, to) in pieces {
        let rows: Vec<SumRow> = Database.fetch_all(
            "select start % 86400000 as time_of_day, sum(readings) as readings, sum(total) as total from crowd_quarters
             where site = ?1 and zone = ?2 and start >= ?3 and start < ?4 group by start % 86400000",
            params![&temple.slug, zone, *from, *to],
        )?;
        // The offset is the same throughout the piece.
        let offset = offset_ms(&temple.time_zone, *from);
        for row in rows {
            if let Some(sum) = sums.get_mut(hour_of_day("UTC", row.time_of_day.saturating_add(offset))) {
                sum.readings = sum.readings.saturating_add(row.readings);
                sum.total = sum.total.saturating_add(row.total);
            }
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_cut_where_the_clocks_change() {
        let march = 1_772_323_200_000; // 2026-03-01T00:00:00Z
        assert_eq!(pieces("Asia/Kolkata", march, march + 30 * DAY_MS).len(), 1);
        let cut = pieces("Europe/Berlin", march, march + 30 * DAY_MS);
        let change = 1_774_746_000_000; // 2026-03-29T01:00:00Z
        assert_eq!(cut, [(march, change), (change, march + 30 * DAY_MS + 1)]);
    }

    #[test]
    fn a_span_is_the_last_week_unless_one_is_given_and_not_too_long() {
        let now = 1_772_323_200_000;
        let bounds = |query: &str| kit::input::parse_query::<HeatMapFilters>(query, now).map(|filters| filters.bounds(now));
        assert_eq!(bounds("").unwrap(), (now - 7 * DAY_MS, now));
        assert_eq!(bounds("from=2026-02-28T00:00:00Z").unwrap(), (now - DAY_MS, now));
        assert!(bounds("from=2025-11-01T00:00:00Z").unwrap_err().errors().contains_key("from"));
    }
}
