//! Alerts and emergencies in time: alerts whose end has come, and what nobody has acknowledged (contract §6).

use kit::{Problem, db, params};

use crate::settings::Settings;

/// Resolves alerts whose `expires_at` has come; how many. Whoever reads alerts does the same beforehand, so that none is in force a
/// second longer.
pub fn expire(now: i64) -> Result<usize, Problem> {
    let rows = db::run(
        "update alerts indexed by alerts_to_expire
         set status = 'resolved', resolved_at = expires_at, resolved_by = 'system', updated_at = ?1, updated_by = 'system'
         where status <> 'resolved' and expires_at <= ?1
         returning id",
        params![now],
    )?;
    Ok(rows.len())
}

/// Critical alerts that are still `active`. The rung that is due is `domain::dispatch::escalation_level`, said in SQL.
const ALERTS: &str = "update alerts indexed by alerts_to_escalate set escalation = escalation + 1, updated_at = ?1, updated_by = 'system'
     where severity = 'critical' and status = 'active' and created_at <= ?1 - ?2 and escalation < min(?3, (?1 - created_at) / ?2)
     returning id";

/// Emergencies, however grave, that are still `reported`.
const EMERGENCIES: &str =
    "update emergencies indexed by emergencies_to_escalate set escalation = escalation + 1, updated_at = ?1, updated_by = 'system'
     where status = 'reported' and created_at <= ?1 - ?2 and escalation < min(?3, (?1 - created_at) / ?2)
     returning id";

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
            let rows = db::run(statement, params![now, every, rungs])?;
            climbed += rows.len();
            if rows.is_empty() {
                break;
            }
        }
    }
    Ok(climbed)
}
