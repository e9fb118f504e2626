//! Socket.IO 4 (protocol 5) on its default path, by polling and WebSocket.

mod connections;
mod session;
mod words;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use form_urlencoded::parse;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use socketioxide::service::SocketIoService;
use tokio::time::timeout;
use tower_service::Service;

use self::connections::{Connections, Registered};
use self::session::{Session, connected, find_feed, forget};
use crate::gateway::Shared;
use crate::refusal::Refusal;
use crate::request::Wishes;
use crate::upgrade::{self, Guarded, READ_BUFFER};

/// The default path.
pub const PATH: &str = "/socket.io";

/// The largest payload of a client, bytes.
const MAX_PAYLOAD: u64 = 16 << 10;

/// How often a client is asked whether it is there, and how long it has for the answer.
const PING: (Duration, Duration) = (Duration::from_secs(25), Duration::from_secs(20));

/// How long a client has from the handshake to its `CONNECT`.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// The Socket.IO server.
pub struct Server {
    service: SocketIoService<Nothing>,
    io: SocketIo,
    connections: Arc<Connections>,
}

/// What is behind the Socket.IO server: no path that it is asked for.
#[derive(Clone)]
struct Nothing;

impl Service<Request<Incoming>> for Nothing {
    type Response = Response<Empty<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = StatusCode::NOT_FOUND;
        ready(Ok(response))
    }
}

impl Server {
    /// A server of the gateway's feeds.
    pub fn new(shared: &Arc<Shared>) -> Self {
        let (service, io) = SocketIo::builder()
            .req_path(PATH)
            .ping_interval(PING.0)
            .ping_timeout(PING.1)
            .max_buffer_size(shared.limits.queue)
            .max_payload(MAX_PAYLOAD)
            .ws_read_buffer_size(READ_BUFFER)
            .ws_max_message_size(MAX_PAYLOAD as usize)
            .ws_max_frame_size(MAX_PAYLOAD as usize)
            .connect_timeout(CONNECT_TIMEOUT)
            .build_with_inner_svc(Nothing);
        let connections = Arc::new(Connections::default());
        let admit = {
            let shared = shared.clone();
            move |socket: SocketRef, TryData(auth): TryData<Value>| {
                let shared = shared.clone();
                async move { find_feed(&shared, &socket, auth.ok()).await }
            }
        };
        let connect = {
            let (shared, connections) = (shared.clone(), connections.clone());
            move |socket: SocketRef| {
                let (shared, connections) = (shared.clone(), connections.clone());
                async move { connected(shared, connections, socket) }
            }
        };
        io.ns("/", connect.with(admit));
        Self { service, io, connections }
    }

    /// Serves a request below [`PATH`].
    ///
    /// # Errors
    /// If it is refused.
    pub async fn serve(&self, shared: &Arc<Shared>, mut request: Request<Incoming>, address: IpAddr) -> Result<Response<Bytes>, Refusal> {
        let sid = parse(request.uri().query().unwrap_or_default().as_bytes())
            .find_map(|(name, value)| (name == "sid").then(|| value.into_owned()));
        // Answers to polls apart, each request is something that the client sends.
        if (sid.is_none() || request.method() == Method::POST) && !shared.admissions.may_send(address) {
            return Err(Refusal::too_many_messages());
        }
        if sid.is_none() {
            let bad = |detail| Refusal::new(StatusCode::BAD_REQUEST, "request", detail);
            let wishes = Wishes::read(request.uri(), request.headers()).map_err(bad)?;
            let session =
                Session { admitted: shared.admissions.admit(address)?, gone: shared.abort.child_token(), wishes: Arc::new(wishes) };
            request.extensions_mut().insert(session);
        }
        if upgrade::is_asked_for(request.headers()) {
            return self.upgrade(shared, request, sid);
        }
        let answered = timeout(BODY_TIMEOUT + PING.0 + PING.1, self.service.clone().call(request)).await;
        let gone = || Refusal::new(StatusCode::REQUEST_TIMEOUT, "request", "The request took too long.");
        let Ok(response) = answered.map_err(|_| gone())?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|_| gone())?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    fn upgrade(&self, shared: &Shared, request: Request<Incoming>, sid: Option<String>) -> Result<Response<Bytes>, Refusal> {
        let response = upgrade::accept(request.method(), request.headers())?;
        let gone = match request.extensions().get::<Session>() {
            Some(session) => session.gone.clone(),
            None => shared.abort.child_token(),
        };
        let (parts, body) = request.into_parts();
        let head = Request::from_parts(parts.clone(), ());
        let upgrade = hyper::upgrade::on(Request::from_parts(parts, body));
        let (mut service, connections) = (self.service.clone(), self.connections.clone());
        tokio::spawn(async move {
            let Ok(upgraded) = upgrade.await else { return };
            let registered = Registered::new(connections, sid, &gone);
            // What cannot be read of the request ends the connection.
            service.call((Guarded::new(upgraded, &gone, registered), head)).await.ok();
        });
        Ok(response)
    }

    /// Closes all sessions. Their clients come back by themselves.
    pub async fn close(&self) {
        // socketioxide tells of no client of a namespace that is closed as a whole.
        self.io.sockets().iter().for_each(forget);
        self.io.close().await;
    }
}
