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
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl DbError {
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
}
