//! Readings that came in late: what they change is made anew.

use std::collections::BTreeSet;

use const_format::formatcp;
use domain::rollup::{self, FINEST_MS, GAP_MS};
use kit::db::{self, Executor as _, Fetch as _, Transaction};
use kit::row::FromRow;
use kit::{Problem, params};

use super::make::{Stretch, make};
use super::{DAY_MS, HOUR_MS};

/// Whether a reading came in late.
pub const LATE: &str = "select 1 from reading_late limit 1";

/// The most corrections of a step, and the most steps with them in a run.
const LATE_BUCKETS: i64 = 300;
const LATE_STEPS: usize = 20;

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
}
