//! A double of the application: its feed, which a test writes, cuts and takes away.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

struct Stored {
    id: i64,
    kind: &'static str,
    data: String,
    is_public: bool,
}

struct State {
    events: Vec<Stored>,
    oldest: i64,
    tokens: HashSet<String>,
    cut: CancellationToken,
    is_down: bool,
    leaves_out_marks: bool,
    opened: usize,
}

#[derive(Clone)]
pub struct Application {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<i64>>,
    address: SocketAddr,
}

impl Application {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = State {
            events: Vec::new(),
            oldest: 1,
            tokens: HashSet::new(),
            cut: CancellationToken::new(),
            is_down: false,
            leaves_out_marks: false,
            opened: 0,
        };
        let application =
            Self { state: Arc::new(Mutex::new(state)), changed: Arc::new(watch::Sender::new(0)), address: listener.local_addr().unwrap() };
        let serving = application.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let application = serving.clone();
                tokio::spawn(async move {
                    let cut = application.state.lock().cut.clone();
                    let service = service_fn(|request| {
                        let response = application.answer(&request);
                        async { Ok::<_, Infallible>(response) }
                    });
                    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    cut.run_until_cancelled(serving).await;
                });
            }
        });
        application
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Writes an event; its id.
    pub fn write(&self, kind: &'static str, data: &str, is_public: bool) -> i64 {
        let mut state = self.state.lock();
        let id = state.events.last().map_or(1, |last| last.id + 1);
        state.events.push(Stored { id, kind, data: data.to_owned(), is_public });
        drop(state);
        self.changed.send_replace(id);
        id
    }

    pub fn alert(&self) -> i64 {
        self.write("alert", r#"{"site":"somnath","zones":[],"message":"mind the step"}"#, true)
    }

    /// Lets a token in, until it is taken away.
    pub fn allow(&self, token: &str) {
        self.state.lock().tokens.insert(token.to_owned());
    }

    pub fn forbid(&self, token: &str) {
        self.state.lock().tokens.remove(token);
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        std::mem::take(&mut self.state.lock().cut).cancel();
    }

    /// Whether it answers 503 for now.
    pub fn set_down(&self, is_down: bool) {
        self.state.lock().is_down = is_down;
    }

    /// Says no more when a stream has caught up.
    pub fn leave_out_marks(&self) {
        self.state.lock().leaves_out_marks = true;
    }

    /// Removes what was before this id.
    pub fn forget_before(&self, id: i64) {
        let mut state = self.state.lock();
        state.events.retain(|event| event.id >= id);
        state.oldest = id;
    }

    /// How many streams were opened.
    pub fn opened(&self) -> usize {
        self.state.lock().opened
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        let mut state = self.state.lock();
        let refuse = |status: StatusCode| {
            let mut response = Response::new(Empty::new().boxed_unsync());
            *response.status_mut() = status;
            response
        };
        if state.is_down {
            return refuse(StatusCode::SERVICE_UNAVAILABLE);
        }
        if request.uri().path() != "/api/events" {
            return refuse(StatusCode::NOT_FOUND);
        }
        let header = |name: &str| request.headers().get(name).and_then(|it| it.to_str().ok()).map(str::to_owned);
        let token = header("authorization").map(|it| it.trim_start_matches("Bearer ").to_owned());
        if token.as_ref().is_some_and(|token| !state.tokens.contains(token)) {
            return refuse(StatusCode::UNAUTHORIZED);
        }
        state.opened += 1;
        let end = state.events.last().map_or(state.oldest - 1, |last| last.id);
        let seen: Option<i64> = header("last-event-id").map(|id| id.parse().unwrap());
        let cursor = match seen {
            None => end,
            Some(seen) if seen > end => end,
            Some(seen) => seen.max(state.oldest - 1),
        };
        let mut greeting = format!(": connected\nid: {cursor}\n\n");
        if seen.is_some_and(|seen| seen != cursor) {
            greeting.push_str(&format!("id: {cursor}\nevent: reset\ndata: {{}}\n\n"));
        }
        let (changed, sees_all) = (self.changed.subscribe(), token.is_some());
        let target = (cursor < end && !state.leaves_out_marks).then_some(end);
        let from = (self.clone(), changed, cursor, target, Some(greeting));
        let pieces = futures::stream::unfold(from, move |(application, mut changed, mut cursor, mut target, greeting)| async move {
            if let Some(greeting) = greeting {
                return Some((greeting, (application, changed, cursor, target, None)));
            }
            loop {
                let mut text = String::new();
                let after = cursor;
                for event in application.state.lock().events.iter().filter(|event| event.id > after).take(500) {
                    cursor = event.id;
                    if event.is_public || sees_all {
                        text.push_str(&format!("id: {}\nevent: {}\ndata: {}\n\n", event.id, event.kind, event.data));
                    }
                }
                if target.is_some_and(|end| cursor >= end) {
                    target = None;
                    text.push_str(&format!(": caught up\nid: {cursor}\n\n"));
                }
                if !text.is_empty() {
                    return Some((text, (application, changed, cursor, target, None)));
                }
                changed.changed().await.ok()?;
            }
        });
        let body = StreamBody::new(pieces.map(|text| Ok(Frame::data(Bytes::from(text)))));
        let mut response = Response::new(body.boxed_unsync());
        response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
        response
    }
}
