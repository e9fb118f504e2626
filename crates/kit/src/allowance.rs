//! What one person may ask for (docs/reference/rules.md#limits), and who must first confirm their e-mail address.

use domain::allowance::WINDOW_MS;
use domain::role::Role;

use crate::db::{Database, Fetch as _};
use crate::principal::Principal;
use crate::security::Kind;
use crate::{Answer, Problem, config, params};

/// How many of something one person may make and have; none is no limit. Staff, who act for many, have none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    /// Within [`WINDOW_MS`].
    pub per_window: Option<i64>,
    /// Live ones at a time.
    pub live: Option<i64>,
}

impl Allowance {
    /// The allowance of this caller, by two variables that are as these numbers unless they say otherwise.
    pub async fn of(caller: &Principal, per_window: (&'static str, i64), live: (&'static str, i64)) -> Answer<Self> {
        if is_staff(caller) {
            return Ok(Self::default());
        }
        Ok(Self { per_window: limit(per_window.0, per_window.1).await?, live: limit(live.0, live.1).await? })
    }

    /// 429: so many of `what` were made within the window.
    pub fn too_often(what: &str) -> Problem {
        let problem = Problem::too_many(format!("too many {what} in a minute: come back later"), WINDOW_MS / 1000);
        problem.because("too_often").logged_as(Kind::ExcessRateLimitExceeded, None, "too_often")
    }

    /// 409: so many of `what` are live.
    pub fn too_many_live(what: &str) -> Problem {
        let problem = Problem::conflict(format!("you have as many {what} ahead as one person may have: cancel one first"));
        problem.because("too_many_live").logged_as(Kind::ExcessRateLimitExceeded, None, "too_many_live")
    }
}

/// The limit that a variable sets; 0 is none.
pub async fn limit(name: &'static str, default: i64) -> Answer<Option<i64>> {
    Ok(Some(config::number(name, default).await?).filter(|limit| *limit > 0))
}

fn is_staff(caller: &Principal) -> bool {
    caller.role.holds(Role::Operator)
}

/// 403 for who has not confirmed their e-mail address, where the variable `confirm_email` asks for that.
pub async fn require_confirmed_email(caller: &Principal) -> Answer<()> {
    if is_staff(caller) || !config::flag("confirm_email").await? {
        return Ok(());
    }
    let is_confirmed = "select 1 from users where id = ? and email_confirmed_at is not null";
    if Database.exists(is_confirmed, params![&caller.id])? {
        return Ok(());
    }
    let detail =
        "confirm your e-mail address first: POST /api/users/me/email/code sends a code to it, /api/users/me/email/confirm takes it";
    Err(Problem::forbidden(detail).because("email_unconfirmed"))
}
