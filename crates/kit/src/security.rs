//! Events that whoever watches for attacks wants to see, one JSON line each, in the words of the OWASP Logging Vocabulary: failed sign-ins,
//! locks, uses of what was revoked, refused roles (docs/reference/operations.md#security-events).
//!
//! A refusal carries its event to the edge ([`Problem::logged_as`]), which knows the client's address and the request's id. A 403 that carries
//! none is an `authz_fail` of whoever was identified.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use strum::IntoStaticStr;

use crate::client::Origin;
use crate::{Problem, host};

/// Lines that one instance writes in a second at most: what floods the service must not flood its log. The next line says how many were left
/// out.
const MAX_PER_SECOND: u32 = 20;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// A sign-in failed.
    AuthnLoginFail,
    /// A sign-in was refused unheard, after too many that failed.
    AuthnLoginLock,
    /// A new password was asked for with a wrong current one.
    AuthnPasswordChangeFail,
    /// A token, key or session that had ended was used.
    AuthnTokenReuse,
    /// Somebody who was identified may not do what they asked for.
    AuthzFail,
    /// One client asked for too much.
    ExcessRateLimitExceeded,
}

/// An event, as a refusal carries it.
#[derive(Clone, Debug)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// Whom it is about: the id of an account, or what stands for one that is not known; never what was typed.
    pub account: Option<String>,
    /// A word for the cause, which the caller is not always told.
    pub reason: &'static str,
}

/// Who a request turned out to come from, for the edge: set where the caller is identified.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identified(Arc<OnceLock<String>>);

impl Identified {
    /// Notes the caller of the request with these parts.
    pub(crate) fn note(parts: &Parts, id: &str) {
        if let Some(Self(cell)) = parts.extensions.get() {
            cell.get_or_init(|| id.to_owned());
        }
    }
}

/// Writes the event of a refusal, if it has one.
pub(crate) fn log(response: &Response, origin: Origin, identified: &Identified, method: &http::Method, path: &str, request_id: &str) {
    let Some(problem) = response.extensions().get::<Problem>() else { return };
    let (kind, account, reason) = match problem.event() {
        Some(event) => (event.kind, identified.0.get().or(event.account.as_ref()), event.reason),
        None if problem.status() == StatusCode::FORBIDDEN => (Kind::AuthzFail, identified.0.get(), problem.detail()),
        None => return,
    };
    let Some(left_out) = may_write(host::now_ms() / 1000) else { return };
    host::log(
        "warn",
        "security",
        serde_json::json!({
            "event": <&str>::from(kind),
            "account": account,
            "address": origin.address(),
            "reason": reason,
            "request_id": request_id,
            "method": method.as_str(),
            "path": path,
            "status": problem.status().as_u16(),
            "left_out": (left_out > 0).then_some(left_out),
        }),
    );
}

/// Whether a line may be written in this second, and how many were left out before it.
fn may_write(second: i64) -> Option<u32> {
    thread_local! {
        static WRITTEN: Cell<(i64, u32, u32)> = const { Cell::new((0, 0, 0)) };
    }
    let (last, written, left_out) = WRITTEN.get();
    let written = if last == second { written } else { 0 };
    let may = written < MAX_PER_SECOND;
    WRITTEN.set(if may { (second, written + 1, 0) } else { (second, written, left_out.saturating_add(1)) });
    may.then_some(left_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_events_is_a_few_lines_that_say_how_many_there_were() {
        let written = (0..500).filter_map(|_| may_write(7)).count();
        assert_eq!(written, MAX_PER_SECOND as usize);
        assert_eq!(may_write(8), Some(500 - MAX_PER_SECOND));
        assert_eq!(may_write(8), Some(0));
    }
}
