//! An import: what is there, then kind by kind in the order in which they refer to each other, in batches.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use gatehouse_credentials::Key;
use indicatif::{ProgressBar, ProgressStyle};
use strum::VariantArray as _;

use crate::clock::Clock;
use crate::context::Context;
use crate::entities::ID;
use crate::failure::{Failure, Outcome, Refusal};
use crate::options::Args;
use crate::readers::{Columns, Input};
use crate::report::{Moved, Report};
use crate::row::Row;
use crate::source::Entity;
use crate::store::Store;
use crate::value::Fields;

/// Imports, or tries it on a copy. Runs to its end on the calling thread, which must not be one of an asynchronous runtime's workers.
///
/// # Errors
/// If something cannot be read or written. What was written until then stays: run it again.
pub fn run(args: &Args) -> Result<Report> {
    let machine = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis())?;
    let clock = Clock { zone: args.time_zone, now: args.now_ms.unwrap_or(machine) };
    let inputs: Vec<Input> = args.inputs.iter().map(|it| Input::parse(it)).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    let found = Found::look(args, &inputs)?;
    let database = args.database();
    let copy;
    let mut store = if args.dry_run {
        // To refuse what would be refused, before the copy is made.
        Store::open(&database, args.from, clock.now)?;
        copy = tempfile::Builder::new().prefix("gatehouse-import-").tempdir()?;
        let path = copy.path().join("copy.db");
        Store::copy(&database, &path)?;
        Store::open(&path, args.from, clock.now)?
    } else {
        Store::open(&database, args.from, clock.now)?
    };
    let key = if found.has(Entity::Cameras) { camera_key(args)? } else { None };
    let mut report = Report { source: args.from.into_str().to_owned(), is_dry_run: args.dry_run, ..Report::default() };
    for entity in Entity::VARIANTS.iter().copied().filter(|entity| found.has(*entity)) {
        let mut work = Work {
            entity,
            args,
            clock,
            store: &mut store,
            key: key.as_ref(),
            moved: Moved { kind: entity.into_str().to_owned(), tables: found.tables_of(entity), ..Moved::default() },
            waiting: Vec::new(),
            bar: progress_bar(args, found.records_of(entity), entity.into_str()),
        };
        for input in &inputs {
            input.each(&found.columns, &|table| found.entity(table) == Some(entity), &mut |_, fields| work.take(fields))?;
        }
        work.flush()?;
        work.bar.finish();
        report.moved.push(work.moved);
    }
    report.unmapped_tables = found.counts.iter().filter(|(table, _)| found.entity(table).is_none()).map(|(t, n)| (t.clone(), *n)).collect();
    if let Some(path) = &args.report {
        write_private(path, &serde_json::to_vec_pretty(&report)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report)
}

/// Writes a file that others on this machine cannot read: the examples name people and their vehicles.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // Of a file that was there already.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)
}

/// What the inputs hold.
struct Found {
    /// Records by table.
    counts: BTreeMap<String, u64>,
    entities: BTreeMap<String, Entity>,
    columns: Columns,
}

impl Found {
    /// Reads all of it once: what is damaged is told before anything is written, and a progress bar needs to know the end.
    fn look(args: &Args, inputs: &[Input]) -> Result<Self> {
        let mut columns = Columns::new();
        for input in inputs {
            input.columns(&mut columns)?;
        }
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let bar = progress_bar(args, 0, "looking");
        for input in inputs {
            input.each(&columns, &|_| true, &mut |table, _| {
                bar.inc(1);
                *counts.entry(table.to_owned()).or_default() += 1;
                Ok(())
            })?;
        }
        bar.finish_and_clear();
        let said = args.tables();
        for table in said.keys() {
            if !counts.contains_key(table) {
                bail!("--table names {table}, which is not there; there are: {}", counts.keys().cloned().collect::<Vec<_>>().join(", "));
            }
        }
        let said_entities: BTreeSet<Entity> = said.values().copied().collect();
        let known = counts.keys().filter_map(|table| {
            let entity = said.get(table).copied();
            // Where somebody says which table it is, no other is taken for it.
            let entity = entity.or_else(|| args.from.entity(table).filter(|entity| !said_entities.contains(entity)))?;
            Some((table.clone(), entity))
        });
        let found = Self { entities: known.collect(), counts, columns };
        for entity in Entity::VARIANTS.iter().copied() {
            let tables = found.tables_of(entity);
            if tables.len() > 1 && !said_entities.contains(&entity) {
                let (name, first) = (entity.into_str(), tables.first().cloned().unwrap_or_default());
                bail!(
                    "{} may both hold {name}, and their ids would be mixed up: say which, as in --table {name}={first}",
                    tables.join(" and ")
                );
            }
        }
        Ok(found)
    }

    fn entity(&self, table: &str) -> Option<Entity> {
        self.entities.get(table).copied()
    }

    fn has(&self, entity: Entity) -> bool {
        self.entities.values().any(|it| *it == entity)
    }

    fn tables_of(&self, entity: Entity) -> Vec<String> {
        self.entities.iter().filter(|(_, it)| **it == entity).map(|(table, _)| table.clone()).collect()
    }

    fn records_of(&self, entity: Entity) -> u64 {
        self.tables_of(entity).iter().filter_map(|table| self.counts.get(table)).sum()
    }
}

/// The key that passwords of cameras are sealed with; none where there is none, and cameras have no passwords then.
fn camera_key(args: &Args) -> Result<Option<Key>> {
    let text = match &args.camera_key {
        Some(key) => Some(key.clone()),
        None => key_of(&args.state_dir.join("secrets.json"))?,
    };
    text.map(|text| Key::parse(&text).context("the camera key is not 32 bytes in base64url")).transpose()
}

fn key_of(secrets: &Path) -> Result<Option<String>> {
    match std::fs::read(secrets) {
        Ok(bytes) => {
            let secrets: BTreeMap<String, String> = serde_json::from_slice(&bytes).context("the state directory's secrets are damaged")?;
            Ok(secrets.get("camera_key").cloned())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", secrets.display())),
    }
}

/// On stderr; hidden if that is no terminal.
fn progress_bar(args: &Args, length: u64, what: &'static str) -> ProgressBar {
    if args.is_quiet {
        return ProgressBar::hidden();
    }
    let bar = if length == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(length) };
    let template = if length == 0 { "{msg:>20} {pos}" } else { "{msg:>20} [{bar:40}] {pos}/{len} {eta}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The work on the records of one kind.
struct Work<'a> {
    entity: Entity,
    args: &'a Args,
    clock: Clock,
    store: &'a mut Store,
    key: Option<&'a Key>,
    moved: Moved,
    /// Records of the next batch.
    waiting: Vec<Fields>,
    bar: ProgressBar,
}

impl Work<'_> {
    fn take(&mut self, fields: Fields) -> Result<()> {
        self.moved.read += 1;
        self.waiting.push(fields);
        if self.waiting.len() >= usize::try_from(self.args.batch)? { self.flush() } else { Ok(()) }
    }

    /// Writes the batch: all of it with its mapping, or nothing. Between batches the database's one writer is free for others.
    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.waiting);
        if batch.is_empty() {
            return Ok(());
        }
        let count = u64::try_from(batch.len())?;
        self.store.begin(self.entity.is_of_devices())?;
        let written = batch.into_iter().try_for_each(|fields| self.write(fields)).and_then(|()| self.store.commit());
        if written.is_err() {
            self.store.roll_back();
        }
        self.bar.inc(count);
        written
    }

    fn write(&mut self, fields: Fields) -> Result<()> {
        let mut row = Row::new(fields, self.clock);
        self.store.begin_row()?;
        let mut ids = Vec::new();
        let mut cx = Context { args: self.args, store: self.store, camera_key: self.key, old_id: String::new(), notes: Vec::new() };
        let outcome = write_row(self.entity, &mut row, &mut cx, &mut ids);
        let (notes, old_id) = (cx.notes, cx.old_id);
        self.store.end_row(matches!(outcome, Ok(Some(_))))?;
        match outcome {
            Ok(None) => self.moved.already += 1,
            Ok(Some(outcome)) => {
                match outcome {
                    Outcome::Created(_) | Outcome::Stored => self.moved.written += 1,
                    Outcome::Joined(_) => self.moved.joined += 1,
                    Outcome::Repeated => self.moved.already += 1,
                }
                for (reason, detail) in notes {
                    self.moved.note(&old_id, reason, &detail);
                }
                for field in row.unmapped() {
                    *self.moved.unmapped.entry(field.to_owned()).or_default() += 1;
                }
            }
            Err(Failure::Refused(Refusal { reason, detail })) => self.moved.refuse(&old_id, reason, &detail),
            Err(Failure::Fatal(error)) => return Err(error).with_context(|| format!("{} {old_id}", self.entity.into_str())),
        }
        Ok(())
    }
}

/// Writes a record and its mapping; none when it was written before.
fn write_row(entity: Entity, row: &mut Row, cx: &mut Context<'_>, ids: &mut Vec<String>) -> Result<Option<Outcome>, Failure> {
    for name in ID {
        ids.extend(row.text(&[name])?);
    }
    cx.old_id = ids.first().cloned().unwrap_or_default();
    if entity.is_series() {
        return entity.write(row, cx).map(Some);
    }
    let first = ids.first().ok_or_else(|| Refusal::missing("id"))?;
    if cx.store.mapped(entity, first)?.is_some() {
        return Ok(None);
    }
    let outcome = entity.write(row, cx)?;
    if let Outcome::Created(new) | Outcome::Joined(new) = &outcome {
        for old in ids.iter() {
            if cx.store.mapped(entity, old)?.is_none() {
                cx.store.map(entity, old, new)?;
            }
        }
    }
    Ok(Some(outcome))
}
