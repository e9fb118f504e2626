//! An emergency that cannot be stored: the control room is told all the same, as well as that goes, and its reporter whom to call.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use domain::emergency::{Status, is_approximate};
use domain::time::{SECOND_MS, format_rfc3339};
use kit::caller::Principal;
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, config, host, outbox, params};
use serde_json::{Value, json};

use crate::origin::Origin;
use crate::report::EmergencyReport;

/// How long the reporter's answer waits for the control room to have it, milliseconds.
const WAIT_MS: u64 = 8_000;

/// When to report again, so that it is stored, seconds.
const RETRY_S: i64 = 5;

/// How much of what was said is told, characters.
const MAX_WORDS: usize = 1_500;

/// Of one reporter so many are told a minute, and of all reporters so many, by each instance: the limit that is kept in the database cannot be
/// looked at.
const MOST_OF_ONE: usize = 10;
const MOST_OF_ALL: usize = 300;

/// Whether what was answered means that the report is not stored through no fault of its own.
pub fn is_unstored(problem: &Problem) -> bool {
    problem.status().is_server_error()
}

/// Tells the control room of it; what its reporter is answered. `key` is the report's own, by which a repeated one is known; `problem` is what
/// kept it from being stored.
pub async fn tell(
    report: &EmergencyReport,
    caller: &Principal,
    key: Option<&str>,
    now: i64,
    request_id: &str,
    problem: &Problem,
) -> Result<Problem, Problem> {
    let cause = problem.cause().unwrap_or(problem.detail()).to_owned();
    let message = json!({ "id": message_id(caller, key, now)?, "emergency": document(report, caller, now) });
    let told = if is_allowed(&caller.id) {
        outbox::post_json("/internal/dispatch/unstored", request_id, &message, WAIT_MS).await
    } else {
        Err("too many of late".to_owned())
    };
    let is_told = told.as_ref().is_ok_and(|told| told["told"].as_u64().is_some_and(|count| count > 0));
    host::log(
        "error",
        "an emergency could not be stored",
        json!({ "request_id": request_id, "told": is_told, "cause": cause, "error": told.err(), "type": report.kind.kind, "by": caller.id }),
    );
    let outcome =
        if is_told { "The control room was told all the same, but it is not on record." } else { "The control room may not know of it." };
    let whom_to_call = config::get("emergency_fallback_text").await.unwrap_or_default();
    let detail = format!("This emergency could not be stored. {outcome} {whom_to_call}");
    Ok(Problem::unavailable(detail.trim_end(), RETRY_S)
        .because("not_stored")
        .with("told", is_told)
        .with("whom_to_call", whom_to_call)
        .caused_by(cause))
}

/// The same for a report that is sent again with its key, so that receivers drop the repeat.
fn message_id(caller: &Principal, key: Option<&str>, now: i64) -> Result<String, Problem> {
    let id = match key {
        Some(key) => const_hex::encode(&host::sha256(format!("{}\n{key}", caller.id).as_bytes())[..16]),
        None => host::new_id(now)?,
    };
    Ok(format!("unstored-{id}"))
}

#[derive(FromRow)]
struct Contact {
    name: Option<String>,
    phone: Option<String>,
}

/// As operators see one that is stored, without an id and marked as not stored. What the database would add is left out where it cannot be asked.
fn document(report: &EmergencyReport, caller: &Principal, now: i64) -> Value {
    let origin = Origin::find(&Database, report, caller).unwrap_or_default();
    let site = origin.site.or_else(|| report.temple_id.understood().map(|slug| (**slug).to_owned()).filter(|slug| !slug.is_empty()));
    let contact: Option<Contact> =
        Database.fetch_optional("select name, phone from user_contacts where id = ?", params![&caller.id]).ok().flatten();
    let (name, phone) = contact.map_or((None, None), |contact| (contact.name, contact.phone));
    let location = report.location.understood().map(|position| position.location);
    let accuracy_m = report.accuracy_m();
    let words = report.description.some().map(|words| words.chars().take(MAX_WORDS).collect::<String>());
    json!({
        "id": null, "stored": false, "temple_id": site, "type": report.kind.kind, "reported_type": report.kind.word,
        "severity": report.severity(), "description": words,
        "location": location.map(|at| json!({ "lat": at.lat, "lng": at.lng })),
        "location_approximate": location.is_none() || is_approximate(accuracy_m), "accuracy_m": accuracy_m, "place": origin.place,
        "status": Status::Reported, "reported_by": caller.id, "reporter_name": name, "reporter_phone": phone,
        "reported_at": format_rfc3339(now / SECOND_MS * SECOND_MS),
    })
}

thread_local! {
    static TOLD: RefCell<Recent> = const { RefCell::new(Recent(VecDeque::new())) };
}

fn is_allowed(reporter: &str) -> bool {
    TOLD.with_borrow_mut(|recent| recent.admit(reporter, Instant::now()))
}

/// Whose reports were told within the last minute.
struct Recent(VecDeque<(Instant, String)>);

impl Recent {
    fn admit(&mut self, reporter: &str, now: Instant) -> bool {
        let is_over = |at: &Instant| now.saturating_duration_since(*at) >= Duration::from_secs(60);
        while self.0.front().is_some_and(|(at, _)| is_over(at)) {
            self.0.pop_front();
        }
        let of_one = self.0.iter().filter(|(_, other)| other == reporter).count();
        let is_admitted = of_one < MOST_OF_ONE && self.0.len() < MOST_OF_ALL;
        if is_admitted {
            self.0.push_back((now, reporter.to_owned()));
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reporter_cannot_flood_the_control_room_and_keeps_nobody_else_out() {
        let mut recent = Recent(VecDeque::new());
        let now = Instant::now();
        let told = (0..50).filter(|_| recent.admit("one", now)).count();
        assert_eq!(told, MOST_OF_ONE);
        assert!(recent.admit("another", now));
        let later = now + Duration::from_secs(60);
        assert!(recent.admit("one", later));
        let of_all = (0..1_000).filter(|number| recent.admit(&number.to_string(), later)).count();
        assert_eq!(of_all, MOST_OF_ALL - 1);
    }

    #[test]
    fn a_report_that_is_sent_again_with_its_key_is_the_same_message() {
        let caller = |id: &str| Principal { id: id.to_owned(), role: domain::role::Role::Visitor, device: None, session: None };
        let id = |by: &str, key| message_id(&caller(by), key, 0).unwrap();
        assert_eq!(id("a", Some("k")), id("a", Some("k")));
        assert_ne!(id("a", Some("k")), id("b", Some("k")));
        assert_ne!(id("a", None), id("a", None));
    }
}
