//! Why a record is not moved.

/// A record that is not moved: a word for the count, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The word, `snake_case`.
    pub reason: &'static str,
    /// What it is about. Never a secret.
    pub detail: String,
}

impl Refusal {
    /// One.
    pub fn of(reason: &'static str, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// A field that has to be there is not.
    pub fn missing(field: &str) -> Self {
        Self::of("missing_field", field)
    }
}

/// What ends the work on a record, or all of it.
#[derive(Debug)]
pub enum Failure {
    /// This record alone.
    Refused(Refusal),
    /// The import.
    Fatal(anyhow::Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Fatal(error)
    }
}

impl From<rusqlite::Error> for Failure {
    /// What a `check`, a reference or a trigger refuses is the record's fault; anything else is the database's.
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(code, message) if code.code == rusqlite::ErrorCode::ConstraintViolation => {
                Self::Refused(Refusal::of("refused_by_the_database", message.clone().unwrap_or_else(|| error.to_string())))
            }
            _ => Self::Fatal(error.into()),
        }
    }
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was written, under this id.
    Created(String),
    /// The same was here already, under this id.
    Joined(String),
    /// A row of a series (readings, counts), which has no id of its own: its device or zone and its time are its key.
    Stored,
    /// The same row of a series was here already.
    Repeated,
}
