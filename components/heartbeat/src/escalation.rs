//! Alerts and emergencies that nobody has acknowledged climb the ladder (docs/reference/rules.md#escalation).

use const_format::formatcp;
use domain::{alert, emergency};
use kit::db::{Database, Executor as _};
use kit::{Problem, params};

use crate::settings::Settings;

const CLIMB: &str = "set escalation = escalation + 1, updated_at = ?1, updated_by = 'system'";

/// Whether the next rung is due: `domain::dispatch::escalation_level`, said in SQL.
const IS_DUE: &str = "created_at <= ?1 - ?2 and escalation < min(?3, (?1 - created_at) / ?2)";

/// Critical alerts that are still `active`.
const ALERTS: &str = formatcp!(
    "update alerts indexed by alerts_to_escalate {CLIMB}
     where severity = '{}' and status = '{}' and (expires_at is null or expires_at > ?1) and {IS_DUE} returning id",
    alert::Severity::Critical.into_str(),
    alert::Status::Active.into_str()
);

/// Emergencies, however grave, that are still `reported`.
const EMERGENCIES: &str = formatcp!(
    "update emergencies indexed by emergencies_to_escalate {CLIMB} where status = '{}' and {IS_DUE} returning id",
    emergency::Status::Reported.into_str()
);

/// Lets what nobody has acknowledged climb as far as its age demands; how many rungs were climbed in all.
///
/// One rung a statement, since each rung has people of its own and the trigger tells them rung by rung.
pub fn climb(settings: &Settings, now: i64) -> Result<usize, Problem> {
    let (every, rungs) = (settings.escalation_every_ms, settings.rungs());
    let mut climbed = 0;
    if every <= 0 {
        return Ok(0);
    }
    for statement in [EMERGENCIES, ALERTS] {
        for _ in 0..rungs {
            let rows = Database.run(statement, params![now, every, rungs])?;
            climbed += rows.len();
            if rows.is_empty() {
                break;
            }
        }
    }
    Ok(climbed)
}
