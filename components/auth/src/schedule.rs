//! What time does to accounts: failed sign-ins, refresh tokens, revoked families and codes that are past their end are removed.

use domain::login::{FAILURE_WINDOW_MS, LOCK_MS};
use domain::time::DAY_MS;
use kit::db::Database;
use kit::scheduled::{BATCH, Work};
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// What the scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = AccountsRun)]
pub struct Summary {
    /// Rows that were removed.
    removed: u64,
}

impl Work for Summary {
    const COMPONENT: &'static str = "auth";

    async fn run(now: i64) -> Result<Self, Problem> {
        // A lock that its tenth failure set is counted from failures twice as old, see domain::login.
        let mut removed = Database.run_counted(REMOVE_FAILURES, params![now - 2 * (FAILURE_WINDOW_MS + LOCK_MS), BATCH])?;
        removed += Database.run_counted(REMOVE_TOKENS, params![now, BATCH])?;
        // A day after, when its access tokens are past their end too.
        removed += Database.run_counted(REMOVE_FAMILIES, params![now - DAY_MS, BATCH])?;
        removed += Database.run_counted(REMOVE_EMAIL_CHANGES, params![now - DAY_MS, BATCH])?;
        Ok(Summary { removed })
    }
}

const REMOVE_FAILURES: &str = "delete from login_failures where id in (select id from login_failures where at < ?1 order by at limit ?2)";

const REMOVE_TOKENS: &str = "delete from refresh_tokens where token_hash in (
         select token_hash from refresh_tokens where expires_at < ?1 order by expires_at limit ?2
     )";

/// A family is forgotten when it has no token left that could be tried.
const REMOVE_FAMILIES: &str = "delete from revoked_families where family in (
         select family from revoked_families r
         where revoked_at < ?1 and not exists (select 1 from refresh_tokens t where t.family = r.family)
         order by revoked_at limit ?2
     )";

const REMOVE_EMAIL_CHANGES: &str =
    "delete from email_changes where id in (select id from email_changes where created_at < ?1 order by created_at limit ?2)";
