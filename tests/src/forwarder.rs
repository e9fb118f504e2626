//! A TCP forwarder with an address that stays while what is behind it is restarted elsewhere.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::lock;

/// A forwarder. It ends with its test.
pub struct Forwarder {
    address: SocketAddr,
    behind: Arc<Mutex<Option<String>>>,
    ended: CancellationToken,
}

impl Forwarder {
    /// Forwards to what answers at this base URL.
    pub async fn start(base_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let forwarder =
            Self { address: listener.local_addr().expect("its address"), behind: Arc::default(), ended: CancellationToken::new() };
        forwarder.lead_to(base_url);
        let (behind, ended) = (forwarder.behind.clone(), forwarder.ended.clone());
        tokio::spawn(ended.clone().run_until_cancelled_owned(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let (to, ended) = (lock(&behind).clone(), ended.clone());
                tokio::spawn(ended.run_until_cancelled_owned(async move {
                    let mut server = TcpStream::connect(to?).await.ok()?;
                    client.set_nodelay(true).ok()?;
                    server.set_nodelay(true).ok()?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await.ok()
                }));
            }
        }));
        forwarder
    }

    /// New connections go to this base URL from now on.
    pub fn lead_to(&self, base_url: &str) {
        *lock(&self.behind) = base_url.strip_prefix("http://").map(str::to_owned);
    }

    /// New connections are closed at once.
    pub fn lead_nowhere(&self) {
        *lock(&self.behind) = None;
    }

    /// Where it is reached.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}
