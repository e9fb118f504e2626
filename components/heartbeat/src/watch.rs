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

#[derive(FromRow)]
struct Stored {
    run_at: i64,
    gap_from: Option<i64>,
    resumed_at: Option<i64>,
}

impl From<Stored> for Watch {
    fn from(Stored { run_at, gap_from, resumed_at }: Stored) -> Self {
        Self { run_at, gap_from, resumed_at }
    }
}

const WRITE: &str = "insert into device_watch (id, run_at, gap_from, resumed_at) values (1, ?1, ?2, ?3)
     on conflict (id) do update set run_at = excluded.run_at, gap_from = excluded.gap_from, resumed_at = excluded.resumed_at";

/// Notes a run, and tells what it finds out; returns the moment as of which silence is to be judged.
pub fn note_run(now: i64) -> Result<i64, Problem> {
    take_as_now(now)?;
    db::transaction(|db| {
        let before: Option<Stored> = db.fetch_optional("select run_at, gap_from, resumed_at from device_watch", params![])?;
        let (watch, found) = Watch::after_run(before.map(Watch::from), now);
        db.run(WRITE, params![watch.run_at, watch.gap_from, watch.resumed_at])?;
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
    })
}

const IS_AHEAD: &str = concatcp!(" where last_seen_at > ?1 + ", AHEAD_TOLERANCE_MS);

/// The condition of the index by heartbeat, without which it would not serve.
const NOT_OFFLINE: &str = concatcp!(" and health <> '", Health::Offline.into_str(), "'");

const ANY_AHEAD: &str = concatcp!("select 1 from device_state", IS_AHEAD, NOT_OFFLINE, " limit 1");

/// A heartbeat too far ahead is taken as now; the device stays as silent as it was known to be.
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

/// Takes heartbeats that lie too far ahead as now, so that silence counts from now on and not from when the clock has caught up. At each
/// run, since a host whose clock runs ahead may have written them.
fn take_as_now(now: i64) -> Result<(), Problem> {
    if Database.exists(ANY_AHEAD, params![now])? {
        Database.run(concatcp!(TAKE_ALL_AS_NOW, NOT_OFFLINE), params![now])?;
    }
    Ok(())
}

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
