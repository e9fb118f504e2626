//! One attempt to deliver a message, and what its receiver makes of it.

use bytes::Bytes;
use domain::dispatch::{Outcome, classify, is_moved};
use http::Request;
use kit::host;
use kit::http::{Bounds, Reply, SendError, send};

/// The bounds of one attempt. Its time is far below the lease, so that no message is sent side by side. Nothing of the answer's body is of
/// use, and a receiver that sends more than this is not read further.
const BOUNDS: Bounds = Bounds { time_ms: 10_000, answer_bytes: 64 * 1024 };

/// How an attempt ended.
#[derive(Debug)]
pub struct Attempt {
    /// The receiver's status; none when there was no answer.
    pub status: Option<u16>,
    /// What that means for the message.
    pub outcome: Outcome,
    /// How long the receiver asks to be left alone, milliseconds.
    pub retry_after_ms: Option<i64>,
    /// Why it was not delivered. Holds nothing of the request, which carries secrets, nor of the answer, which may repeat them.
    pub error: Option<String>,
}

impl Attempt {
    /// What cannot be sent as things are configured.
    pub fn unsendable(error: impl Into<String>) -> Self {
        Self { status: None, outcome: Outcome::Refused, retry_after_ms: None, error: Some(error.into()) }
    }

    /// An attempt that gave no answer, or half of one: it may have arrived, so the receiver may see the message's id again.
    fn unanswered(error: impl ToString) -> Self {
        Self { status: None, outcome: Outcome::Retry, retry_after_ms: None, error: Some(error.to_string()) }
    }

    fn answered(reply: &Reply, now_ms: i64) -> Self {
        let status = reply.status.as_u16();
        let outcome = classify(status);
        let error = match outcome {
            Outcome::Delivered => None,
            _ if is_moved(status) => {
                Some(format!("the receiver answered {status}, it has moved: redirects are not followed, configure its new address"))
            }
            _ => Some(format!("the receiver answered {status}")),
        };
        Self { status: Some(status), outcome, retry_after_ms: reply.retry_after_ms(now_ms), error }
    }
}

/// Sends a request.
pub async fn deliver(request: Request<Bytes>) -> Attempt {
    deliver_within(request, BOUNDS.time_ms).await
}

/// The same in another time, milliseconds.
pub async fn deliver_within(request: Request<Bytes>, time_ms: u64) -> Attempt {
    match send(request, Bounds { time_ms, ..BOUNDS }).await {
        Ok(reply) => Attempt::answered(&reply, host::now_ms()),
        Err(denied @ SendError::Denied) => Attempt::unsendable(denied.to_string()),
        Err(error) => Attempt::unanswered(error),
    }
}

/// Waits, milliseconds.
#[cfg(target_family = "wasm")]
pub async fn pause(ms: u64) {
    spin_sdk::wasip3::clocks::monotonic_clock::wait_for(ms * 1_000_000).await;
}

/// Outside a component there is nothing to wait for.
#[cfg(not(target_family = "wasm"))]
pub async fn pause(_ms: u64) {}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn only_a_failure_has_an_error() {
        let reply = |status| Reply { status, headers: HeaderMap::new(), body: Vec::new(), is_truncated: false };
        assert!(Attempt::answered(&reply(StatusCode::ACCEPTED), 0).error.is_none());
        let failed = Attempt::answered(&reply(StatusCode::INTERNAL_SERVER_ERROR), 0);
        assert_eq!(failed.error.as_deref(), Some("the receiver answered 500"));
    }
}
