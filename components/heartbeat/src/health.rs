//! Devices that fall silent (docs/reference/rules.md#health): their health turns, and an alert is raised, once a silence. Recovery is the schema's: the
//! trigger on a device's state resolves both alerts with the reading that ends the silence.

use const_format::concatcp;
use domain::anomaly::Kind;
use domain::health::{HEALTHY_MS, Health, OFFLINE_MS};
use kit::caller::SYSTEM;
use kit::db::{self, Database, Executor, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params, system_alerts};
use serde::Serialize;
use utoipa::ToSchema;

use crate::watch;

/// Devices that one transaction turns: each may write an alert, an event and a row of the outbox.
const BATCH: i64 = 500;

/// How many devices turned.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = HealthRun)]
pub struct Summary {
    /// To `warning`.
    pub warning: usize,
    /// To `offline`.
    pub offline: usize,
}

/// Turns every device whose last heartbeat is too old at `now`; after a gap between the runs, as of the last one before it. That a turn
/// happens once is what makes the alert be raised once.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let mut summary = Summary::default();
    let Some(judged_at) = watch::note_run(now)? else { return Ok(summary) };
    let [offline, warning] = any_silent(judged_at)?;
    if offline {
        while turn(Health::Offline, judged_at, now, &mut summary.offline)? {}
    }
    if warning {
        while turn(Health::Warning, judged_at, now, &mut summary.warning)? {}
    }
    Ok(summary)
}

/// Which devices are silent for too long. The first condition is the index's own: without it the index would not serve.
const SILENT: &str = concatcp!(FROM_MONITORED, "?1 and health in (select value from json_each(?2)) limit ?3");

const FROM_MONITORED: &str =
    concatcp!("select device_id from device_state where health <> '", Health::Offline.into_str(), "' and last_seen_at < ");

const ANY_SILENT: &str = concatcp!(
    "select exists (",
    FROM_MONITORED,
    "?1 and health in (select value from json_each(?2))) as offline, exists (",
    FROM_MONITORED,
    "?3 and health in (select value from json_each(?4))) as warning"
);

#[derive(FromRow)]
struct AnySilent {
    offline: bool,
    warning: bool,
}

/// Whether any device is to turn offline, and whether any to warning, in one read.
fn any_silent(judged_at: i64) -> Result<[bool; 2], Problem> {
    let (offline, warning) = (Turn::to(Health::Offline)?, Turn::to(Health::Warning)?);
    let found: Option<AnySilent> = Database.fetch_optional(
        ANY_SILENT,
        params![judged_at - offline.older_than_ms, offline.from, judged_at - warning.older_than_ms, warning.from],
    )?;
    found.map(|found| [found.offline, found.warning]).ok_or_else(|| Problem::internal("no row"))
}

/// Who turns, when, and what is raised.
struct Turn {
    /// The healths from which devices turn, as a JSON array.
    from: String,
    older_than_ms: i64,
    kind: Kind,
}

impl Turn {
    fn to(health: Health) -> Result<Self, Problem> {
        let (from, older_than_ms, kind): (&[Health], _, _) = match health {
            Health::Offline => (&Health::MONITORED, OFFLINE_MS, Kind::DeviceOffline),
            _ => (&[Health::Healthy, Health::Unknown], HEALTHY_MS, Kind::DeviceWarning),
        };
        Ok(Self { from: serde_json::to_string(from).map_err(Problem::internal)?, older_than_ms, kind })
    }
}

const TURN: &str = concatcp!(
    "update device_state set health = ?4, health_changed_at = ?5 where device_id in (",
    SILENT,
    ") returning device_id, (select code from devices where id = device_state.device_id) as code"
);

/// Turns one batch to this health; whether there may be more.
fn turn(to: Health, judged_at: i64, now: i64, turned: &mut usize) -> Result<bool, Problem> {
    let Turn { from, older_than_ms, kind } = Turn::to(to)?;
    let before = judged_at - older_than_ms;
    let batch = db::transaction(|db| {
        let devices: Vec<Turned> = db.fetch_all(TURN, params![before, from, BATCH, to, now])?;
        let ids: Vec<i64> = devices.iter().map(|device| device.device_id).collect();
        let ids = serde_json::to_string(&ids).map_err(Problem::internal)?;
        if to == Health::Offline {
            // The graver alert takes its place.
            let codes: Vec<&str> = devices.iter().map(|device| device.code.as_str()).collect();
            system_alerts::resolve(db, &[Kind::DeviceWarning], &codes, SYSTEM, now)?;
        }
        raise(db, kind, &ids, now)?;
        Ok::<_, Problem>(devices.len())
    })?;
    *turned += batch;
    Ok(i64::try_from(batch).is_ok_and(|batch| batch == BATCH))
}

/// A device whose health turned.
#[derive(FromRow)]
struct Turned {
    device_id: i64,
    code: String,
}

fn raise(db: &dyn Executor, kind: Kind, ids: &str, now: i64) -> Result<(), Problem> {
    db.run(
        "insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
         select ?3, d.code, d.site, json_array(d.zone), ?4,
             printf('%s has been silent for %d minutes (last seen %s)', d.code, (?2 - s.last_seen_at) / 60000,
                 strftime('%Y-%m-%dT%H:%M:%SZ', s.last_seen_at / 1000, 'unixepoch')),
             ?2
         from json_each(?1) j join devices d on d.id = j.value join device_state s on s.device_id = d.id
         where d.is_active = 1",
        params![ids, now, kind, kind.severity()],
    )?;
    Ok(())
}
