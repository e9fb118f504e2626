//! GET `/api/crowd/temple/{id}/history`: the counts of a zone or of all, as they came or in buckets.

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use domain::crowd::Size;
use domain::time::{DAY_MS, HOUR_MS, MAX_MS, MINUTE_MS, format_rfc3339};
use kit::db::{Row, Rows, Value};
use kit::page::Listing;
use kit::request::Query;
use kit::{Answer, Problem, db, params};
use serde::Serialize;
use serde_json::json;

use crate::place::{Share, Temple, Zone, level_alone, people, rounded, span};

/// A count as it came.
#[derive(Serialize)]
struct Count {
    zone: String,
    timestamp: String,
    count: i64,
    #[serde(flatten)]
    share: Share,
    /// The level of this count by itself.
    level: Option<&'static str>,
    received_at: String,
}

/// A bucket of time. Those without counts are left out.
#[derive(Serialize)]
struct Bucket {
    zone: String,
    /// Its start. Buckets begin at whole multiples of their width in UTC.
    from: String,
    /// Its end, which belongs to the next.
    to: String,
    /// How many counts it has.
    readings: i64,
    min: i64,
    mean: f64,
    max: i64,
    /// Of the mean.
    #[serde(flatten)]
    share: Share,
    /// Of the mean, by itself.
    level: Option<&'static str>,
}

/// Public. Filters `zone`, `from`, `to`, and `bucket` (`5m`, `1h`, `1d`). One zone after the other, each in the order of time.
pub async fn history(Path(site): Path<String>, Query(query): Query) -> Answer<Response> {
    let listing = Listing::parse(&query, &["zone", "from", "to", "bucket"])?;
    let (from, to) = span(&listing)?;
    let (from, to) = (from.unwrap_or(0), to.unwrap_or(MAX_MS));
    let width = match listing.choice("bucket", &["5m", "1h", "1d"])? {
        Some("5m") => Some(5 * MINUTE_MS),
        Some("1h") => Some(HOUR_MS),
        Some(_) => Some(DAY_MS),
        None => None,
    };
    let temple = Temple::find(&site)?;
    let mut zones = temple.zones(listing.filter("zone"))?;
    zones.sort_by_key(|zone| zone.code.to_ascii_lowercase());
    match width {
        Some(width) => buckets(&listing, &temple.slug, &zones, (from, to), width),
        None => raw(&listing, &temple.slug, &zones, (from, to)),
    }
}

/// Runs `query` for each zone from the cursor's on, until the page is full. Zones are few; each costs one look into the key.
fn each_zone(listing: &Listing, zones: &[Zone], query: impl Fn(&Zone, Option<i64>, i64) -> Answer<Rows>) -> Answer<Vec<Row>> {
    let (after_zone, after_at) = match (listing.after_text(0), listing.after_int(1)) {
        (Value::Text(zone), Value::Integer(at)) => (Some(zone.to_ascii_lowercase()), Some(at)),
        _ => (None, None),
    };
    let mut found = Vec::new();
    for zone in zones {
        let code = zone.code.to_ascii_lowercase();
        let left = listing.fetch() - i64::try_from(found.len()).unwrap_or(i64::MAX);
        if left <= 0 {
            break;
        }
        match &after_zone {
            Some(after) if code < *after => {}
            Some(after) if code == *after => found.extend(query(zone, after_at, left)?),
            _ => found.extend(query(zone, None, left)?),
        }
    }
    Ok(found)
}

fn size_of(zones: &[Zone], code: &str) -> Size {
    let zone = zones.iter().find(|zone| zone.code.eq_ignore_ascii_case(code));
    zone.map_or(Size { capacity: None, area_m2: None }, |zone| zone.size)
}

fn raw(listing: &Listing, site: &str, zones: &[Zone], (from, to): (i64, i64)) -> Answer<Response> {
    let rows = each_zone(listing, zones, |zone, after, left| {
        let from = after.map_or(from, |after| from.max(after.saturating_add(1)));
        Ok(db::run(
            "select ?2, at, received_at, count from crowd_readings where site = ?1 and zone = ?2 and at >= ?3 and at <= ?4 order by at limit ?5",
            params![site, &zone.code, from, to, left],
        )?)
    })?;
    let page = listing.page(
        rows.into_iter().collect(),
        |row| Ok(json!([row.text(0)?, row.int(1)?])),
        |row| {
            let size = size_of(zones, row.text(0)?);
            let count = row.int(3)?;
            Ok(Count {
                zone: row.text(0)?.to_owned(),
                timestamp: row.time(1)?,
                count,
                share: Share::of(count, &size),
                level: level_alone(count, &size),
                received_at: row.time(2)?,
            })
        },
    )?;
    Ok(page.into_response())
}

fn buckets(listing: &Listing, site: &str, zones: &[Zone], (from, to): (i64, i64), width: i64) -> Answer<Response> {
    let rows = each_zone(listing, zones, |zone, after, left| {
        let from = after.map_or(from, |start| from.max(start.saturating_add(width)));
        // From one bucket that has counts to the next by a look into the key, and one pass over each.
        Ok(db::run(
            "with recursive bucket (start) as (
                 select (select at from crowd_readings where site = ?1 and zone = ?2 and at >= ?3 and at <= ?4 order by at limit 1) / ?5 * ?5
                 union all
                 select (select at from crowd_readings where site = ?1 and zone = ?2 and at >= start + ?5 and at <= ?4 order by at limit 1)
                     / ?5 * ?5
                 from bucket where start is not null
                 limit ?6
             )
             select ?2, start, (
                 select json_array(count(*), min(count), avg(count), max(count)) from crowd_readings
                 where site = ?1 and zone = ?2 and at >= max(start, ?3) and at < min(start + ?5, ?4 + 1)
             )
             from bucket where start is not null",
            params![site, &zone.code, from, to, width, left],
        )?)
    })?;
    let page = listing.page(
        rows.into_iter().collect(),
        |row| Ok(json!([row.text(0)?, row.int(1)?])),
        |row| {
            let start = row.int(1)?;
            let (readings, min, mean, max): (i64, i64, f64, i64) = serde_json::from_str(row.text(2)?).map_err(Problem::internal)?;
            let size = size_of(zones, row.text(0)?);
            let count = people(mean);
            Ok(Bucket {
                zone: row.text(0)?.to_owned(),
                from: format_rfc3339(start),
                to: format_rfc3339(start.saturating_add(width)),
                readings,
                min,
                mean: rounded(mean, 2),
                max,
                share: Share::of(count, &size),
                level: level_alone(count, &size),
            })
        },
    )?;
    Ok(page.into_response())
}
