//! Running a statement on a connection.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode};

use crate::bindings::sqlite::sqlite::{Error, QueryResult, RowResult, Value};

/// The outcome of a statement.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its rows.
    pub result: QueryResult,
    /// The connection's counters after a change: rows changed, and the last inserted rowid. `None` after a read.
    pub counters: Option<(u64, i64)>,
}

#[expect(clippy::derivable_impls, reason = "the type is generated, without derives")]
impl Default for QueryResult {
    fn default() -> Self {
        Self { columns: Vec::new(), rows: Vec::new() }
    }
}

struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Integer(it) => ValueRef::Integer(*it),
            Value::Real(it) => ValueRef::Real(*it),
            Value::Text(it) => ValueRef::Text(it.as_bytes()),
            Value::Blob(it) => ValueRef::Blob(it),
            Value::Null => ValueRef::Null,
        }))
    }
}

/// Runs a statement to completion and collects its rows.
pub fn run(connection: &Connection, sql: &str, parameters: &[Value]) -> rusqlite::Result<Outcome> {
    let mut statement = connection.prepare_cached(sql)?;
    let width = statement.column_count();
    let modifies = !statement.readonly();
    let columns = (width > 0).then(|| statement.column_names().map(str::to_owned).collect());
    let mut rows = Vec::new();
    {
        let mut cursor = statement.query(rusqlite::params_from_iter(parameters.iter().map(Parameter)))?;
        while let Some(row) = cursor.next()? {
            let values = (0..width).map(|at| Ok(to_value(row.get_ref(at)?)));
            rows.push(RowResult { values: values.collect::<rusqlite::Result<_>>()? });
        }
    }
    let counters = modifies.then(|| (connection.changes(), connection.last_insert_rowid()));
    let result = QueryResult { columns: columns.unwrap_or_default(), rows };
    Ok(Outcome { result, counters })
}

fn to_value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(it) => Value::Integer(it),
        ValueRef::Real(it) => Value::Real(it),
        ValueRef::Text(it) => Value::Text(String::from_utf8_lossy(it).into_owned()),
        ValueRef::Blob(it) => Value::Blob(it.to_vec()),
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DatabaseFull,
            _ => Self::Io(error.to_string()),
        }
    }
}

/// The error of a statement that has not got the write lock in time, worded as SQLite words it.
pub fn database_is_locked() -> Error {
    Error::Io("database is locked".to_owned())
}
