//! A recording's file, as the relay plays it back: read in one way by whoever sends it on, uploads it or wants to know its size. The relay cannot begin
//! in the middle, and may stop in it: each piece has its time, and so has the whole.

use bytes::Bytes;
use domain::camera::schedule::Span;
use http::header::CONTENT_LENGTH;
use kit::clock;
use kit::http::{Incoming, Opened};

use crate::relay::{Failure, Relay};

/// The relay has sent nothing for so long, milliseconds: it will not.
pub const STALL_MS: u64 = 20_000;

/// Why a file was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The relay broke off.
    Off,
    /// The relay has stopped sending.
    Stalled,
    /// All of it takes longer than it may.
    TooLong,
}

impl Broken {
    /// In words.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Off => "the relay broke off",
            Self::Stalled => "the relay has stopped in the middle",
            Self::TooLong => "the relay takes too long",
        }
    }
}

/// A file that is being read.
pub struct File {
    body: Incoming,
    /// How many bytes it has, where the relay says so.
    pub length: Option<u64>,
    /// How many were read.
    pub read: u64,
    stall_ms: u64,
    opened: u64,
    lasts_ms: u64,
}

impl File {
    /// Opens a stretch of what was recorded of a path. Reading all of it may take `lasts_ms`.
    pub async fn open(relay: &Relay, path: &str, stretch: Span, lasts_ms: u64) -> Result<Self, Failure> {
        relay.open(path, stretch).await.map(|opened| Self::of(opened, STALL_MS, lasts_ms))
    }

    fn of(opened: Opened, stall_ms: u64, lasts_ms: u64) -> Self {
        let length = opened.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Self { body: opened.body, length, read: 0, stall_ms, opened: clock::now_ms(), lasts_ms }
    }

    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        // A body that always has a byte at hand would never be timed out otherwise.
        let left = self.lasts_ms.saturating_sub(clock::now_ms().saturating_sub(self.opened));
        if left == 0 {
            return Some(Err(Broken::TooLong));
        }
        let piece = match self.body.next_within(left.min(self.stall_ms)).await? {
            Ok(piece) => piece,
            Err(kit::http::SendError::Stalled(_)) if left <= self.stall_ms => return Some(Err(Broken::TooLong)),
            Err(kit::http::SendError::Stalled(_)) => return Some(Err(Broken::Stalled)),
            Err(_) => return Some(Err(Broken::Off)),
        };
        self.read += piece.len() as u64;
        Some(Ok(piece))
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::stream::{self, Stream, StreamExt as _};
    use http::{HeaderMap, HeaderValue, StatusCode};
    use kit::http::SendError;

    use super::*;

    fn file(body: impl Stream<Item = Result<Bytes, SendError>> + Send + 'static, stall_ms: u64, lasts_ms: u64) -> File {
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("4"))]);
        File::of(Opened { status: StatusCode::OK, headers, body: Incoming::of(body) }, stall_ms, lasts_ms)
    }

    fn piece() -> Result<Bytes, SendError> {
        Ok(Bytes::from_static(b"ab"))
    }

    fn all(mut file: File) -> (u64, Option<Broken>) {
        block_on(async {
            while let Some(piece) = file.next().await {
                if let Err(broken) = piece {
                    return (file.read, Some(broken));
                }
            }
            (file.read, None)
        })
    }

    #[test]
    fn a_file_is_read_to_its_end() {
        let file = file(stream::iter([piece(), piece()]), 5_000, 5_000);
        assert_eq!(file.length, Some(4));
        assert_eq!(all(file), (4, None));
    }

    #[test]
    fn one_that_stops_trickles_or_breaks_off_is_given_up() {
        let stopped = stream::iter([piece()]).chain(stream::pending());
        assert_eq!(all(file(stopped, 20, 5_000)), (2, Some(Broken::Stalled)));
        let trickling = stream::repeat_with(piece).then(|piece| async {
            clock::sleep_ms(5).await;
            piece
        });
        assert_eq!(all(file(trickling, 5_000, 40)).1, Some(Broken::TooLong));
        assert_eq!(all(file(stream::repeat_with(piece), 5_000, 20)).1, Some(Broken::TooLong), "one that never waits");
        let broken = stream::iter([piece(), Err(SendError::BrokenOff(StatusCode::OK))]);
        assert_eq!(all(file(broken, 5_000, 5_000)), (2, Some(Broken::Off)));
    }
}
