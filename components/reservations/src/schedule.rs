//! What time does to reservations: holds that end, drivers who did not come, who stay too long, who have left. The moves are those of
//! `Actor::Time` and `Actor::Sensor` in `domain::reservation`.

use const_format::formatcp;
use domain::reservation::{DEPARTURE_DELAY_MS, HOLD_MS, Status};
use domain::time::AHEAD_TOLERANCE_MS;
use kit::db::{Database, DbError, Executor};
use kit::scheduled::{BATCH, Work};
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

// Each change is over `?1`, now, and ends with the condition that says which are due for it. One that a request settles is by `?2`, its id;
// the scheduled run's are by `?2`, how many.

// What lies further ahead than it can was written before the clock was set back, and counts from now on.

const TAKE_HOLDS_AS_NEW: &str = formatcp!(
    "update reservations set hold_expires_at = ?1 + {HOLD_MS}
     where no in (
        select no from reservations indexed by reservations_held
        where status = '{}' and hold_expires_at > ?1 + {HOLD_MS} + {AHEAD_TOLERANCE_MS} limit ?2
     ) returning no",
    Status::PendingPayment.into_str()
);
const TAKE_DUES_AS_NEW: &str = formatcp!(
    "update reservations set due_until = ?1 + {HOLD_MS}
     where no in (select no from reservations where due_until > ?1 + {HOLD_MS} + {AHEAD_TOLERANCE_MS} limit ?2) returning no"
);
const TAKE_CHANGES_AS_NEW: &str = formatcp!(
    "update reservation_changes set due_until = ?1 + {HOLD_MS}
     where reservation_no in (select reservation_no from reservation_changes where due_until > ?1 + {HOLD_MS} + {AHEAD_TOLERANCE_MS} limit ?2)
     returning reservation_no"
);
const TAKE_DEPARTURES_AS_NOW: &str = formatcp!(
    "update reservations set left_at = ?1
     where no in (
        select no from reservations indexed by reservations_left
        where status in ('{}', '{}') and left_at is not null and left_at > ?1 + {AHEAD_TOLERANCE_MS} limit ?2
     ) returning no",
    Status::PRESENT[0].into_str(),
    Status::PRESENT[1].into_str()
);

const SHORTEN: &str = "update reservations set ends_at = paid_ends_at, price = paid_price, due_until = null, paid_ends_at = null,
        paid_price = null, updated_at = ?1, updated_by = 'system'
     where ";
const REST_UNPAID: &str = "due_until <= ?1";
const SHORTEN_ONE: &str = formatcp!("{SHORTEN}{REST_UNPAID} and id = ?2");
const SHORTEN_ALL: &str =
    formatcp!("{SHORTEN}no in (select no from reservations where {REST_UNPAID} order by due_until limit ?2) returning no");

const EXPIRE: &str = formatcp!(
    "update reservations set status = '{}', ended_at = hold_expires_at, updated_at = ?1, updated_by = 'system' where ",
    Status::Expired.into_str()
);
const HOLD_ENDED: &str = formatcp!("status = '{}' and hold_expires_at <= ?1", Status::PendingPayment.into_str());
const EXPIRE_ONE: &str = formatcp!("{EXPIRE}{HOLD_ENDED} and id = ?2");
const EXPIRE_ALL: &str = formatcp!(
    "{EXPIRE}no in (
        select no from reservations indexed by reservations_held where {HOLD_ENDED} order by hold_expires_at limit ?2
     ) returning no"
);

const COMPLETE_ALL: &str = formatcp!(
    "update reservations set status = '{}', ended_at = left_at, updated_at = ?1, updated_by = 'system'
     where no in (
        select no from reservations indexed by reservations_left
        where status in ('{}', '{}') and left_at is not null and left_at <= ?1 - {DEPARTURE_DELAY_MS} order by left_at limit ?2
     ) returning no",
    Status::Completed.into_str(),
    Status::PRESENT[0].into_str(),
    Status::PRESENT[1].into_str()
);

/// Those whose end has come, by the partial index; to be narrowed by their state.
const ENDED: &str = formatcp!(
    "select no from reservations where status in ('{}', '{}') and ends_at <= ?1",
    Status::ENDING[0].into_str(),
    Status::ENDING[1].into_str()
);
const MISS_ALL: &str = formatcp!(
    "update reservations set status = '{}', ended_at = ends_at, updated_at = ?1, updated_by = 'system'
     where no in ({ENDED} and status = '{}' order by ends_at limit ?2) returning no",
    Status::NoShow.into_str(),
    Status::Confirmed.into_str()
);
const OVERSTAY_ALL: &str = formatcp!(
    "update reservations set status = '{}', updated_at = ?1, updated_by = 'system'
     where no in ({ENDED} and status = '{}' and left_at is null order by ends_at limit ?2) returning no",
    Status::Overstayed.into_str(),
    Status::Arrived.into_str()
);

const BEGIN_ALL: &str = formatcp!(
    "update reservations set announced = 1, updated_at = ?1, updated_by = 'system'
     where no in (
        select no from reservations indexed by reservations_live
        where status in {LIVE} and starts_at <= ?1 and announced = 0 order by starts_at limit ?2
     ) returning no"
);

/// Writes down what has lapsed of this reservation, as the scheduled run would: an unpaid hold, a longer stay whose rest was not paid,
/// and a change whose difference was not.
pub fn settle_lapsed(db: &dyn Executor, id: &str, now: i64) -> Result<(), DbError> {
    db.run(SHORTEN_ONE, params![now, id])?;
    db.run(DROP_ONE, params![now, id])?;
    db.run(EXPIRE_ONE, params![now, id])?;
    Ok(())
}

impl Work for Summary {
    const COMPONENT: &'static str = "reservations";

    /// Brings all reservations up to now. Each step's condition is in its statement: two runs at once do it once.
    async fn run(now: i64) -> Result<Self, Problem> {
        let change = |sql: &str| Database.run(sql, params![now, BATCH]).map(|rows| rows.len());
        for as_now in [TAKE_HOLDS_AS_NEW, TAKE_DUES_AS_NEW, TAKE_CHANGES_AS_NEW, TAKE_DEPARTURES_AS_NOW] {
            change(as_now)?;
        }
        Ok(Summary {
            shortened: change(SHORTEN_ALL)?,
            unchanged: change(DROP_ALL)?,
            expired: change(EXPIRE_ALL)?,
            completed: change(COMPLETE_ALL)?,
            no_shows: change(MISS_ALL)?,
            overstayed: change(OVERSTAY_ALL)?,
            begun: change(BEGIN_ALL)?,
        })
    }
}
