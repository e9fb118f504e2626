//! Why a stay cannot be had, and when one as long could begin.

use const_format::{concatcp, formatcp};
use domain::allowance::WINDOW_MS;
use domain::reservation::{HOLD_MS, IMMEDIATE_START_MS, MAX_HOLDS, MAX_STAY_MS, Status};
use domain::time::{AHEAD_TOLERANCE_MS, MINUTE_MS};
use kit::allowance::Allowance;
use kit::db::{Database, DbError, Fetch as _, Value};
use kit::spots::IS_IN_SERVICE;
use kit::{Problem, params};

use crate::model::LIVE;
use crate::request::Target;

/// Over `?1`, a driver, and `?2`, now: `from` what they keep a spot with and have paid nothing for: holds, and what is free of charge.
pub const UNPAID: &str = formatcp!(
    "reservations h indexed by reservations_live_by_user
     where h.user_id = ?1 and h.status in {LIVE} and h.paid = 0 and h.ends_at > ?2 and (h.status <> '{}' or h.hold_expires_at > ?2)",
    Status::PendingPayment.into_str()
);

/// Over `?1`, a driver, `?2`, now, and a number, `$most`: a row when they have made so many reservations within the window.
macro_rules! made_lately {
    ($most:literal) => {
        formatcp!(
            "from (
                select created_at from reservations indexed by reservations_by_user where user_id = ?1 order by no desc limit 1 offset {} - 1
            ) where created_at > ?2 - {WINDOW_MS} and created_at <= ?2 + {AHEAD_TOLERANCE_MS}",
            $most
        )
    };
}

/// The same with `?16` as the number.
pub const MADE_LATELY: &str = made_lately!("?16");

/// Over `?1`, a driver: what they have ahead.
pub const AHEAD: &str = formatcp!("from reservations indexed by reservations_live_by_user where user_id = ?1 and status in {LIVE}");

/// A stay that could not be had. Why is looked up when the writers' lock is free again: who loses must not hold up the others.
pub struct Conflict {
    /// What was asked for.
    pub target: Target,
    /// The number of the reservation that was to be moved, 0 for none: it is not in its own way.
    pub except: i64,
    /// The start, milliseconds.
    pub start: i64,
    /// The end, milliseconds.
    pub end: i64,
}

/// Why a write was not made.
pub enum Refusal {
    /// Others have the spot, or it is not offered, or the driver holds too many.
    Conflict(Conflict),
    /// Anything else.
    Problem(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        Self::Problem(error.into())
    }
}

impl Refusal {
    /// The answer to the caller. `holder` is the driver, where there is a limit to what they may hold unpaid; `allowance` what they may make and
    /// have.
    pub fn into_problem(self, holder: Option<&str>, allowance: Allowance, now: i64) -> Problem {
        match self {
            Self::Conflict(conflict) => conflict.explain(holder, allowance, now).unwrap_or_else(|problem| problem),
            Self::Problem(problem) => problem,
        }
    }
}

// Over `?1`, a spot or a site, and `?2`, no kind or one, so that both take the same parameters.
const THE_SPOT: &str = formatcp!("spot_presence s where {IS_IN_SERVICE} and s.spot_id = ?1 and ?2 is null");
const THE_KIND: &str = formatcp!("spot_presence s where {IS_IN_SERVICE} and s.site = ?1 and s.kind = ?2");

const OFFERED_SPOT: &str = formatcp!("select 1 from {THE_SPOT} limit 1");
const OFFERED_KIND: &str = formatcp!("select 1 from {THE_KIND} limit 1");

// Moments from `?3` on at which a stay of `?4` might begin, as seen at `?5`: as asked, or as soon as it is no longer an immediate one where
// somebody stands now, or when another reservation than `?6` ends. The first at which it really could. They are sorted before they are
// tried, so that few are.
const AS_ASKED: &str = formatcp!("select s.spot_id, max(?3, iif(s.is_occupied, ?5 + {IMMEDIATE_START_MS} + 1, 0)) as at from ");
const WHEN_ANOTHER_ENDS: &str = "select s.spot_id, c.ends_at from spot_claims c, ";
// What is not over by then began no longer before than a stay may last: so it is found among those that are live.
const FIRST_FREE: &str = concatcp!(
    "and c.spot_id = s.spot_id and c.ends_at > ?3 and c.starts_at > ?3 - ",
    MAX_STAY_MS,
    " and c.expires_at > ?5 and c.reservation_no <> ?6 order by 2 limit 2000) m where ",
    kit::spot_is_unclaimed!(spot: "m.spot_id", from: "m.at", to: "m.at + ?4", now: "?5", except: "?6"),
    " limit 1"
);

const NEXT_OF_SPOT: &str = formatcp!("select m.at from ({AS_ASKED}{THE_SPOT} union all {WHEN_ANOTHER_ENDS}{THE_SPOT} {FIRST_FREE}");
const NEXT_OF_KIND: &str = formatcp!("select m.at from ({AS_ASKED}{THE_KIND} union all {WHEN_ANOTHER_ENDS}{THE_KIND} {FIRST_FREE}");

impl Conflict {
    fn explain(&self, holder: Option<&str>, allowance: Allowance, now: i64) -> Result<Problem, Problem> {
        if let Some(user) = holder
            && let Some(refusal) = beyond(user, allowance, now)?
        {
            return Ok(refusal);
        }
        if let Some(user) = holder
            && holds_too_many(user, now)?
        {
            let detail = format!(
                "you have {MAX_HOLDS} reservations that nothing was paid for: pay or cancel one; unpaid, it lapses {} minutes after it was made",
                HOLD_MS / MINUTE_MS
            );
            return Ok(Problem::conflict(detail).because("too_many_holds"));
        }
        let (offered, what) = match &self.target {
            Target::Spot(_) => (OFFERED_SPOT, "the spot is"),
            Target::Kind { .. } => (OFFERED_KIND, "all such spots are"),
        };
        if !Database.exists(offered, self.target_params())? {
            return Ok(Problem::conflict("it is not offered: out of service, or kept by the site").because("out_of_service"));
        }
        let next = self.next_free_at(now)?.map(domain::time::format_rfc3339);
        let detail = match &next {
            Some(at) => format!("{what} taken at that time; a stay as long can begin at {at}"),
            None => format!("{what} taken at that time"),
        };
        Ok(Problem::conflict(detail).because("taken").with("next_free_at", next))
    }

    /// The first moment from the start on at which a stay as long could begin, as things stand; unpaid holds may still lapse. None when there
    /// is none in sight.
    fn next_free_at(&self, now: i64) -> Result<Option<i64>, Problem> {
        let statement = match &self.target {
            Target::Spot(_) => NEXT_OF_SPOT,
            Target::Kind { .. } => NEXT_OF_KIND,
        };
        let mut params = self.target_params();
        params.extend(params![self.start, self.end - self.start, now, self.except]);
        Database.fetch_scalar(statement, params)
    }

    fn target_params(&self) -> Vec<Value> {
        match &self.target {
            Target::Spot(named) => params![&named.spot_id, None::<&str>],
            Target::Kind { site, kind } => params![site, *kind],
        }
    }
}

/// Why this driver may not make another, if they may not.
fn beyond(user: &str, allowance: Allowance, now: i64) -> Result<Option<Problem>, Problem> {
    if let Some(most) = allowance.per_window
        && Database.exists(concatcp!("select 1 ", made_lately!("?3")), params![user, now, most])?
    {
        return Ok(Some(Allowance::too_often("reservations")));
    }
    if let Some(most) = allowance.live
        && Database.fetch_scalar(formatcp!("select count(*) {AHEAD}"), params![user])?.is_some_and(|count: i64| count >= most)
    {
        return Ok(Some(Allowance::too_many_live("reservations")));
    }
    Ok(None)
}

/// Whether this driver has as many that nothing was paid for as one may.
fn holds_too_many(user: &str, now: i64) -> Result<bool, Problem> {
    let held: Option<i64> = Database.fetch_scalar(formatcp!("select count(*) from {UNPAID}"), params![user, now])?;
    Ok(held.is_some_and(|held| held >= MAX_HOLDS))
}
