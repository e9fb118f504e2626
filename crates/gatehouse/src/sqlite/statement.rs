//! Single statements: what kind they are, and running them on a connection.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode};

use crate::wit::sqlite::sqlite::{Error, QueryResult, RowResult, Value};

/// How a statement must be run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Changes nothing: on any connection.
    Read,
    /// One autocommitted change: it may share a commit with others.
    Write,
    /// Opens a transaction; `true` when it takes the write lock at once.
    Begin(bool),
    /// On a connection of the guest's own, which is given back after it.
    Alone,
    /// As `Alone`, but it changes the connection, which the guest therefore keeps.
    Sticky,
    /// Spin's hosts refuse it.
    Denied,
    /// Asks about the connection's last change outside a transaction. The interface has functions for that.
    AboutConnection,
}

/// Settings that are the database's, not a connection's, and questions: nothing of them stays with the connection.
const STATELESS_PRAGMAS: [&str; 22] = [
    "application_id",
    "auto_vacuum",
    "compile_options",
    "data_version",
    "encoding",
    "foreign_key_check",
    "foreign_key_list",
    "freelist_count",
    "incremental_vacuum",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "journal_mode",
    "optimize",
    "page_count",
    "page_size",
    "quick_check",
    "table_info",
    "table_list",
    "user_version",
    "wal_checkpoint",
];

impl Kind {
    /// Judges a statement by its text. `readonly` asks SQLite, for those whose first word does not tell.
    pub fn of(sql: &str, readonly: impl FnOnce() -> bool) -> Self {
        let lower = sql.to_ascii_lowercase();
        let mut words = words(&lower);
        let first = words.next().unwrap_or_default();
        if ["last_insert_rowid", "changes", "total_changes"].iter().any(|it| calls(&lower, it)) {
            return Self::AboutConnection;
        }
        match first {
            "select" | "values" | "explain" => Self::Read,
            "with" if readonly() => Self::Read,
            "with" | "insert" | "replace" | "update" | "delete" => Self::Write,
            "begin" => Self::Begin(matches!(words.next(), Some("immediate" | "exclusive"))),
            "savepoint" => Self::Begin(false),
            "attach" | "detach" => Self::Denied,
            "vacuum" if lower.contains("into") => Self::Denied,
            "create" if matches!(words.next(), Some("temp" | "temporary")) => Self::Sticky,
            "pragma" => {
                let name = words.next().unwrap_or_default();
                let name = name.rsplit('.').next().unwrap_or_default();
                let stateless = STATELESS_PRAGMAS.contains(&name);
                if stateless { Self::Alone } else { Self::Sticky }
            }
            _ => Self::Alone,
        }
    }
}

/// The words of a statement, comments left out.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|it: char| !(it.is_alphanumeric() || matches!(it, '_' | '-' | '/')));
            rest = if let Some(comment) = rest.strip_prefix("--") {
                comment.split_once('\n').map_or("", |(_, after)| after)
            } else if let Some(comment) = rest.strip_prefix("/*") {
                comment.split_once("*/").map_or("", |(_, after)| after)
            } else if let Some(after) = rest.strip_prefix(['-', '/']) {
                after
            } else {
                break;
            };
        }
        let end = rest.find(|it: char| !(it.is_alphanumeric() || matches!(it, '_' | '.')));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// Whether a lower-case statement calls this function.
fn calls(sql: &str, function: &str) -> bool {
    sql.match_indices(function).any(|(at, _)| {
        let before = sql[..at].chars().next_back();
        !before.is_some_and(|it| it.is_alphanumeric() || it == '_') && sql[at + function.len()..].trim_start().starts_with('(')
    })
}

/// What a statement gave.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its rows.
    pub result: QueryResult,
    /// What it did to the connection's counters: rows changed and last rowid, when it changes data.
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

/// Runs a statement to its end, and forgets nothing of its rows.
pub fn run(connection: &Connection, sql: &str, parameters: &[Value]) -> rusqlite::Result<Outcome> {
    let mut statement = connection.prepare_cached(sql)?;
    let width = statement.column_count();
    let changing = !statement.readonly();
    let columns = (width > 0).then(|| statement.column_names().map(str::to_owned).collect());
    let mut rows = Vec::new();
    {
        let mut cursor = statement.query(rusqlite::params_from_iter(parameters.iter().map(Parameter)))?;
        while let Some(row) = cursor.next()? {
            let values = (0..width).map(|at| Ok(value(row.get_ref(at)?)));
            rows.push(RowResult { values: values.collect::<rusqlite::Result<_>>()? });
        }
    }
    let counters = changing.then(|| (connection.changes(), connection.last_insert_rowid()));
    let result = QueryResult { columns: columns.unwrap_or_default(), rows };
    Ok(Outcome { result, counters })
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(it) => Value::Integer(it),
        ValueRef::Real(it) => Value::Real(it),
        ValueRef::Text(it) => Value::Text(String::from_utf8_lossy(it).into_owned()),
        ValueRef::Blob(it) => Value::Blob(it.to_vec()),
    }
}

/// Whether it may succeed when tried again: somebody else holds the lock. A stale snapshot stays stale.
pub fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(it, _)
        if matches!(it.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            && it.extended_code != rusqlite::ffi::SQLITE_BUSY_SNAPSHOT)
}

/// The error as the interface has it.
pub fn error(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::DatabaseFull,
        _ => Error::Io(error.to_string()),
    }
}

/// What SQLite says when the lock was not given in time.
pub fn locked() -> Error {
    Error::Io("database is locked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (sql, kind) in [
            ("select 1", Kind::Read),
            ("  -- note\n /* more */ SELECT 1", Kind::Read),
            ("insert into a values (1)", Kind::Write),
            ("with x as (select 1) insert into a select * from x", Kind::Write),
            ("begin", Kind::Begin(false)),
            ("BEGIN IMMEDIATE", Kind::Begin(true)),
            ("begin immediate;", Kind::Begin(true)),
            ("create table a (b)", Kind::Alone),
            ("create temp table a (b)", Kind::Sticky),
            ("pragma journal_mode = wal", Kind::Alone),
            ("pragma main.user_version", Kind::Alone),
            ("pragma foreign_keys = off", Kind::Sticky),
            ("attach 'x' as y", Kind::Denied),
            ("vacuum into 'x'", Kind::Denied),
            ("vacuum", Kind::Alone),
            ("select changes()", Kind::AboutConnection),
            ("select changes from a", Kind::Read),
            ("select my_changes(1)", Kind::Read),
            ("", Kind::Alone),
        ] {
            assert_eq!(Kind::of(sql, || false), kind, "{sql}");
        }
        assert_eq!(Kind::of("with x as (select 1) select * from x", || true), Kind::Read);
    }
}
