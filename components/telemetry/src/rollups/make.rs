//! Making roll-ups: those of five minutes from readings, of hours from five minutes, of days from hours.

use const_format::formatcp;
use domain::rollup::{FINEST_MS, GAP_MS};
use kit::db::{Executor as _, Fetch as _, Transaction};
use kit::row::FromRow;
use kit::{Problem, params};
use serde::Serialize;

use super::{DAY_MS, HOUR_MS};

/// A stretch of a device's time to make roll-ups of: its start, and its end, which does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Stretch(pub i64, pub i64, pub i64);

#[derive(FromRow)]
struct Made {
    count: i64,
}

/// Makes the roll-ups of these stretches, each from what it is made from; how many readings they hold.
pub fn make(db: &Transaction, five_minutes: &[Stretch], hours: &[Stretch], days: &[Stretch]) -> Result<i64, Problem> {
    let mut readings = 0;
    if !five_minutes.is_empty() {
        let made: Vec<Made> = db.fetch_all(FIVE_MINUTES, params![serde_json::to_string(five_minutes).map_err(Problem::internal)?])?;
        readings = made.iter().map(|made| made.count).sum();
    }
    for (sql, stretches) in [(HOURS, hours), (DAYS, days)] {
        if !stretches.is_empty() {
            db.run(sql, params![serde_json::to_string(stretches).map_err(Problem::internal)?])?;
        }
    }
    Ok(readings)
}

const INTO: &str = "insert into reading_rollups (device_id, span_ms, start, count,
         voltage_min, voltage_sum, voltage_max, current_min, current_sum, current_max,
         power_factor_min, power_factor_sum, power_factor_max, power_w_min, power_w_sum, power_w_max,
         battery_count, battery_min, battery_sum, battery_max, energy_wh)";

const IN_PLACE: &str = "on conflict (device_id, span_ms, start) do update set count = excluded.count,
         voltage_min = excluded.voltage_min, voltage_sum = excluded.voltage_sum, voltage_max = excluded.voltage_max,
         current_min = excluded.current_min, current_sum = excluded.current_sum, current_max = excluded.current_max,
         power_factor_min = excluded.power_factor_min, power_factor_sum = excluded.power_factor_sum,
         power_factor_max = excluded.power_factor_max, power_w_min = excluded.power_w_min, power_w_sum = excluded.power_w_sum,
         power_w_max = excluded.power_w_max, battery_count = excluded.battery_count, battery_min = excluded.battery_min,
         battery_sum = excluded.battery_sum, battery_max = excluded.battery_max, energy_wh = excluded.energy_wh";

/// The energy between a reading and the one before, of columns that a window gives: `domain::rollup::energy_wh`.
pub const ENERGY_WH: &str = formatcp!(
    "iif(r.at - lag(r.at) over w <= {GAP_MS}, (r.power_w + lag(r.power_w) over w) / 2.0 * (r.at - lag(r.at) over w) / {HOUR_MS}.0, 0.0)"
);

// Each stretch is read from the reading before it on.
const FIVE_MINUTES: &str = formatcp!(
    "{INTO}
     select device_id, {FINEST_MS}, at - at % {FINEST_MS} as bucket, count(*),
         min(voltage), sum(voltage), max(voltage), min(current), sum(current), max(current),
         min(power_factor), sum(power_factor), max(power_factor), min(power_w), sum(power_w), max(power_w),
         count(battery), min(battery), sum(battery), max(battery), sum(energy_wh)
     from (
         select r.device_id, s.begins, r.at, r.voltage, r.current, r.power_factor, r.power_w, r.battery, {ENERGY_WH} as energy_wh
         from (
             select j.key as number, j.value ->> 0 as device_id, j.value ->> 1 as begins, j.value ->> 2 as ends,
                 coalesce((select b.at from readings b where b.device_id = j.value ->> 0 and b.at < j.value ->> 1
                     order by b.at desc limit 1), j.value ->> 1) as read_from
             from json_each(?1) j
         ) s cross join readings r on r.device_id = s.device_id and r.at >= s.read_from and r.at < s.ends
         window w as (partition by s.number order by r.at)
     )
     where at >= begins group by device_id, bucket
     {IN_PLACE} returning count"
);

const HOURS: &str = formatcp!(
    "{INTO}
     select r.device_id, {HOUR_MS}, r.start - r.start % {HOUR_MS} as bucket, {SUMS}
     {OF_FINER} r.span_ms = {FINEST_MS} {BY_BUCKET}
     {IN_PLACE}"
);

const DAYS: &str = formatcp!(
    "{INTO}
     select r.device_id, {DAY_MS}, r.start - r.start % {DAY_MS} as bucket, {SUMS}
     {OF_FINER} r.span_ms = {HOUR_MS} {BY_BUCKET}
     {IN_PLACE}"
);

const SUMS: &str = "sum(r.count),
         min(r.voltage_min), sum(r.voltage_sum), max(r.voltage_max), min(r.current_min), sum(r.current_sum), max(r.current_max),
         min(r.power_factor_min), sum(r.power_factor_sum), max(r.power_factor_max),
         min(r.power_w_min), sum(r.power_w_sum), max(r.power_w_max),
         sum(r.battery_count), min(r.battery_min), sum(r.battery_sum), max(r.battery_max), sum(r.energy_wh)";

const OF_FINER: &str = "from json_each(?1) j cross join reading_rollups r
         on r.device_id = j.value ->> 0 and r.start >= j.value ->> 1 and r.start < j.value ->> 2 and";

const BY_BUCKET: &str = "group by r.device_id, bucket";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_the_domains_spans() {
        let schema = include_str!("../../../../migrations/0048_reading_rollups.sql");
        assert!(schema.contains(&format!("check (span_ms in ({FINEST_MS}, {HOUR_MS}, {DAY_MS}))")));
        assert!(schema.contains(&format!("new.at - new.at % {FINEST_MS})")));
    }
}
