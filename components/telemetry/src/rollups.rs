//! Roll-ups of readings: `readings` into `reading_rollups`, device by device, and corrected by what comes in late.
//!
//! A pass goes through the devices in the order of their ids. Each step is one transaction with what it notes of itself: a run that was ended
//! halfway is gone on with, and two runs at once do each step once. A bucket is always made anew from all that it is made from, so that doing
//! it twice changes nothing.

mod late;
mod make;

use const_format::formatcp;
use domain::bucket::BucketWidth;
use domain::rollup::{self, FINEST_MS, GRACE_MS};
use kit::db::{self, Executor as _, Fetch as _, Transaction};
use kit::row::FromRow;
use kit::{Problem, params};

pub use late::{LATE, correct};
pub use make::ENERGY_WH;
use make::{Stretch, make};

/// Whether five minutes have ended that are not rolled up, or a pass is under way.
pub const DUE: &str = formatcp!(
    "select 1 from rollup_progress where name = 'readings'
         and (position >= 0 or up_to < (?1 - {GRACE_MS}) - (?1 - {GRACE_MS}) % {FINEST_MS})"
);

/// The most steps of a run, and the most devices and about the most readings of a step: a backlog takes several runs.
const STEPS: usize = 40;
const DEVICES: i64 = 200;
const READINGS: i64 = 5_000;

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
}
