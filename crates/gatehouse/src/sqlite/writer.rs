//! Group commit: changes that arrive together share one transaction and one fsync, and each gets its result after the commit.
//!
//! An idle writer runs a change on the caller's thread, without handing it to another. Changes that arrive meanwhile queue up; the
//! writer's thread commits them together, and keeps doing so until a change arrives alone again.
//!
//! No savepoints are needed. A statement that fails undoes its own changes and leaves the transaction open (SQLite's `ABORT`, the
//! default), or keeps the changes up to the failure (`FAIL`), as it would by itself. Only `ROLLBACK`, by a conflict clause, a trigger or
//! an I/O error, ends the transaction: then the statements before it, which have not got their results yet, are run again one by one.
//! If the commit itself fails, for a deferred foreign key say, all are run again one by one, and only the one at fault fails.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::busy::{BUSY_TIMEOUT, BusyRetry, WriteLock, is_busy};
use super::guard::FileGuard;
use super::statement::{self, Outcome, database_is_locked};
use crate::bindings::sqlite::sqlite::{Error, Value};

/// The most statements of one transaction.
const MAX_GROUP: usize = 256;

type StatementResult = Result<Outcome, Error>;

/// A queued statement.
struct Job {
    sql: String,
    parameters: Vec<Value>,
    result: oneshot::Sender<StatementResult>,
}

/// The one writer of a database within this process.
pub struct Writer(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    connection: Mutex<Connection>,
    write_lock: WriteLock,
    guard: Option<Arc<FileGuard>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// A caller or the writer's thread is using the connection.
    busy: bool,
    /// The thread is to take the waiting jobs.
    handed_over: bool,
    /// Others arrived during the last commit. More are likely to: a change run on its caller's thread could not share their commit.
    contended: bool,
    closed: bool,
}

impl Writer {
    /// A writer over its own connection. Others who write to the database in this process hold `write_lock`. What `guard` says is lost is not
    /// acknowledged.
    pub fn new(connection: Connection, write_lock: WriteLock, guard: Option<Arc<FileGuard>>) -> std::io::Result<Self> {
        let connection = Mutex::new(connection);
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new(), connection, write_lock, guard });
        let thread = shared.clone();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || thread.serve(&runtime))?;
        Ok(Self(shared))
    }

    /// Runs one autocommitted change. It is durable when this returns `Ok`.
    pub async fn submit(&self, sql: String, parameters: Vec<Value>) -> StatementResult {
        let shared = &self.0;
        shared.guard.as_ref().map_or(Ok(()), |guard| guard.refuse())?;
        let on_caller = {
            let mut queue = shared.queue.lock();
            !queue.contended && !std::mem::replace(&mut queue.busy, true)
        };
        if on_caller && let Some(result) = shared.try_on_caller(&sql, &parameters) {
            return result;
        }
        let (result, received) = oneshot::channel();
        {
            let mut queue = shared.queue.lock();
            // The writer may have become idle meanwhile.
            let idle = !std::mem::replace(&mut queue.busy, true);
            queue.waiting.push_back(Job { sql, parameters, result });
            if idle || on_caller {
                shared.hand_over(&mut queue);
            }
        }
        received.await.unwrap_or_else(|_| Err(Error::Io("the writer has ended".to_owned())))
    }

    /// Writes what is in the write-ahead log to the database's file, and empties the log, unless somebody reads or writes at the moment.
    pub fn empty_log(&self) {
        if let Err(error) = self.0.connection.lock().query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())) {
            tracing::error!("the database's log could not be written to its file: {error}");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.queue.lock().closed = true;
        self.0.wake.notify_one();
    }
}

impl Shared {
    /// Runs a change on the caller's thread. `None` if another connection holds the write lock; the writer then stays `busy` for the caller.
    fn try_on_caller(&self, sql: &str, parameters: &[Value]) -> Option<StatementResult> {
        let permit = self.write_lock.try_lock().ok()?;
        let outcome = statement::run(&self.connection.lock(), sql, parameters);
        drop(permit);
        if outcome.as_ref().is_err_and(is_busy) {
            return None;
        }
        let mut queue = self.queue.lock();
        if queue.waiting.is_empty() {
            queue.busy = false;
        } else {
            queue.contended = true;
            self.hand_over(&mut queue);
        }
        Some(outcome.map_err(Error::from).and_then(|outcome| self.confirm().map(|()| outcome)))
    }

    /// Whether what was committed is in the files that were opened.
    fn confirm(&self) -> Result<(), Error> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard.confirm())
    }

    fn hand_over(&self, queue: &mut Queue) {
        queue.handed_over = true;
        self.wake.notify_one();
    }

    /// The writer's thread: commits the waiting jobs, group by group.
    fn serve(&self, runtime: &tokio::runtime::Handle) {
        loop {
            let group: Vec<Job> = {
                let mut queue = self.queue.lock();
                while !queue.handed_over && !queue.closed {
                    self.wake.wait(&mut queue);
                }
                if queue.waiting.is_empty() {
                    if queue.closed {
                        return;
                    }
                    (queue.handed_over, queue.busy) = (false, false);
                    continue;
                }
                let size = queue.waiting.len().min(MAX_GROUP);
                queue.contended = size > 1;
                queue.waiting.drain(..size).collect()
            };
            let permit = runtime.block_on(async { tokio::time::timeout(BUSY_TIMEOUT, self.write_lock.lock()).await });
            let results = match permit {
                Ok(_permit) => commit(&self.connection.lock(), &group),
                Err(_) => group.iter().map(|_| Err(database_is_locked())).collect(),
            };
            let confirmed = self.confirm();
            for (job, result) in group.into_iter().zip(results) {
                let result = result.and_then(|outcome| confirmed.clone().map(|()| outcome));
                // The receiver is gone if the guest was stopped.
                job.result.send(result).ok();
            }
        }
    }
}

/// Retries while a connection of another process holds the lock.
fn retry_while_busy<T>(mut attempt: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let retry = BusyRetry::new();
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && retry.wait_blocking() => {}
            result => return result,
        }
    }
}

/// Runs a job in a transaction of its own.
fn run_alone(connection: &Connection, job: &Job) -> StatementResult {
    retry_while_busy(|| statement::run(connection, &job.sql, &job.parameters)).map_err(Error::from)
}

/// Runs `begin` or `commit`.
fn run_control(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    retry_while_busy(|| connection.prepare_cached(sql)?.raw_execute().map(drop))
}

/// Runs the jobs and commits them, in one transaction if possible. Returns their results in order.
fn commit(connection: &Connection, group: &[Job]) -> Vec<StatementResult> {
    if let [job] = group {
        return vec![run_alone(connection, job)];
    }
    if let Err(error) = run_control(connection, "begin immediate") {
        let error = Error::from(error);
        return group.iter().map(|_| Err(error.clone())).collect();
    }
    let mut results: Vec<StatementResult> = Vec::with_capacity(group.len());
    for job in group {
        let outcome = statement::run(connection, &job.sql, &job.parameters);
        results.push(outcome.map_err(Error::from));
        if connection.is_autocommit() {
            // This statement rolled the transaction back, and with it those before.
            let before = results.len() - 1;
            for (result, job) in results.iter_mut().zip(group).take(before) {
                if result.is_ok() {
                    *result = run_alone(connection, job);
                }
            }
            results.extend(group.iter().skip(before + 1).map(|job| run_alone(connection, job)));
            return results;
        }
    }
    if run_control(connection, "commit").is_err() {
        connection.execute_batch("rollback").ok();
        return group.iter().map(|job| run_alone(connection, job)).collect();
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(sql: &str) -> Job {
        Job { sql: sql.to_owned(), parameters: Vec::new(), result: oneshot::channel().0 }
    }

    fn after(schema: &str, group: &[&str]) -> (Vec<bool>, Vec<i64>) {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(schema).unwrap();
        let group: Vec<Job> = group.iter().map(|it| job(it)).collect();
        let answers = commit(&connection, &group).iter().map(Result::is_ok).collect();
        assert!(connection.is_autocommit());
        let mut rows = connection.prepare("select x from a order by x").unwrap();
        let rows = rows.query_map([], |row| row.get(0)).unwrap();
        (answers, rows.map(Result::unwrap).collect())
    }

    #[test]
    fn a_failing_statement_takes_back_only_itself() {
        let (answers, rows) = after(
            "create table a (x unique)",
            &["insert into a values (1)", "insert into a values (5), (1)", "nonsense", "insert into a values (2)"],
        );
        assert_eq!(answers, [true, false, false, true]);
        assert_eq!(rows, [1, 2]);
    }

    #[test]
    fn one_that_rolls_back_undoes_no_other() {
        let (answers, rows) = after(
            "create table a (x unique)",
            &["insert into a values (1)", "insert or rollback into a values (1)", "insert into a values (2)"],
        );
        assert_eq!(answers, [true, false, true]);
        assert_eq!(rows, [1, 2]);
    }

    #[test]
    fn a_commit_that_fails_fails_only_the_one_at_fault() {
        let (answers, rows) = after(
            "create table p (x primary key);
             create table a (x references p deferrable initially deferred);
             insert into p values (1)",
            &["insert into a values (1)", "insert into a values (7)", "insert into a values (1)"],
        );
        assert_eq!(answers, [true, false, true]);
        assert_eq!(rows, [1, 1]);
    }
}
