//! What a change of a device does elsewhere, and why one is refused.

use domain::anomaly::Kind;
use kit::db::{DbError, Executor};
use kit::{Problem, params, system_alerts};

/// Tells the feed what a spot is after a device came to it or left it. When a sensor speaks, the schema's triggers tell it.
pub fn announce_spot(db: &dyn Executor, spot_id: &str, now: i64) -> Result<(), DbError> {
    db.run("insert into spot_news (spot_id, at) select spot_id, ?2 from spots where spot_id = ?1", params![spot_id, now])?;
    Ok(())
}

/// The anomalies whose subject is a device.
const OF_DEVICES: [Kind; 4] = [Kind::DeviceWarning, Kind::DeviceOffline, Kind::HighPower, Kind::VoltageOutOfRange];

/// A device that was put out of use has no anomaly: resolves the alerts about it, which nothing would end otherwise.
pub fn resolve_alerts(db: &dyn Executor, code: &str, actor: &str, now: i64) -> Result<(), Problem> {
    system_alerts::resolve(db, &OF_DEVICES, &[code], actor, now)
}

/// A constraint that refused a device, in words.
pub fn refused(error: DbError) -> Problem {
    match error {
        DbError::Unique(columns) if columns.contains("spot_id") => Problem::conflict("another active device stands on this spot already"),
        DbError::Unique(_) => Problem::conflict("there is a device of this code already"),
        other => other.into(),
    }
}
