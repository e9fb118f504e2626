//! What can be set of an application before it starts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Builder;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::sqlite::RemoteDatabase;
use crate::traces;

impl Builder {
    /// The manifest file; `spin.toml` unless set.
    pub fn manifest(mut self, path: impl Into<PathBuf>) -> Self {
        self.manifest = path.into();
        self
    }

    /// The directory of databases, secrets and compiled components; `.gatehouse` unless set.
    pub fn state_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.state = path.into();
        self
    }

    /// The directory of compiled components; `cache` in the state directory unless set. Applications may share it.
    pub fn cache_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.cache = Some(path.into());
        self
    }

    /// The address to listen on; `127.0.0.1:3000` unless set. Port 0 takes a free one.
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = address.into();
        self
    }

    /// The value of a variable.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The components' wall clock; the system's unless set.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Whether the cron triggers run on their schedules; they do unless set.
    pub fn cron(mut self, cron: bool) -> Self {
        self.cron = cron;
        self
    }

    /// Whether components that are older than their sources are built first; they are unless set.
    pub fn build_components(mut self, build: bool) -> Self {
        self.build = build;
        self
    }

    /// Whether components' logs are written for people to read, rather than as JSON; they are not unless set.
    pub fn pretty_logs(mut self, pretty: bool) -> Self {
        self.pretty = pretty;
        self
    }

    /// The id of requests of which only warnings and errors are logged: nobody else may know it.
    pub fn quiet_request_id(mut self, id: impl Into<String>) -> Self {
        self.quiet_request_id = Some(id.into());
        self
    }

    /// How long a request may wait for the beginning of its answer; 30 seconds unless set.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Where traces are sent; nowhere unless set.
    pub fn traces(mut self, options: traces::Options) -> Self {
        self.traces = Some(options);
        self
    }

    /// How much memory all instances of components may have together, in bytes; 192 MiB unless set. What needs more waits.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// The most connections; 4,096 unless set, and never more than the process may have file descriptors for.
    pub fn connections(mut self, connections: usize) -> Self {
        self.wanted.connections = connections;
        self
    }

    /// The most connections of one address that is no trusted proxy; a quarter of all unless set.
    pub fn connections_per_address(mut self, connections: usize) -> Self {
        self.wanted.connections_per_address = Some(connections);
        self
    }

    /// The most streams of events; half as many as connections unless set.
    pub fn streams(mut self, streams: usize) -> Self {
        self.wanted.streams = Some(streams);
        self
    }

    /// The most streams of events of one client's address; half as many as connections of one unless set.
    pub fn streams_per_address(mut self, streams: usize) -> Self {
        self.wanted.streams_per_address = Some(streams);
        self
    }

    /// How long a client may take nothing of what is sent to it before its connection is closed; 30 seconds unless set.
    pub fn send_timeout(mut self, timeout: Duration) -> Self {
        self.send_timeout = timeout;
        self
    }

    /// What is allowed of the clients of the gateway, who never have more than half of all connections.
    pub fn gateway(mut self, limits: gatehouse_gateway::Limits) -> Self {
        self.gateway = limits;
        self
    }

    /// Where the components' database is; in files of the state directory unless set.
    pub fn remote_database(mut self, database: Arc<dyn RemoteDatabase>) -> Self {
        self.remote_database = Some(database);
        self
    }

    /// What goes wrong beside the application while it runs; nothing unless set.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }
}
