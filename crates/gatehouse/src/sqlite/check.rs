//! Whether the pages of a database file are whole.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rusqlite::Connection;

use super::connection::{Create, connect};
use super::statement::{self, Outcome};
use crate::bindings::sqlite::sqlite::{Error, Value};

/// The longest that one check may take: what is larger than can be read meanwhile is checked in parts.
const LONGEST: Duration = Duration::from_secs(5);

/// Runs a checking pragma on a connection of its own, which has nothing of the file in its cache. It fails with "interrupted" when it takes
/// longer than five seconds. Blocks.
pub fn run(path: &Path, pragma: &str) -> Result<Outcome, Error> {
    let connection = connect(path, Create::No)?;
    bounded(&connection, || statement::run(&connection, pragma, &[])).map_err(Error::from)
}

/// What is damaged in the file, if anything is found within five seconds. Blocks.
pub fn damage(path: &Path) -> Option<String> {
    match run(path, "pragma quick_check(1)") {
        Ok(outcome) => found(&outcome),
        Err(Error::Io(message)) if is_damage(&message) => Some(message),
        // What cannot be read now, or not in time, is not known to be damaged.
        Err(_) => None,
    }
}

/// What a check has found: its first line, which is `ok` when that is nothing.
pub fn found(outcome: &Outcome) -> Option<String> {
    match outcome.result.rows.first()?.values.first()? {
        Value::Text(line) if line != "ok" => Some(line.clone()),
        _ => None,
    }
}

/// Whether SQLite says so of the file (`SQLITE_CORRUPT`, `SQLITE_NOTADB`).
pub fn is_damage(message: &str) -> bool {
    message.contains("database disk image is malformed") || message.contains("file is not a database")
}

fn bounded<T>(connection: &Connection, work: impl FnOnce() -> T) -> T {
    let interrupt = connection.get_interrupt_handle();
    let (done, wait) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if wait.recv_timeout(LONGEST) == Err(mpsc::RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let result = work();
        drop(done);
        result
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, SeekFrom, Write as _};

    use super::*;

    #[test]
    fn pages_that_were_overwritten_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let connection = connect(&path, Create::Yes).unwrap();
        connection
            .execute_batch("create table a (x); insert into a select hex(randomblob(1000)) from json_each(json('[1,2,3,4,5,6,7,8]'));")
            .unwrap();
        assert_eq!(damage(&path), None);
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(3 * 4096)).unwrap();
        file.write_all(&[0; 2 * 4096]).unwrap();
        assert!(damage(&path).is_some());
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(&[7; 4096]).unwrap();
        assert!(damage(&path).is_some_and(|it| is_damage(&it)));
    }
}
