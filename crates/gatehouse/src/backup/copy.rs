//! Copying a database page by page, as it is at one moment, with SQLite's online backup.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tokio_util::sync::CancellationToken;

use super::identity::APPLICATION_ID;
use super::partial::Partial;

/// How fast it goes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Pages at a time, of 4 KiB.
    pages: i32,
    /// How long it rests after them.
    pause: Duration,
}

impl Pace {
    /// Beside a running application: half a mebibyte at a time, and at most a hundred mebibytes in a second, so that its requests find the disk
    /// and a core free.
    pub const GENTLE: Self = Self { pages: 128, pause: Duration::from_millis(5) };
    /// When nobody else is there.
    pub const FAST: Self = Self { pages: 2_048, pause: Duration::ZERO };
}

/// After so many pages what was written goes to the disk: all of it at the end would keep the application's own commits waiting.
const SYNC_EVERY: i32 = 8_192;

/// How long a database may be locked by somebody else.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens a database that is there, to be read. It is opened for writing all the same: to read one with a log, SQLite writes into the index of that log.
///
/// # Errors
/// If it is not there, or cannot be opened.
pub fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).with_context(|| format!("cannot open {}", path.display()))?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// Copies the database as it is now. What is written to it meanwhile is neither waited for nor in the copy: the connection reads in one
/// transaction from the beginning to the end, so that the copy need not begin anew either, however much is written.
///
/// # Errors
/// If it cannot be read, or the copy not written, or it is told to stop.
pub fn copy(from: &Connection, to: &Partial, pace: Pace, stop: &CancellationToken) -> Result<()> {
    let cannot_write = || format!("cannot write {}", to.path().display());
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(to.path(), flags).with_context(cannot_write)?;
    // A copy that is not whole is thrown away: it needs no journal, and is made durable at its end.
    target
        .execute_batch("pragma locking_mode = exclusive; pragma journal_mode = off; pragma synchronous = off;")
        .with_context(cannot_write)?;
    // The first read of a transaction is what fixes its moment.
    from.execute_batch("begin")
        .and_then(|()| from.query_row("select count(*) from sqlite_schema", [], |_| Ok(())))
        .context("cannot read the database")?;
    let copied = copy_pages(from, &mut target, to, pace, stop);
    from.execute_batch("rollback").ok();
    copied?;
    finish(&target).with_context(cannot_write)?;
    target.close().map_err(|(_, error)| error).with_context(cannot_write)?;
    to.sync()
}

fn copy_pages(from: &Connection, target: &mut Connection, to: &Partial, pace: Pace, stop: &CancellationToken) -> Result<()> {
    let backup = Backup::new(from, target)?;
    let bar = progress_bar();
    let (mut locked_since, mut synced) = (None, 0);
    loop {
        if stop.is_cancelled() {
            bail!("stopped: nothing was kept");
        }
        let step = backup.step(pace.pages).context("cannot copy the database")?;
        let progress = backup.progress();
        let done = progress.pagecount - progress.remaining;
        bar.set_length(u64::try_from(progress.pagecount).unwrap_or_default());
        bar.set_position(u64::try_from(done).unwrap_or_default());
        match step {
            StepResult::Done => break,
            StepResult::More => locked_since = None,
            _ => {
                let since: Instant = *locked_since.get_or_insert_with(Instant::now);
                if since.elapsed() > PATIENCE {
                    bail!("somebody else has locked the database");
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        if done - synced >= SYNC_EVERY {
            to.sync()?;
            synced = done;
        }
        std::thread::sleep(pace.pause);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Makes a single file of the copy, which needs no log beside it, and marks it as one of this program.
fn finish(target: &Connection) -> rusqlite::Result<()> {
    // Read first: only then the connection knows that what was copied has a log.
    target.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
    target.query_row("pragma journal_mode = delete", [], |_| Ok(()))?;
    target.pragma_update(None, "application_id", APPLICATION_ID)
}

/// On stderr; hidden if that is not a terminal.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg:>20} [{bar:40}] {percent}% {eta}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message("copying pages");
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(path: &Path) -> Connection {
        let database = Connection::open(path).unwrap();
        database.execute_batch("pragma journal_mode = wal; create table a (x);").unwrap();
        for _ in 0..1_000 {
            database.execute("insert into a values (hex(randomblob(1000)))", []).unwrap();
        }
        database
    }

    #[test]
    fn a_copy_is_of_one_moment_and_a_single_file() {
        let directory = tempfile::tempdir().unwrap();
        let (path, name) = (directory.path().join("a.db"), directory.path().join("copy.db"));
        let writer = database(&path);
        let (from, to) = (open(&path).unwrap(), Partial::create(&name).unwrap());
        // Somebody writes beside it all the time, from another connection.
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let writing = std::thread::spawn(move || {
            let mut written = 0;
            while wait.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
                writer.execute("insert into a values ('later')", []).unwrap();
                written += 1;
            }
            written
        });
        copy(&from, &to, Pace { pages: 10, pause: Duration::from_millis(1) }, &CancellationToken::new()).unwrap();
        drop(done);
        assert!(writing.join().unwrap() > 10);
        to.keep(false).unwrap();
        let copy = Connection::open_with_flags(&name, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let text = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
        assert_eq!((text("pragma integrity_check"), text("pragma journal_mode")), ("ok".to_owned(), "delete".to_owned()));
        let number = |sql: &str| copy.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(number("pragma application_id"), i64::from(APPLICATION_ID));
        let (first, later) = (number("select count(*) from a where x <> 'later'"), number("select count(*) from a where x = 'later'"));
        assert!(first == 1_000 && later <= 10, "{first} {later}");
        for beside in ["-wal", "-shm", "-journal"] {
            assert!(!super::super::with_suffix(&name, beside).exists(), "{beside}");
        }
    }

    #[test]
    fn one_that_is_stopped_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (path, name) = (directory.path().join("a.db"), directory.path().join("copy.db"));
        drop(database(&path));
        let (stop, to) = (CancellationToken::new(), Partial::create(&name).unwrap());
        stop.cancel();
        assert!(copy(&open(&path).unwrap(), &to, Pace::FAST, &stop).is_err());
        drop(to);
        let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, ["a.db"]);
    }
}
