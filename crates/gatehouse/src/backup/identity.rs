//! Whether a database is one of Gatehouse that this program knows, and whole.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rusqlite::{Connection, ErrorCode};
use sha2::{Digest as _, Sha256};

/// By which a backup is known as one of this program: `GATE` in the header of the file. A copy that was made in another way has none.
pub const APPLICATION_ID: i32 = 0x4741_5445;

/// The steps of the schema by their number, from 1 on, each with its name and text.
const MIGRATIONS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// Returns the version of the database's schema.
///
/// # Errors
/// If the file is no database, another program's, of a schema that is newer than this program, or of one that was changed.
pub fn known(database: &Connection, path: &Path) -> Result<usize> {
    let file = path.display();
    let id: i32 = database.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(|error| unreadable(&error, path))?;
    if id != 0 && id != APPLICATION_ID {
        bail!("{file} is a database of another program: its application id is {id:#010x}");
    }
    let has_versions: bool = database
        .query_row("select exists (select 1 from sqlite_schema where type = 'table' and name = 'schema_migrations')", [], |row| row.get(0))
        .map_err(|error| unreadable(&error, path))?;
    if !has_versions {
        bail!("{file} is no database of Gatehouse: it has no table schema_migrations");
    }
    let mut steps = database.prepare("select version, name, checksum from schema_migrations order by version")?;
    let steps = steps.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?)))?;
    let steps = steps.collect::<rusqlite::Result<Vec<_>>>().with_context(|| format!("{file}: cannot read schema_migrations"))?;
    check_steps(&steps).with_context(|| format!("{file} cannot be used"))?;
    Ok(steps.len())
}

fn check_steps(steps: &[(i64, String, String)]) -> Result<()> {
    if steps.is_empty() {
        bail!("its schema was never made");
    }
    for (index, (version, name, checksum)) in steps.iter().enumerate() {
        let Some((known, text)) = MIGRATIONS.get(index) else {
            let (theirs, ours) = (steps.len(), MIGRATIONS.len());
            bail!("it is of a newer Gatehouse: its schema is version {theirs}, and this program knows {ours}");
        };
        if usize::try_from(*version) != Ok(index + 1) || name != known || *checksum != const_hex::encode(Sha256::digest(text)) {
            bail!("its migration {name} is not the one that this program knows");
        }
    }
    Ok(())
}

/// Reads every page of the file.
///
/// # Errors
/// If one is not what was written.
pub fn whole(database: &Connection, path: &Path) -> Result<()> {
    let found: String = database.query_row("pragma integrity_check(1)", [], |row| row.get(0)).map_err(|error| unreadable(&error, path))?;
    if found != "ok" {
        bail!("{} is damaged: {found}", path.display());
    }
    Ok(())
}

fn unreadable(error: &rusqlite::Error, path: &Path) -> anyhow::Error {
    let file = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => anyhow::anyhow!("{file} is no SQLite database, or its beginning is damaged"),
        Some(ErrorCode::DatabaseCorrupt) => anyhow::anyhow!("{file} is damaged: {error}"),
        _ => anyhow::anyhow!("{file} cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_steps(steps: usize) -> Connection {
        let database = Connection::open_in_memory().unwrap();
        database
            .execute_batch("create table schema_migrations (version integer primary key, name text, checksum text, applied_at integer)")
            .unwrap();
        for version in 1..=steps {
            let (name, text) = MIGRATIONS.get(version - 1).copied().unwrap_or(("9999_of_tomorrow", ""));
            let step = (i64::try_from(version).unwrap(), name, const_hex::encode(Sha256::digest(text)));
            database.execute("insert into schema_migrations values (?, ?, ?, 0)", step).unwrap();
        }
        database
    }

    #[test]
    fn a_database_is_known_by_the_steps_of_its_schema() {
        let path = Path::new("a.db");
        let refused = |database: &Connection| format!("{:#}", known(database, path).unwrap_err());
        assert_eq!(known(&with_steps(MIGRATIONS.len()), path).unwrap(), MIGRATIONS.len());
        assert_eq!(known(&with_steps(1), path).unwrap(), 1, "an older one is brought up to date by the application");
        assert!(refused(&with_steps(MIGRATIONS.len() + 1)).contains("newer Gatehouse"));
        assert!(refused(&with_steps(0)).contains("never made"));
        assert!(refused(&Connection::open_in_memory().unwrap()).contains("no table schema_migrations"));
        let changed = with_steps(3);
        changed.execute("update schema_migrations set checksum = 'x' where version = 2", []).unwrap();
        assert!(refused(&changed).contains("migration 0002_"), "{}", refused(&changed));
        let gap = with_steps(3);
        gap.execute("delete from schema_migrations where version = 2", []).unwrap();
        assert!(known(&gap, path).is_err());
        let foreign = with_steps(3);
        foreign.pragma_update(None, "application_id", 0x0f05_5112).unwrap();
        assert!(refused(&foreign).contains("0x0f055112"), "{}", refused(&foreign));
        foreign.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        assert_eq!(known(&foreign, path).unwrap(), 3);
    }
}
