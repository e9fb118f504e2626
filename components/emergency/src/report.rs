//! Reporting an emergency.

mod request;

use const_format::concatcp;
use domain::emergency::{FLOOD_REPORTS, FLOOD_WINDOW_MS, is_approximate};
use domain::role::Role;
use domain::time::{AHEAD_TOLERANCE_MS, MINUTE_MS};
use kit::caller::{Principal, Reporter, SignedIn};
use kit::db::{Database, DbError, Executor, Fetch as _};
use kit::idempotency::{Idempotent, Once};
use kit::request::{Now, RequestId};
use kit::system_alerts::{self, SystemAlert};
use kit::{Answer, Problem, host, outbox, params};

use crate::model::{self, Emergency, EmergencyView};
use crate::origin::{Origin, no_panic_button};
use crate::unstored;
pub use request::EmergencyReport;

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
