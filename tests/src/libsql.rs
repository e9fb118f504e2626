//! A double of libSQL: a server that speaks [Hrana 3 over HTTP] on a SQLite file, and a client with the ways of the crate `libsql` 0.5, by
//! which Spin reaches one.
//!
//! What differs from SQLite in a file, and is so here: statements pass a parser in the client and are sent as it writes them; nobody counts
//! changes; each connection is one of TCP and each statement a round trip; a connection's stream at the server expires when it is idle, or is
//! forgotten when the server is started again, and all that is sent on it afterwards fails.
//!
//! [Hrana 3 over HTTP]: https://github.com/tursodatabase/libsql/blob/main/docs/HRANA_3_SPEC.md

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use gatehouse::{RemoteConnection, RemoteDatabase, RemoteRows};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

mod client;
mod server;
mod values;

use client::Connection;
use server::State;

use crate::lock;

/// The server, and what was sent to it.
pub struct LibSql {
    address: SocketAddr,
    state: Arc<State>,
    server: Mutex<Option<JoinHandle<()>>>,
    sent: Sent,
}

/// A statement that a component sent: one round trip.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The component.
    pub component: String,
    /// The statement as the component wrote it.
    pub sql: String,
    /// Why the client's own parser refused it; none when it was sent.
    pub refused: Option<String>,
}

type Sent = Arc<Mutex<Vec<Statement>>>;

impl LibSql {
    /// Starts one on a free port of this machine, with its database in this file.
    pub async fn start(file: &Path) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State::new(file.to_owned()));
        let server = tokio::spawn(server::serve(listener, state.clone()));
        Arc::new(Self { address, state, server: Mutex::new(Some(server)), sent: Sent::default() })
    }

    /// Every statement that was sent since this was last asked.
    pub fn take_statements(&self) -> Vec<Statement> {
        std::mem::take(&mut *lock(&self.sent))
    }

    /// Lets each answer take this much longer.
    pub fn set_latency(&self, latency: Duration) {
        *lock(&self.state.latency) = latency;
    }

    /// Forgets every connection's stream, as when all were idle for too long.
    pub fn expire_streams(&self) {
        self.state.expire_streams();
    }

    /// Ends the server: connections break off, transactions are rolled back, and nobody listens until [`resume`](Self::resume).
    pub async fn stop(&self) {
        let server = lock(&self.server).take();
        if let Some(server) = server {
            server.abort();
            let _ = server.await;
        }
        self.state.forget_streams();
    }

    /// Starts the server again, where it was.
    pub async fn resume(&self) {
        let listener = TcpListener::bind(self.address).await.expect("its own port");
        *lock(&self.server) = Some(tokio::spawn(server::serve(listener, self.state.clone())));
    }
}

impl Drop for LibSql {
    fn drop(&mut self) {
        if let Some(server) = lock(&self.server).take() {
            server.abort();
        }
    }
}

/// The database as the embedded host opens it.
#[derive(Debug)]
pub struct Database {
    origin: String,
    sent: Sent,
}

impl LibSql {
    /// The database as the embedded host opens it.
    pub fn database(&self) -> Arc<Database> {
        Arc::new(Database { origin: format!("http://{}", self.address), sent: self.sent.clone() })
    }
}

impl RemoteDatabase for Database {
    fn connect(&self, component: &str) -> Box<dyn RemoteConnection> {
        let connection = Connection::new(self.origin.clone());
        Box::new(Recorded { connection, component: component.to_owned(), sent: self.sent.clone() })
    }
}

struct Recorded {
    connection: Connection,
    component: String,
    sent: Sent,
}

impl RemoteConnection for Recorded {
    fn execute<'a>(&'a mut self, sql: &'a str, parameters: Vec<rusqlite::types::Value>) -> BoxFuture<'a, Result<RemoteRows, String>> {
        let parsed = client::parse(sql);
        lock(&self.sent).push(Statement {
            component: self.component.clone(),
            sql: sql.to_owned(),
            refused: parsed.as_ref().err().cloned(),
        });
        async move { self.connection.query(parsed?, parameters).await }.boxed()
    }
}
