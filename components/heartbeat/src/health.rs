//! Devices that fall silent (contract §3): their health turns, and an alert is raised, once a silence. Recovery is the schema's: the
//! trigger on a device's state resolves both alerts with the reading that ends the silence.

use domain::anomaly::Kind;
use domain::health::{HEALTHY_MS, Health, OFFLINE_MS};
use kit::db::Transaction;
use kit::{Problem, db, params};
use serde::Serialize;

/// Devices that one transaction turns: each may write an alert, an event and a row of the outbox.
const BATCH: i64 = 500;

/// How many devices turned.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// To `warning`.
    pub warning: usize,
    /// To `offline`.
    pub offline: usize,
}

/// Turns every device whose last heartbeat is too old at `now`. That a turn happens once is what makes the alert be raised once.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let mut summary = Summary::default();
    while turn(Health::Offline, now, &mut summary.offline)? {}
    while turn(Health::Warning, now, &mut summary.warning)? {}
    Ok(summary)
}

/// Turns one batch to this health; whether there may be more.
fn turn(to: Health, now: i64, turned: &mut usize) -> Result<bool, Problem> {
    let (from, older_than, kind) = match to {
        Health::Offline => ("[\"healthy\",\"warning\"]", OFFLINE_MS, Kind::DeviceOffline),
        _ => ("[\"healthy\"]", HEALTHY_MS, Kind::DeviceWarning),
    };
    // `health in ('healthy', 'warning')` is the index's own condition: without it the index would not serve.
    let silent = "select device_id from device_state
        where health in ('healthy', 'warning') and last_seen_at < ?1 and health in (select value from json_each(?2)) limit ?3";
    if db::run(silent, params![now - older_than, from, 1_i64])?.is_empty() {
        return Ok(false);
    }
    let batch = db::transaction(|tx| {
        let rows = tx.run(
            &format!("update device_state set health = ?4, health_changed_at = ?5 where device_id in ({silent}) returning device_id"),
            params![now - older_than, from, BATCH, to.into_str(), now],
        )?;
        let ids: Vec<i64> = rows.iter().map(|row| row.int(0)).collect::<Result<_, _>>()?;
        let ids = serde_json::to_string(&ids).map_err(Problem::internal)?;
        if to == Health::Offline {
            resolve_warnings(tx, &ids, now)?;
        }
        raise(tx, kind, &ids, now)?;
        Ok(rows.len())
    })?;
    *turned += batch;
    Ok(i64::try_from(batch).is_ok_and(|batch| batch == BATCH))
}

/// An offline device's warning is over: the graver alert takes its place.
fn resolve_warnings(tx: &Transaction, ids: &str, now: i64) -> Result<(), Problem> {
    tx.run(
        "update alerts indexed by alerts_open_anomaly
         set status = 'resolved', resolved_at = ?2, resolved_by = 'system', updated_at = ?2, updated_by = 'system'
         where source = 'system' and status <> 'resolved' and alert_type = ?3
             and subject in (select d.code from json_each(?1) j join devices d on d.id = j.value)",
        params![ids, now, Kind::DeviceWarning.into_str()],
    )?;
    Ok(())
}

fn raise(tx: &Transaction, kind: Kind, ids: &str, now: i64) -> Result<(), Problem> {
    tx.run(
        "insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
         select ?3, d.code, d.site, json_array(d.zone), ?4,
             printf('%s has been silent for %d minutes (last seen %s)', d.code, (?2 - s.last_seen_at) / 60000,
                 strftime('%Y-%m-%dT%H:%M:%SZ', s.last_seen_at / 1000, 'unixepoch')),
             ?2
         from json_each(?1) j join devices d on d.id = j.value join device_state s on s.device_id = d.id
         where d.is_active = 1",
        params![ids, now, kind.into_str(), kind.severity().into_str()],
    )?;
    Ok(())
}
