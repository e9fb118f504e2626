//! What time does to reservations: holds that end, drivers who did not come, who stay too long, who have left. The moves are those of
//! `Actor::Time` and `Actor::Sensor` in `domain::reservation`.

use const_format::{concatcp, formatcp};
use domain::reservation::{DEPARTURE_DELAY_MS, HOLD_MS, Status};
use domain::time::AHEAD_TOLERANCE_MS;
use kit::db::{DbError, Executor};
use kit::scheduled::{Step, Work, due_of, run_steps};
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::LIVE;
use crate::pending::{DROP_ALL, DROP_ONE};

/// How many reservations the run has moved, by what happened to them.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ReservationsRun)]
pub struct Summary {
    /// They were not paid in time.
    expired: usize,
    /// They are as long as before: the rest was not paid.
    shortened: usize,
    /// They stay as they are: the difference for a change was not paid.
    unchanged: usize,
    /// Their drivers did not come.
    no_shows: usize,
    /// Their drivers have left.
    completed: usize,
    /// Their drivers are there past the end.
    overstayed: usize,
    /// They keep their spot from now on.
    begun: usize,
}

// Each change is over `?1`, now, and ends with the condition that says which are due for it. One that a request settles is by `?2`, its id.

// What lies further ahead than it can was written before the clock was set back, and counts from now on.

const TAKE_HOLDS_AS_NEW: Step = Step {
    change: formatcp!("update reservations set hold_expires_at = ?1 + {HOLD_MS} where no in"),
    due: formatcp!(
        "select no from reservations indexed by reservations_held
         where status = '{}' and hold_expires_at > ?1 + {HOLD_MS} + {AHEAD_TOLERANCE_MS} limit ?2",
        Status::PendingPayment.into_str()
    ),
};
const TAKE_DUES_AS_NEW: Step = Step {
    change: formatcp!("update reservations set due_until = ?1 + {HOLD_MS} where no in"),
    due: formatcp!("select no from reservations where due_until > ?1 + {HOLD_MS} + {AHEAD_TOLERANCE_MS} limit ?2"),
};
const TAKE_CHANGES_AS_NEW: Step = Step {
    change: formatcp!("update reservation_changes set due_until = ?1 + {HOLD_MS} where reservation_no in"),
    due: formatcp!("select reservation_no from reservation_changes where due_until > ?1 + {HOLD_MS} + {AHEAD_TOLERANCE_MS} limit ?2"),
};
const TAKE_DEPARTURES_AS_NOW: Step = Step {
    change: "update reservations set left_at = ?1 where no in",
    due: formatcp!(
        "select no from reservations indexed by reservations_left
         where status in ('{}', '{}') and left_at is not null and left_at > ?1 + {AHEAD_TOLERANCE_MS} limit ?2",
        Status::PRESENT[0].into_str(),
        Status::PRESENT[1].into_str()
    ),
};

const SHORTEN: &str = "update reservations set ends_at = paid_ends_at, price = paid_price, due_until = null, paid_ends_at = null,
        paid_price = null, updated_at = ?1, updated_by = 'system'
     where ";
const REST_UNPAID: &str = "due_until <= ?1";
const SHORTEN_ONE: &str = formatcp!("{SHORTEN}{REST_UNPAID} and id = ?2");
const SHORTEN_ALL: Step = Step {
    change: concatcp!(SHORTEN, "no in"),
    due: formatcp!("select no from reservations where {REST_UNPAID} order by due_until limit ?2"),
};

const EXPIRE: &str = formatcp!(
    "update reservations set status = '{}', ended_at = hold_expires_at, updated_at = ?1, updated_by = 'system' where ",
    Status::Expired.into_str()
);
const HOLD_ENDED: &str = formatcp!("status = '{}' and hold_expires_at <= ?1", Status::PendingPayment.into_str());
const EXPIRE_ONE: &str = formatcp!("{EXPIRE}{HOLD_ENDED} and id = ?2");
const EXPIRE_ALL: Step = Step {
    change: concatcp!(EXPIRE, "no in"),
    due: formatcp!("select no from reservations indexed by reservations_held where {HOLD_ENDED} order by hold_expires_at limit ?2"),
};

const COMPLETE_ALL: Step = Step {
    change: formatcp!(
        "update reservations set status = '{}', ended_at = left_at, updated_at = ?1, updated_by = 'system' where no in",
        Status::Completed.into_str()
    ),
    due: formatcp!(
        "select no from reservations indexed by reservations_left
         where status in ('{}', '{}') and left_at is not null and left_at <= ?1 - {DEPARTURE_DELAY_MS} order by left_at limit ?2",
        Status::PRESENT[0].into_str(),
        Status::PRESENT[1].into_str()
    ),
};

/// Those whose end has come, by the partial index; to be narrowed by their state.
const ENDED: &str = formatcp!(
    "select no from reservations where status in ('{}', '{}') and ends_at <= ?1",
    Status::ENDING[0].into_str(),
    Status::ENDING[1].into_str()
);
const MISS_ALL: Step = Step {
    change: formatcp!(
        "update reservations set status = '{}', ended_at = ends_at, updated_at = ?1, updated_by = 'system' where no in",
        Status::NoShow.into_str()
    ),
    due: formatcp!("{ENDED} and status = '{}' order by ends_at limit ?2", Status::Confirmed.into_str()),
};
const OVERSTAY_ALL: Step = Step {
    change: formatcp!(
        "update reservations set status = '{}', updated_at = ?1, updated_by = 'system' where no in",
        Status::Overstayed.into_str()
    ),
    due: formatcp!("{ENDED} and status = '{}' and left_at is null order by ends_at limit ?2", Status::Arrived.into_str()),
};

const BEGIN_ALL: Step = Step {
    change: "update reservations set announced = 1, updated_at = ?1, updated_by = 'system' where no in",
    due: formatcp!(
        "select no from reservations indexed by reservations_live
         where status in {LIVE} and starts_at <= ?1 and announced = 0 order by starts_at limit ?2"
    ),
};

/// Writes down what has lapsed of this reservation, as the scheduled run would: an unpaid hold, a longer stay whose rest was not paid,
/// and a change whose difference was not.
pub fn settle_lapsed(db: &dyn Executor, id: &str, now: i64) -> Result<(), DbError> {
    db.run(SHORTEN_ONE, params![now, id])?;
    db.run(DROP_ONE, params![now, id])?;
    db.run(EXPIRE_ONE, params![now, id])?;
    Ok(())
}

const STEPS: [Step; 11] = [
    TAKE_HOLDS_AS_NEW,
    TAKE_DUES_AS_NEW,
    TAKE_CHANGES_AS_NEW,
    TAKE_DEPARTURES_AS_NOW,
    SHORTEN_ALL,
    DROP_ALL,
    EXPIRE_ALL,
    COMPLETE_ALL,
    MISS_ALL,
    OVERSTAY_ALL,
    BEGIN_ALL,
];

impl Work for Summary {
    const COMPONENT: &'static str = "reservations";

    const DUE: &'static [&'static str] = &due_of(&STEPS);

    /// Brings all reservations up to now. Each step's condition is in its statement: two runs at once do it once.
    async fn run(now: i64) -> Result<Self, Problem> {
        let [_, _, _, _, shortened, unchanged, expired, completed, no_shows, overstayed, begun] = run_steps(STEPS, now)?;
        Ok(Summary { expired, shortened, unchanged, no_shows, completed, overstayed, begun })
    }
}
