//! `spin:sqlite`: databases in files, each with one writer that commits in groups and a pool of readers.
//!
//! A guest sees each of its connections as a SQLite connection of its own, as on Spin. Behind it, single statements run on whichever
//! pooled connection suits them; a transaction, or a statement that changes the state of the connection, gets a dedicated one.

mod busy;
mod check;
mod connection;
mod database;
mod guard;
mod host;
mod kind;
mod remote;
mod session;
mod statement;
mod writer;

pub use self::database::Database;
pub use self::host::{SqliteAccess, SqliteHost, SqliteView};
pub use self::remote::{Location, RemoteConnection, RemoteDatabase, RemoteRows};
