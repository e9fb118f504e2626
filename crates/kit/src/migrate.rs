//! Migrations that run by themselves: forward only, checksummed, under the database's write lock, by whichever instance comes first.

use crate::db::backend::{self, Connection};
use crate::db::{DbError, Rows, Value, patience};
use crate::{host, params};

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// The version of the schema that this build works with.
pub fn latest() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// The version that the database is at, 0 when it is empty.
pub(crate) fn current(connection: &Connection) -> Result<i64, DbError> {
    match run(connection, "select coalesce(max(version), 0) from schema_migrations", Vec::new()) {
        Ok(rows) => Ok(rows.first().and_then(|row| row.scalar().ok()).unwrap_or(0)),
        Err(DbError::Other(message)) if message.contains("no such table") => Ok(0),
        Err(error) => Err(error),
    }
}

/// A connection to a database that is at [`latest`]: it is brought there unless it is. One that is ahead (a rolled-back release) is left as
/// it is: steps are forward only and written so that the release before still works.
pub(crate) fn connect() -> Result<Connection, DbError> {
    let connection = Connection::open()?;
    if current(&connection)? >= latest() {
        return Ok(connection);
    }
    // Before the first table, which is the only time that SQLite takes it: so that pages which become free can be given back. A database that is
    // there already stays as it is, and libSQL refuses it.
    let _ = patience::retry(|| connection.control("pragma auto_vacuum = incremental"));
    // Outside a transaction, as SQLite wants it; it lasts. libSQL is in WAL mode by itself and may refuse the pragma.
    let _ = patience::retry(|| connection.control("pragma journal_mode = wal"));
    let own = Connection::open()?;
    // When an application starts, each component's first instance comes here at once, in a process for each trigger: all wait for the
    // one that migrates.
    patience::retry(|| own.control("begin immediate"))?;
    let applied = apply(&own);
    patience::retry(|| own.control(if applied.is_ok() { "commit" } else { "rollback" }))?;
    applied?;
    // One that was opened before, idle since, may be of no use by now.
    Connection::open()
}

fn run(connection: &Connection, sql: &str, params: Vec<Value>) -> Result<Rows, DbError> {
    connection.run(sql, &backend::lower(params))
}

fn apply(connection: &Connection) -> Result<(), DbError> {
    run(
        connection,
        "create table if not exists schema_migrations (
            version integer primary key, name text not null, checksum text not null, applied_at integer not null
        ) strict",
        Vec::new(),
    )?;
    for migration in MIGRATIONS {
        let checksum: String = const_hex::encode(host::sha256(migration.sql.as_bytes()));
        let known = run(connection, "select checksum from schema_migrations where version = ?", params![migration.version])?;
        if let Some(row) = known.first() {
            if row.values().first() != Some(&Value::Text(checksum)) {
                return Err(DbError::Other(format!("migration {} was changed after it was applied", migration.name)));
            }
            continue;
        }
        for statement in statements(migration.sql) {
            run(connection, statement, Vec::new())?;
        }
        run(
            connection,
            "insert into schema_migrations (version, name, checksum, applied_at) values (?, ?, ?, ?)",
            params![migration.version, migration.name, checksum, host::now_ms()],
        )?;
    }
    Ok(())
}

/// A file's statements: each ends with `;` before an empty line or the end (see migrations/README.md).
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n\n").map(|part| part.trim().trim_end_matches(';')).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_rise_one_by_one_and_match_the_names() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version, index as i64 + 1);
            assert!(migration.name.starts_with(&format!("{:04}_", migration.version)));
        }
    }

    #[test]
    fn every_piece_is_one_whole_statement() {
        for migration in MIGRATIONS {
            for statement in statements(migration.sql) {
                let code: String = statement.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
                let code = code.trim_start();
                // A table that others refer to is made anew under its own name with its references judged at the commit.
                let references_wait = "pragma defer_foreign_keys = on";
                let begins = [
                    "create ",
                    "insert ",
                    "drop index ",
                    "drop table ",
                    "drop trigger ",
                    "drop view ",
                    "alter table ",
                    "update ",
                    references_wait,
                ]
                .iter()
                .any(|word| code.starts_with(word));
                assert!(begins, "{}: {code}", migration.name);
                if code.starts_with("create trigger") {
                    assert!(code.ends_with("end"), "{}: {code}", migration.name);
                } else {
                    // A comment between the `;` and the empty line would join it with the next, of which nothing would be run.
                    let ends = |line: &str| line.split("--").next().is_some_and(|code| code.trim_end().ends_with(';'));
                    assert!(!code.lines().any(ends), "{}: {code}", migration.name);
                }
            }
        }
    }
}
