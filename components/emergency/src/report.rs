//! Reporting an emergency.

use const_format::concatcp;
use domain::emergency::{FLOOD_REPORTS, FLOOD_WINDOW_MS, Kind, Severity};
use domain::role::Role;
use domain::time::MINUTE_MS;
use kit::caller::{Caller, Principal, SignedIn};
use kit::db::{Database, DbError, Executor, Fetch as _};
use kit::idempotency::{Idempotent, Once};
use kit::input::{At, Field, Input, Location, SchemaRef, Schemas, Slug, Text, Value};
use kit::request::{Now, RequestId};
use kit::system_alerts::{self, SystemAlert};
use kit::{Answer, Problem, host, outbox, params, sites};

use crate::model::{self, Emergency, EmergencyView};

/// What somebody reports.
#[derive(Input)]
#[input(example = r#"{
    "temple_id": "somnath", "type": "medical", "description": "An old man has fallen near the steps",
    "location": {"lat": 20.8881, "lng": 70.4014}
}"#)]
pub struct EmergencyReport {
    /// The temple's slug.
    #[input(alias("site"))]
    pub temple_id: Slug,
    /// `medical`, `fire`, `stampede`, `security`, `accident`, `missing_person`, `structural`, `other`, or a usual other word for one of
    /// these. A word that nobody knows is no reason to turn somebody away: it is filed as `other`, and kept for operators.
    #[input(rename = "type", alias("emergency_type"))]
    pub kind: ReportedKind,
    /// What is the matter.
    pub description: Text<1, 2000>,
    /// Where it is.
    pub location: Location,
    /// When it is not sent, it follows from the type.
    severity: Option<Severity>,
}

impl EmergencyReport {
    /// How grave it is: as its reporter says, or as its kind is taken to be.
    pub fn severity(&self) -> Severity {
        self.severity.unwrap_or_else(|| self.kind.kind.default_severity())
    }
}

/// The kind of emergency that a reporter's word stands for.
pub struct ReportedKind {
    pub kind: Kind,
    /// The word itself, where it is none of ours.
    pub word: Option<Text<1, 64>>,
}

impl Field for ReportedKind {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let word = Text::<1, 64>::read(value, at)?;
        Some(match word.parse() {
            Ok(kind) => Self { kind, word: None },
            Err(_) => Self { kind: Kind::Other, word: Some(word) },
        })
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        Text::<1, 64>::schema(schemas)
    }
}

/// Why a report is not taken.
enum Refusal {
    /// Its reporter has sent too many of late; the temple that it was for.
    Flood(Slug),
    Problem(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        Self::Problem(error.into())
    }
}

/// Reports an emergency.
///
/// It is sent over every configured channel, first attempted within a second, without delaying the answer.
// One write: its triggers note what is to be sent; without a key it is one statement, which shares its sync to disk with whatever else is
// written at that moment.
#[utoipa::path(
    post,
    path = "/api/emergency",
    responses((
        status = 429,
        description = "The reporter has sent 600 within ten minutes: this one was not taken, and the control room is told. Operators have no such limit."
    ))
)]
pub async fn create(
    caller: Caller<SignedIn>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    request: Idempotent<EmergencyReport>,
) -> Answer<Once<EmergencyView>> {
    match request.once_single_statement(&caller.0, |db, report| insert(db, report, &caller.0, now)) {
        Ok(reported) => {
            if reported.is_new() {
                outbox::wake_dispatcher(request_id);
            }
            Ok(reported)
        }
        Err(Refusal::Flood(temple)) => Err(flood(&temple, &caller.0, now)?),
        Err(Refusal::Problem(problem)) => Err(problem),
    }
}

/// That its reporter has not sent too many of late is a condition of the insert, so that many at once count.
const INSERT: &str = concatcp!(
    "insert into emergencies (id, site, type, reported_type, severity, description, latitude, longitude, reported_by, created_at,
        updated_at, updated_by)
     select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?9
     where ?11 or coalesce(
         (select created_at from emergencies where reported_by = ?9 order by id desc limit 1 offset ?12), -9223372036854775808
     ) <= ?10 - ?13
     returning ",
    model::COLUMNS
);

fn insert(db: &dyn Executor, report: EmergencyReport, caller: &Principal, now: i64) -> Result<EmergencyView, Refusal> {
    let is_operator = caller.role.holds(Role::Operator);
    let params = params![
        host::new_id(now)?,
        &report.temple_id,
        report.kind.kind,
        report.kind.word.as_deref(),
        report.severity(),
        &report.description,
        report.location.lat,
        report.location.lng,
        &caller.id,
        now,
        is_operator,
        FLOOD_REPORTS - 1,
        FLOOD_WINDOW_MS,
    ];
    let rows = db.run(INSERT, params).map_err(refused)?;
    // Nothing has been sent to it yet.
    let reported = rows.read::<Emergency>()?.pop();
    reported.map(|emergency| EmergencyView::new(emergency, is_operator)).ok_or(Refusal::Flood(report.temple_id))
}

/// The one foreign key of an emergency is its temple.
pub fn refused(error: DbError) -> Problem {
    match error {
        DbError::Foreign => sites::unknown_in_body("temple_id", "temple"),
        other => other.into(),
    }
}

/// What a reporter beyond the limit is told. Operators are told too, once until they resolve that alert: behind it may be somebody who
/// needs help more than anybody.
fn flood(temple: &str, caller: &Principal, now: i64) -> Result<Problem, Problem> {
    let oldest: Option<i64> = Database.fetch_scalar(
        "select created_at from emergencies where reported_by = ? order by id desc limit 1 offset ?",
        params![&caller.id, FLOOD_REPORTS - 1],
    )?;
    let free_at = oldest.unwrap_or(now) + FLOOD_WINDOW_MS;
    let minutes = FLOOD_WINDOW_MS / MINUTE_MS;
    if sites::exists(&Database, temple)? {
        let alert = SystemAlert {
            alert_type: "sos_flood",
            severity: domain::alert::Severity::Warning,
            subject: &caller.id,
            site: Some(temple),
            zone: None,
            message: format!("{FLOOD_REPORTS} emergencies of one reporter within {minutes} minutes: further ones are refused"),
        };
        system_alerts::raise(&Database, &alert, now)?;
    }
    Ok(Problem::too_many(
        format!(
            "This report was not taken: the control room has {FLOOD_REPORTS} of yours from the last {minutes} minutes and was told that \
             you sent more. If somebody is in danger, call the emergency number or the staff near you."
        ),
        (free_at - now + 999) / 1000,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: Value) -> Result<EmergencyReport, Problem> {
        kit::input::parse(body.to_string().as_bytes(), 0)
    }

    #[test]
    fn what_is_not_said_follows_from_the_type() {
        let body = json!({ "temple_id": "somnath", "type": "medical", "description": "he fell", "location": { "lat": 20.9, "lng": 70.4 } });
        let report = parse(body.clone()).unwrap();
        assert_eq!((report.kind.kind, report.severity(), report.kind.word.is_none()), (Kind::Medical, Severity::Critical, true));
        let mut mild = body.clone();
        mild["severity"] = "low".into();
        assert_eq!(parse(mild).unwrap().severity(), Severity::Low);
        let mut strange = body;
        strange["type"] = "an elephant".into();
        let report = parse(strange).unwrap();
        assert_eq!((report.kind.kind, report.kind.word.as_deref()), (Kind::Other, Some("an elephant")));
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let body = json!({ "temple_id": 3, "type": "", "description": " ", "location": { "lat": 91, "lng": "x" }, "severity": "purple" });
        let problem = parse(body).err().unwrap();
        let named: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(named, ["description", "location", "severity", "temple_id", "type"]);
        let problem = parse(json!({})).err().unwrap();
        let named: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(named, ["description", "location", "temple_id", "type"]);
    }

    #[test]
    fn the_example_is_valid() {
        kit::input::parse::<EmergencyReport>(EmergencyReport::example().unwrap().as_bytes(), 0).unwrap();
    }
}
