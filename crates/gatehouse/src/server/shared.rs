//! What every connection needs.

use std::sync::Arc;
use std::time::Duration;

use gatehouse_gateway::Gateway;
use tokio_util::sync::CancellationToken;

use super::clients::Clients;
use super::streams::Streams;
use crate::problem::AllowedOrigins;
use crate::request_body::Bodies;
use crate::router::Router;

/// What every connection needs.
pub struct Shared {
    /// The routes.
    pub router: Arc<Router>,
    /// What has paths of its own, before those routes.
    pub gateway: Arc<Gateway>,
    /// Whose pages may read the server's own refusals.
    pub origins: AllowedOrigins,
    /// The bodies in memory.
    pub bodies: Bodies,
    /// Whose requests they are.
    pub clients: Arc<Clients>,
    /// The open streams of events.
    pub streams: Arc<Streams>,
    /// How long a client may take nothing of what is sent to it.
    pub send_timeout: Duration,
    /// Cancelled when no more requests are to be taken.
    pub stop: CancellationToken,
    /// Cancelled when the connections that are left are to be closed.
    pub abort: CancellationToken,
}
