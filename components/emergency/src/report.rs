//! Reporting an emergency.

use std::collections::BTreeMap;

use const_format::concatcp;
use domain::emergency::{FLOOD_REPORTS, FLOOD_WINDOW_MS, Severity, is_approximate};
use domain::role::Role;
use domain::time::{AHEAD_TOLERANCE_MS, MINUTE_MS};
use kit::caller::{Principal, Reporter, SignedIn};
use kit::db::{Database, DbError, Executor, Fetch as _};
use kit::idempotency::{Idempotent, Once};
use kit::input::{Input, Number, Slug};
use kit::request::{Now, RequestId};
use kit::system_alerts::{self, SystemAlert};
use kit::{Answer, Problem, host, outbox, params};

use crate::model::{self, Emergency, EmergencyView};
use crate::origin::{Origin, no_panic_button};
use crate::tolerant::{Position, ReportedKind, Sent, Words};
use crate::unstored;

/// What somebody reports: its `type` is enough. What else is missing or not understood is noted in the answer, and never refused.
#[derive(Input)]
#[input(example = r#"{
    "temple_id": "somnath", "type": "medical", "description": "An old man has fallen near the steps",
    "location": {"lat": 20.8881, "lng": 70.4014}, "accuracy_m": 12
}"#)]
pub struct EmergencyReport {
    /// The temple's slug. One that is missing or unknown is taken from the position, where that is within 5 km of a site.
    #[input(alias("site"))]
    pub temple_id: Sent<Slug>,
    /// `medical`, `fire`, `stampede`, `security`, `accident`, `missing_person`, `structural`, `other`, or a usual other word for one of
    /// these. A word that nobody knows is no reason to turn somebody away: it is filed as `other`, and kept for operators.
    #[input(rename = "type", alias("emergency_type"))]
    pub kind: ReportedKind,
    /// At most 2,000 characters are kept.
    pub description: Words<2000>,
    /// Where it is: `{lat, lng}`, perhaps with `accuracy_m`. A text is kept as the place in words.
    pub location: Sent<Position>,
    /// How far off the position may be, metres. One that may be further off than 50, or does not say, is marked as approximate.
    #[input(alias("accuracy"))]
    accuracy_m: Sent<Number<0, 50_000_000>>,
    /// When it is not sent, it follows from the type.
    severity: Sent<Severity>,
}

impl EmergencyReport {
    /// How grave it is: as its reporter says, or as its kind is taken to be.
    pub fn severity(&self) -> Severity {
        self.severity.understood().copied().unwrap_or_else(|| self.kind.kind.default_severity())
    }

    /// How far off the position may be, metres; none where nobody says.
    pub fn accuracy_m(&self) -> Option<f64> {
        let position = self.location.understood()?;
        self.accuracy_m.understood().map(|metres| **metres).or(position.accuracy_m)
    }

    /// What was missing or not understood, by field.
    fn notes(&self, origin: &Origin) -> BTreeMap<&'static str, Vec<String>> {
        let description = match &self.description {
            words if words.is_cut => Some("was longer: its first 2000 characters are kept".to_owned()),
            words => words.some().is_none().then(|| "was not sent".to_owned()),
        };
        let kind = self.kind.word.as_ref().map(|word| format!("\"{word}\" is none that is known: filed as other"));
        let severity = Some(&self.severity).filter(|sent| matches!(sent, Sent::Strange(_))).and_then(Sent::note);
        let accuracy = Some(&self.accuracy_m).filter(|sent| matches!(sent, Sent::Strange(_))).and_then(Sent::note);
        // A panic button has no position of its own: where it is is known in words.
        let location = self.location.note().filter(|_| origin.button.is_none() || !matches!(self.location, Sent::Nothing));
        let severity = severity.map(|note| format!("{note}; taken as {}", self.severity().into_str()));
        [
            ("temple_id", origin.note.clone()),
            ("type", kind),
            ("description", description),
            ("location", location),
            ("accuracy_m", accuracy),
            ("severity", severity),
        ]
        .into_iter()
        .filter_map(|(field, note)| Some((field, vec![note?])))
        .collect()
    }
}

/// Why a report is not taken.
enum Refusal {
    /// The site that it names does not exist.
    NoSuchSite,
    /// Its reporter has sent too many of late; the site that it was for.
    Flood(Option<String>),
    Problem(Problem),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        match error {
            // The only one that a report names.
            DbError::Foreign => Self::NoSuchSite,
            error => Self::Problem(error.into()),
        }
    }
}

/// Reports an emergency.
///
/// Its `type` is enough: what else is missing or not understood is noted in the answer, by field, and never refused. It is sent over every
/// configured channel, first attempted within a second, without delaying the answer.
// One write: its triggers note what is to be sent; without a key it is one statement, which shares its sync to disk with whatever else is
// written at that moment.
#[utoipa::path(
    post,
    path = "/api/emergency",
    responses(
        (status = 403, description = "A device that is not a panic button in use, or that names another site than its own."),
        (
            status = 503,
            description = "It could not be stored. Its reporter is told whom to call (`whom_to_call`) and whether the control room was told all the same \
                (`told`). Send it again with its `Idempotency-Key`."
        ),
        (
            status = 429,
            description = "The reporter has sent 600 within ten minutes: this one was not taken, and the control room is told. Operators have no such limit."
        )
    )
)]
pub async fn create(
    reporter: Reporter<SignedIn>,
    Now(now): Now,
    RequestId(request_id): RequestId,
    request: Idempotent<EmergencyReport>,
) -> Answer<Once<EmergencyView>> {
    let (caller, outcome) = match reporter {
        Reporter::Known(caller) => {
            let outcome = request.once_single_statement(&caller.0, |db, report| insert(db, &report, &caller.0, now));
            (caller.0, outcome)
        }
        Reporter::Claimed(caller, problem) => (caller, Err(Refusal::Problem(problem))),
    };
    match outcome {
        Ok(reported) => {
            if reported.is_new() {
                outbox::wake_dispatcher(request_id);
            }
            Ok(reported)
        }
        Err(Refusal::Flood(site)) => Err(flood(site.as_deref(), &caller, now)?),
        Err(Refusal::Problem(problem)) if unstored::is_unstored(&problem) => {
            Err(unstored::tell(&request.body()?, &caller, request.key(), now, &request_id, &problem).await?)
        }
        Err(Refusal::Problem(problem)) => Err(problem),
        // It was there a moment ago.
        Err(Refusal::NoSuchSite) => Err(DbError::Foreign.into()),
    }
}

/// That its reporter has not sent too many of late is a condition of the insert, so that many at once count (what was sent before the clock
/// was set back does not); and that a device which speaks is a panic button at that site.
const INSERT: &str = concatcp!(
    "insert into emergencies (id, site, type, reported_type, severity, description, latitude, longitude, accuracy_m,
        location_approximate, place, notes, reported_by, created_at, updated_at, updated_by)
     select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?13
     where (?15 or coalesce(
         (select created_at from emergencies where reported_by = ?13 order by id desc limit 1 offset ?16), -9223372036854775808
     ) not between ?14 - ?17 + 1 and ?14 + ?19) and (?18 is null or exists (select 1 from panic_buttons where code = ?18 and site = ?2))
     returning ",
    model::COLUMNS
);

fn insert(db: &dyn Executor, report: &EmergencyReport, caller: &Principal, now: i64) -> Result<EmergencyView, Refusal> {
    if let Some(origin) = Origin::named(report, caller) {
        match insert_from(db, origin, report, caller, now) {
            // There is no such site: the statement has changed nothing.
            Err(Refusal::NoSuchSite) => {}
            inserted => return inserted,
        }
    }
    insert_from(db, Origin::find(db, report, caller)?, report, caller, now)
}

fn insert_from(
    db: &dyn Executor,
    origin: Origin,
    report: &EmergencyReport,
    caller: &Principal,
    now: i64,
) -> Result<EmergencyView, Refusal> {
    let is_operator = caller.role.holds(Role::Operator);
    let notes = report.notes(&origin);
    let notes = if notes.is_empty() { None } else { Some(serde_json::to_string(&notes).map_err(Problem::internal)?) };
    let location = report.location.understood().map(|position| position.location);
    let accuracy_m = report.accuracy_m();
    let params = params![
        host::new_id(now)?,
        origin.site.as_deref(),
        report.kind.kind,
        report.kind.word.as_deref(),
        report.severity(),
        report.description.some(),
        location.map(|at| at.lat),
        location.map(|at| at.lng),
        accuracy_m,
        location.is_none() || is_approximate(accuracy_m),
        origin.place,
        notes,
        &caller.id,
        now,
        is_operator,
        FLOOD_REPORTS - 1,
        FLOOD_WINDOW_MS,
        origin.button.as_deref(),
        AHEAD_TOLERANCE_MS,
    ];
    // Nothing has been sent to it yet.
    let reported = db.run(INSERT, params)?.read::<Emergency>()?.pop();
    match reported {
        Some(emergency) => Ok(EmergencyView::new(emergency, is_operator)),
        // It was a panic button a moment ago.
        None if origin.button.is_some() && Origin::find(db, report, caller)?.site != origin.site => Err(no_panic_button().into()),
        None => Err(Refusal::Flood(origin.site)),
    }
}

/// What a reporter beyond the limit is told. Operators are told too, once until they resolve that alert: behind it may be somebody who
/// needs help more than anybody.
fn flood(site: Option<&str>, caller: &Principal, now: i64) -> Result<Problem, Problem> {
    let oldest: Option<i64> = Database.fetch_scalar(
        "select created_at from emergencies where reported_by = ? order by id desc limit 1 offset ?",
        params![&caller.id, FLOOD_REPORTS - 1],
    )?;
    let free_at = oldest.unwrap_or(now) + FLOOD_WINDOW_MS;
    let minutes = FLOOD_WINDOW_MS / MINUTE_MS;
    let alert = SystemAlert {
        alert_type: "sos_flood",
        severity: domain::alert::Severity::Warning,
        subject: &caller.id,
        site,
        zone: None,
        message: format!("{FLOOD_REPORTS} emergencies of one reporter within {minutes} minutes: further ones are refused"),
    };
    system_alerts::raise(&Database, &alert, now)?;
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
    use domain::emergency::Kind;
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: Value) -> Result<EmergencyReport, Problem> {
        kit::input::parse(body.to_string().as_bytes(), 0)
    }

    fn noted(report: &EmergencyReport) -> Vec<&'static str> {
        report.notes(&Origin::default()).into_keys().collect()
    }

    #[test]
    fn what_is_not_said_follows_from_the_type() {
        let body = json!({ "temple_id": "somnath", "type": "medical", "description": "he fell", "location": { "lat": 20.9, "lng": 70.4 } });
        let report = parse(body.clone()).unwrap();
        assert_eq!((report.kind.kind, report.severity(), report.kind.word.is_none()), (Kind::Medical, Severity::Critical, true));
        assert!(noted(&report).is_empty());
        let mut mild = body.clone();
        mild["severity"] = "low".into();
        assert_eq!(parse(mild).unwrap().severity(), Severity::Low);
        let mut strange = body;
        strange["type"] = "an elephant".into();
        let report = parse(strange).unwrap();
        assert_eq!((report.kind.kind, report.kind.word.as_deref()), (Kind::Other, Some("an elephant")));
        assert_eq!(noted(&report), ["type"]);
    }

    #[test]
    fn a_type_alone_is_enough_and_what_is_not_understood_is_noted() {
        let report = parse(json!({ "type": "fire" })).unwrap();
        assert_eq!((report.kind.kind, report.severity(), report.accuracy_m()), (Kind::Fire, Severity::Critical, None));
        assert_eq!(noted(&report), ["description", "location"]);
        let body = json!({
            "temple_id": 3, "type": "", "description": " ", "location": { "lat": 91, "lng": "x" }, "severity": "purple", "accuracy_m": "near",
        });
        let report = parse(body).unwrap();
        assert_eq!((report.kind.kind, report.severity()), (Kind::Other, Severity::High));
        assert_eq!(noted(&report), ["accuracy_m", "description", "location", "severity"]);
        for none in [json!({}), json!({ "type": null }), json!([])] {
            assert_eq!(parse(none).err().expect("nobody knows what it is").status(), 422);
        }
    }

    #[test]
    fn how_far_off_a_position_is_may_stand_beside_it_or_in_it() {
        let accuracy = |body: Value| parse(body).unwrap().accuracy_m();
        assert_eq!(accuracy(json!({ "type": "fire", "location": { "lat": 1, "lng": 2 }, "accuracy_m": 8 })), Some(8.0));
        assert_eq!(accuracy(json!({ "type": "fire", "location": { "lat": 1, "lng": 2, "accuracy": 9 } })), Some(9.0));
        assert_eq!(accuracy(json!({ "type": "fire", "accuracy_m": 8 })), None);
    }

    #[test]
    fn the_example_is_valid() {
        kit::input::parse::<EmergencyReport>(EmergencyReport::example().unwrap().as_bytes(), 0).unwrap();
    }
}
