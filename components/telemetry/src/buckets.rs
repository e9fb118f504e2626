//! A device's readings by buckets of time: `bucket=5m|1h|1d|auto`. What is rolled up is read from the roll-ups, and the rest from the readings
//! (docs/reference/retention.md#answers).

use const_format::{concatcp, formatcp};
use domain::bucket::BucketWidth;
use domain::rollup::{self, Kept, Level, Part};
use kit::db::{Database, Fetch as _};
use kit::input::Timestamp;
use kit::page::{Listing, Order, Page};
use kit::row::{FromRow, Json};
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::filters::{Device, ReadingFilters};
use crate::rollups::ENERGY_WH;

/// What was measured in a span of time. Buckets without readings are left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReadingBucket)]
pub struct Bucket {
    /// Its start. Buckets begin at whole multiples of their width in UTC.
    from: Timestamp,
    /// Its end, which belongs to the next.
    to: Timestamp,
    /// What it was made from. Where readings are there, both say the same; where they were removed, the bucket is a whole one, and wider than
    /// asked for when finer roll-ups were removed too.
    level: Level,
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
    /// The battery's charge, 0 to 1; null when no reading said it.
    battery: Option<Figures>,
    /// Watt-hours: of the trapezoid between each reading and the one before, unless they are more than ten minutes apart.
    energy_wh: f64,
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

/// Count, then min, mean and max of each column, then the battery's and the energy.
type Packed = (i64, [f64; 3], [f64; 3], [f64; 3], [f64; 3], [Option<f64>; 3], f64);

#[derive(FromRow)]
struct BucketRow {
    start: i64,
    packed: Json<Packed>,
}

// From one bucket that has readings to the next by a look into the key, and one pass over each: `group by` would sort the whole span before
// the first bucket came out. That pass, from the reading before the bucket on, gives many values to one row, which therefore come as one JSON
// array.
const FIRST: &str = "with recursive bucket (start) as (
         select (select at from readings where device_id = ?1 and at >= ?2 and at <= ?3 order by at ";
const NEXT: &str = " limit 1) / ?4 * ?4
         union all
         select (select at from readings where device_id = ?1 and at ";
const FIGURES: &str = formatcp!(
    " limit 1) / ?4 * ?4
         from bucket where start is not null
         limit ?5
     )
     select start, (
         select json_array(count(*),
             json_array(min(voltage), avg(voltage), max(voltage)),
             json_array(min(current), avg(current), max(current)),
             json_array(min(power_factor), avg(power_factor), max(power_factor)),
             json_array(min(power_w), avg(power_w), max(power_w)),
             json_array(min(battery), avg(battery), max(battery)),
             total(energy_wh))
         from (
             select r.at, r.voltage, r.current, r.power_factor, r.power_w, r.battery, {ENERGY_WH} as energy_wh
             from readings r
             where r.device_id = ?1 and r.at < min(bucket.start + ?4, ?3 + 1) and r.at >= coalesce(
                 (select b.at from readings b where b.device_id = ?1 and b.at < max(bucket.start, ?2) order by b.at desc limit 1), 0)
             window w as (order by r.at)
         )
         where at >= max(bucket.start, ?2)
     ) as packed
     from bucket where start is not null"
);
const FORWARDS: &str = concatcp!(FIRST, "asc", NEXT, ">= start + ?4 and at <= ?3 order by at", FIGURES);
const BACKWARDS: &str = concatcp!(FIRST, "desc", NEXT, "< start and at >= ?2 order by at desc", FIGURES);

const ROLLED_UP: &str = "select start, json_array(count,
         json_array(voltage_min, voltage_sum / count, voltage_max),
         json_array(current_min, current_sum / count, current_max),
         json_array(power_factor_min, power_factor_sum / count, power_factor_max),
         json_array(power_w_min, power_w_sum / count, power_w_max),
         json_array(battery_min, battery_sum / battery_count, battery_max),
         energy_wh) as packed
     from reading_rollups where device_id = ?1 and span_ms = ?4 and start >= ?2 and start <= ?3 order by start";
const ROLLED_UP_FORWARDS: &str = concatcp!(ROLLED_UP, " limit ?5");
const ROLLED_UP_BACKWARDS: &str = concatcp!(ROLLED_UP, " desc limit ?5");

/// What there is of a device.
#[derive(FromRow)]
struct KeptRow {
    rolled_up_to: i64,
    late_from: Option<i64>,
    raw_from: i64,
    five_minutes_from: i64,
    hours_from: i64,
}

const KEPT: &str =
    "select t.rolled_up_to, (select l.start from reading_late l where l.device_id = ?1 order by l.start limit 1) as late_from,
         coalesce(k.raw_from, 0) as raw_from, coalesce(k.five_minutes_from, 0) as five_minutes_from, coalesce(k.hours_from, 0) as hours_from
     from device_state t left join reading_kept k on k.device_id = t.device_id where t.device_id = ?1";

fn kept(device: &Device) -> Result<Kept, Problem> {
    let row: Option<KeptRow> = Database.fetch_optional(KEPT, params![device.id])?;
    Ok(row.map_or_else(Kept::default, |row| Kept {
        hours_from: row.hours_from,
        five_minutes_from: row.five_minutes_from,
        raw_from: row.raw_from,
        // From the first that came in late on the readings themselves answer, until that is rolled up.
        rolled_up_to: row.late_from.map_or(row.rolled_up_to, |late| late.min(row.rolled_up_to)),
    }))
}

/// A page of buckets in the order of time.
pub fn page(listing: &Listing<ReadingFilters>, device: &Device, width: BucketWidth) -> Result<Page<Bucket>, Problem> {
    let (from, to) = listing.filters.span.span();
    let is_backwards = listing.filters.order == Some(Order::Desc);
    // A cursor is a bucket's start and its end.
    let after = listing.after_int(0).zip(listing.after_int(1));
    let (from, to) = match after {
        Some((start, _)) if is_backwards => (from, to.min(start.saturating_sub(1))),
        Some((_, end)) => (from.max(end), to),
        None => (from, to),
    };
    let mut buckets = Vec::new();
    if from <= to {
        let mut parts = rollup::parts(width, from, to, &kept(device)?);
        if is_backwards {
            parts.reverse();
        }
        for part in parts {
            let missing = listing.fetch().saturating_sub(i64::try_from(buckets.len()).unwrap_or(i64::MAX));
            if missing <= 0 {
                break;
            }
            read(device, &part, is_backwards, missing, &mut buckets)?;
        }
    }
    Ok(listing.page(buckets, |bucket| [bucket.from.0, bucket.to.0]))
}

fn read(device: &Device, part: &Part, is_backwards: bool, limit: i64, buckets: &mut Vec<Bucket>) -> Result<(), Problem> {
    let sql = match (part.level, is_backwards) {
        (Level::Raw, false) => FORWARDS,
        (Level::Raw, true) => BACKWARDS,
        (_, false) => ROLLED_UP_FORWARDS,
        (_, true) => ROLLED_UP_BACKWARDS,
    };
    let rows: Vec<BucketRow> = Database.fetch_all(sql, params![device.id, part.from, part.to.saturating_sub(1), part.width_ms, limit])?;
    buckets.extend(rows.into_iter().map(|BucketRow { start, packed: Json(packed) }| {
        let (count, voltage, current, power_factor, power_w, battery, energy_wh) = packed;
        Bucket {
            from: Timestamp(start),
            to: Timestamp(start.saturating_add(part.width_ms)),
            level: part.level,
            count,
            voltage: voltage.into(),
            current: current.into(),
            power_factor: power_factor.into(),
            power_w: power_w.into(),
            battery: match battery {
                [Some(min), Some(mean), Some(max)] => Some(Figures { min, mean, max }),
                _ => None,
            },
            energy_wh,
        }
    }));
    Ok(())
}
