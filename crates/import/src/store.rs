//! The database file that is written into: batches, each with its rows of `imported` in one transaction, and silence about what is history.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use domain::occupancy;
use domain::rollup::FINEST_MS;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Params, params};

use crate::failure::Failure;
use crate::source::{Entity, Source};

/// How long the database's one writer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a device said in the rows of a batch, as far as it is its present state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Newest {
    /// Readings that were stored.
    pub readings: i64,
    /// The newest reading's own time.
    pub reading_at: Option<i64>,
    /// The newest occupancy, and its time.
    pub occupied: Option<(i64, bool)>,
}

/// The database.
pub struct Store {
    connection: Connection,
    source: Source,
    now: i64,
    /// The last rows of the outbox and of the event feed before the batch.
    marks: Option<(i64, i64)>,
    /// The devices of which the batch holds rows.
    devices: BTreeMap<i64, Newest>,
    /// Whether nothing was summed up of occupancy when this import began: then all of it may be summed up anew.
    is_first_occupancy: bool,
}

/// As the trigger `reading_came_late` does.
const READING_LATE: &str = "insert into reading_late (device_id, start)
     select device_id, ?2 - ?2 % ?3 from device_state where device_id = ?1 and ?2 < rolled_up_to on conflict do nothing";

/// As the trigger `occupancy_came_late` does.
const OCCUPANCY_LATE: &str = "insert into occupancy_late (device_id, at)
     select ?1, ?2 from rollup_progress where name = 'occupancy' and ?2 < up_to on conflict do nothing";

const SUM_UP_FROM: &str = "update rollup_progress set up_to = ?1 where name = 'occupancy' and up_to > ?1";

impl Store {
    /// Opens the file of a database that `gatehouse up` has made.
    pub fn open(path: &Path, source: Source, now: i64) -> Result<Self> {
        if !path.exists() {
            bail!("{} is not there: start `gatehouse up` once, which makes it, or say --state-dir", path.display());
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).with_context(|| format!("cannot open {}", path.display()))?;
        connection.busy_timeout(PATIENCE)?;
        connection.execute_batch("pragma foreign_keys = on; pragma synchronous = full;")?;
        connection.set_prepared_statement_cache_capacity(64);
        let is_ready = "select exists (select 1 from sqlite_master where type = 'table' and name = 'imported')";
        if !connection.query_row(is_ready, [], |row| row.get::<_, bool>(0))? {
            bail!(
                "{} does not have the tables of this release: start `gatehouse up` and ask its `/ready` once, which makes them",
                path.display()
            );
        }
        let is_first_occupancy = connection.query_row("select not exists (select 1 from occupancy_quarters)", [], |row| row.get(0))?;
        Ok(Self { connection, source, now, marks: None, devices: BTreeMap::new(), is_first_occupancy })
    }

    /// A copy of a database as it is at one moment, which a dry run may write into.
    pub fn copy(path: &Path, to: &Path) -> Result<()> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).with_context(|| format!("cannot open {}", path.display()))?;
        connection.busy_timeout(PATIENCE)?;
        let to = to.to_str().context("the temporary directory's name is no UTF-8")?;
        connection.execute("vacuum into ?1", [to]).context("cannot copy the database for the dry run")?;
        Ok(())
    }

    /// The present, milliseconds.
    pub const fn now(&self) -> i64 {
        self.now
    }

    /// Runs a statement; how many rows it changed.
    pub fn run(&self, sql: &str, params: impl Params) -> Result<usize, Failure> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// The first column of the first row, if there is one.
    pub fn find<T: rusqlite::types::FromSql>(&self, sql: &str, params: impl Params) -> Result<Option<T>, Failure> {
        Ok(self.connection.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()?)
    }

    /// Whether there is a row.
    pub fn exists(&self, sql: &str, params: impl Params) -> Result<bool, Failure> {
        Ok(self.connection.prepare_cached(sql)?.exists(params)?)
    }

    /// What an old id has become here.
    pub fn mapped(&self, entity: Entity, old_id: &str) -> Result<Option<String>, Failure> {
        let sql = "select new_id from imported where source = ?1 and entity = ?2 and old_id = ?3";
        self.find(sql, params![self.source.into_str(), entity.into_str(), old_id])
    }

    /// Notes what an old id has become.
    pub fn map(&self, entity: Entity, old_id: &str, new_id: &str) -> Result<(), Failure> {
        let sql = "insert into imported (source, entity, old_id, new_id, at) values (?1, ?2, ?3, ?4, ?5)";
        self.run(sql, params![self.source.into_str(), entity.into_str(), old_id, new_id, self.now]).map(drop)
    }

    /// Notes that the batch holds rows of a device.
    pub fn touch(&mut self, device_id: i64) -> &mut Newest {
        self.devices.entry(device_id).or_default()
    }

    /// Notes that a reading was stored: one of a time that is rolled up already is rolled up in the next run, and not removed before.
    pub fn reading_stored(&self, device_id: i64, at: i64) -> Result<(), Failure> {
        self.run(READING_LATE, params![device_id, at, FINEST_MS]).map(drop)
    }

    /// Notes that an occupancy event was stored. Of an installation that has summed up nothing yet, the sums begin with the oldest event; of
    /// another they are corrected, as by any event that comes in late.
    pub fn occupancy_stored(&self, device_id: i64, at: i64) -> Result<(), Failure> {
        if !self.is_first_occupancy {
            return self.run(OCCUPANCY_LATE, params![device_id, at]).map(drop);
        }
        let from = occupancy::quarter(at);
        if self.run(SUM_UP_FROM, [from])? > 0 {
            // What the application has summed up since the import began, from events that are all still there.
            self.run("delete from occupancy_quarters where start >= ?1", [from])?;
            self.run("delete from occupancy_late where at >= ?1", [from])?;
        }
        Ok(())
    }

    /// Begins a batch. The triggers that keep devices' present state do not run for rows of the past, see [`Self::commit`].
    pub fn begin(&mut self, is_series: bool) -> Result<()> {
        self.connection.execute_batch("begin immediate")?;
        let last =
            |table: &str| self.connection.query_row(&format!("select coalesce(max(id), 0) from {table}"), [], |row| row.get::<_, i64>(0));
        self.marks = Some((last("outbox")?, last("events")?));
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, !is_series)?;
        Ok(())
    }

    /// A row begins: what is written of it can be taken back.
    pub fn begin_row(&self) -> Result<()> {
        Ok(self.connection.execute_batch("savepoint one_row")?)
    }

    /// A row ends; it is kept or taken back.
    pub fn end_row(&self, is_kept: bool) -> Result<()> {
        Ok(self.connection.execute_batch(if is_kept { "release one_row" } else { "rollback to one_row; release one_row" })?)
    }

    /// Ends a batch: devices' states follow, and nobody is told of anything. What triggers wrote into the outbox and the feed since the batch
    /// began is of this transaction alone: it holds the write lock.
    pub fn commit(&mut self) -> Result<()> {
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
        for (device, newest) in std::mem::take(&mut self.devices) {
            self.settle(device, newest)?;
        }
        if let Some((outbox, events)) = self.marks.take() {
            self.connection.execute("delete from outbox where id > ?1", [outbox])?;
            self.connection.execute("delete from events where id > ?1", [events])?;
        }
        self.connection.execute_batch("commit")?;
        Ok(())
    }

    /// Takes a batch back.
    pub fn roll_back(&mut self) {
        self.devices.clear();
        self.marks = None;
        // The error that led here is the one to tell.
        let _ = self.connection.execute_batch("rollback");
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true);
    }

    /// Brings a device's state up to its newest row. One that was never heard of here is offline, and known to be: else the next scheduled run
    /// would raise an alert for a silence that is only the move. One that is heard of already keeps its heartbeat.
    fn settle(&self, device: i64, newest: Newest) -> Result<()> {
        let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| self.connection.prepare_cached(sql)?.execute(params);
        run("update device_state set readings = readings + ?2 where device_id = ?1", &[&device, &newest.readings])?;
        if let Some(at) = newest.reading_at {
            run(
                "update device_state set last_reading_at = r.at, voltage = r.voltage, current = r.current, power_factor = r.power_factor,
                    power_w = r.power_w, battery = coalesce(r.battery, device_state.battery), electrical = r.flags & 3
                 from readings r
                 where r.device_id = ?1 and r.at = ?2 and device_state.device_id = ?1
                    and ?2 > coalesce(device_state.last_reading_at, -1)",
                &[&device, &at],
            )?;
        }
        let seen_at = newest.reading_at.max(newest.occupied.map(|(at, _)| at));
        run(
            "update device_state set last_seen_at = ?2, health = 'offline', health_changed_at = ?3
             where device_id = ?1 and (last_seen_at is null or health = 'offline' and last_seen_at < ?2)",
            &[&device, &seen_at, &self.now],
        )?;
        if let Some((at, occupied)) = newest.occupied {
            let turned = "select changed from occupancy_log where device_id = ?1 and at = ?2";
            let turned: Option<bool> =
                self.connection.prepare_cached(turned)?.query_row(params![device, at], |row| row.get(0)).optional()?;
            run(
                "update device_state set occupied = ?3, occupied_at = ?2
                 where device_id = ?1 and ?2 > coalesce(occupied_at, -1) and (placed_at is null or ?2 > placed_at)",
                &[&device, &at, &occupied],
            )?;
            // The trigger takes the batch's last event for one at which the spot turned; whether it is, was seen when it was written.
            if let Some(turned) = turned {
                run("update occupancy_log set changed = ?3 where device_id = ?1 and at = ?2", &[&device, &at, &turned])?;
            }
        }
        Ok(())
    }
}
