//! Group commit: changes that arrive together share one transaction and one fsync, and each is answered after it.
//!
//! An idle writer is used in place, by whoever has the change, without a hand-over to another thread. What arrives meanwhile queues
//! up, and the writer's thread commits it together; it goes on doing so until a change comes alone again.
//!
//! No savepoints are needed. A statement that fails takes back its own changes and leaves the transaction open (SQLite's `ABORT`,
//! the default), or keeps what it did until then (`FAIL`), just as it would alone. Only `ROLLBACK`, by a conflict clause, a trigger or a
//! failing disk, ends the transaction: then those before it, not yet answered, are run again, each alone. So are all when the
//! commit itself fails, for a deferred foreign key say: the one at fault is then the one that fails.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::statement::{self, Outcome, error, is_busy, locked};
use super::{BUSY_TIMEOUT, Gate};
use crate::wit::sqlite::sqlite::{Error, Value};

/// The most statements of one transaction.
const GROUP: usize = 256;

type Answer = Result<Outcome, Error>;

/// A statement on its way.
struct Job {
    sql: String,
    parameters: Vec<Value>,
    answer: oneshot::Sender<Answer>,
}

/// The one writer of a database within this process.
pub struct Writer(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    connection: Mutex<Connection>,
    gate: Gate,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// Somebody writes: a caller in place, or the thread.
    busy: bool,
    /// The thread is to take what waits.
    handed_over: bool,
    /// Others came while the last commit was made: more will, and to write in place would keep them from sharing a commit.
    crowded: bool,
    closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    /// A writer over its own connection. Others who write to the database in this process hold the `gate`.
    pub fn new(connection: Connection, gate: Gate) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new(), connection: Mutex::new(connection), gate });
        let thread = shared.clone();
        let runtime = tokio::runtime::Handle::current();
        std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(move || thread.serve(&runtime))?;
        Ok(Self(shared))
    }

    /// Runs one autocommitted change. It is durable when this returns `Ok`.
    pub async fn submit(&self, sql: String, parameters: Vec<Value>) -> Answer {
        let shared = &self.0;
        let in_place = {
            let mut queue = lock(&shared.queue);
            !queue.crowded && !std::mem::replace(&mut queue.busy, true)
        };
        if in_place && let Some(answer) = shared.try_in_place(&sql, &parameters) {
            return answer;
        }
        let (answer, answered) = oneshot::channel();
        {
            let mut queue = lock(&shared.queue);
            // Whoever was busy may have ended just now.
            let idle = !std::mem::replace(&mut queue.busy, true);
            queue.waiting.push_back(Job { sql, parameters, answer });
            if idle || in_place {
                shared.hand_over(&mut queue);
            }
        }
        answered.await.unwrap_or_else(|_| Err(Error::Io("the writer has ended".to_owned())))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        lock(&self.0.queue).closed = true;
        self.0.wake.notify_one();
    }
}

impl Shared {
    /// On the caller's thread; `None` when another connection holds the write lock, and the caller still has the writer.
    fn try_in_place(&self, sql: &str, parameters: &[Value]) -> Option<Answer> {
        let gate = self.gate.try_lock().ok()?;
        let outcome = statement::run(&lock(&self.connection), sql, parameters);
        drop(gate);
        if outcome.as_ref().is_err_and(is_busy) {
            return None;
        }
        let mut queue = lock(&self.queue);
        if queue.waiting.is_empty() {
            queue.busy = false;
        } else {
            queue.crowded = true;
            self.hand_over(&mut queue);
        }
        Some(outcome.map_err(|it| error(&it)))
    }

    fn hand_over(&self, queue: &mut Queue) {
        queue.handed_over = true;
        self.wake.notify_one();
    }

    /// The thread: commits group after group while there are any.
    fn serve(&self, runtime: &tokio::runtime::Handle) {
        loop {
            let group: Vec<Job> = {
                let mut queue = lock(&self.queue);
                while !queue.handed_over && !queue.closed {
                    queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                if queue.waiting.is_empty() {
                    if queue.closed {
                        return;
                    }
                    (queue.handed_over, queue.busy) = (false, false);
                    continue;
                }
                let size = queue.waiting.len().min(GROUP);
                queue.crowded = size > 1;
                queue.waiting.drain(..size).collect()
            };
            let gate = runtime.block_on(async { tokio::time::timeout(BUSY_TIMEOUT, self.gate.lock()).await });
            let answers = match gate {
                Ok(_gate) => commit(&lock(&self.connection), &group),
                Err(_) => group.iter().map(|_| Err(locked())).collect(),
            };
            for (job, answer) in group.into_iter().zip(answers) {
                // Its guest may have been stopped meanwhile.
                job.answer.send(answer).ok();
            }
        }
    }
}

/// Tries while somebody outside this process holds the lock.
fn patiently<T>(mut attempt: impl FnMut() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_micros(500));
            }
            other => return other,
        }
    }
}

fn alone(connection: &Connection, job: &Job) -> Answer {
    patiently(|| statement::run(connection, &job.sql, &job.parameters)).map_err(|it| error(&it))
}

fn control(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    patiently(|| connection.prepare_cached(sql)?.raw_execute().map(drop))
}

fn commit(connection: &Connection, group: &[Job]) -> Vec<Answer> {
    if let [job] = group {
        return vec![alone(connection, job)];
    }
    if let Err(failure) = control(connection, "begin immediate") {
        return group.iter().map(|_| Err(error(&failure))).collect();
    }
    let mut answers: Vec<Answer> = Vec::with_capacity(group.len());
    for job in group {
        let outcome = statement::run(connection, &job.sql, &job.parameters);
        answers.push(outcome.map_err(|it| error(&it)));
        if connection.is_autocommit() {
            // This one ended the transaction, and so undid those before it.
            let before = answers.len() - 1;
            for (answer, job) in answers.iter_mut().zip(group).take(before) {
                if answer.is_ok() {
                    *answer = alone(connection, job);
                }
            }
            answers.extend(group.iter().skip(before + 1).map(|job| alone(connection, job)));
            return answers;
        }
    }
    if control(connection, "commit").is_err() {
        connection.execute_batch("rollback").ok();
        return group.iter().map(|job| alone(connection, job)).collect();
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(sql: &str) -> Job {
        Job { sql: sql.to_owned(), parameters: Vec::new(), answer: oneshot::channel().0 }
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
