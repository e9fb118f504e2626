//! The HTTP server: accepting connections, and shutting down without cutting responses off.

mod activity;
mod clients;
mod connection;
mod connections;
mod limits;
mod request;
mod shared;
mod streams;
mod watched;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gatehouse_gateway::Gateway;
use http::StatusCode;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

pub use self::clients::Clients;
use self::connections::{Connections, Full};
pub use self::limits::{DEFAULT_CONNECTIONS, Limits, Wanted};
pub use self::request::refuse_head;
use self::shared::Shared;
use self::streams::Streams;
use crate::problem::AllowedOrigins;
use crate::refusal_io;
use crate::request_body::Bodies;
use crate::router::Router;

/// How often a server that stops looks whether there is something left to do.
const DRAIN_CHECK: Duration = Duration::from_millis(10);

/// How long to wait for connections to end where the file descriptors have run out.
const DESCRIPTOR_WAIT: Duration = Duration::from_millis(50);

/// A server.
pub struct Server {
    shared: Arc<Shared>,
    connections: Arc<Connections>,
}

/// What a server is to keep to.
pub struct Settings {
    /// Whose pages may read the server's own refusals.
    pub origins: AllowedOrigins,
    /// Who is trusted to say for whom they ask.
    pub clients: Clients,
    /// How many connections and streams there may be.
    pub limits: Limits,
    /// How long a client may take nothing of what is sent to it.
    pub send_timeout: Duration,
}

impl Server {
    /// A server for these routes and the gateway's paths, which stops when `stop` is cancelled.
    pub fn new(router: Arc<Router>, gateway: Arc<Gateway>, settings: Settings, stop: CancellationToken) -> Self {
        let clients = Arc::new(settings.clients);
        let connections = Connections::new(settings.limits, clients.clone());
        let shared = Shared {
            router,
            gateway,
            origins: settings.origins,
            bodies: Bodies::new(),
            clients,
            streams: Streams::new(settings.limits),
            send_timeout: settings.send_timeout,
            stop,
            abort: CancellationToken::new(),
        };
        Self { shared: Arc::new(shared), connections }
    }

    /// Serves connections until it is stopped. Then waits, for `drain` at most, until each request that has begun to arrive, or whose
    /// connection waits to be accepted, has its response, and the gateway's clients have taken their leave; streams are cut off.
    pub async fn listen(self, listener: TcpListener, drain: Duration) {
        loop {
            tokio::select! {
                () = self.shared.stop.cancelled() => break,
                accepted = listener.accept() => self.accepted(accepted).await,
            }
        }
        self.accept_waiting(listener);
        let drained = async {
            // Others end as soon as they have nothing left to send; streams do not end by themselves.
            while self.connections.are_more_than_streams() {
                tokio::time::sleep(DRAIN_CHECK).await;
            }
            self.shared.router.wait_until_responded().await;
        };
        let left = self.shared.gateway.close();
        tokio::time::timeout(drain, futures::future::join(drained, left)).await.ok();
        self.shared.abort.cancel();
    }

    /// Accepts what the system has told clients is connected, and closes the listener. tokio's does not ask the system again before its
    /// next turn.
    fn accept_waiting(&self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, client)) = listener.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                self.take(stream, client);
            }
        }
    }

    async fn accepted(&self, accepted: std::io::Result<(TcpStream, SocketAddr)>) {
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                self.connections.make_room();
                tokio::time::sleep(DESCRIPTOR_WAIT).await;
                return;
            }
        };
        self.take(stream, client);
    }

    fn take(&self, stream: TcpStream, client: SocketAddr) {
        match self.connections.admit(client.ip()) {
            Ok(admitted) => {
                tokio::spawn(connection::serve(self.shared.clone(), stream, client, admitted));
            }
            Err(full) => refuse(stream, full),
        }
    }
}

/// Says why before the connection is closed, as far as that goes without waiting.
fn refuse(stream: TcpStream, full: Full) {
    let detail = match full {
        Full::Total => "The server has too many connections.",
        Full::Address => "Your address has too many connections.",
    };
    let document = refusal_io::document(StatusCode::SERVICE_UNAVAILABLE, detail);
    // tokio does not know yet that it can be written.
    if let Ok(mut stream) = stream.into_std() {
        stream.write_all(&document).ok();
    }
}
