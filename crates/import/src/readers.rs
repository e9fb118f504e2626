//! What an old system's data comes in: files of five formats, and a PostgreSQL server. Each is read record by record, as often as it is asked for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::value::Fields;

mod bson_dump;
mod csv_table;
mod json;
mod postgres;
mod sql_dump;

/// The largest record, bytes: MongoDB's own limit, and more than any row of these systems has.
const MAX_RECORD: usize = 16 << 20;

/// Takes a record with the name of its table.
pub type Sink<'a> = dyn FnMut(&str, Fields) -> Result<()> + 'a;

/// Which tables are wanted.
pub type Wanted<'a> = dyn Fn(&str) -> bool + 'a;

/// The columns of tables whose inserts name none, by table, of `create table` statements.
pub type Columns = BTreeMap<String, Vec<String>>;

/// Something that records are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file of `mongodump`: one collection, named by the file.
    Bson(PathBuf),
    /// A table with a line of names above it; the file names the table.
    Csv(PathBuf),
    /// `mongoexport` (one record a line, or a list; the file names the collection), or `manage.py dumpdata`.
    Json(PathBuf),
    /// `pg_dump --inserts`.
    Sql(PathBuf),
    /// A PostgreSQL server's address. It may hold a password: not for messages.
    Postgres(String),
}

impl Input {
    /// What this argument is: files are told by their ending, a directory is all of its files, a server's address begins with `postgres`.
    ///
    /// # Errors
    /// For what cannot be read, or is of no known kind.
    pub fn parse(argument: &str) -> Result<Vec<Self>> {
        if argument.starts_with("postgres://") || argument.starts_with("postgresql://") {
            return Ok(vec![Self::Postgres(argument.to_owned())]);
        }
        let path = Path::new(argument);
        if path.is_dir() {
            let mut files: Vec<_> = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
            files.sort();
            // `mongodump` writes its indexes beside each collection.
            files.retain(|file| !file.to_string_lossy().ends_with(".metadata.json"));
            let found: Vec<_> = files.into_iter().filter_map(|file| Self::of_file(&file)).collect();
            if found.is_empty() {
                bail!("{argument} has no file that ends with .bson, .csv, .json, .jsonl, .ndjson or .sql");
            }
            return Ok(found);
        }
        File::open(path).with_context(|| format!("cannot read {argument}"))?;
        let input = Self::of_file(path).with_context(|| {
            format!("{argument}: the ending must be .bson, .csv, .json, .jsonl, .ndjson or .sql (unpack what is compressed)")
        })?;
        Ok(vec![input])
    }

    fn of_file(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        let path = path.to_owned();
        match ending.as_str() {
            "bson" => Some(Self::Bson(path)),
            "csv" => Some(Self::Csv(path)),
            "json" | "jsonl" | "ndjson" => Some(Self::Json(path)),
            "sql" => Some(Self::Sql(path)),
            _ => None,
        }
    }

    /// What it is called in messages.
    pub fn name(&self) -> String {
        match self {
            Self::Bson(path) | Self::Csv(path) | Self::Json(path) | Self::Sql(path) => path.display().to_string(),
            Self::Postgres(_) => "the PostgreSQL server".to_owned(),
        }
    }

    /// The columns that its `create table` statements name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn columns(&self, columns: &mut Columns) -> Result<()> {
        match self {
            Self::Sql(path) => sql_dump::columns(open(path)?, columns).with_context(|| self.name()),
            _ => Ok(()),
        }
    }

    /// Reads the records of the tables that are wanted.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or the sink fails.
    pub fn each(&self, columns: &Columns, wanted: &Wanted<'_>, sink: &mut Sink<'_>) -> Result<()> {
        let whole = |path: &Path| {
            let table = table_of(path);
            wanted(&table).then_some(table)
        };
        let read = match self {
            Self::Bson(path) => whole(path).map_or(Ok(()), |table| bson_dump::each(open(path)?, &table, sink)),
            Self::Csv(path) => whole(path).map_or(Ok(()), |table| csv_table::each(open(path)?, &table, sink)),
            Self::Json(path) => json::each(open(path)?, &table_of(path), wanted, sink),
            Self::Sql(path) => sql_dump::each(open(path)?, columns, wanted, sink),
            Self::Postgres(address) => postgres::each(address, wanted, sink),
        };
        read.with_context(|| self.name())
    }
}

fn open(path: &Path) -> Result<BufReader<File>> {
    let mut reader = BufReader::with_capacity(1 << 18, File::open(path)?);
    // What Windows puts before UTF-8.
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(reader)
}

/// The file's name without its ending.
fn table_of(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::value::Old;

    /// All that a file of this name and content holds.
    pub fn read(name: &str, content: &[u8]) -> Result<Vec<(String, Fields)>> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join(name);
        std::fs::write(&path, content)?;
        let inputs = Input::parse(&path.to_string_lossy())?;
        let mut columns = Columns::new();
        let mut found = Vec::new();
        for input in &inputs {
            input.columns(&mut columns)?;
        }
        for input in &inputs {
            input.each(&columns, &|_| true, &mut |table, fields| {
                found.push((table.to_owned(), fields));
                Ok(())
            })?;
        }
        Ok(found)
    }

    #[test]
    fn files_are_told_by_their_endings() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["users.bson", "users.metadata.json", "notes.txt", "alerts.json"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let found = Input::parse(&directory.path().to_string_lossy()).unwrap();
        assert_eq!(found, [Input::Json(directory.path().join("alerts.json")), Input::Bson(directory.path().join("users.bson"))]);
        assert!(Input::parse(&directory.path().join("notes.txt").to_string_lossy()).is_err());
        assert!(Input::parse("/nowhere/users.csv").is_err());
        assert_eq!(Input::parse("postgres://a:secret@b/c").unwrap()[0].name(), "the PostgreSQL server");
    }

    #[test]
    fn a_table_comes_with_names_and_texts_alone() {
        let found = read("users.csv", b"\xef\xbb\xbfid,email,note\n1,a@b.co,\"two\nlines, and \"\"quotes\"\"\"\n2,,\n").unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, "users");
        assert_eq!(found[0].1[2], ("note".into(), Old::Text("two\nlines, and \"quotes\"".into())));
        assert_eq!(found[0].1[0].0, "id");
        assert!(found[1].1[1].1.is_nothing());
        assert!(read("users.csv", b"id,email\n1\n").is_err(), "a line of another length is damage");
    }
}
