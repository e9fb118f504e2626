//! Why statements fail.

/// Why a statement failed, as far as callers act on it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DbError {
    /// Another writer held the database for longer than the busy timeout.
    #[error("database is locked")]
    Busy,
    /// A unique constraint, with the columns that SQLite names (`table.column, …`).
    #[error("not unique: {0}")]
    Unique(String),
    /// A `not null` constraint, with the column.
    #[error("null: {0}")]
    NotNull(String),
    /// A foreign key.
    #[error("a foreign key does not hold")]
    Foreign,
    /// A `check` constraint, with its text.
    #[error("check: {0}")]
    Check(String),
    /// The database cannot be used until somebody has seen to it. Nothing was stored, as far as is known.
    #[error("{}: {message}", .outage.words())]
    Out {
        /// What is amiss.
        outage: Outage,
        /// As it was said.
        message: String,
    },
    /// A remote database does not answer, or has forgotten the connection.
    #[error("the database does not answer: {0}")]
    Away(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// What keeps a database from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// There is no room on the disk.
    DiskFull,
    /// It, or the disk, takes no changes.
    ReadOnly,
    /// Its file was removed or replaced while it was open.
    Gone,
    /// Its file is damaged.
    Damaged,
    /// The disk does not do what it is asked.
    DiskFailure,
}

/// What SQLite says (`SQLITE_FULL`, `READONLY`, `CORRUPT`, `NOTADB`, `IOERR`, `CANTOPEN`), and the embedded host of a file that it watches.
#[cfg(any(target_family = "wasm", test))]
const SAID_OF: [(&str, Outage); 8] = [
    ("database or disk is full", Outage::DiskFull),
    ("readonly database", Outage::ReadOnly),
    ("the database file was removed", Outage::Gone),
    ("the database file was replaced", Outage::Gone),
    ("database disk image is malformed", Outage::Damaged),
    ("file is not a database", Outage::Damaged),
    ("disk I/O error", Outage::DiskFailure),
    ("unable to open database file", Outage::DiskFailure),
];

impl Outage {
    /// A stable word for machines.
    pub const fn word(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::ReadOnly => "read_only",
            Self::Gone => "database_gone",
            Self::Damaged => "database_damaged",
            Self::DiskFailure => "disk_failure",
        }
    }

    /// The same for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::DiskFull => "the disk is full",
            Self::ReadOnly => "the database takes no changes at present",
            Self::Gone => "the database's file is not there any more",
            Self::Damaged => "the database is damaged",
            Self::DiskFailure => "the database's disk fails",
        }
    }
}

impl DbError {
    /// Whether the connection may be what is at fault, and not the statement: all that is not known is.
    pub(super) fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Other(_))
    }

    /// Whether the statement surely has not run: the connection's stream was not there any more, or no server was.
    pub(super) fn was_before_the_statement(&self) -> bool {
        // Nobody listens, or the server refuses the stream that the request names.
        matches!(self, Self::Away(message) if message.contains("error trying to connect") || message.contains("api error: `status=4"))
    }

    /// Sorts SQLite's message; the interface gives nothing else.
    #[cfg(any(target_family = "wasm", test))]
    pub(super) fn from_message(message: &str) -> Self {
        // A remote database quotes SQLite's words inside its own.
        let quoted = |rest: &str| rest.split(['"', '`']).next().unwrap_or_default().trim_end().to_owned();
        let after = |prefix: &str| message.split_once(prefix).map(|(_, rest)| rest);
        if let Some(columns) = after("UNIQUE constraint failed: ") {
            Self::Unique(quoted(columns))
        } else if let Some(column) = after("NOT NULL constraint failed: ") {
            Self::NotNull(quoted(column))
        } else if let Some(text) = after("CHECK constraint failed: ") {
            Self::Check(text.to_owned())
        } else if message.contains("FOREIGN KEY constraint failed") {
            Self::Foreign
        } else if message.contains("database is locked") || message.contains("database is busy") {
            Self::Busy
        } else if let Some((_, outage)) = SAID_OF.iter().find(|(said, _)| message.contains(said)) {
            Self::Out { outage: *outage, message: message.to_owned() }
        } else if message.contains("http error: `") || message.contains("api error: `status=") {
            // As libsql words it.
            Self::Away(message.to_owned())
        } else {
            Self::Other(message.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_sorted_as_sqlite_words_them() {
        let unique = DbError::from_message("UNIQUE constraint failed: readings.device_id, readings.at");
        assert!(matches!(unique, DbError::Unique(columns) if columns == "readings.device_id, readings.at"));
        let remote = DbError::from_message(
            r#"stream error: `Error { message: "SQLite error: UNIQUE constraint failed: readings.device_id, readings.at", code: "SQLITE_CONSTRAINT" }`"#,
        );
        assert!(matches!(remote, DbError::Unique(columns) if columns == "readings.device_id, readings.at"));
        let null = DbError::from_message("NOT NULL constraint failed: readings.device_id");
        assert!(matches!(null, DbError::NotNull(column) if column == "readings.device_id"));
        assert!(matches!(DbError::from_message("database is locked"), DbError::Busy));
        assert!(matches!(DbError::from_message("SQLite error: database is locked (SQLITE_BUSY)"), DbError::Busy));
        assert!(matches!(DbError::from_message("FOREIGN KEY constraint failed"), DbError::Foreign));
    }

    #[test]
    fn a_database_that_cannot_be_used_is_told_from_a_mistake() {
        for (said, outage) in [
            ("database or disk is full", Outage::DiskFull),
            ("attempt to write a readonly database", Outage::ReadOnly),
            ("SQLite error: database disk image is malformed", Outage::Damaged),
            ("file is not a database", Outage::Damaged),
            ("disk I/O error", Outage::DiskFailure),
            ("unable to open database file: /var/x.db", Outage::DiskFailure),
            ("the database file was removed while it was open", Outage::Gone),
        ] {
            assert!(matches!(DbError::from_message(said), DbError::Out { outage: found, .. } if found == outage), "{said}");
        }
        assert!(matches!(DbError::from_message("malformed JSON"), DbError::Other(_)));
    }

    #[test]
    fn of_a_connection_that_is_gone_it_is_known_whether_the_statement_ran() {
        let expired = r#"Hrana: `api error: `status=400 Bad Request, body={"message":"The stream has expired due to inactivity","code":"STREAM_EXPIRED"}``"#;
        let nobody = "Hrana: `http error: `error trying to connect: tcp connect error: Connection refused (os error 111)``";
        let broken = "Hrana: `http error: `connection closed before message completed``";
        let before = [expired, nobody, broken].map(|message| {
            let error = DbError::from_message(message);
            assert!(error.is_of_the_connection());
            error.was_before_the_statement()
        });
        assert_eq!(before, [true, true, false]);
        assert!(!DbError::Busy.is_of_the_connection() && !DbError::from_message("FOREIGN KEY constraint failed").is_of_the_connection());
    }
}
