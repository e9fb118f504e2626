//! POST `/api/bookings/checkin/batch`: what a gate scanned while it was offline.

use axum::Json;
use domain::booking::{MAX_CLOCK_SKEW_MS, parse_code};
use domain::time::format_rfc3339;
use kit::caller::{Caller, Operator};
use kit::db::Transaction;
use kit::fields::Fields;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, db};
use serde_json::{Value, json};

use crate::gate::{Judged, Question, gate, judge, nonce};
use crate::temple::Temple;
use crate::ticket::{self, Keys};

/// The scans that one upload may have.
const MAX_SCANS: usize = 500;

/// `{temple_id, gate?, scans: [{nonce, scanned_at, ticket or booking}]}` → `{accepted, refused, results}`. Each scan is judged alone, by
/// the time that the gate gives it; earlier ones first, so that of two with one ticket the first lets in. A result has `index`,
/// `nonce`, `outcome` (`checked_in` or `refused`), `reason`, `booking_id`, `replayed`.
pub async fn check_in(caller: Caller<Operator>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<Json<Value>> {
    let keys = ticket::keys().await?;
    let mut fields = Fields::parse(&body)?;
    let temple = fields.text("temple_id", 1..=64);
    let gate = gate(&mut fields);
    let scans = match fields.take("scans") {
        Some(Value::Array(scans)) if (1..=MAX_SCANS).contains(&scans.len()) => scans,
        None => {
            fields.refuse("scans", "is required");
            Vec::new()
        }
        Some(_) => {
            fields.refuse("scans", format!("must be a list of 1 to {MAX_SCANS} scans"));
            Vec::new()
        }
    };
    fields.finish()?;
    let temple = Temple::of_field(db::run, &temple)?;

    let mut read: Vec<_> = scans.into_iter().map(|scan| Read::of(scan, gate.as_deref(), now)).enumerate().collect();
    read.sort_by_key(|(index, read)| (read.question.as_ref().map_or(0, |question| question.at), *index));
    let mut results = db::transaction(|tx| {
        let judged = read.iter().map(|(index, read)| Ok((*index, result(tx, &keys, &temple, read, &caller.0.id, now)?)));
        judged.collect::<Result<Vec<_>, Problem>>()
    })?;
    results.sort_by_key(|(index, _)| *index);
    let results: Vec<_> = results
        .into_iter()
        .map(|(index, mut result)| {
            result["index"] = index.into();
            result
        })
        .collect();
    let accepted = results.iter().filter(|result| result["outcome"] == "checked_in").count();
    Ok(Json(json!({ "accepted": accepted, "refused": results.len() - accepted, "results": results })))
}

/// A scan as it was read.
struct Read {
    nonce: Option<String>,
    question: Result<Question, Problem>,
}

impl Read {
    fn of(scan: Value, gate: Option<&str>, now: i64) -> Self {
        let mut fields = match Fields::of(scan) {
            Ok(fields) => fields,
            Err(problem) => return Self { nonce: None, question: Err(problem) },
        };
        fields.alias("ticket", "token").alias("booking", "booking_id").alias("booking", "booking_code");
        let nonce = nonce(&mut fields);
        if nonce.is_none() && !fields.errors().contains_key("nonce") {
            fields.refuse("nonce", "is required");
        }
        let at = fields.time("scanned_at");
        fields.check(at <= now + MAX_CLOCK_SKEW_MS, "scanned_at", "must not be over 5 minutes ahead");
        let ticket = fields.opt_text("ticket", 1..=1000);
        let booking = fields.opt_text("booking", 1..=64).map(|typed| parse_code(&typed).unwrap_or(typed));
        if ticket.is_none() && booking.is_none() && fields.errors().is_empty() {
            fields.refuse("ticket", "or booking is required");
        }
        let question = Question { nonce: nonce.clone().unwrap_or_default(), booking, ticket, gate: gate.map(str::to_owned), at };
        Self { nonce, question: fields.finish().map(|()| question) }
    }
}

/// The result of one scan. What is wrong with it alone is its reason; an error is one of ours, and undoes the whole upload.
fn result(tx: &Transaction, keys: &Keys, temple: &Temple, read: &Read, actor: &str, now: i64) -> Result<Value, Problem> {
    let judged = match &read.question {
        Ok(question) => judge(tx, keys, temple, question, actor, now),
        Err(problem) => Err(problem.clone()),
    };
    let refused = |reason: &str, problem: &Problem| {
        json!({
            "nonce": read.nonce, "outcome": "refused", "reason": reason, "detail": problem.detail(), "errors": problem.errors(),
            "booking_id": null, "replayed": false,
        })
    };
    match judged {
        Ok(Judged { outcome, booking, replayed }) => Ok(json!({
            "nonce": read.nonce,
            "outcome": if outcome.is_ok() { "checked_in" } else { "refused" },
            "reason": outcome.as_ref().err().map(|refusal| refusal.into_str()),
            "booking_id": booking,
            "scanned_at": read.question.as_ref().ok().map(|question| format_rfc3339(question.at)),
            "replayed": replayed,
        })),
        Err(problem) if problem.status() == http::StatusCode::NOT_FOUND => Ok(refused("unknown_booking", &problem)),
        Err(problem) if problem.status().is_client_error() => Ok(refused("invalid", &problem)),
        Err(problem) => Err(problem),
    }
}
