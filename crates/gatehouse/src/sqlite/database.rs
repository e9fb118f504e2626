//! A database file: its connections, and running single statements on them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use anyhow::{Context as _, Result};
use parking_lot::RwLock;

use super::busy::{BUSY_TIMEOUT, BusyRetry, WriteLock, is_busy};
use super::check;
use super::connection::{Create, Pool, connect};
use super::guard::FileGuard;
use super::kind::Kind;
use super::statement::{self, Outcome};
use super::writer::Writer;
use crate::bindings::sqlite::sqlite::{Error, Value};
use crate::private_files;

/// The most statements whose kind is cached.
const KIND_CACHE: usize = 4_096;

/// How often a database's files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A database file.
pub struct Database {
    path: PathBuf,
    /// None of a scratch pad, which may be lost at any time.
    guard: Option<Arc<FileGuard>>,
    writer: Writer,
    write_lock: WriteLock,
    readers: Pool,
    /// Connections that sessions may borrow, for transactions.
    dedicated: Pool,
    kinds: RwLock<HashMap<String, Kind>>,
}

impl Database {
    /// Opens a file that is the record: it is created if it is missing, watched while it is open, and checked for damage on a thread of its
    /// own. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If it cannot be opened, or is no database.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        private_files::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        let connection = connect(path, Create::Yes)
            .with_context(|| format!("cannot open {}: if it is damaged, put a backup in its place", path.display()))?;
        keep_log(&connection).with_context(|| format!("cannot open {}", path.display()))?;
        let guard = Arc::new(FileGuard::new(path)?);
        let database = Self::with(path, connection, Some(guard.clone()))?;
        let watched = Arc::downgrade(&database);
        std::thread::Builder::new().name("sqlite-watch".to_owned()).spawn(move || watch(&watched))?;
        std::thread::Builder::new().name("sqlite-check".to_owned()).spawn({
            let path = path.to_owned();
            move || {
                if let Ok(Some(damage)) = guard.read(|| check::damage(&path)) {
                    guard.note_damage(&damage);
                }
            }
        })?;
        Ok(database)
    }

    /// Opens a file that is a scratch pad, which is created if it is missing. Must be called within a tokio runtime.
    pub fn open_scratch(path: &Path) -> Result<Arc<Self>> {
        private_files::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        let connection = connect(path, Create::Yes).with_context(|| format!("cannot open {}", path.display()))?;
        Self::with(path, connection, None)
    }

    fn with(path: &Path, connection: rusqlite::Connection, guard: Option<Arc<FileGuard>>) -> Result<Arc<Self>> {
        let write_lock = WriteLock::default();
        Ok(Arc::new(Self {
            path: path.to_owned(),
            writer: Writer::new(connection, write_lock.clone(), guard.clone())?,
            guard,
            write_lock,
            readers: Pool::default(),
            dedicated: Pool::default(),
            kinds: RwLock::default(),
        }))
    }

    /// Sessions hold this while they write on a dedicated connection.
    pub(super) fn write_lock(&self) -> WriteLock {
        self.write_lock.clone()
    }

    /// Whether changes would be lost, by what is known.
    pub(super) fn refuse_changes(&self) -> Result<(), Error> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard.refuse())
    }

    /// Whether what was committed is in the file of this name.
    pub(super) fn confirm_commit(&self) -> Result<(), Error> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard.confirm())
    }

    /// Another connection to the file that was opened.
    fn connect(&self) -> rusqlite::Result<rusqlite::Connection> {
        let confirm = || {
            self.confirm_commit().map_err(|error| {
                let message = if let Error::Io(message) = error { message } else { "unable to open database file".to_owned() };
                rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN), Some(message))
            })
        };
        confirm()?;
        let connection = connect(&self.path, Create::No)?;
        // It is known which file of that name was opened when the name has led to the first one all the time.
        confirm()?;
        Ok(connection)
    }

    /// Borrows a connection for one session alone.
    pub(super) fn acquire_dedicated(&self) -> rusqlite::Result<rusqlite::Connection> {
        self.dedicated.acquire(|| self.connect())
    }

    /// Returns a connection that has no transaction open, nor other state of its session.
    pub(super) fn release_dedicated(&self, connection: rusqlite::Connection) {
        self.dedicated.release(connection);
    }

    /// The statements that were run, as far as they are remembered.
    pub fn statements(&self) -> Vec<String> {
        self.kinds.read().keys().cloned().collect()
    }

    /// How a statement must be run.
    pub(super) fn kind(&self, sql: &str) -> Kind {
        if let Some(kind) = self.kinds.read().get(sql) {
            return *kind;
        }
        let mut compiled = true;
        let kind = Kind::classify(sql, || {
            let readonly = self.readers.acquire(|| self.connect()).and_then(|reader| {
                let readonly = reader.prepare_cached(sql).map(|it| it.readonly());
                self.readers.release(reader);
                readonly
            });
            compiled = readonly.is_ok();
            // A statement that does not compile fails on a reader as well.
            readonly.unwrap_or(true)
        });
        if !compiled {
            // Not cached, as it may compile later: after a migration, or once the database is no longer busy.
            return kind;
        }
        let mut kinds = self.kinds.write();
        if kinds.len() >= KIND_CACHE {
            kinds.clear();
        }
        kinds.insert(sql.to_owned(), kind);
        kind
    }

    /// Runs a statement that changes nothing, on the caller's thread.
    pub async fn read(&self, sql: &str, parameters: &[Value]) -> Result<Outcome, Error> {
        let reader = self.readers.acquire(|| self.connect()).map_err(Error::from)?;
        let retry = BusyRetry::new();
        loop {
            match statement::run(&reader, sql, parameters) {
                Err(error) if is_busy(&error) && retry.wait().await => {}
                outcome => {
                    self.readers.release(reader);
                    return outcome.map_err(Error::from);
                }
            }
        }
    }

    /// Runs a statement that changes nothing and takes long, on a thread of its own.
    pub async fn read_whole(self: &Arc<Self>, sql: String, parameters: Vec<Value>) -> Result<Outcome, Error> {
        let database = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let reader = database.readers.acquire(|| database.connect())?;
            let retry = BusyRetry::new();
            loop {
                match statement::run(&reader, &sql, &parameters) {
                    Err(error) if is_busy(&error) && retry.wait_blocking() => {}
                    outcome => {
                        database.readers.release(reader);
                        return outcome;
                    }
                }
            }
        });
        reading.await.map_or_else(|_| Err(Error::Io("the reading has ended".to_owned())), |outcome| outcome.map_err(Error::from))
    }

    /// Checks the file's pages, on a connection and a thread of its own. Damage that it finds is kept in mind.
    pub async fn check(self: &Arc<Self>, pragma: String) -> Result<Outcome, Error> {
        let database = self.clone();
        let checking = tokio::task::spawn_blocking(move || {
            let run = || check::run(&database.path, &pragma);
            let outcome = match &database.guard {
                Some(guard) => guard.read(run)?,
                None => run(),
            };
            let damage = match &outcome {
                Ok(outcome) => check::found(outcome),
                Err(Error::Io(message)) => Some(message.clone()).filter(|message| check::is_damage(message)),
                Err(_) => None,
            };
            if let (Some(damage), Some(guard)) = (damage, &database.guard) {
                guard.note_damage(&damage);
            }
            outcome
        });
        checking.await.unwrap_or_else(|_| Err(Error::Io("the check has ended".to_owned())))
    }

    /// Checks the file as a whole again after damage was noted, and forgets that if there is none. Blocks, for five seconds at most.
    fn check_again(&self) {
        let Some(guard) = &self.guard else { return };
        if let Ok(Ok(outcome)) = guard.read(|| check::run(&self.path, "pragma quick_check(1)"))
            && check::found(&outcome).is_none()
        {
            guard.note_whole();
        }
    }

    /// Runs one change and commits it, in a group with others.
    pub async fn write(&self, sql: String, parameters: Vec<Value>) -> Result<Outcome, Error> {
        self.writer.submit(sql, parameters).await
    }
}

/// Looks at a database's files for as long as it is open.
///
/// While they are lost, the write-ahead log is emptied into the file that was opened, wherever that is now: it is whole then without a log,
/// and a file that takes its place does not find a log that is not its own.
///
/// Damage that was noted may have been another file's, or mended while the file was away: once it is back, it is checked again.
fn watch(database: &Weak<Database>) {
    let mut was_lost = false;
    while let Some(database) = database.upgrade() {
        let (is_lost, is_damaged) = database.guard.as_ref().map_or((false, false), |guard| (guard.look(), guard.is_damaged()));
        if is_lost {
            database.writer.empty_log();
        } else if was_lost && is_damaged {
            database.check_again();
        }
        was_lost = is_lost;
        drop(database);
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Has this connection use the write-ahead log from now on. The last connection to a log that is closed removes it, and the next one makes
/// another: with one that stays, it is the same file as long as the database is open.
fn keep_log(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The components ask for it too, but the file has its first page from here on. One that has tables stays as it is.
    connection.execute_batch("pragma auto_vacuum = incremental")?;
    connection.query_row("pragma journal_mode = wal", [], |_| Ok(()))?;
    connection.query_row("select count(*) from sqlite_schema", [], |_| Ok(()))?;
    connection.busy_timeout(Duration::ZERO)
}
