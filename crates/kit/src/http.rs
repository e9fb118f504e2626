//! Requests to other systems: one exchange, bounded in time and size.
//!
//! No error holds anything of the request, which carries secrets, nor of the answer, which may repeat them.

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Request, StatusCode};

use crate::clock;

/// The bounds of an exchange.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long it may last, milliseconds.
    pub time_ms: u64,
    /// How much of the answer's body is read, bytes.
    pub answer_bytes: usize,
}

/// What was answered.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// Whether the body is longer than was to be read.
    pub is_truncated: bool,
}

impl Reply {
    /// How long the receiver asks to be left alone, milliseconds: `Retry-After`, seconds or a date (RFC 9110 §10.2.3).
    pub fn retry_after_ms(&self, now_ms: i64) -> Option<i64> {
        retry_after_ms(&self.headers, now_ms)
    }
}

/// Why there is no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The manifest does not allow it: nothing was sent.
    #[error("allowed_outbound_hosts does not allow this destination")]
    Denied,
    /// There is no way there: no such name, or a network that cannot be reached. Nothing was sent.
    #[error("no way there: {0}")]
    Unreachable(String),
    /// No connection, or it broke off before the answer began: the receiver may have got the request.
    #[error("no answer: {0}")]
    Unanswered(String),
    /// No whole answer within the time: the receiver may have got the request.
    #[error("no answer within {} s", .0 / 1000)]
    TimedOut(u64),
    /// The answer began, and nothing more of it came for so long, milliseconds.
    #[error("the receiver's answer stopped for {} s", .0 / 1000)]
    Stalled(u64),
    /// The answer began and broke off.
    #[error("the receiver answered {} and broke off", .0.as_u16())]
    BrokenOff(StatusCode),
}

/// An answer whose body is read piece by piece.
pub struct Opened {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Incoming,
}

/// The body of an answer. What is not asked for is not read: who sends it waits.
pub struct Incoming {
    #[cfg(target_family = "wasm")]
    body: spin_sdk::wasip3::http_compat::IncomingResponseBody,
    #[cfg(target_family = "wasm")]
    status: StatusCode,
    #[cfg(not(target_family = "wasm"))]
    body: futures::stream::BoxStream<'static, Result<Bytes, SendError>>,
}

impl Incoming {
    /// The next piece; none at the end.
    #[cfg(target_family = "wasm")]
    pub async fn next(&mut self) -> Option<Result<Bytes, SendError>> {
        use http_body_util::BodyExt as _;

        loop {
            match self.body.frame().await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(_) => return Some(Err(SendError::BrokenOff(self.status))),
            }
        }
    }

    /// Outside a component nothing is received but what a test has made.
    #[cfg(not(target_family = "wasm"))]
    pub async fn next(&mut self) -> Option<Result<Bytes, SendError>> {
        use futures::StreamExt as _;

        self.body.next().await
    }

    /// A body that a test has made.
    #[cfg(not(target_family = "wasm"))]
    pub fn of(body: impl futures::Stream<Item = Result<Bytes, SendError>> + Send + 'static) -> Self {
        use futures::StreamExt as _;

        Self { body: body.boxed() }
    }

    /// The next piece, when it comes within so many milliseconds; none at the end. After [`SendError::Stalled`] the body is of no use any more.
    pub async fn next_within(&mut self, time_ms: u64) -> Option<Result<Bytes, SendError>> {
        use futures::future::{Either, select};

        let piece = std::pin::pin!(self.next());
        let limit = std::pin::pin!(clock::sleep_ms(time_ms));
        match select(piece, limit).await {
            Either::Left((piece, _)) => piece,
            Either::Right(_) => Some(Err(SendError::Stalled(time_ms))),
        }
    }
}

/// Sends a request and waits for the head of the answer, for so many milliseconds at most. How long the body may take is for the caller to say.
pub async fn open(request: Request<Bytes>, time_ms: u64) -> Result<Opened, SendError> {
    use futures::future::{Either, select};

    let opening = std::pin::pin!(head(request));
    let limit = std::pin::pin!(clock::sleep_ms(time_ms));
    match select(opening, limit).await {
        Either::Left((opened, _)) => opened,
        Either::Right(_) => Err(SendError::TimedOut(time_ms)),
    }
}

#[cfg(target_family = "wasm")]
async fn head(request: Request<Bytes>) -> Result<Opened, SendError> {
    use spin_sdk::http::FullBody;

    let response = spin_sdk::http::send(request.map(FullBody::new)).await.map_err(SendError::of)?;
    let (parts, body) = response.into_parts();
    Ok(Opened { status: parts.status, headers: parts.headers, body: Incoming { body, status: parts.status } })
}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
async fn head(_request: Request<Bytes>) -> Result<Opened, SendError> {
    Err(SendError::Unanswered("there is no network outside Spin".to_owned()))
}

/// Sends a request and reads the answer, within the bounds.
#[cfg(target_family = "wasm")]
pub async fn send(request: Request<Bytes>, bounds: Bounds) -> Result<Reply, SendError> {
    use futures::future::{Either, select};

    let exchange = std::pin::pin!(exchange(request, bounds.answer_bytes));
    let limit = std::pin::pin!(clock::sleep_ms(bounds.time_ms));
    match select(exchange, limit).await {
        Either::Left((reply, _)) => reply,
        Either::Right(_) => Err(SendError::TimedOut(bounds.time_ms)),
    }
}

#[cfg(target_family = "wasm")]
async fn exchange(request: Request<Bytes>, answer_bytes: usize) -> Result<Reply, SendError> {
    let Opened { status, headers, mut body } = head(request).await?;
    let mut reply = Reply { status, headers, body: Vec::new(), is_truncated: false };
    while let Some(piece) = body.next().await {
        reply.body.extend_from_slice(&piece?);
        if reply.body.len() > answer_bytes {
            reply.body.truncate(answer_bytes);
            reply.is_truncated = true;
            break;
        }
    }
    Ok(reply)
}

#[cfg(target_family = "wasm")]
impl SendError {
    /// What of WASI's words an error is told as.
    fn of(error: spin_sdk::wasip3::http::types::ErrorCode) -> Self {
        use spin_sdk::wasip3::http::types::ErrorCode;

        match error {
            ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Self::Denied,
            ErrorCode::DnsError(_)
            | ErrorCode::DnsTimeout
            | ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable => Self::Unreachable(error.to_string()),
            other => Self::Unanswered(other.to_string()),
        }
    }
}

/// Outside a component nothing is sent.
#[cfg(not(target_family = "wasm"))]
pub async fn send(_request: Request<Bytes>, _bounds: Bounds) -> Result<Reply, SendError> {
    Err(SendError::Unanswered("there is no network outside Spin".to_owned()))
}

fn retry_after_ms(headers: &HeaderMap, now_ms: i64) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(i64::from(seconds) * 1000);
    }
    let at = chrono::DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
    Some(at.saturating_sub(now_ms).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &'static str) -> Option<i64> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, http::HeaderValue::from_static(value))]);
        retry_after_ms(&headers, 1_445_412_400_000)
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
    fn a_body_that_stops_in_its_middle_is_waited_for_no_longer_than_its_limit() {
        use futures::{StreamExt as _, stream};

        let mut body = Incoming::of(stream::iter([Ok(Bytes::from_static(b"a"))]).chain(stream::pending()));
        let read = async { (body.next_within(5_000).await, body.next_within(20).await) };
        let (first, second) = futures::executor::block_on(read);
        assert_eq!((first, second), (Some(Ok(Bytes::from_static(b"a"))), Some(Err(SendError::Stalled(20)))));
        let mut whole = Incoming::of(stream::empty());
        assert_eq!(futures::executor::block_on(whole.next_within(5_000)), None);
    }

    #[test]
    fn an_error_says_what_may_have_happened() {
        assert_eq!(SendError::TimedOut(8_000).to_string(), "no answer within 8 s");
        assert_eq!(SendError::Stalled(20_000).to_string(), "the receiver's answer stopped for 20 s");
        assert_eq!(SendError::BrokenOff(StatusCode::OK).to_string(), "the receiver answered 200 and broke off");
    }
}
