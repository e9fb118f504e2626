//! Alerts and emergencies that nobody has acknowledged climb the ladder (docs/reference/rules.md#escalation).

use const_format::concatcp;
use domain::time::{AHEAD_TOLERANCE_MS, DAY_MS};
use kit::db::{Database, Executor as _, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};

use crate::settings::Settings;

const CLIMB: &str = "set escalation = escalation + 1, updated_at = ?1, updated_by = 'system' where ";

/// Critical alerts that are still `active`. The rung that is due is `domain::dispatch::escalation_level`, said in SQL.
const ALERTS: &str = "alerts indexed by alerts_to_escalate";
const ALERTS_DUE: &str = "severity = 'critical' and status = 'active' and (expires_at is null or expires_at > ?1)
     and escalation < min(?3, (?1 - coalesce((select since from escalation_starts where subject = alerts.id), created_at)) / ?2)";

/// Emergencies, however grave, that are still `reported`.
const EMERGENCIES: &str = "emergencies indexed by emergencies_to_escalate";
const EMERGENCIES_DUE: &str = "status = 'reported'
     and escalation < min(?3, (?1 - coalesce((select since from escalation_starts where subject = emergencies.id), created_at)) / ?2)";

/// What there is to do, in one read: nearly always nothing.
#[derive(FromRow)]
struct Due {
    /// Something was raised before the clock was set back.
    ahead: bool,
    emergencies: bool,
    alerts: bool,
}

const DUE: &str = concatcp!(
    "select exists (",
    AHEAD,
    ") as ahead, exists (select 1 from ",
    EMERGENCIES,
    " where ",
    EMERGENCIES_DUE,
    ") as emergencies, exists (select 1 from ",
    ALERTS,
    " where ",
    ALERTS_DUE,
    ") as alerts"
);

const CLIMB_EMERGENCIES: &str = concatcp!("update ", EMERGENCIES, " ", CLIMB, EMERGENCIES_DUE, " returning id");
const CLIMB_ALERTS: &str = concatcp!("update ", ALERTS, " ", CLIMB, ALERTS_DUE, " returning id");

/// What waits since a time too far ahead: it was raised before the clock was set back.
const AHEAD: &str = concatcp!(
    "select id, ?1 from alerts indexed by alerts_to_escalate where severity = 'critical' and status = 'active' and created_at > ?1 + ",
    AHEAD_TOLERANCE_MS,
    " union all
     select id, ?1 from emergencies indexed by emergencies_to_escalate where status = 'reported' and created_at > ?1 + ",
    AHEAD_TOLERANCE_MS
);

const TAKE_AS_NOW: &str = concatcp!(
    "insert into escalation_starts (subject, since) ",
    AHEAD,
    " on conflict (subject) do update set since = excluded.since where since > excluded.since + ",
    AHEAD_TOLERANCE_MS
);

/// How long those times are kept, milliseconds: what nobody has acknowledged is at the top long before.
const STARTS_KEPT_MS: i64 = 30 * DAY_MS;

/// Lets what nobody has acknowledged climb as far as its age demands; how many rungs were climbed in all.
///
/// One rung a statement, since each rung has people of its own and the trigger tells them rung by rung.
pub fn climb(settings: &Settings, now: i64) -> Result<usize, Problem> {
    let (every, rungs) = (settings.escalation_every_ms, settings.rungs());
    let mut climbed = 0;
    if every <= 0 {
        return Ok(0);
    }
    let due: Option<Due> = Database.fetch_optional(DUE, params![now, every, rungs])?;
    let due = due.ok_or_else(|| Problem::internal("no row"))?;
    if due.ahead {
        Database.run("delete from escalation_starts where since < ?", params![now - STARTS_KEPT_MS])?;
        Database.run(TAKE_AS_NOW, params![now])?;
    }
    for (is_due, statement) in [(due.emergencies, CLIMB_EMERGENCIES), (due.alerts, CLIMB_ALERTS)] {
        if !is_due {
            continue;
        }
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
