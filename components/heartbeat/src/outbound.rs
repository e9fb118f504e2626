//! One request out, and what its receiver makes of it.

use bytes::Bytes;
use domain::dispatch::{Outcome, classify};
use http::{HeaderMap, Request};

/// How long one attempt may last, milliseconds: far below the lease, so that no message is sent side by side.
pub const ATTEMPT_MS: u64 = 10_000;

/// How an attempt ended.
#[derive(Debug)]
pub struct Reply {
    /// The receiver's status; none when there was no answer.
    pub status: Option<u16>,
    /// What that means for the message.
    pub outcome: Outcome,
    /// How long the receiver asks to be left alone, milliseconds.
    pub retry_after_ms: Option<i64>,
    /// Why it was not delivered. Holds nothing of the request, which carries secrets, nor of the answer, which may repeat them.
    pub error: Option<String>,
}

impl Reply {
    /// An attempt that gave no answer, or half of one: it may have arrived, so the receiver may see the message's id again.
    pub fn unanswered(error: impl Into<String>) -> Self {
        Self { status: None, outcome: Outcome::Retry, retry_after_ms: None, error: Some(error.into()) }
    }

    /// What cannot be sent as things are configured.
    pub fn unsendable(error: impl Into<String>) -> Self {
        Self { status: None, outcome: Outcome::Refused, retry_after_ms: None, error: Some(error.into()) }
    }

    /// A whole answer.
    pub fn answered(status: u16, headers: &HeaderMap, now_ms: i64) -> Self {
        let outcome = classify(status);
        let error = (outcome != Outcome::Delivered).then(|| format!("the receiver answered {status}"));
        Self { status: Some(status), outcome, retry_after_ms: retry_after(headers, now_ms), error }
    }
}

/// `Retry-After` in milliseconds: seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap, now_ms: i64) -> Option<i64> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds) * 1000);
    }
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
    Some(at.saturating_sub(now_ms).max(0))
}

/// Sends it and reads the answer, within [`ATTEMPT_MS`].
#[cfg(target_family = "wasm")]
pub async fn send(request: Request<Bytes>) -> Reply {
    use futures::future::{Either, select};
    use spin_sdk::wasip3::clocks::monotonic_clock::wait_for;

    let exchange = std::pin::pin!(exchange(request));
    let limit = std::pin::pin!(wait_for(ATTEMPT_MS * 1_000_000));
    match select(exchange, limit).await {
        Either::Left((reply, _)) => reply,
        Either::Right(_) => Reply::unanswered(format!("no answer within {} s", ATTEMPT_MS / 1000)),
    }
}

/// Waits, milliseconds.
#[cfg(target_family = "wasm")]
pub async fn pause(ms: u64) {
    spin_sdk::wasip3::clocks::monotonic_clock::wait_for(ms * 1_000_000).await;
}

#[cfg(target_family = "wasm")]
async fn exchange(request: Request<Bytes>) -> Reply {
    use http_body_util::BodyExt as _;
    use spin_sdk::http::FullBody;
    use spin_sdk::wasip3::http::types::ErrorCode;

    /// No more of an answer is read than that.
    const MAX_ANSWER: usize = 64 * 1024;

    let response = match spin_sdk::http::send(request.map(FullBody::new)).await {
        Ok(response) => response,
        Err(ErrorCode::HttpRequestDenied) => return Reply::unsendable("allowed_outbound_hosts does not allow this destination"),
        Err(error) => return Reply::unanswered(format!("not sent: {error}")),
    };
    let (parts, mut body) = response.into_parts();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => read += frame.data_ref().map_or(0, Bytes::len),
            Err(_) => return Reply::unanswered(format!("the receiver answered {} and broke off", parts.status.as_u16())),
        }
        if read > MAX_ANSWER {
            break;
        }
    }
    Reply::answered(parts.status.as_u16(), &parts.headers, kit::host::now_ms())
}

/// Outside a component there is nothing to wait for.
#[cfg(not(target_family = "wasm"))]
pub async fn pause(_ms: u64) {}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub async fn send(_request: Request<Bytes>) -> Reply {
    Reply::unanswered("there is no network outside Spin")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &'static str) -> Option<i64> {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, http::HeaderValue::from_static(value))]);
        retry_after(&headers, 1_445_412_400_000)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(asked("120"), Some(120_000));
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), Some(80_000));
        assert_eq!(asked("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        assert_eq!(asked("-1"), None);
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn only_a_failure_has_an_error() {
        assert!(Reply::answered(202, &HeaderMap::new(), 0).error.is_none());
        assert_eq!(Reply::answered(500, &HeaderMap::new(), 0).error.as_deref(), Some("the receiver answered 500"));
    }
}
