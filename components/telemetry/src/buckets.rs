//! A device's readings by buckets of time: `bucket=5m|1h|1d`.

use const_format::concatcp;
use domain::bucket::BucketWidth;
use kit::db::{Database, Fetch as _};
use kit::input::Timestamp;
use kit::page::{Listing, Order, Page};
use kit::row::{FromRow, Json};
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::filters::{Device, ReadingFilters};

/// What was measured in a span of time. Buckets without readings are left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReadingBucket)]
pub struct Bucket {
    /// Its start. Buckets begin at whole multiples of their width in UTC.
    from: Timestamp,
    /// Its end, which belongs to the next.
    to: Timestamp,
    /// How many readings it has.
    count: i64,
    /// Volts.
    voltage: Figures,
    /// Amperes.
    current: Figures,
    /// The power factor, -1 to 1.
    power_factor: Figures,
    /// Watts.
    power_w: Figures,
}

/// Of the readings of a bucket.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReadingFigures)]
struct Figures {
    /// The smallest.
    min: f64,
    /// The mean.
    mean: f64,
    /// The largest.
    max: f64,
}

impl From<[f64; 3]> for Figures {
    fn from([min, mean, max]: [f64; 3]) -> Self {
        Self { min, mean, max }
    }
}

/// Count, then min, mean and max of each column.
type Packed = (i64, [f64; 3], [f64; 3], [f64; 3], [f64; 3]);

#[derive(FromRow)]
struct BucketRow {
    start: i64,
    packed: Json<Packed>,
}

// From one bucket that has readings to the next by a look into the key, and one pass over each: `group by` would sort the whole span before
// the first bucket came out. That pass gives thirteen values to one row, which therefore come as one JSON array.
const FIRST: &str = "with recursive bucket (start) as (
         select (select at from readings where device_id = ?1 and at >= ?2 and at <= ?3 order by at ";
const NEXT: &str = " limit 1) / ?4 * ?4
         union all
         select (select at from readings where device_id = ?1 and at ";
const FIGURES: &str = " limit 1) / ?4 * ?4
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
     ) as packed
     from bucket where start is not null";
const FORWARDS: &str = concatcp!(FIRST, "asc", NEXT, ">= start + ?4 and at <= ?3 order by at", FIGURES);
const BACKWARDS: &str = concatcp!(FIRST, "desc", NEXT, "< start and at >= ?2 order by at desc", FIGURES);

/// A page of buckets in the order of time.
pub fn page(listing: &Listing<ReadingFilters>, device: &Device, width: BucketWidth) -> Result<Page<Bucket>, Problem> {
    let (from, to) = listing.filters.span.span();
    let width = width.ms();
    let after = listing.after_int(0);
    let (sql, from, to) = match listing.filters.order {
        Some(Order::Desc) => (BACKWARDS, from, after.map_or(to, |start| to.min(start.saturating_sub(1)))),
        _ => (FORWARDS, after.map_or(from, |start| from.max(start.saturating_add(width))), to),
    };
    let rows: Vec<BucketRow> = Database.fetch_all(sql, params![device.id, from, to, width, listing.fetch()])?;
    Ok(listing.page(rows, |row| [row.start]).map(|BucketRow { start, packed: Json(packed) }| {
        let (count, voltage, current, power_factor, power_w) = packed;
        Bucket {
            from: Timestamp(start),
            to: Timestamp(start.saturating_add(width)),
            count,
            voltage: voltage.into(),
            current: current.into(),
            power_factor: power_factor.into(),
            power_w: power_w.into(),
        }
    }))
}
