//! A device's readings by buckets of time: `&bucket=5m|1h|1d`.

use axum::response::{IntoResponse as _, Response};
use domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, format_rfc3339};
use kit::page::Listing;
use kit::{Answer, Problem, db, params};
use serde::Serialize;
use serde_json::json;

use crate::range::{self, Device, Span};

/// One bucket. Those without readings are left out.
#[derive(Debug, Serialize)]
struct Bucket {
    /// Its start. Buckets begin at whole multiples of their width in UTC.
    from: String,
    /// Its end, which belongs to the next.
    to: String,
    count: i64,
    voltage: Figures,
    current: Figures,
    power_factor: Figures,
    power_w: Figures,
}

#[derive(Debug, Serialize)]
struct Figures {
    min: f64,
    mean: f64,
    max: f64,
}

/// Count, then min, mean and max of each column, as the statement below packs them.
type Packed = (i64, [f64; 3], [f64; 3], [f64; 3], [f64; 3]);

/// The width that the filter `bucket` asks for, milliseconds.
pub fn width(listing: &Listing) -> Result<Option<i64>, Problem> {
    Ok(match listing.choice("bucket", &["5m", "1h", "1d"])? {
        Some("5m") => Some(5 * MINUTE_MS),
        Some("1h") => Some(HOUR_MS),
        Some(_) => Some(DAY_MS),
        None => None,
    })
}

/// A page of buckets in the order of time.
pub fn page(listing: &Listing, device: &Device, span: Span, width: i64) -> Answer<Response> {
    let from = range::after(listing, 0).map_or(span.from, |start| span.from.max(start.saturating_add(width)));
    // From one bucket that has readings to the next by a look into the key, and one pass over each: `group by` would sort the whole
    // span before the first bucket came out.
    let rows = db::run(
        "with recursive bucket (start) as (
             select (select at from readings where device_id = ?1 and at >= ?2 and at <= ?3 order by at limit 1) / ?4 * ?4
             union all
             select (select at from readings where device_id = ?1 and at >= start + ?4 and at <= ?3 order by at limit 1) / ?4 * ?4
             from bucket where start is not null
             limit ?5
         )
         select start, (
             select json_array(count(*),
                 json_array(min(voltage), avg(voltage), max(voltage)),
                 json_array(min(current), avg(current), max(current)),
                 json_array(min(power_factor), avg(power_factor), max(power_factor)),
                 json_array(min(power_w), avg(power_w), max(power_w)))
             from readings where device_id = ?1 and at >= max(start, ?2) and at < min(start + ?4, ?3 + 1)
         )
         from bucket where start is not null",
        params![device.id, from, span.to, width, listing.fetch()],
    )?;
    let page = listing.page(
        rows,
        |row| Ok(json!([row.int(0)?])),
        |row| {
            let start = row.int(0)?;
            let (count, voltage, current, power_factor, power_w): Packed = serde_json::from_str(row.text(1)?).map_err(Problem::internal)?;
            let figures = |[min, mean, max]: [f64; 3]| Figures { min, mean, max };
            Ok(Bucket {
                from: format_rfc3339(start),
                to: format_rfc3339(start.saturating_add(width)),
                count,
                voltage: figures(voltage),
                current: figures(current),
                power_factor: figures(power_factor),
                power_w: figures(power_w),
            })
        },
    )?;
    Ok(page.into_response())
}
