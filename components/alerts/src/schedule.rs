//! What time does to alerts: those whose `expires_at` has come are over.

use const_format::concatcp;
use domain::alert::Status;
use kit::db::{Database, Fetch as _};
use kit::scheduled::Work;
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// What a scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = AlertsRun)]
pub struct Summary {
    /// Alerts that ended because their `expires_at` had come.
    pub expired: u64,
}

impl Work for Summary {
    const COMPONENT: &'static str = "alerts";

    const DUE: &'static [&'static str] = &[ANY_DUE];

    async fn run(now: i64) -> Result<Self, Problem> {
        Ok(Summary { expired: expire(now)? })
    }
}

const DUE: &str = concatcp!("status <> '", Status::Resolved.into_str(), "' and expires_at <= ?1");

const ANY_DUE: &str = concatcp!("select 1 from alerts indexed by alerts_to_expire where ", DUE, " limit 1");

const EXPIRE: &str = concatcp!(
    "update alerts indexed by alerts_to_expire
     set status = '",
    Status::Resolved.into_str(),
    "', resolved_at = expires_at, resolved_by = 'system', updated_at = ?1, updated_by = 'system'
     where ",
    DUE
);

/// Resolves the alerts whose `expires_at` has come, and returns how many. Handlers that read or change alerts call it first, so that an
/// expired alert is never shown or treated as active. When none is due it only reads, and so waits for no writer.
pub fn expire(now: i64) -> Result<u64, Problem> {
    if !Database.exists(ANY_DUE, params![now])? {
        return Ok(0);
    }
    Ok(Database.run_counted(EXPIRE, params![now])?)
}

const NEXT: &str = concatcp!(
    "select expires_at from alerts indexed by alerts_to_expire where status <> '",
    Status::Resolved.into_str(),
    "' and expires_at > ?1 order by expires_at limit 1"
);

/// When the next alert expires; none when none does.
pub fn next_expiry(now: i64) -> Result<Option<i64>, Problem> {
    Database.fetch_scalar(NEXT, params![now])
}
