//! A running application.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::component::Component;
use crate::engine::to_anyhow;
use crate::sqlite::Database;
use crate::state_lock::StateLock;
use crate::traces::Traces;
use crate::variables::Values;

/// A running application. Dropped without [`App::shutdown`], it stops without waiting for requests in progress.
pub struct App {
    pub(crate) address: SocketAddr,
    pub(crate) values: Values,
    pub(crate) clock: Clock,
    pub(crate) components: Vec<Arc<Component>>,
    /// The component of each cron trigger.
    pub(crate) scheduled: Vec<Arc<Component>>,
    pub(crate) databases: Vec<Arc<Database>>,
    pub(crate) state_dir: PathBuf,
    /// Keeps a restore away.
    pub(crate) _state_lock: StateLock,
    pub(crate) stop: CancellationToken,
    pub(crate) server: Option<JoinHandle<()>>,
    pub(crate) traces: Option<Arc<Traces>>,
}

impl App {
    /// `http://` and the address on which it listens, without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The value of a variable, generated secrets included.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.values.get(name)
    }

    /// Its state directory.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// The statements that components have run, as far as they are remembered: for who looks at their plans.
    pub fn statements(&self) -> Vec<String> {
        self.databases.iter().flat_map(|database| database.statements()).collect()
    }

    /// Waits until every component is compiled. Until then the first request to a component takes as long as that does.
    ///
    /// # Errors
    /// If a component cannot be loaded.
    pub async fn load_components(&self) -> Result<()> {
        for component in &self.components {
            component.load().await.map_err(to_anyhow)?;
        }
        Ok(())
    }

    /// Runs every cron trigger once, at the time of the components' clock, and waits for them.
    ///
    /// # Errors
    /// If a component fails.
    pub async fn run_cron(&self) -> Result<()> {
        for component in &self.scheduled {
            component.handle_cron_event(self.clock.since_epoch().as_secs()).await.map_err(to_anyhow)?;
        }
        Ok(())
    }

    /// Accepts no more requests, waits for those in progress, and stops.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            server.await.ok();
        }
        if let Some(traces) = &self.traces {
            traces.flush().await;
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
