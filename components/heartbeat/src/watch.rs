//! How devices are watched: what is stored of the runs, so that a gap between two of them is told once and is nobody's silence
//! (docs/reference/rules.md#health).

use const_format::concatcp;
use domain::anomaly::Kind;
use domain::health::{HEALTHY_MS, Health, OFFLINE_MS};
use domain::time::{AHEAD_TOLERANCE_MS, MINUTE_MS};
use domain::watch::{Finding, Watch};
use kit::caller::SYSTEM;
use kit::db::{self, Database, Executor, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params, system_alerts};

/// What the alert about a gap is about.
const SUBJECT: &str = "devices";

/// The run before, if there was one, and whether a heartbeat lies too far ahead, or long enough ago to be looked at.
#[derive(FromRow)]
struct Stored {
    run_at: Option<i64>,
    gap_from: Option<i64>,
    resumed_at: Option<i64>,
    any_ahead: bool,
    any_silent: bool,
}

impl Stored {
    fn watch(&self) -> Option<Watch> {
        Some(Watch { run_at: self.run_at?, gap_from: self.gap_from, resumed_at: self.resumed_at })
    }
}

const READ: &str = concatcp!(
    "select w.run_at, w.gap_from, w.resumed_at, exists (",
    ANY_AHEAD,
    ") as any_ahead, exists (",
    ANY_SILENT,
    ") as any_silent from (select 1) left join device_watch w on true"
);

const WRITE: &str = "insert into device_watch (id, run_at, gap_from, resumed_at) values (1, ?1, ?2, ?3)
     on conflict (id) do update set run_at = excluded.run_at, gap_from = excluded.gap_from, resumed_at = excluded.resumed_at";

/// Notes a run, and tells what it finds out; returns the moment as of which silence is to be judged, or none when no device can be silent.
pub fn note_run(now: i64) -> Result<Option<i64>, Problem> {
    let before = read(&Database, now)?;
    // That moment is never after now.
    let any_silent = before.any_silent;
    if before.any_ahead {
        Database.run(concatcp!(TAKE_ALL_AS_NOW, NOT_OFFLINE), params![now])?;
    }
    if let (watch, None) = Watch::after_run(before.watch(), now) {
        // Nearly always: nothing to tell.
        write(&Database, watch)?;
        return Ok(any_silent.then(|| watch.judged_at(now)));
    }
    let judged_at = db::transaction(|db| {
        let (watch, found) = Watch::after_run(read(db, now)?.watch(), now);
        write(db, watch)?;
        match found {
            Some(Finding::Gap(ms)) => {
                let minutes = ms / MINUTE_MS;
                tell(
                    db,
                    &format!("Nobody watched the devices for {minutes} minutes: no scheduled run came, or the clock was put forward"),
                    now,
                )?;
            }
            Some(Finding::SetBack(ms)) => {
                db.run(TAKE_ALL_AS_NOW, params![now])?;
                tell(db, &format!("The clock was set back by {} minutes", ms / MINUTE_MS), now)?;
            }
            Some(Finding::Over) => resolve(db, now)?,
            None => {}
        }
        Ok::<_, Problem>(watch.judged_at(now))
    })?;
    Ok(any_silent.then_some(judged_at))
}

fn read(db: &dyn Executor, now: i64) -> Result<Stored, Problem> {
    db.fetch_optional(READ, params![now])?.ok_or_else(|| Problem::internal("no row"))
}

fn write(db: &dyn Executor, watch: Watch) -> Result<(), Problem> {
    db.run(WRITE, params![watch.run_at, watch.gap_from, watch.resumed_at])?;
    Ok(())
}

const IS_AHEAD: &str = concatcp!(" where last_seen_at > ?1 + ", AHEAD_TOLERANCE_MS);

/// The condition of the index by heartbeat, without which it would not serve.
const NOT_OFFLINE: &str = concatcp!(" and health <> '", Health::Offline.into_str(), "'");

const ANY_SILENT: &str = concatcp!("select 1 from device_state where last_seen_at < ?1 - ", HEALTHY_MS, NOT_OFFLINE, " limit 1");

const ANY_AHEAD: &str = concatcp!("select 1 from device_state", IS_AHEAD, NOT_OFFLINE, " limit 1");

/// A heartbeat too far ahead is taken as now, so that silence counts from now on and not from when the clock has caught up; the device stays as
/// silent as it was known to be. At each run, since a host whose clock runs ahead may have written it.
const TAKE_ALL_AS_NOW: &str = concatcp!(
    "update device_state set last_seen_at = ?1 - case health when '",
    Health::Offline.into_str(),
    "' then ",
    OFFLINE_MS + 1,
    " when '",
    Health::Warning.into_str(),
    "' then ",
    HEALTHY_MS + 1,
    " else 0 end",
    IS_AHEAD
);

/// Raises the alert about a gap. Nothing to tell while no device was ever heard of.
fn tell(db: &dyn Executor, what: &str, now: i64) -> Result<(), Problem> {
    let message = format!("{what}. Devices have {} minutes to report before their silence counts.", HEALTHY_MS / MINUTE_MS);
    db.run(
        "insert into system_alerts (alert_type, subject, severity, message, at)
         select ?1, ?2, ?3, ?4, ?5 where exists (select 1 from device_state where last_seen_at is not null)",
        params![Kind::MonitoringGap, SUBJECT, Kind::MonitoringGap.severity(), message, now],
    )?;
    Ok(())
}

fn resolve(db: &dyn Executor, now: i64) -> Result<(), Problem> {
    system_alerts::resolve(db, &[Kind::MonitoringGap], &[SUBJECT], SYSTEM, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_triggers_tolerance_is_the_domains() {
        let triggers = include_str!("../../../migrations/0025_time.sql");
        let tolerance = format!("received_at + {AHEAD_TOLERANCE_MS}");
        assert_eq!(triggers.matches("received_at + ").count(), triggers.matches(&tolerance).count());
        assert!(triggers.contains(&tolerance));
    }
}
