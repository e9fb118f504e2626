//! What a gate was answered. It is kept by the scan's nonce: a retry changes nothing and is answered the same, also when it was refused.

use axum::response::{IntoResponse, Response};
use domain::booking::{Refusal, Status};
use domain::booking_gate::Scanned;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use kit::api::{Request, Respond, answers_json};
use kit::db::{DbError, Executor, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};

use super::refused::Refused;
use crate::model::{self, Booking};

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
