//! `gatehouse gateway`: the event feed of an application elsewhere as WebSocket and Socket.IO; and how this program serves the gateway's paths,
//! here and in `up`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use gatehouse_gateway::{Gateway, Limits as GatewayLimits, Settings, at_least_one};
use http::StatusCode;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::body::{Body, Response};
use crate::builder::DEFAULT_SEND_TIMEOUT;
use crate::problem::{AllowedOrigins, REQUEST_ID, complete, problem, request_id};
use crate::router::Router;
use crate::server::{self, Clients, Limits, Server, Wanted, refuse_head};
use crate::up::{Log, wait_for_stop_signal};
use crate::{descriptors, tls};

/// How long clients and requests in progress have when it stops.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves the event feed of an application elsewhere as WebSocket and Socket.IO.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The application's base URL
    #[arg(long)]
    upstream: String,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:3001")]
    listen: String,
    /// Origins, comma-separated, whose pages may connect, beside those of the same host
    #[arg(long, env = "SPIN_VARIABLE_ALLOWED_ORIGINS", default_value = "")]
    allowed_origins: String,
    /// Networks and addresses, comma-separated, of the proxies in front
    #[arg(long, env = "SPIN_VARIABLE_TRUSTED_PROXIES", default_value = "")]
    trusted_proxies: String,
    /// The header in which they say whom they were called by
    #[arg(long, env = "SPIN_VARIABLE_PROXY_HEADER", default_value = "x-forwarded-for")]
    proxy_header: String,
    /// The most connections; fewer where there are not enough file descriptors
    #[arg(long, default_value_t = 16_384, value_parser = at_least_one())]
    connections: usize,
    /// The most connections of one address that is no trusted proxy; by default, a quarter of all
    #[arg(long, value_parser = at_least_one())]
    connections_per_address: Option<usize>,
    #[command(flatten)]
    limits: GatewayLimits,
    /// The format of the log; by default, pretty on a terminal and else JSON
    #[arg(long, value_enum)]
    log: Option<Log>,
}

impl Args {
    /// The format of the log.
    pub fn log(&self) -> Log {
        Log::or_default(self.log)
    }
}

/// Runs `gatehouse gateway`.
pub async fn run(args: Args) -> Result<()> {
    let upstream = args.upstream.clone();
    let alone = Alone::start(args).await?;
    println!("The gateway of {upstream} serves {}", alone.base_url());
    wait_for_stop_signal().await?;
    alone.shutdown().await;
    Ok(())
}

/// A gateway that stands by itself. Dropped without [`Alone::shutdown`], it stops without telling its clients.
pub struct Alone {
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Alone {
    /// Starts one. It takes clients when this returns, whether or not the application is there.
    ///
    /// # Errors
    /// If the address is in use, or an argument cannot be read.
    pub async fn start(args: Args) -> Result<Self> {
        let wanted = Wanted { connections: args.connections, connections_per_address: args.connections_per_address, ..Wanted::default() };
        let listener = TcpListener::bind(&args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
        let address = listener.local_addr()?;
        let settings = server::Settings {
            origins: AllowedOrigins::parse(&args.allowed_origins),
            clients: Clients::new(&args.trusted_proxies, &args.proxy_header),
            limits: Limits::new(&wanted, descriptors::raise()),
            send_timeout: DEFAULT_SEND_TIMEOUT,
        };
        let gateway = Settings { upstream: args.upstream, allowed_origins: args.allowed_origins, limits: args.limits, is_alone: true };
        let gateway = Arc::new(new(gateway)?);
        // What it does not serve itself is the application's, not behind it.
        let router = Arc::new(Router::new(address, [], None)?);
        let stop = CancellationToken::new();
        let server = tokio::spawn(Server::new(router, gateway, settings, stop.clone()).listen(listener, DRAIN_TIMEOUT));
        Ok(Self { address, stop, server })
    }

    /// `http://` and the address on which it listens, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Tells its clients to come back, and stops.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.server.await.ok();
    }
}

/// The gateway of an application in this process, which follows its own feed at this address once somebody wants it.
///
/// # Errors
/// If a setting cannot be read.
pub(crate) fn embedded(limits: GatewayLimits, address: SocketAddr, allowed_origins: &str, server: &server::Settings) -> Result<Gateway> {
    // Where it listens on all addresses, it is reached at this machine's own.
    let own: IpAddr = match address.ip() {
        IpAddr::V4(it) if it.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(it) if it.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        it => it,
    };
    let settings = Settings {
        upstream: format!("http://{}", SocketAddr::new(own, address.port())),
        allowed_origins: allowed_origins.to_owned(),
        limits: within(limits, &server.limits, server.clients.is_proxy(own)),
        is_alone: false,
    };
    new(settings)
}

/// Limits that leave something of the server's to others.
fn within(mut limits: GatewayLimits, server: &Limits, is_own_address_trusted: bool) -> GatewayLimits {
    // A connection of theirs is never closed for another's.
    limits.clients = limits.clients.min(server.connections / 2).max(1);
    // Each token's feed is a stream from this machine's own address. The public's is one too, and as nobody is signed in for it the first that
    // would be closed for others.
    let streams = if is_own_address_trusted { server.streams } else { server.streams_per_address };
    limits.sessions = limits.sessions.min(streams / 4 * 3).max(1);
    limits
}

fn new(settings: Settings) -> Result<Gateway> {
    // Its HTTP client asks for it, even where it never speaks TLS.
    tls::install();
    Gateway::new(settings).map_err(|error| anyhow!("the gateway: {error}"))
}

/// Serves a request to one of the gateway's paths, from a client of this address.
pub(crate) async fn respond(gateway: &Gateway, request: hyper::Request<Incoming>, address: IpAddr) -> Response {
    let sent = request.headers().get(REQUEST_ID).cloned();
    let id = || request_id(sent.as_ref());
    let (parts, body) = request.into_parts();
    if let Some((status, detail)) = refuse_head(&parts) {
        return problem(status, detail, id());
    }
    match gateway.serve(http::Request::from_parts(parts, body), address).await {
        Ok(response) => {
            let mut response = response.map(Body::Full);
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                response.headers_mut().insert(REQUEST_ID, id());
            } else {
                complete(&mut response, id());
            }
            response
        }
        Err(refusal) => {
            let mut response = problem(refusal.status, refusal.detail, id());
            response.headers_mut().extend(refusal.headers);
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_inside_leaves_connections_and_streams_to_others() {
        let server = Limits::new(&Wanted::default(), 1_024);
        assert_eq!((server.connections, server.streams, server.streams_per_address), (1_024, 512, 128));
        let of = |limits: GatewayLimits, trusted| {
            let limits = within(limits, &server, trusted);
            (limits.clients, limits.sessions)
        };
        assert_eq!(of(GatewayLimits::default(), false), (512, 96));
        assert_eq!(of(GatewayLimits::default(), true), (512, 384));
        assert_eq!(of(GatewayLimits { clients: 10, sessions: 5, ..GatewayLimits::default() }, false), (10, 5));
        let tiny = Limits::new(&Wanted::default(), 1);
        assert_eq!(within(GatewayLimits::default(), &tiny, false).sessions, 1);
    }
}
