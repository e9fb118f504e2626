//! A TCP proxy between browser and application that can be cut and pointed at another one: the address stays when the application restarts.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The proxy.
pub struct Proxy {
    base: String,
    /// Where connections lead; none while it is cut. Open connections are closed at each change.
    target: Arc<watch::Sender<Option<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Starts one that forwards to the application at `base`.
    pub async fn start(base: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let target = Arc::new(watch::Sender::new(Some(authority(base))));
        let changes = Arc::clone(&target);
        let task = tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                let mut changes = changes.subscribe();
                let Some(authority) = changes.borrow_and_update().clone() else { continue };
                tokio::spawn(async move {
                    let mut browser = browser;
                    let Ok(mut application) = TcpStream::connect(authority).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut browser, &mut application) => {}
                        _ = changes.changed() => {}
                    }
                });
            }
        });
        Self { base: format!("http://{address}"), target, task }
    }

    /// The base URL for the browser.
    pub fn base_url(&self) -> &str {
        &self.base
    }

    /// Closes all connections and refuses new ones.
    pub fn cut(&self) {
        self.target.send_replace(None);
    }

    /// Forwards to the application at `base` from now on.
    pub fn forward_to(&self, base: &str) {
        self.target.send_replace(Some(authority(base)));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn authority(base: &str) -> String {
    base.trim_start_matches("http://").to_owned()
}
