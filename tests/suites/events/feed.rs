//! A client of the feed.

use std::time::Duration;

use futures::StreamExt as _;
use gatehouse_tests::Client;
use reqwest::Method;
use serde_json::Value;

/// How long what is due may take to come.
pub const SOON: Duration = Duration::from_secs(20);

/// What stands between two empty lines.
#[derive(Debug, Default)]
pub struct Frame {
    pub id: Option<i64>,
    pub event: Option<String>,
    pub data: Value,
    pub comment: Option<String>,
    pub retry: Option<u64>,
}

/// A client of the feed, as the HTML standard describes it, that keeps the last id.
pub struct Feed {
    pub bytes: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    pub buffer: String,
    pub last_event_id: i64,
}

impl Feed {
    pub async fn open(caller: &Client, query: &str) -> Self {
        let response = caller.request(Method::GET, &format!("/api/events{query}")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut feed = Self { bytes: response.bytes_stream().boxed(), buffer: String::new(), last_event_id: -1 };
        let greeting = feed.frame(SOON).await.expect("a greeting at once");
        assert_eq!(greeting.comment.as_deref(), Some("connected"));
        assert!(greeting.retry.is_some() && greeting.event.is_none());
        feed
    }

    pub async fn resume(caller: &Client, query: &str, last_event_id: i64) -> Self {
        Self::open(&caller.header("last-event-id", &last_event_id.to_string()), query).await
    }

    /// The next frame; none when the stream ends or nothing comes in time.
    pub async fn frame(&mut self, within: Duration) -> Option<Frame> {
        let text = tokio::time::timeout(within, async {
            loop {
                if let Some((frame, rest)) = self.buffer.split_once("\n\n") {
                    let frame = frame.to_owned();
                    self.buffer = rest.to_owned();
                    return Some(frame);
                }
                self.buffer.push_str(std::str::from_utf8(&self.bytes.next().await?.ok()?).expect("whole characters"));
            }
        });
        let mut frame = Frame::default();
        let mut data = String::new();
        for line in text.await.ok()??.lines() {
            match line.split_once(": ").expect("a field") {
                ("", comment) => frame.comment = Some(comment.to_owned()),
                ("id", id) => frame.id = Some(id.parse().unwrap()),
                ("event", kind) => frame.event = Some(kind.to_owned()),
                ("retry", ms) => frame.retry = Some(ms.parse().unwrap()),
                ("data", part) => data.push_str(part),
                (name, _) => panic!("an unknown field {name}"),
            }
        }
        if let Some(id) = frame.id {
            assert!(id >= self.last_event_id, "ids fall");
            self.last_event_id = id;
        }
        if frame.event.is_some() {
            assert!(frame.id.is_some(), "an event without id");
            frame.data = serde_json::from_str(&data).expect("JSON data");
        }
        Some(frame)
    }

    /// Whether the stream ends within this time, whatever comes before.
    pub async fn ends(&mut self, within: Duration) -> bool {
        let end = async { while self.bytes.next().await.is_some_and(|piece| piece.is_ok()) {} };
        tokio::time::timeout(within, end).await.is_ok()
    }

    /// The next event, whatever comments come between; none when none comes in time.
    pub async fn event(&mut self, within: Duration) -> Option<Frame> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let frame = self.frame(deadline - tokio::time::Instant::now()).await?;
            if frame.event.is_some() {
                return Some(frame);
            }
        }
    }

    /// The next event whose data has this message.
    pub async fn message(&mut self, message: &str) -> Frame {
        loop {
            let frame = self.event(SOON).await.unwrap_or_else(|| panic!("no event says {message:?}"));
            if frame.data["message"] == message {
                return frame;
            }
        }
    }
}
