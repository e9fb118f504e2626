//! The database: one writer with group commit, and readers on the workers' own threads.

use std::cell::RefCell;

use domain::reading::{Reading, judge};
use rusqlite::{Connection, OptionalExtension as _};
use tokio::sync::{mpsc, oneshot};

/// The statement of the single route.
pub const INSERT: &str = include_str!("../../../../statements/single.sql");
/// The same for a reading of a bulk: a repeat is passed over.
const INSERT_OR_PASS: &str = include_str!("../../../../statements/bulk.sql");
const RESERVE: &str = include_str!("../../../../statements/reserve.sql");
const BOOK: &str = include_str!("../../../../statements/book.sql");

/// A reservation that was checked and priced.
pub struct Reservation {
    pub id: String,
    pub spot_id: String,
    pub start: i64,
    pub end: i64,
    pub plate: String,
    pub price: i64,
}

/// A booking that was checked.
pub struct Booking {
    pub id: String,
    pub code: String,
    pub temple: String,
    pub date: String,
    pub weekday: i64,
    pub slot: String,
    pub starts_at: i64,
    pub ends_at: i64,
    pub party_size: i64,
    pub visitors: String,
}

/// How many waiting requests share a commit at most.
const GROUP: usize = 256;

/// A connection at the product's durability.
pub fn open(path: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.set_prepared_statement_cache_capacity(64);
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

/// Why something was not stored.
#[derive(Clone, Copy, Debug)]
pub enum Refused {
    Unknown,
    Repeat,
    Failed,
}

type Stored<T> = Result<T, Refused>;
type Reply<T> = oneshot::Sender<Stored<T>>;

enum Job {
    Single(Reading, i64, Reply<()>),
    Bulk(Vec<Reading>, i64, Reply<usize>),
    Reserve(Reservation, i64, Reply<(String, String)>),
    Book(Booking, i64, Reply<()>),
}

/// A job's answer, to be sent when its group is durable.
type Done = Box<dyn FnOnce(bool) + Send>;

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
    pub async fn single(&self, reading: Reading, now: i64) -> Stored<()> {
        self.submit(|reply| Job::Single(reading, now, reply)).await
    }

    /// Stores many; how many were new, when they are durable.
    pub async fn bulk(&self, readings: Vec<Reading>, now: i64) -> Stored<usize> {
        self.submit(|reply| Job::Bulk(readings, now, reply)).await
    }

    /// Stores a reservation, and gives the kind and the zone of its spot; [`Refused::Repeat`] when the spot is taken.
    pub async fn reserve(&self, reservation: Reservation, now: i64) -> Stored<(String, String)> {
        self.submit(|reply| Job::Reserve(reservation, now, reply)).await
    }

    /// Stores a booking; [`Refused::Repeat`] when the slot is full.
    pub async fn book(&self, booking: Booking, now: i64) -> Stored<()> {
        self.submit(|reply| Job::Book(booking, now, reply)).await
    }

    async fn submit<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Stored<T> {
        let (reply, answer) = oneshot::channel();
        self.0.send(job(reply)).await.map_err(|_| Refused::Failed)?;
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
        for answer in done {
            answer(durable);
        }
    }
}

fn done<T: Send + 'static>(reply: Reply<T>, result: Stored<T>) -> Done {
    // A client that has left does not want its answer.
    Box::new(move |durable| drop(reply.send(if durable { result } else { Err(Refused::Failed) })))
}

/// One row, or a refusal as the condition of the statement did not hold.
fn one<T>(result: rusqlite::Result<Option<T>>) -> Stored<T> {
    result.map_err(|_| Refused::Failed)?.ok_or(Refused::Repeat)
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
            done(reply, result)
        }
        Job::Bulk(readings, now, reply) => {
            let stored = readings.iter().filter(|reading| insert(connection, INSERT_OR_PASS, reading, now).is_ok_and(|rows| rows == 1));
            done(reply, Ok(stored.count()))
        }
        Job::Reserve(it, now, reply) => {
            let placed = connection.prepare_cached(RESERVE).and_then(|mut statement| {
                let params = rusqlite::params![it.start, it.end, now, it.id, it.plate, it.price, it.spot_id];
                statement.query_row(params, |row| Ok((row.get(0)?, row.get(1)?))).optional()
            });
            done(reply, one(placed))
        }
        Job::Book(it, now, reply) => {
            let stored = connection.prepare_cached(BOOK).and_then(|mut statement| {
                let params = rusqlite::params![
                    it.id,
                    it.code,
                    it.temple,
                    it.date,
                    it.weekday,
                    it.slot,
                    it.starts_at,
                    it.ends_at,
                    it.party_size,
                    it.visitors,
                    now
                ];
                statement.execute(params).map(|rows| (rows == 1).then_some(()))
            });
            done(reply, one(stored))
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

/// Sixty-four random bits.
pub fn random() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};

    RandomState::new().build_hasher().finish()
}

/// A UUIDv7.
pub fn new_id(now: i64) -> String {
    let (a, b) = (random(), random());
    let variant = (b >> 2) | (1 << 63);
    format!("{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}", now >> 16, now & 0xffff, a & 0xfff, variant >> 48, variant & 0xffff_ffff_ffff)
}

/// The bytes of such an id.
pub fn id_bytes(id: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let _ = const_hex::decode_to_slice(id.replace('-', ""), &mut bytes);
    bytes
}
