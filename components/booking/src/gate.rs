//! Gates: letting pilgrims in and out, and how many are inside.
//!
//! What a gate was answered is kept by the nonce of its question: a retry changes nothing and is answered the same, also when it was
//! refused.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use domain::booking::{Booked, Refusal, Scan, admit, parse_code};
use domain::time::format_rfc3339;
use http::StatusCode;
use kit::caller::{Caller, Operator};
use kit::db::Transaction;
use kit::fields::Fields;
use kit::request::{JsonBytes, Now};
use kit::{Answer, Problem, db, host, params};
use serde_json::{Value, json};
use strum::VariantNames as _;

use crate::lists::{by_id_or_code, not_found};
use crate::show::Booking;
use crate::temple::Temple;
use crate::ticket::{self, Keys};

/// One question of a gate: may they come in?
pub struct Question {
    pub nonce: String,
    /// The booking's id or code; none when only the ticket says it.
    pub booking: Option<String>,
    /// The ticket's text; none when a code was typed.
    pub ticket: Option<String>,
    pub gate: Option<String>,
    /// When it was scanned, milliseconds.
    pub at: i64,
}

impl Question {
    /// What must be the same when its nonce comes again.
    fn asked(&self) -> String {
        format!("{} {}", self.booking.as_deref().unwrap_or_default(), self.ticket.as_deref().unwrap_or_default())
    }
}

/// How it was answered.
pub struct Judged {
    /// The booking as it is when it was let in, or why it was not.
    pub outcome: Result<Value, Refusal>,
    /// The booking's id, when the question led to one.
    pub booking: Option<String>,
    /// Whether the answer is that of an earlier question with this nonce.
    pub replayed: bool,
}

/// Reads `nonce`: up to 64 letters, digits and `-._`, drawn by the gate for each scan.
pub fn nonce(fields: &mut Fields) -> Option<String> {
    let nonce = fields.opt_text("nonce", 1..=64)?;
    let plain = nonce.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    fields.check(plain, "nonce", "must have only letters, digits and - . _");
    Some(nonce)
}

/// Reads `gate`, a name for the record.
pub fn gate(fields: &mut Fields) -> Option<String> {
    fields.opt_text("gate", 1..=64)
}

/// Judges one question at a gate of this temple, inside a transaction. 404 when there is no such booking, 422 when the nonce was another
/// question's.
pub fn judge(tx: &Transaction, keys: &Keys, temple: &Temple, question: &Question, actor: &str, now: i64) -> Result<Judged, Problem> {
    let run = |sql: &str, params| tx.run(sql, params);
    let asked = question.asked();
    if let Some(kept) = kept(tx, &question.nonce, "checkin", &asked, &temple.site)? {
        return Ok(kept);
    }
    let ticket = question.ticket.as_deref().map(|text| keys.verify(text));
    let named = match (&question.booking, &ticket) {
        (Some(booking), _) => Some(by_id_or_code(run, booking)?),
        (None, Some(Some(ticket))) => match by_id_or_code(run, &uuid::Uuid::from_bytes(ticket.booking).to_string()) {
            Ok(booking) => Some(booking),
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => None,
            Err(problem) => return Err(problem),
        },
        (None, _) => None,
    };
    let genuine = |booking: &Booking| match &ticket {
        None => Ok(None),
        Some(Some(ticket)) if uuid::Uuid::from_bytes(ticket.booking).to_string() == booking.id => Ok(Some(i64::from(ticket.number))),
        Some(_) => Err(Refusal::BadSignature),
    };
    let (outcome, booking) = match named {
        None => (Err(Refusal::BadSignature), None),
        Some(booking) => {
            let outcome = genuine(&booking).and_then(|number| {
                let booked = Booked {
                    site: &booking.site,
                    date: booking.date,
                    starts_at: booking.starts_at,
                    ends_at: booking.ends_at,
                    status: booking.status,
                    ticket: booking.ticket,
                };
                admit(&booked, &Scan { site: &temple.site, zone: temple.zone, at: question.at, ticket: number })
            });
            match outcome {
                Ok(()) => (let_in(tx, &booking, question, actor, now)?, Some(booking.id)),
                Err(refusal) => (Err(refusal), Some(booking.id)),
            }
        }
    };
    let (word, answer) = match &outcome {
        Ok(shown) => ("checked_in", Some(shown.to_string())),
        Err(refusal) => (refusal.into_str(), None),
    };
    keep(
        tx,
        &Kept {
            nonce: &question.nonce,
            kind: "checkin",
            asked,
            booking: booking.as_deref(),
            site: &temple.site,
            at: question.at,
            word,
            answer,
            actor,
            now,
        },
    )?;
    Ok(Judged { outcome, booking, replayed: false })
}

/// The one write that lets in; whether it may is its condition.
fn let_in(tx: &Transaction, booking: &Booking, question: &Question, actor: &str, now: i64) -> Result<Result<Value, Refusal>, Problem> {
    let entered = tx.run(
        "update bookings set status = 'checked_in', checked_in_at = ?2, checked_in_by = ?3, gate = ?4, ended_at = null, updated_at = ?5,
            updated_by = ?3
         where no = ?1 and status in ('confirmed', 'no_show')
         returning no",
        params![booking.no, question.at, actor, question.gate.as_deref(), now],
    )?;
    if entered.is_empty() {
        return Ok(Err(Refusal::AlreadyCheckedIn));
    }
    Ok(Ok(by_id_or_code(|sql, params| tx.run(sql, params), &booking.id)?.json()))
}

/// What was answered to this nonce before.
fn kept(tx: &Transaction, nonce: &str, kind: &str, asked: &str, site: &str) -> Result<Option<Judged>, Problem> {
    let rows = tx.run(
        "select kind = ?2 and asked = ?3 and site = ?4, outcome, answer, booking from booking_scans where nonce = ?1",
        params![nonce, kind, asked, site],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    if !row.bool(0)? {
        return Err(Problem::invalid_field("nonce", "was used for another scan"));
    }
    let outcome = match row.text(1)?.parse::<Refusal>() {
        Ok(refusal) => Err(refusal),
        Err(_) => Ok(serde_json::from_str(row.opt_text(2)?.unwrap_or("null")).map_err(Problem::internal)?),
    };
    Ok(Some(Judged { outcome, booking: row.opt_text(3)?.map(str::to_owned), replayed: true }))
}

struct Kept<'a> {
    nonce: &'a str,
    kind: &'static str,
    asked: String,
    booking: Option<&'a str>,
    site: &'a str,
    at: i64,
    word: &'a str,
    answer: Option<String>,
    actor: &'a str,
    now: i64,
}

fn keep(tx: &Transaction, kept: &Kept<'_>) -> Result<(), Problem> {
    tx.run(
        "insert into booking_scans (nonce, kind, asked, booking, site, at, outcome, answer, judged_at, judged_by)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            kept.nonce,
            kept.kind,
            &kept.asked,
            kept.booking,
            kept.site,
            kept.at,
            kept.word,
            kept.answer.as_deref(),
            kept.now,
            kept.actor,
        ],
    )?;
    Ok(())
}

/// The problem that a gate gets: 422 for what is no ticket of ours, else 409; the word is its `reason`.
pub fn refused(refusal: Refusal) -> Problem {
    let problem = match refusal {
        Refusal::BadSignature => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused-at-gate", refusal.detail()),
        _ => Problem::new(StatusCode::CONFLICT, "refused-at-gate", refusal.detail()),
    };
    problem.because(refusal.into_str())
}

fn answered(shown: Value, replayed: bool) -> Response {
    let mut response = Json(shown).into_response();
    if replayed {
        response.headers_mut().insert("idempotent-replayed", http::HeaderValue::from_static("true"));
    }
    response
}

/// POST `/api/bookings/{id}/checkin`, by id or code: `{temple_id?, nonce?, ticket?, gate?}` → the booking, checked in. Refusals are 409
/// (422 for a bad signature) with `reason`: see `domain::booking::Refusal`. Who names no temple is taken to stand at the booking's own;
/// without a nonce a retry is a question of its own.
pub async fn check_in(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, JsonBytes(body): JsonBytes) -> Answer<Response> {
    let keys = ticket::keys().await?;
    let mut fields = if body.is_empty() { Fields::of(json!({}))? } else { Fields::parse(&body)? };
    fields.alias("ticket", "token").alias("ticket", "qr_token").alias("temple_id", "temple");
    let temple = fields.opt_text("temple_id", 1..=64);
    let nonce = nonce(&mut fields);
    let text = fields.opt_text("ticket", 1..=1000);
    let gate = gate(&mut fields);
    fields.finish()?;

    let temple = match temple {
        Some(temple) => temple,
        None => by_id_or_code(db::run, &id)?.site,
    };
    let temple = Temple::of_field(db::run, &temple)?;
    let nonce = nonce.map_or_else(|| host::new_id(now), Ok)?;
    // A code is the same however it was typed.
    let question = Question { nonce, booking: Some(parse_code(&id).unwrap_or(id)), ticket: text, gate, at: now };
    let judged = db::transaction(|tx| judge(tx, &keys, &temple, &question, &caller.0.id, now))?;
    let shown = judged.outcome.map_err(refused)?;
    Ok(answered(shown, judged.replayed))
}

/// POST `/api/bookings/{id}/exit`, by id or code: `{nonce?}` → the booking, exited. 409 with `reason` `exited` or `not_inside`.
pub async fn exit(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, JsonBytes(body): JsonBytes) -> Answer<Response> {
    let mut fields = if body.is_empty() { Fields::of(json!({}))? } else { Fields::parse(&body)? };
    let nonce = nonce(&mut fields);
    fields.finish()?;
    let (shown, replayed) = db::transaction(|tx| {
        let run = |sql: &str, params| tx.run(sql, params);
        let booking = by_id_or_code(run, &id)?;
        if let Some(nonce) = &nonce
            && let Some(kept) = kept(tx, nonce, "exit", &booking.id, &booking.site)?
        {
            return Ok((kept.outcome.map_err(refused)?, true));
        }
        let exited = tx.run(
            "update bookings set status = 'exited', exited_at = ?2, updated_at = ?2, updated_by = ?3
             where no = ?1 and status = 'checked_in' returning no",
            params![booking.no, now, &caller.0.id],
        )?;
        if exited.is_empty() {
            let reason = if booking.exited_at.is_some() { "exited" } else { "not_inside" };
            return Err(Problem::conflict(format!("the booking is {}: nobody of it is inside", booking.status.into_str())).because(reason));
        }
        let shown = by_id_or_code(run, &booking.id)?.json();
        if let Some(nonce) = &nonce {
            keep(
                tx,
                &Kept {
                    nonce,
                    kind: "exit",
                    asked: booking.id.clone(),
                    booking: Some(&booking.id),
                    site: &booking.site,
                    at: now,
                    word: "exited",
                    answer: Some(shown.to_string()),
                    actor: &caller.0.id,
                    now,
                },
            )?;
        }
        Ok((shown, false))
    })?;
    Ok(answered(shown, replayed))
}

/// GET `/api/bookings/temple/{temple}/inside`: the people inside now, and today's numbers of people by state.
pub async fn inside(_: Caller<Operator>, Now(now): Now, Path(temple): Path<String>) -> Answer<Json<Value>> {
    let temple = Temple::at_path(db::run, &temple)?;
    let today = temple.today(now).to_string();
    let rows = db::run(
        "select coalesce(sum(party_size), 0), count(*) from bookings indexed by bookings_inside where site = ? and status = 'checked_in'",
        params![&temple.site],
    )?;
    let row = rows.first().ok_or_else(not_found)?;
    let by_status =
        db::run("select status, sum(party_size) from bookings where site = ? and date = ? group by status", params![&temple.site, &today])?;
    let mut people = serde_json::Map::new();
    for status in domain::booking::Status::VARIANTS {
        people.insert((*status).to_owned(), 0.into());
    }
    for row in by_status.iter() {
        people.insert(row.text(0)?.to_owned(), row.int(1)?.into());
    }
    Ok(Json(json!({
        "temple_id": temple.site,
        "inside": row.int(0)?,
        "parties": row.int(1)?,
        "date": today,
        "people": people,
        "as_of": format_rfc3339(now),
    })))
}
