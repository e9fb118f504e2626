//! Databases elsewhere than in a file of the state directory, as Spin's runtime configuration can name them (libSQL).

use std::fmt::Debug;
use std::sync::Arc;

use futures::future::BoxFuture;
use rusqlite::types::Value as PlainValue;

use super::database::Database;
use super::session::Session;
use crate::bindings::sqlite::sqlite::{Error, QueryResult, RowResult, Value};

/// A database that a server has.
pub trait RemoteDatabase: Debug + Send + Sync {
    /// A new connection for this component.
    fn connect(&self, component: &str) -> Box<dyn RemoteConnection>;
}

/// The names of the columns, and the rows.
pub type RemoteRows = (Vec<String>, Vec<Vec<PlainValue>>);

/// A connection to a database that a server has. How many rows a statement changed is not known, as with Spin's libSQL.
pub trait RemoteConnection: Send {
    /// Runs a statement. The error is a text, as the client of that database words it.
    fn execute<'a>(&'a mut self, sql: &'a str, parameters: Vec<PlainValue>) -> BoxFuture<'a, Result<RemoteRows, String>>;
}

/// Where a database is.
#[derive(Clone)]
pub enum Location {
    /// In a file.
    File(Arc<Database>),
    /// At a server.
    Remote(Arc<dyn RemoteDatabase>),
}

/// A guest's connection to either.
pub enum Connected {
    File(Session),
    Remote(Box<dyn RemoteConnection>),
}

impl Location {
    /// The file's database, if it is one.
    pub fn file(&self) -> Option<Arc<Database>> {
        match self {
            Self::File(database) => Some(database.clone()),
            Self::Remote(_) => None,
        }
    }

    /// A new connection for this component.
    pub fn connect(&self, component: &str) -> Connected {
        match self {
            Self::File(database) => Connected::File(Session::new(database.clone())),
            Self::Remote(database) => Connected::Remote(database.connect(component)),
        }
    }
}

impl Connected {
    /// Runs a statement to completion.
    pub async fn execute(&mut self, sql: String, parameters: Vec<Value>) -> Result<QueryResult, Error> {
        match self {
            Self::File(session) => session.execute(sql, parameters).await,
            Self::Remote(connection) => {
                let parameters = parameters.into_iter().map(to_plain).collect();
                let (columns, rows) = connection.execute(&sql, parameters).await.map_err(Error::Io)?;
                let rows = rows.into_iter().map(|row| RowResult { values: row.into_iter().map(from_plain).collect() }).collect();
                Ok(QueryResult { columns, rows })
            }
        }
    }

    /// Rows changed by the most recent change.
    pub fn changes(&self) -> u64 {
        match self {
            Self::File(session) => session.changes,
            Self::Remote(_) => 0,
        }
    }

    /// The rowid of the most recent insert.
    pub fn last_insert_rowid(&self) -> i64 {
        match self {
            Self::File(session) => session.last_insert_rowid,
            Self::Remote(_) => 0,
        }
    }
}

fn to_plain(value: Value) -> PlainValue {
    match value {
        Value::Integer(it) => PlainValue::Integer(it),
        Value::Real(it) => PlainValue::Real(it),
        Value::Text(it) => PlainValue::Text(it),
        Value::Blob(it) => PlainValue::Blob(it),
        Value::Null => PlainValue::Null,
    }
}

fn from_plain(value: PlainValue) -> Value {
    match value {
        PlainValue::Integer(it) => Value::Integer(it),
        PlainValue::Real(it) => Value::Real(it),
        PlainValue::Text(it) => Value::Text(it),
        PlainValue::Blob(it) => Value::Blob(it),
        PlainValue::Null => Value::Null,
    }
}
