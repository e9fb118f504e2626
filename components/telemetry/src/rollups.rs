//! Roll-ups of readings: `readings` into `reading_rollups`, device by device, and corrected by what comes in late.
//!
//! A pass goes through the devices in the order of their ids. Each step is one transaction with what it notes of itself: a run that was ended
//! halfway is gone on with, and two runs at once do each step once. A bucket is always made anew from all that it is made from, so that doing
//! it twice changes nothing.

use std::collections::BTreeSet;

use const_format::formatcp;
use domain::bucket::BucketWidth;
use domain::rollup::{self, FINEST_MS, GAP_MS, GRACE_MS};
use kit::db::{self, Executor as _, Fetch as _, Transaction};
use kit::row::FromRow;
use kit::{Problem, params};
use serde::Serialize;

/// Whether five minutes have ended that are not rolled up, or a pass is under way.
pub const DUE: &str = formatcp!(
    "select 1 from rollup_progress where name = 'readings'
         and (position >= 0 or up_to < (?1 - {GRACE_MS}) - (?1 - {GRACE_MS}) % {FINEST_MS})"
);

/// Whether a reading came in late.
pub const LATE: &str = "select 1 from reading_late limit 1";

/// The most steps of a run, and the most devices and about the most readings of a step: a backlog takes several runs.
const STEPS: usize = 40;
const DEVICES: i64 = 200;
const READINGS: i64 = 5_000;

/// The most corrections of a step, and the most steps with them in a run.
const LATE_BUCKETS: i64 = 300;
const LATE_STEPS: usize = 20;

const HOUR_MS: i64 = BucketWidth::Hour.ms();
const DAY_MS: i64 = BucketWidth::Day.ms();

/// Rolls up what has ended; how many readings.
pub fn roll_up(now: i64) -> Result<i64, Problem> {
    let mut readings = 0;
    for _ in 0..STEPS {
        match db::transaction(|db| step(db, now))? {
            Some(done) => readings += done,
            None => break,
        }
    }
    Ok(readings)
}

#[derive(FromRow)]
struct Progress {
    up_to: i64,
    position: i64,
}

const PROGRESS: &str = "select up_to, position from rollup_progress where name = 'readings'";

const NOTE: &str = "update rollup_progress set up_to = ?1, position = ?2 where name = 'readings'";

/// A device with readings to roll up.
#[derive(FromRow)]
struct Device {
    device_id: i64,
    rolled_up_to: i64,
    target: i64,
    /// The first that is not rolled up; none when there is none before the target.
    first_at: Option<i64>,
    /// The one that is too many for one step.
    full_at: Option<i64>,
    readings: i64,
}

// The newest reading's five minutes are not over as long as the device says nothing further: so no device's newest reading is ever a late one.
const PENDING: &str = formatcp!(
    "select d.device_id, d.rolled_up_to, d.target,
         (select r.at from readings r where r.device_id = d.device_id and r.at >= d.rolled_up_to and r.at < d.target
             order by r.at limit 1) as first_at,
         (select r.at from readings r where r.device_id = d.device_id and r.at >= d.rolled_up_to and r.at < d.target
             order by r.at limit 1 offset ?4) as full_at,
         (select count(*) from (select 1 from readings r where r.device_id = d.device_id and r.at >= d.rolled_up_to and r.at < d.target
             limit ?4)) as readings
     from (
         select t.device_id, t.rolled_up_to, min(?1, t.last_reading_at - t.last_reading_at % {FINEST_MS}) as target
         from device_state t
         where t.device_id > ?2 and t.rolled_up_to < min(?1, t.last_reading_at - t.last_reading_at % {FINEST_MS})
         order by t.device_id limit ?3
     ) d order by d.device_id"
);

/// A stretch of a device's time to make roll-ups of: its start, and its end, which does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Stretch(i64, i64, i64);

/// One step of a pass: how many readings; none when there is nothing to do.
fn step(db: &Transaction, now: i64) -> Result<Option<i64>, Problem> {
    let Some(mut progress) = db.fetch_optional::<Progress>(PROGRESS, params![])? else { return Ok(None) };
    if progress.position < 0 {
        let target = rollup::target(now);
        if progress.up_to >= target {
            return Ok(None);
        }
        progress = Progress { up_to: target, position: 0 };
    }
    let devices: Vec<Device> = db.fetch_all(PENDING, params![progress.up_to, progress.position, DEVICES, READINGS])?;
    if devices.is_empty() {
        db.run(NOTE, params![progress.up_to, -1_i64])?;
        return Ok(Some(0));
    }
    let mut work = Work::default();
    let mut position = progress.position;
    for device in devices {
        if work.readings > 0 && work.readings + device.readings > READINGS {
            break;
        }
        position = if work.add(&device) { device.device_id } else { device.device_id - 1 };
        if position < device.device_id {
            break;
        }
    }
    let readings = work.run(db)?;
    db.run(NOTE, params![progress.up_to, position])?;
    Ok(Some(readings))
}

/// What a step does.
#[derive(Default)]
struct Work {
    /// About how many readings that takes.
    readings: i64,
    five_minutes: Vec<Stretch>,
    hours: Vec<Stretch>,
    days: Vec<Stretch>,
    rolled_up_to: Vec<(i64, i64)>,
}

impl Work {
    /// Adds what is to be done of a device; whether that is all of it.
    fn add(&mut self, device: &Device) -> bool {
        let id = device.device_id;
        let first = device.first_at.map(|first| rollup::floor(first, FINEST_MS));
        let mut end = device.target;
        if let Some(first) = first {
            if let Some(full_at) = device.full_at {
                end = rollup::floor(full_at, FINEST_MS).max(first + FINEST_MS).min(end);
            }
            self.readings += device.readings;
            self.five_minutes.push(Stretch(id, first, end));
        }
        // An hour may be over by a silence.
        if let Some(since) = Some(device.rolled_up_to).filter(|at| *at > 0).or(first) {
            for (stretches, width) in [(&mut self.hours, HOUR_MS), (&mut self.days, DAY_MS)] {
                let (from, to) = (rollup::floor(since, width), rollup::floor(end, width));
                if from < to {
                    stretches.push(Stretch(id, from, to));
                }
            }
        }
        self.rolled_up_to.push((id, end));
        end == device.target
    }

    /// Does it; how many readings were rolled up.
    fn run(self, db: &Transaction) -> Result<i64, Problem> {
        let readings = make(db, &self.five_minutes, &self.hours, &self.days)?;
        let rolled_up_to = serde_json::to_string(&self.rolled_up_to).map_err(Problem::internal)?;
        db.run(ROLLED_UP, params![rolled_up_to])?;
        Ok(readings)
    }
}

const ROLLED_UP: &str = "update device_state set rolled_up_to = d.rolled_up_to
     from (select r.value ->> 0 as device_id, r.value ->> 1 as rolled_up_to from json_each(?1) r) d
     where device_state.device_id = d.device_id";

#[derive(FromRow)]
struct Made {
    count: i64,
}

/// Makes the roll-ups of these stretches, each from what it is made from; how many readings they hold.
fn make(db: &Transaction, five_minutes: &[Stretch], hours: &[Stretch], days: &[Stretch]) -> Result<i64, Problem> {
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

/// Makes the roll-ups anew that late readings have changed; of how many times five minutes.
pub fn correct() -> Result<usize, Problem> {
    let mut buckets = 0;
    for _ in 0..LATE_STEPS {
        match db::transaction(correct_some)? {
            0 => break,
            done => buckets += done,
        }
    }
    Ok(buckets)
}

/// Five minutes with a late reading.
#[derive(FromRow)]
struct Late {
    device_id: i64,
    start: i64,
    /// The five minutes of the reading that follows them, whose energy is counted from their last one.
    next: Option<i64>,
    rolled_up_to: i64,
    raw_from: i64,
    five_minutes_from: i64,
    is_rolled_up: bool,
}

const SOME_LATE: &str = "select device_id, start from reading_late order by device_id, start limit ?1";

const WITH_LATE: &str = formatcp!(
    "select l.device_id, l.start,
         (select r.at - r.at % {FINEST_MS} from readings r
             where r.device_id = l.device_id and r.at >= l.start + {FINEST_MS} and r.at < l.start + {FINEST_MS} + {GAP_MS}
             order by r.at limit 1) as next,
         t.rolled_up_to, coalesce(k.raw_from, 0) as raw_from, coalesce(k.five_minutes_from, 0) as five_minutes_from,
         exists (select 1 from reading_rollups o
             where o.device_id = l.device_id and o.span_ms = {FINEST_MS} and o.start = l.start) as is_rolled_up
     from ({SOME_LATE}) l join device_state t on t.device_id = l.device_id left join reading_kept k on k.device_id = l.device_id"
);

const CORRECTED: &str = formatcp!("delete from reading_late where (device_id, start) in ({SOME_LATE}) returning 1");

fn correct_some(db: &Transaction) -> Result<usize, Problem> {
    let late: Vec<Late> = db.fetch_all(WITH_LATE, params![LATE_BUCKETS])?;
    if late.is_empty() {
        return Ok(0);
    }
    let (mut five_minutes, mut hours, mut days) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for late in &late {
        for start in late.starts() {
            five_minutes.insert(Stretch(late.device_id, start, start + FINEST_MS));
            for (wider, width) in [(&mut hours, HOUR_MS), (&mut days, DAY_MS)] {
                let start = rollup::floor(start, width);
                // One that is not over is made when it is.
                if start + width <= late.rolled_up_to {
                    wider.insert(Stretch(late.device_id, start, start + width));
                }
            }
        }
    }
    let all = |stretches: BTreeSet<Stretch>| stretches.into_iter().collect::<Vec<_>>();
    make(db, &all(five_minutes), &all(hours), &all(days))?;
    Ok(db.run(CORRECTED, params![LATE_BUCKETS])?.len())
}

impl Late {
    /// The five minutes that are made anew. Not those whose readings were removed: they hold more than what has come in late.
    fn starts(&self) -> impl Iterator<Item = i64> {
        let is_open = self.start >= self.raw_from || (self.start >= self.five_minutes_from && !self.is_rolled_up);
        let own = Some(self.start).filter(|_| is_open);
        let next = self.next.filter(|next| *next >= self.raw_from);
        let rolled_up_to = self.rolled_up_to;
        own.into_iter().chain(next).filter(move |start| start + FINEST_MS <= rolled_up_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 20_000 * DAY_MS;

    fn device(rolled_up_to: i64, first: Option<i64>, full_at: Option<i64>) -> Device {
        Device { device_id: 7, rolled_up_to, target: DAY + 10 * FINEST_MS, first_at: first, full_at, readings: 9 }
    }

    #[test]
    fn hours_and_days_are_made_when_they_are_over() {
        let mut work = Work::default();
        assert!(work.add(&device(DAY - FINEST_MS, Some(DAY - 5), None)));
        assert_eq!(work.five_minutes, [Stretch(7, DAY - FINEST_MS, DAY + 10 * FINEST_MS)]);
        assert_eq!(work.hours, [Stretch(7, DAY - HOUR_MS, DAY)]);
        assert_eq!(work.days, [Stretch(7, DAY - DAY_MS, DAY)]);
        assert_eq!(work.rolled_up_to, [(7, DAY + 10 * FINEST_MS)]);
    }

    #[test]
    fn a_silence_ends_hours_and_days_too() {
        let mut work = Work::default();
        assert!(work.add(&device(DAY - DAY_MS - FINEST_MS, None, None)));
        assert!(work.five_minutes.is_empty());
        assert_eq!(work.hours, [Stretch(7, DAY - DAY_MS - HOUR_MS, DAY)]);
        assert_eq!(work.days, [Stretch(7, DAY - 2 * DAY_MS, DAY)]);
        assert_eq!(work.rolled_up_to, [(7, DAY + 10 * FINEST_MS)]);
    }

    #[test]
    fn a_step_ends_where_it_is_full_and_goes_on_by_five_minutes_at_least() {
        let mut work = Work::default();
        assert!(!work.add(&device(0, Some(DAY + 5), Some(DAY + 3 * FINEST_MS + 9))));
        assert!(!work.add(&device(0, Some(DAY + 5), Some(DAY + 9))));
        assert_eq!(work.rolled_up_to, [(7, DAY + 3 * FINEST_MS), (7, DAY + FINEST_MS)]);
        assert!(work.hours.is_empty());
    }

    #[test]
    fn what_has_lost_its_readings_is_not_made_anew() {
        let late = |start: i64, is_rolled_up| Late {
            device_id: 1,
            start,
            next: Some(DAY),
            rolled_up_to: DAY + HOUR_MS,
            raw_from: DAY,
            five_minutes_from: DAY - DAY_MS,
            is_rolled_up,
        };
        let starts = |late: Late| late.starts().collect::<Vec<_>>();
        assert_eq!(starts(late(DAY - FINEST_MS, true)), [DAY]);
        assert_eq!(starts(late(DAY - FINEST_MS, false)), [DAY - FINEST_MS, DAY]);
        assert_eq!(starts(late(DAY - 2 * DAY_MS, false)), [DAY]);
        assert_eq!(starts(late(DAY + HOUR_MS, false)), [DAY], "it is rolled up in its turn");
    }

    #[test]
    fn the_schema_has_the_domains_spans() {
        let schema = include_str!("../../../migrations/0048_reading_rollups.sql");
        assert!(schema.contains(&format!("check (span_ms in ({FINEST_MS}, {HOUR_MS}, {DAY_MS}))")));
        assert!(schema.contains(&format!("new.at - new.at % {FINEST_MS})")));
    }
}
