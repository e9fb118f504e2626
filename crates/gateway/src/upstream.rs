//! The application's feed, as Server-Sent Events.

use std::time::Duration;

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, RETRY_AFTER};
use reqwest::Client;
use sse_stream::SseByteStream;
use url::Url;

use crate::event::{Event, Kind};
use crate::http_client::http_client;
use crate::room::Channel;

/// How long to wait for a connection, and for the beginning of an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The application sends a comment every 15 seconds: when none has come for so long, the connection is gone.
const SILENCE: Duration = Duration::from_secs(45);

/// How many blocks that are there at once are taken together.
const BATCH: usize = 500;

/// Where the feed is.
#[derive(Clone, Debug)]
pub struct Upstream {
    http: Client,
    events: Url,
}

/// Why a stream was not opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// The token is not valid, or not any more.
    #[error("the token is not valid, or its session has ended")]
    Unauthorized,
    /// The application does not answer as it should.
    #[error("{0}")]
    Unavailable(String, Option<Duration>),
}

/// A part of the feed.
#[derive(Debug)]
pub enum Block {
    /// An event.
    Event(Event),
    /// Nothing up to this id was left out.
    Mark(i64),
}

impl Block {
    /// The id up to which the feed has been read with it.
    pub fn id(&self) -> i64 {
        match self {
            Self::Event(event) => event.id,
            Self::Mark(id) => *id,
        }
    }

    /// The event.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Event(event) => Some(event),
            Self::Mark(_) => None,
        }
    }
}

impl Upstream {
    /// The feed of the application at this base URL.
    ///
    /// # Errors
    /// If it is no URL, or no HTTP client can be made.
    pub fn new(base: &str) -> Result<Self, String> {
        let base = base.trim_end_matches('/');
        let events = Url::parse(&format!("{base}/api/events")).map_err(|error| format!("{base} is no base URL: {error}"))?;
        if !matches!(events.scheme(), "http" | "https") {
            return Err(format!("{base} is no base URL: it begins with http:// or https://"));
        }
        let http = http_client(&events).connect_timeout(CONNECT_TIMEOUT).read_timeout(SILENCE);
        Ok(Self { http: http.build().map_err(|error| describe(&error))?, events })
    }

    /// Whether the application answers.
    pub async fn answers(&self) -> bool {
        let asked = tokio::time::timeout(CONNECT_TIMEOUT, self.http.head(self.events.clone()).send()).await;
        asked.is_ok_and(|response| response.is_ok_and(|response| response.status().is_success()))
    }

    /// Opens a stream of these channels (all when there are none) after the event with this id, or from now on. It yields what is there at
    /// once together, and ends when the connection does.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn open(
        &self,
        token: Option<&str>,
        channels: &[Channel],
        after: Option<i64>,
    ) -> Result<impl Stream<Item = Vec<Block>> + Send + Unpin + use<>, OpenError> {
        let mut url = self.events.clone();
        if !channels.is_empty() {
            let names: Vec<&'static str> = channels.iter().map(|channel| (*channel).into()).collect();
            url.query_pairs_mut().append_pair("channels", &names.join(","));
        }
        let mut request = self.http.get(url).header(ACCEPT, "text/event-stream");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let unavailable = |error: String| OpenError::Unavailable(error, None);
        let response = tokio::time::timeout(CONNECT_TIMEOUT, request.send()).await.map_err(|_| unavailable("no answer".to_owned()))?;
        let response = response.map_err(|error| unavailable(describe(&error)))?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if token.is_some() => return Err(OpenError::Unauthorized),
            status => {
                let retry_after = response.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
                return Err(OpenError::Unavailable(format!("the application answers {status}"), retry_after.map(Duration::from_secs)));
            }
        }
        let blocks = SseByteStream::new(response.bytes_stream()).into_stream();
        // An error is the connection's end like any other.
        let blocks = blocks.take_while(|block| futures::future::ready(block.is_ok()));
        Ok(Box::pin(blocks.ready_chunks(BATCH).map(|chunk| chunk.into_iter().filter_map(|block| read(block.ok()?)).collect())))
    }
}

/// The cause at the bottom: reqwest's own words name the whole address.
fn describe(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn read(block: sse_stream::Sse) -> Option<Block> {
    let id = block.id?.trim().parse().ok()?;
    let (Some(kind), Some(data)) = (block.event, block.data) else { return Some(Block::Mark(id)) };
    // Of a kind that this gateway does not know, clients are told nothing; that it was there is known.
    let event = kind.parse::<Kind>().ok().and_then(|kind| Event::new(id, kind, &data));
    if event.is_none() {
        tracing::debug!(id, kind, "an event of the feed is not understood");
    }
    Some(event.map_or(Block::Mark(id), Block::Event))
}
