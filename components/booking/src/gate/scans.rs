//! A gate's scans, and what the gate was answered.
//!
//! The answer is kept by the scan's nonce: a retry changes nothing and is answered the same, also when it was refused.

use axum::response::{IntoResponse, Response};
use const_format::formatcp;
use domain::booking::{Booked, Refusal, Scan, Status, admit, may_overrule};
use domain::booking_gate::Scanned;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use kit::api::{Request, Respond, answers_json};
use kit::db::{DbError, Executor, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};

use super::refused::Refused;
use crate::model::{self, Booking};
use crate::sql::{ADMISSIBLE, CHECKED_IN};
use crate::temple::Temple;
use crate::ticket::Keys;

kit::text_type! {
    /// What a gate draws at random for each scan, so that a retry is known as one.
    pub struct Nonce, "must have 1 to 64 letters, digits and - . _", pattern: "^[A-Za-z0-9._-]{1,64}$", is_nonce
}

fn is_nonce(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

/// A scan at the way in.
pub struct EntryScan {
    pub nonce: String,
    /// The booking's id or code; none when only the ticket says it.
    pub booking: Option<String>,
    /// The ticket's text; none when a code was typed.
    pub ticket: Option<String>,
    /// A name for the record.
    pub gate: Option<String>,
    /// When it was scanned, milliseconds.
    pub at: i64,
    /// Why an operator lets them in whatever the scan says; none for a scan that stands by itself.
    pub reason: Option<String>,
}

impl EntryScan {
    /// As it is kept beside its answer: the booking as it was named, and the ticket.
    fn asked(&self) -> String {
        format!("{} {}", self.booking.as_deref().unwrap_or_default(), self.ticket.as_deref().unwrap_or_default())
    }
}

/// What the gate is answered.
pub struct Verdict {
    /// The [`Booking`] as JSON, as it was when it was let in or out; or why it was not.
    pub outcome: Result<String, Refused>,
    /// The booking's id, when the scan led to one.
    pub booking: Option<String>,
    /// Whether the answer is that of an earlier scan with this nonce.
    pub replayed: bool,
}

/// Why a scan has no verdict.
pub enum Unanswered {
    /// There is no such booking.
    UnknownBooking,
    /// The nonce was another scan's.
    NonceUsed,
    /// An error of ours.
    Failed(Problem),
}

/// What is told of a nonce that was another scan's.
pub const NONCE_USED: &str = "was used for another scan";

impl From<Problem> for Unanswered {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

impl From<DbError> for Unanswered {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Unanswered> for Problem {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::UnknownBooking => model::not_found(),
            Unanswered::NonceUsed => Self::invalid_field("nonce", NONCE_USED),
            Unanswered::Failed(problem) => problem,
        }
    }
}

/// Decides one scan at a gate of this temple and checks the booking in, inside a transaction.
pub fn decide_entry(
    db: &dyn Executor,
    keys: &Keys,
    temple: &Temple,
    scan: &EntryScan,
    actor: &str,
    now: i64,
) -> Result<Verdict, Unanswered> {
    let stored = find_stored(db, &scan.nonce)?;
    let found = match (&scan.booking, &scan.ticket) {
        (Some(id), _) => Booking::find(db, id)?,
        (None, Some(text)) => match keys.verify(text) {
            Some(ticket) => Booking::find(db, &booking_id(ticket.booking))?,
            None => None,
        },
        (None, None) => None,
    };
    if let Some(stored) = stored {
        let scanned = Scanned { booking: found.as_ref().map(|booking| booking.id.as_str()), ticket: scan.ticket.as_deref() };
        return if stored.is_override() == scan.reason.is_some() {
            stored.replay(Way::In, &temple.site, &scanned)
        } else {
            Err(Unanswered::NonceUsed)
        };
    }
    if scan.booking.is_some() && found.is_none() {
        return Err(Unanswered::UnknownBooking);
    }
    let mut overruled = None;
    let outcome = match &found {
        Some(booking) => match may_enter(keys, temple, scan, booking) {
            Ok(()) => check_in(db, booking, temple, scan, actor, now)?,
            Err(refusal) if scan.reason.is_some() && may_overrule(refusal, booking.status) => {
                let outcome = check_in(db, booking, temple, scan, actor, now)?;
                overruled = outcome.is_ok().then_some(refusal);
                outcome
            }
            Err(refusal) => Err(Refused::of(refusal, booking, temple)?),
        },
        None => Err(Refused::unknown(Refusal::BadSignature)),
    };
    let verdict = Verdict { outcome, booking: found.map(|booking| booking.id), replayed: false };
    let scan = Answered {
        nonce: &scan.nonce,
        way: Way::In,
        asked: &scan.asked(),
        site: &temple.site,
        at: scan.at,
        reason: scan.reason.as_deref(),
        overruled,
    };
    keep(db, &scan, &verdict, actor, now)?;
    Ok(verdict)
}

fn booking_id(bytes: [u8; 16]) -> String {
    uuid::Uuid::from_bytes(bytes).to_string()
}

fn may_enter(keys: &Keys, temple: &Temple, scan: &EntryScan, booking: &Booking) -> Result<(), Refusal> {
    let ticket = match &scan.ticket {
        None => None,
        Some(text) => {
            let ticket = keys.verify(text).filter(|ticket| booking_id(ticket.booking) == booking.id);
            Some(i64::from(ticket.ok_or(Refusal::BadSignature)?.number))
        }
    };
    let booked = Booked {
        site: &booking.temple_id,
        date: booking.date,
        starts_at: booking.starts_at.0,
        ends_at: booking.ends_at.0,
        status: booking.status,
        ticket: booking.ticket_number,
    };
    admit(&booked, &Scan { site: &temple.site, zone: temple.zone, at: scan.at, ticket })
}

/// Whether the booking may come in is a condition of this one write.
const CHECK_IN: &str = formatcp!("update bookings set status = '{CHECKED_IN}', checked_in_at = ?2, checked_in_by = ?3, gate = ?4, ended_at = null, updated_at = ?5, updated_by = ?3
     where no = ?1 and status in {ADMISSIBLE} returning no");

fn check_in(
    db: &dyn Executor,
    booking: &Booking,
    temple: &Temple,
    scan: &EntryScan,
    actor: &str,
    now: i64,
) -> Result<Result<String, Refused>, Problem> {
    let let_in = db.exists(CHECK_IN, params![booking.no, scan.at, actor, scan.gate.as_deref(), now])?;
    let after = Booking::get(db, &booking.id)?;
    if !let_in {
        return Refused::of(Refusal::AlreadyCheckedIn, &after, temple).map(Err);
    }
    to_json(&after).map(Ok)
}

/// As it is answered and kept.
pub fn to_json(booking: &Booking) -> Result<String, Problem> {
    serde_json::to_string(booking).map_err(Problem::internal)
}

/// Which way a gate was asked about.
#[derive(Clone, Copy)]
pub enum Way {
    In,
    Out,
}

impl Way {
    /// As it is stored.
    const fn kind(self) -> &'static str {
        match self {
            Self::In => "checkin",
            Self::Out => "exit",
        }
    }

    /// The outcome, as it is stored, of a booking that went this way.
    const fn outcome(self) -> Status {
        match self {
            Self::In => Status::CheckedIn,
            Self::Out => Status::Exited,
        }
    }
}

/// What was answered to a nonce before, and to which question.
#[derive(FromRow)]
pub struct StoredAnswer {
    kind: String,
    asked: String,
    site: String,
    outcome: String,
    answer: Option<String>,
    booking: Option<String>,
    reason: Option<String>,
}

/// What was answered to this nonce before.
pub fn find_stored(db: &dyn Executor, nonce: &str) -> Result<Option<StoredAnswer>, Problem> {
    db.fetch_optional("select kind, asked, site, outcome, answer, booking, reason from booking_scans where nonce = ?", params![nonce])
}

impl StoredAnswer {
    /// Whether an operator let them in, or meant to, whatever the scan said.
    pub fn is_override(&self) -> bool {
        self.reason.is_some()
    }

    /// The first answer again, when it was the same scan: however the booking was named, by its id, its code or its ticket.
    pub fn replay(self, way: Way, site: &str, scanned: &Scanned<'_>) -> Result<Verdict, Unanswered> {
        let ticket = self.asked.split_once(' ').map(|(_, ticket)| ticket).filter(|ticket| !ticket.is_empty());
        let first = Scanned { booking: self.booking.as_deref(), ticket };
        if self.kind != way.kind() || self.site != site || !first.is_same(scanned) {
            return Err(Unanswered::NonceUsed);
        }
        let outcome = match self.outcome.parse::<Refusal>() {
            Ok(reason) => {
                let told = self.answer.map(|answer| serde_json::from_str(&answer)).transpose().map_err(Problem::internal)?;
                Err(told.map_or_else(|| Refused::unknown(reason), |told| Refused { reason, told }))
            }
            Err(_) => Ok(self.answer.ok_or_else(|| Problem::internal("a scan that was let through has no answer"))?),
        };
        Ok(Verdict { outcome, booking: self.booking, replayed: true })
    }
}

/// A scan that has its verdict.
pub struct Answered<'a> {
    pub nonce: &'a str,
    pub way: Way,
    /// As the booking was named, then a space and the ticket, if any.
    pub asked: &'a str,
    pub site: &'a str,
    /// When it was scanned, milliseconds.
    pub at: i64,
    /// Why an operator let them in; none for a scan that stood by itself.
    pub reason: Option<&'a str>,
    /// The refusal that this set aside.
    pub overruled: Option<Refusal>,
}

/// Keeps the answer for a retry.
pub fn keep(db: &dyn Executor, scan: &Answered<'_>, verdict: &Verdict, actor: &str, now: i64) -> Result<(), Problem> {
    let (outcome, answer) = match &verdict.outcome {
        Ok(booking) => (scan.way.outcome().into_str(), booking.clone()),
        Err(refused) => (refused.reason.into_str(), serde_json::to_string(&refused.told).map_err(Problem::internal)?),
    };
    db.run(
        "insert into booking_scans (nonce, kind, asked, booking, site, at, outcome, answer, judged_at, judged_by, reason, overruled)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            scan.nonce,
            scan.way.kind(),
            scan.asked,
            verdict.booking.as_deref(),
            scan.site,
            scan.at,
            outcome,
            answer,
            now,
            actor,
            scan.reason,
            scan.overruled.map(|refusal| refusal.into_str()),
        ],
    )?;
    Ok(())
}

/// The answer for the gate: the booking; or 422 for what is no ticket of ours, else 409, with the refusal as `reason` and the
/// [`RefusedBooking`](super::refused::RefusedBooking) as `booking`. A repeated refusal has `replayed`.
pub fn answer(verdict: Verdict) -> Result<GateAnswer, Problem> {
    let replayed = verdict.replayed;
    let refused = |Refused { reason, told }: Refused| {
        let status = match reason {
            Refusal::BadSignature => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        let mut problem = Problem::new(status, "refused-at-gate", told.detail).because(reason.into_str());
        if let Some(booking) = told.booking {
            problem = problem.with("booking", booking);
        }
        if replayed { problem.with("replayed", true) } else { problem }
    };
    let booking = verdict.outcome.map_err(refused)?;
    Ok(GateAnswer { booking, replayed })
}

/// 200 with the [`Booking`], now or when its nonce first came. A repeated answer carries `Idempotent-Replayed: true`.
pub struct GateAnswer {
    booking: String,
    replayed: bool,
}

impl IntoResponse for GateAnswer {
    fn into_response(self) -> Response {
        let mut response = ([(CONTENT_TYPE, "application/json")], self.booking).into_response();
        if self.replayed {
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

impl Respond for GateAnswer {
    fn describe(request: &mut Request<'_>) {
        answers_json::<Booking>(request, 200, "The booking, as it is now or was when this nonce first came.");
    }
}
