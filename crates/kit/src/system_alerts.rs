//! Alerts that the system raises by itself, about a device, a spot or a lot. The schema's triggers raise and resolve such alerts as well.

use const_format::concatcp;
use domain::alert::{Severity, Source, Status};
use domain::anomaly::Kind;

use crate::db::{DbError, Executor};
use crate::{Problem, params};

/// What is wrong with what.
pub struct SystemAlert<'a> {
    /// What is wrong, in a word.
    pub alert_type: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// The device, spot, lot or person that it is about.
    pub subject: &'a str,
    /// Where.
    pub site: Option<&'a str>,
    /// The zone of the site, if it is about one.
    pub zone: Option<&'a str>,
    /// In a sentence.
    pub message: String,
}

impl<'a> SystemAlert<'a> {
    /// One of an anomaly, which has its own severity.
    pub const fn of(anomaly: Kind, subject: &'a str, site: Option<&'a str>, zone: Option<&'a str>, message: String) -> Self {
        Self { alert_type: anomaly.into_str(), severity: anomaly.severity(), subject, site, zone, message }
    }
}

const RAISE: &str = "insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
     values (?1, ?2, ?3, iif(?4 is null, null, json_array(?4)), ?5, ?6, ?7)";

/// Raises an alert, unless one of its type about its subject is open.
pub fn raise(db: &dyn Executor, alert: &SystemAlert<'_>, now: i64) -> Result<(), DbError> {
    let SystemAlert { alert_type, severity, subject, site, zone, message } = alert;
    db.run(RAISE, params![*alert_type, *subject, *site, *zone, *severity, message, now])?;
    Ok(())
}

const RESOLVE: &str = concatcp!(
    "update alerts indexed by alerts_open_anomaly
     set status = '",
    Status::Resolved.into_str(),
    "', resolved_at = ?3, resolved_by = ?4, updated_at = ?3, updated_by = ?4
     where source = '",
    Source::System.into_str(),
    "' and status <> '",
    Status::Resolved.into_str(),
    "' and alert_type in (select value from json_each(?1)) and subject in (select value from json_each(?2))"
);

/// Resolves the open alerts of these anomalies about these subjects; `by` is an account, or [`SYSTEM`](crate::caller::SYSTEM).
pub fn resolve(db: &dyn Executor, anomalies: &[Kind], subjects: &[&str], by: &str, now: i64) -> Result<(), Problem> {
    let types: Vec<_> = anomalies.iter().map(|anomaly| anomaly.into_str()).collect();
    resolve_types(db, &types, subjects, by, now)
}

/// Resolves the open alert of this type about this subject.
pub fn resolve_type(db: &dyn Executor, alert_type: &str, subject: &str, by: &str, now: i64) -> Result<(), Problem> {
    resolve_types(db, &[alert_type], &[subject], by, now)
}

fn resolve_types(db: &dyn Executor, types: &[&str], subjects: &[&str], by: &str, now: i64) -> Result<(), Problem> {
    let types = serde_json::to_string(types).map_err(Problem::internal)?;
    let subjects = serde_json::to_string(subjects).map_err(Problem::internal)?;
    db.run(RESOLVE, params![types, subjects, now, by])?;
    Ok(())
}
