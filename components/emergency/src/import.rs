//! Emergencies of before, from the records of an older system or from paper: over already, so that nobody is told.

use const_format::concatcp;
use domain::emergency::{Severity, Status};
use kit::Answer;
use kit::caller::{Admin, Caller, Principal};
use kit::db::{DbError, Executor};
use kit::idempotency::{Idempotent, Once};
use kit::input::{At, Input, Location, Slug, Text, Timestamp};
use kit::request::Now;
use kit::row::FromRow as _;
use kit::{Problem, host, params, sites};

use crate::model::{self, Emergency};
use crate::tolerant::ReportedKind;

/// An emergency that is over. Its times rise, and none lies ahead.
#[derive(Input)]
#[input(
    check,
    example = r#"{
    "temple_id": "somnath", "type": "medical", "description": "An old man had fallen near the steps",
    "location": {"lat": 20.8881, "lng": 70.4014}, "reported_at": "2025-11-04T10:00:00Z", "acknowledged_at": "2025-11-04T10:01:00Z",
    "in_progress_at": "2025-11-04T10:04:00Z", "resolved_at": "2025-11-04T10:40:00Z", "resolution": "Taken to hospital"
}"#
)]
pub struct ImportedEmergency {
    /// The temple's slug.
    #[input(alias("site"))]
    temple_id: Slug,
    /// As of a report: a word that nobody knows is filed as `other`.
    #[input(rename = "type", alias("emergency_type"))]
    kind: ReportedKind,
    /// What was the matter.
    description: Text<1, 2000>,
    /// Where it was.
    location: Location,
    /// When it is not sent, it follows from the type.
    severity: Option<Severity>,
    /// When it was reported.
    reported_at: Timestamp,
    /// When somebody took notice of it.
    acknowledged_at: Timestamp,
    /// When work on it began.
    in_progress_at: Timestamp,
    /// When it ended.
    resolved_at: Timestamp,
    /// How it ended.
    resolution: Option<Text<1, 2000>>,
}

impl ImportedEmergency {
    fn check(&self, at: &mut At<'_>) {
        let mut before = self.reported_at;
        for (name, time) in [
            ("reported_at", self.reported_at),
            ("acknowledged_at", self.acknowledged_at),
            ("in_progress_at", self.in_progress_at),
            ("resolved_at", self.resolved_at),
        ] {
            at.check_field(time.0 <= at.now_ms(), name, "must not lie ahead");
            at.check_field(time >= before, name, "must not lie before the step that it follows");
            before = time;
        }
    }
}

const INSERT: &str = concatcp!(
    "insert into emergencies (id, site, type, reported_type, severity, description, latitude, longitude, status, reported_by,
        created_at, acknowledged_at, acknowledged_by, in_progress_at, in_progress_by, resolved_at, resolved_by, resolution,
        updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '",
    Status::Resolved.into_str(),
    "', ?9, ?10, ?11, ?9, ?12, ?9, ?13, ?9, ?14, ?15, ?9)
     returning ",
    model::COLUMNS
);

/// Stores an emergency that is over, from older records.
///
/// Nothing is sent, and the feed does not tell of it; the audit trail does.
#[utoipa::path(post, path = "/api/emergency/past")]
pub async fn create(caller: Caller<Admin>, Now(now): Now, request: Idempotent<ImportedEmergency>) -> Answer<Once<Emergency>> {
    request.once(&caller.0, |db, import| insert(db, &import, &caller.0, now))
}

fn insert(db: &dyn Executor, import: &ImportedEmergency, caller: &Principal, now: i64) -> Result<Emergency, Problem> {
    let params = params![
        host::new_id(import.reported_at.0)?,
        &import.temple_id,
        import.kind.kind,
        import.kind.word.as_deref(),
        import.severity.unwrap_or_else(|| import.kind.kind.default_severity()),
        &import.description,
        import.location.lat,
        import.location.lng,
        &caller.id,
        import.reported_at,
        import.acknowledged_at,
        import.in_progress_at,
        import.resolved_at,
        import.resolution.as_deref(),
        now,
    ];
    let rows = db.run(INSERT, params).map_err(refused)?;
    Emergency::from_row(rows.first().ok_or_else(|| Problem::internal("the insert gave no row"))?)
}

/// The one foreign key of an emergency is its temple.
fn refused(error: DbError) -> Problem {
    match error {
        DbError::Foreign => sites::unknown_in_body("temple_id", "temple"),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rise_and_none_lies_ahead() {
        let example = ImportedEmergency::example().unwrap();
        let names = |now: &str, from: &str, to: &str| {
            let now = domain::time::parse_rfc3339(now).unwrap();
            let parsed = kit::input::parse::<ImportedEmergency>(example.replace(from, to).as_bytes(), now);
            parsed.err().map(|problem| problem.errors().keys().cloned().collect::<Vec<_>>()).unwrap_or_default()
        };
        assert!(names("2025-11-05T00:00:00Z", "", "").is_empty());
        assert_eq!(names("2025-11-04T10:30:00Z", "", ""), ["resolved_at"]);
        assert_eq!(names("2025-11-05T00:00:00Z", "T10:01", "T09:59"), ["acknowledged_at"]);
    }
}
