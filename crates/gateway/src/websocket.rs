//! `/ws/alerts/`: WebSockets of `{"message": …}`.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::client::{Client, Full, Gone, Sink};
use crate::event::Event;
use crate::feed::Feed;
use crate::gateway::Shared;
use crate::limits::{Admitted, Rate};
use crate::metrics::Transport;
use crate::refusal::Refusal;
use crate::request::{BEARER, Wishes, offered_token};
use crate::room::Room;
use crate::upgrade::{Guarded, READ_BUFFER, accept};
use crate::woken::Woken;

/// How often a client is asked whether it is there.
const PING: Duration = Duration::from_secs(25);

/// How long it may say nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// How many events are written together.
const BATCH: usize = 64;

/// How many bytes of events are collected before the first are written.
const WRITE_BUFFER: usize = 4 << 10;

/// One client in so many is measured: the figures have a lock, which thousands would take turns at.
const MEASURED: u64 = 16;

/// The largest message of a client, bytes.
const MAX_MESSAGE: usize = 16 << 10;

/// How long a client may take to read why it is sent away.
const FAREWELL: Duration = Duration::from_secs(2);

/// The close code (RFC 6455 §7.4.2: private use) of one whose session has ended or whose token has expired.
const SESSION_ENDED: u16 = 4401;

type Socket = WebSocketStream<Guarded<Admitted>>;

struct Queue(mpsc::Sender<Arc<Event>>);

impl Sink for Queue {
    fn try_send(&self, event: &Arc<Event>) -> Result<(), Full> {
        // One that is closed is on its way out.
        match self.0.try_send(event.clone()) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(Full),
            _ => Ok(()),
        }
    }
}

/// Opens a WebSocket.
///
/// # Errors
/// If it is refused.
pub async fn open(shared: Arc<Shared>, request: http::Request<Incoming>, address: IpAddr) -> Result<Response<Bytes>, Refusal> {
    let mut response = accept(request.method(), request.headers())?;
    let bad = |detail| Refusal::new(StatusCode::BAD_REQUEST, "request", detail);
    let wishes = Wishes::read(request.uri(), request.headers()).map_err(bad)?;
    let rooms = wishes.rooms().map_err(bad)?;
    if rooms.len() > shared.limits.rooms {
        return Err(bad("These are too many channels."));
    }
    let admitted = shared.admissions.admit(address)?;
    if offered_token(request.headers()).is_some() {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(BEARER));
    }
    let feed = shared.hub.feed(wishes.token.as_deref()).await?;
    // What happens as soon as it is told that it is connected is for it.
    let seen = wishes.last_event_id.unwrap_or_else(|| feed.cursor());
    let (sender, queue) = mpsc::channel(shared.limits.queue);
    let client = Client::new(shared.hub.next_client(), Box::new(Queue(sender)), wishes.is_plain(), shared.limits.queue);
    let upgrade = hyper::upgrade::on(request);
    shared.websockets.clone().spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        // A token of its own: thousands that wait for one take turns at its lock.
        let io = Guarded::new(upgraded, &shared.abort.child_token(), admitted.clone());
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let open =
            Open { shared: shared.clone(), socket, client, admitted, rate: Rate::new(shared.limits.messages), heard: Instant::now() };
        shared.metrics.joined(Transport::WebSocket);
        open.serve(feed, queue, &rooms, seen, wishes.is_plain()).await;
        shared.metrics.left(Transport::WebSocket);
    });
    Ok(response)
}

/// What there is to do beside telling events.
enum Step {
    Message(Option<Result<Message, Error>>),
    Ping,
}

struct Open {
    shared: Arc<Shared>,
    socket: Socket,
    client: Arc<Client>,
    admitted: Admitted,
    rate: Rate,
    heard: Instant,
}

impl Open {
    async fn serve(mut self, feed: Arc<Feed>, mut queue: mpsc::Receiver<Arc<Event>>, rooms: &[Room], seen: i64, is_plain: bool) {
        // Before anything else, the place to come back to for one who is sent nothing for long.
        if !is_plain {
            let ready = format!(r#"{{"event":"ready","event_id":{seen}}}"#);
            if self.socket.send(Message::text(ready)).await.is_err() {
                return;
            }
        }
        let membership = feed.join(self.client.clone(), rooms, seen);
        // While it takes its leave, it follows nothing.
        drop(feed);
        let (client, closing) = (self.client.clone(), self.shared.closing.clone());
        let over = async {
            tokio::select! {
                () = client.gone.cancelled() => close_frame(client.reason()),
                () = closing.cancelled() => frame(CloseCode::Restart, "the gateway is stopping: come back"),
            }
        };
        let (mut over, woken) = (pin!(over), Woken::new());
        let ended = tokio::select! {
            biased;
            frame = poll_fn(|cx| woken.poll(cx, |cx| over.as_mut().poll(cx))) => Ok(frame),
            ended = self.talk(&mut queue) => ended,
        };
        drop(membership);
        if let Some(reason) = client.reason() {
            self.shared.metrics.dropped(reason);
        }
        if let Ok(frame) = ended {
            tokio::time::timeout(FAREWELL, self.farewell(frame)).await.ok();
        }
    }

    /// Both ways, until either has had enough.
    async fn talk(&mut self, queue: &mut mpsc::Receiver<Arc<Event>>) -> Result<CloseFrame, ()> {
        let mut pings = interval(PING);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.reset();
        let (mut batch, woken) = (Vec::with_capacity(1), Woken::new());
        loop {
            tokio::select! {
                biased;
                count = queue.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return Err(());
                    }
                    for event in &batch {
                        self.socket.feed(Message::Text(event.websocket.clone())).await.map_err(drop)?;
                    }
                    self.socket.flush().await.map_err(drop)?;
                    let is_measured = self.client.id % MEASURED == 1;
                    for event in batch.drain(..).filter(|_| is_measured) {
                        self.shared.metrics.delivered(event.received.elapsed());
                    }
                }
                step = poll_fn(|cx| woken.poll(cx, |cx| match self.socket.poll_next_unpin(cx) {
                    Poll::Ready(message) => Poll::Ready(Step::Message(message)),
                    Poll::Pending => pings.poll_tick(cx).map(|_| Step::Ping),
                })) => match step {
                    Step::Message(message) => {
                        let message = match message {
                            Some(Ok(message)) => message,
                            Some(Err(Error::Capacity(_))) => return Ok(frame(CloseCode::Size, "a message has at most 16 KiB")),
                            Some(Err(_)) | None => return Err(()),
                        };
                        self.heard = Instant::now();
                        if let Some(frame) = self.take(message).await? {
                            return Ok(frame);
                        }
                    }
                    Step::Ping => {
                        if self.heard.elapsed() > SILENCE {
                            self.client.end(Gone::Silent);
                            return Ok(close_frame(Some(Gone::Silent)));
                        }
                        self.socket.send(Message::Ping(Bytes::new())).await.map_err(drop)?;
                    }
                }
            }
        }
    }

    /// Answers a message; a frame is the end.
    async fn take(&mut self, message: Message) -> Result<Option<CloseFrame>, ()> {
        if message.is_close() {
            // The answer to it has been written; it goes out with the flush.
            self.socket.flush().await.ok();
            return Err(());
        }
        if !self.rate.take() || !self.admitted.may_send() {
            self.client.end(Gone::Talkative);
            return Ok(Some(close_frame(Some(Gone::Talkative))));
        }
        let answer = match &message {
            Message::Text(text) => echo(text),
            Message::Binary(_) => UNREADABLE.to_owned(),
            _ => return Ok(None),
        };
        self.shared.metrics.message(Transport::WebSocket);
        self.socket.send(Message::text(answer)).await.map_err(drop)?;
        Ok(None)
    }

    async fn farewell(&mut self, frame: CloseFrame) {
        if self.socket.close(Some(frame)).await.is_ok() {
            // Until the client has closed it as well, or has gone.
            while let Some(Ok(_)) = self.socket.next().await {}
        }
    }
}

const UNREADABLE: &str = r#"{"error":"send {\"message\": …} as JSON text"}"#;

/// What a message is answered with: itself.
fn echo(text: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Echo<'a> {
        #[serde(borrow)]
        message: &'a RawValue,
    }
    serde_json::from_str::<Echo<'_>>(text).map_or_else(|_| UNREADABLE.to_owned(), |it| format!(r#"{{"message":{}}}"#, it.message.get()))
}

fn frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

fn close_frame(reason: Option<Gone>) -> CloseFrame {
    match reason {
        Some(Gone::Session) => frame(CloseCode::Library(SESSION_ENDED), "the session has ended, or the token has expired"),
        Some(Gone::Talkative) => frame(CloseCode::Policy, "too many messages"),
        Some(Gone::Slow) => frame(CloseCode::Again, "too slow: come back with the last event_id"),
        Some(Gone::Silent) | None => frame(CloseCode::Away, "no answer to pings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_echoed_as_it_is() {
        assert_eq!(echo(r#"{ "message" : {"a": [1, "ü"]}, "more": 1 }"#), r#"{"message":{"a": [1, "ü"]}}"#);
        assert_eq!(echo(r#"{"message":null}"#), r#"{"message":null}"#);
        for text in ["", "[]", "{}", r#"{"message":}"#, "hello"] {
            assert_eq!(echo(text), UNREADABLE);
        }
    }
}
