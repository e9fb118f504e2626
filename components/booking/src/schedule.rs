//! What time does to bookings: who did not come, who waited in vain, who was not seen to leave (docs/reference/rules.md#booking).

use const_format::formatcp;
use domain::booking::AUTO_EXIT_MS;
use domain::time::DAY_MS;
use kit::db::{self, Database, Executor, Fetch as _};
use kit::scheduled::{Step, Work, run_steps};
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::sql::{CHECKED_IN, CONFIRMED, EXITED, EXPIRED, NO_SHOW, WAITLISTED};

/// Slots whose waitlist one run moves up.
const MAX_SLOTS: i64 = 500;

/// How long the answer to a gate's scan is kept, milliseconds.
const SCANS_KEPT_MS: i64 = 30 * DAY_MS;

/// How many bookings a scheduled run changed.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = BookingRun)]
pub struct Summary {
    /// Did not come.
    no_shows: usize,
    /// Waited in vain: their slot has begun.
    expired: usize,
    /// Left the waitlist after all.
    promoted: i64,
    /// Are taken to have left, hours after their slot.
    left: usize,
    /// Answers to gates that were forgotten, since no retry is to be expected.
    scans: usize,
}

const MISS: Step = Step {
    change: formatcp!("update bookings set status = '{NO_SHOW}', ended_at = ends_at, updated_at = ?1, updated_by = 'system' where no in"),
    due: formatcp!("select no from bookings where status = '{CONFIRMED}' and ends_at < ?1 order by ends_at limit ?2"),
};

const EXPIRE: Step = Step {
    change: formatcp!("update bookings set status = '{EXPIRED}', ended_at = ?1, updated_at = ?1, updated_by = 'system' where no in"),
    due: formatcp!("select no from bookings where status = '{WAITLISTED}' and starts_at <= ?1 order by starts_at limit ?2"),
};

const LEAVE: Step = Step {
    change: formatcp!("update bookings set status = '{EXITED}', exited_at = ?1, updated_at = ?1, updated_by = 'system' where no in"),
    due: formatcp!("select no from bookings where status = '{CHECKED_IN}' and ends_at < ?1 - {AUTO_EXIT_MS} order by ends_at limit ?2"),
};

const FORGET_SCANS: Step = Step {
    change: "delete from booking_scans where nonce in",
    due: formatcp!("select nonce from booking_scans where judged_at < ?1 - {SCANS_KEPT_MS} order by judged_at limit ?2"),
};

impl Work for Summary {
    const COMPONENT: &'static str = "booking";

    const DUE: &'static [&'static str] = &[MISS.due, EXPIRE.due, LEAVE.due, FORGET_SCANS.due, ANY_WAITING];

    /// Brings bookings up to now. Each step's condition is in its statement: two runs at once do it once.
    async fn run(now: i64) -> Result<Self, Problem> {
        let [no_shows, expired, left, scans] = run_steps([MISS, EXPIRE, LEAVE, FORGET_SCANS], now)?;
        Ok(Summary { no_shows, expired, left, scans, promoted: promote(now)? })
    }
}

const MOVE_UP: &str = formatcp!(
    "insert into waitlist_moves (site, date, slot, at)
     select site, date, slot, ?1 from bookings indexed by bookings_waiting where status = '{WAITLISTED}' and starts_at > ?1
     group by site, date, slot order by min(starts_at) limit ?2"
);

/// Moves the waitlists of the slots that come next up; how many bookings that confirmed. Each cancellation does so by itself: this is the
/// safety net.
fn promote(now: i64) -> Result<i64, Problem> {
    if count_waiting(&Database)? == 0 {
        return Ok(0);
    }
    db::transaction(|db| {
        let before = count_waiting(db)?;
        db.run(MOVE_UP, params![now, MAX_SLOTS])?;
        Ok(before - count_waiting(db)?)
    })
}

const ANY_WAITING: &str = formatcp!("select 1 from bookings where status = '{WAITLISTED}'");

fn count_waiting(db: &dyn Executor) -> Result<i64, Problem> {
    let count = db.fetch_scalar(formatcp!("select count(*) from bookings where status = '{WAITLISTED}'"), params![])?;
    Ok(count.unwrap_or_default())
}
