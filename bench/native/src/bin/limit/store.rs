//! The database: one writer with group commit, and readers on the workers' own threads.

use std::cell::RefCell;

use domain::reading::{Reading, judge};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// The statement of the product's single route (components/telemetry).
pub const INSERT: &str = "insert into readings
        (device_id, at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags)
     values ((select id from devices where code = ? and is_active = 1), ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// The same for a reading of a bulk: a repeat is passed over.
pub const INSERT_OR_PASS: &str = "insert into readings
        (device_id, at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags)
     values ((select id from devices where code = ? and is_active = 1), ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing";

/// What keeps a spot `s` from `?1` to `?2`, as seen at `?3`: as in the product (crates/kit/src/spots.rs).
macro_rules! is_free {
    () => {
        "s.status = 'in_service'
         and (?1 > ?3 + 900000 or not exists (
             select 1 from devices v join device_state t on t.device_id = v.id where v.spot_id = s.spot_id and v.is_active = 1 and t.occupied = 1))
         and not exists (
             select 1 from reservations r
             where r.spot_id = s.spot_id and r.status in ('pending_payment', 'confirmed', 'arrived') and r.ends_at > ?1 and r.starts_at < ?2
                 and (r.status <> 'pending_payment' or r.hold_expires_at > ?3)
                 and (r.due_until is null or r.due_until > ?3 or r.paid_ends_at > ?1))"
    };
}

/// A reservation; that it overlaps no other is its condition.
const RESERVE: &str = concat!(
    "insert into reservations (id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency, hold_expires_at,
        created_at, updated_at, updated_by)
     select ?4, 'bench', s.spot_id, s.site, s.kind, ?1, ?2, ?5, 'pending_payment', ?6, 'INR', ?3 + 900000, ?3, ?3, 'bench'
     from spots s where s.spot_id = ?7 and ",
    is_free!()
);

/// What may be had of a site for a period: `spot_id, zone, kind`.
pub const AVAILABLE: &str =
    concat!("select s.spot_id, s.zone, s.kind from spots s where s.site = ?4 and ", is_free!(), " order by s.spot_id limit ?5");

/// A reservation that was checked and priced.
pub struct Reservation {
    pub id: String,
    pub spot_id: String,
    pub start: i64,
    pub end: i64,
    pub plate: String,
    pub price: i64,
}

/// How many waiting requests share a commit at most.
const GROUP: usize = 256;

/// A connection at the product's durability.
pub fn open(path: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection
        .execute_batch("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma busy_timeout = 5000")?;
    Ok(connection)
}

/// Inserts one reading; how many rows were stored.
pub fn insert(connection: &Connection, sql: &str, reading: &Reading, now: i64) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(rusqlite::params![
        reading.device_code,
        reading.at,
        now,
        reading.voltage,
        reading.current,
        reading.power_factor,
        reading.power_w(),
        reading.battery,
        reading.occupied,
        judge(reading),
    ])
}

/// Why a reading was not stored.
#[derive(Clone, Copy, Debug)]
pub enum Refused {
    Unknown,
    Repeat,
    Failed,
}

enum Job {
    Single(Reading, i64, oneshot::Sender<Result<(), Refused>>),
    Bulk(Vec<Reading>, i64, oneshot::Sender<Result<usize, Refused>>),
    Reserve(Reservation, i64, oneshot::Sender<Result<(), Refused>>),
}

enum Done {
    Single(oneshot::Sender<Result<(), Refused>>, Result<(), Refused>),
    Bulk(oneshot::Sender<Result<usize, Refused>>, Result<usize, Refused>),
}

/// The writer, by its queue.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub fn start(path: &str) -> rusqlite::Result<Self> {
        let connection = open(path)?;
        let (sender, receiver) = mpsc::channel(4_096);
        std::thread::spawn(move || work(&connection, receiver));
        Ok(Self(sender))
    }

    /// Stores one reading; back when it is durable.
    pub async fn single(&self, reading: Reading, now: i64) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Job::Single(reading, now, reply)).await.map_err(|_| Refused::Failed)?;
        answer.await.unwrap_or(Err(Refused::Failed))
    }

    /// Stores a reservation; [`Refused::Repeat`] when the spot is taken.
    pub async fn reserve(&self, reservation: Reservation, now: i64) -> Result<(), Refused> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Job::Reserve(reservation, now, reply)).await.map_err(|_| Refused::Failed)?;
        answer.await.unwrap_or(Err(Refused::Failed))
    }

    /// Stores many; how many were new, when they are durable.
    pub async fn bulk(&self, readings: Vec<Reading>, now: i64) -> Result<usize, Refused> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Job::Bulk(readings, now, reply)).await.map_err(|_| Refused::Failed)?;
        answer.await.unwrap_or(Err(Refused::Failed))
    }
}

fn work(connection: &Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting = Vec::with_capacity(GROUP);
    while jobs.blocking_recv_many(&mut waiting, GROUP) > 0 {
        let begun = connection.execute_batch("begin immediate").is_ok();
        // A statement that fails undoes itself alone; its neighbours stay.
        let done: Vec<Done> = waiting.drain(..).map(|job| run(connection, job)).collect();
        let durable = begun && connection.execute_batch("commit").is_ok();
        for done in done {
            // A client that has left does not want its answer.
            match done {
                Done::Single(reply, result) => drop(reply.send(if durable { result } else { Err(Refused::Failed) })),
                Done::Bulk(reply, result) => drop(reply.send(if durable { result } else { Err(Refused::Failed) })),
            }
        }
    }
}

fn run(connection: &Connection, job: Job) -> Done {
    match job {
        Job::Single(reading, now, reply) => {
            let result = insert(connection, INSERT, &reading, now).map(|_| ()).map_err(|error| {
                let message = error.to_string();
                if message.starts_with("NOT NULL") {
                    Refused::Unknown
                } else if message.starts_with("UNIQUE") {
                    Refused::Repeat
                } else {
                    Refused::Failed
                }
            });
            Done::Single(reply, result)
        }
        Job::Reserve(it, now, reply) => {
            let stored = connection.prepare_cached(RESERVE).and_then(|mut statement| {
                statement.execute(rusqlite::params![it.start, it.end, now, it.id, it.plate, it.price, it.spot_id])
            });
            Done::Single(reply, match stored {
                Ok(1) => Ok(()),
                Ok(_) => Err(Refused::Repeat),
                Err(_) => Err(Refused::Failed),
            })
        }
        Job::Bulk(readings, now, reply) => {
            let stored = readings.iter().filter(|reading| insert(connection, INSERT_OR_PASS, reading, now).is_ok_and(|rows| rows == 1));
            Done::Bulk(reply, Ok(stored.count()))
        }
    }
}

thread_local! {
    static READER: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// Runs a query on this thread's own connection.
pub fn read<T>(path: &str, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    READER.with_borrow_mut(|reader| {
        let connection = match reader {
            Some(connection) => connection,
            None => reader.insert(open(path)?),
        };
        query(connection)
    })
}
