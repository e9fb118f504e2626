//! What time does to accounts: failed sign-ins, registrations that count no more, refresh tokens, revoked families and codes that are past their
//! end are removed.

use const_format::formatcp;
use domain::allowance::REGISTRATION_WINDOW_MS;
use domain::login::{ACCOUNT_WINDOW_MS, FAILURE_WINDOW_MS, LOCK_MS};
use domain::one_time_code::RESET_DAY_MS;
use domain::time::DAY_MS;
use kit::Problem;
use kit::scheduled::{Step, Work, due_of, run_steps};
use serde::Serialize;
use utoipa::ToSchema;

/// What the scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = AccountsRun)]
pub struct Summary {
    /// Rows that were removed.
    removed: usize,
}

impl Work for Summary {
    const COMPONENT: &'static str = "auth";

    const DUE: &'static [&'static str] = &due_of(&STEPS);

    async fn run(now: i64) -> Result<Self, Problem> {
        let removed = run_steps(STEPS, now)?;
        Ok(Summary { removed: removed.into_iter().sum() })
    }
}

/// How long failures count, milliseconds. A lock that its tenth failure set is counted from failures twice as old, see domain::login.
const FAILURES_KEPT_MS: i64 =
    if ACCOUNT_WINDOW_MS > 2 * (FAILURE_WINDOW_MS + LOCK_MS) { ACCOUNT_WINDOW_MS } else { 2 * (FAILURE_WINDOW_MS + LOCK_MS) };

const STEPS: [Step; 6] = [
    Step {
        change: "delete from login_failures where id in",
        due: formatcp!("select id from login_failures where at < ?1 - {FAILURES_KEPT_MS} order by at limit ?2"),
    },
    Step {
        change: "delete from refresh_tokens where token_hash in",
        due: "select token_hash from refresh_tokens where expires_at < ?1 order by expires_at limit ?2",
    },
    // A family is forgotten when it has no token left that could be tried, and a day after its end its access tokens are past theirs too.
    Step {
        change: "delete from revoked_families where family in",
        due: formatcp!(
            "select family from revoked_families r
             where revoked_at < ?1 - {DAY_MS} and not exists (select 1 from refresh_tokens t where t.family = r.family)
             order by revoked_at limit ?2"
        ),
    },
    Step {
        change: "delete from registrations where id in",
        due: formatcp!("select id from registrations where at < ?1 - {REGISTRATION_WINDOW_MS} order by at limit ?2"),
    },
    Step {
        change: "delete from email_changes where id in",
        due: formatcp!("select id from email_changes where created_at < ?1 - {DAY_MS} order by created_at limit ?2"),
    },
    Step {
        change: "delete from password_resets where id in",
        due: formatcp!("select id from password_resets where created_at < ?1 - {RESET_DAY_MS} order by created_at limit ?2"),
    },
];
