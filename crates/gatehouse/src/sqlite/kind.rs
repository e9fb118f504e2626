//! Classifying statements by how they must be run.

/// How a statement must be run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// On any connection: it changes nothing.
    Read,
    /// On the writer, where it may share a commit with others.
    Write,
    /// On a dedicated connection: it opens a transaction.
    Begin {
        /// Whether it takes the write lock at once.
        immediate: bool,
    },
    /// On a dedicated connection, which may be pooled again afterwards.
    Dedicated,
    /// On a dedicated connection, whose state it changes: the session keeps it.
    ModifiesConnection,
    /// On a connection and a thread of its own, since it reads the whole file.
    Check,
    /// On any connection, but on a thread of its own, since it reads every page of a table.
    ReadWhole,
    /// Not at all, as on Spin.
    Denied,
    /// Only within a transaction: it calls `changes()` or `last_insert_rowid()`, which read the counters of one connection. Outside, the
    /// functions of the interface serve.
    ReadsCounters,
}

/// Pragmas that read, or that set something of the database file rather than of the connection.
const STATELESS_PRAGMAS: [&str; 20] = [
    "application_id",
    "auto_vacuum",
    "compile_options",
    "data_version",
    "encoding",
    "foreign_key_check",
    "foreign_key_list",
    "freelist_count",
    "incremental_vacuum",
    "index_info",
    "index_list",
    "index_xinfo",
    "journal_mode",
    "optimize",
    "page_count",
    "page_size",
    "table_info",
    "table_list",
    "user_version",
    "wal_checkpoint",
];

/// Pragmas that read every page.
const CHECKING_PRAGMAS: [&str; 2] = ["integrity_check", "quick_check"];

impl Kind {
    /// Classifies a statement by its first words. `readonly` asks SQLite, for statements whose first word does not tell.
    pub fn classify(sql: &str, readonly: impl FnOnce() -> bool) -> Self {
        let lower = sql.to_ascii_lowercase();
        let mut words = words(&lower);
        let first = words.next().unwrap_or_default();
        if ["last_insert_rowid", "changes", "total_changes"].iter().any(|it| calls(&lower, it)) {
            return Self::ReadsCounters;
        }
        match first {
            "select" if words.any(|word| word == "dbstat") => Self::ReadWhole,
            "select" | "values" | "explain" => Self::Read,
            "with" if readonly() => Self::Read,
            "with" | "insert" | "replace" | "update" | "delete" => Self::Write,
            "begin" => Self::Begin { immediate: matches!(words.next(), Some("immediate" | "exclusive")) },
            "savepoint" => Self::Begin { immediate: false },
            "attach" | "detach" => Self::Denied,
            "vacuum" if lower.contains("into") => Self::Denied,
            "create" if matches!(words.next(), Some("temp" | "temporary")) => Self::ModifiesConnection,
            "pragma" => {
                let name = words.next().unwrap_or_default();
                let name = name.rsplit('.').next().unwrap_or_default();
                if CHECKING_PRAGMAS.contains(&name) {
                    return Self::Check;
                }
                let stateless = STATELESS_PRAGMAS.contains(&name);
                if stateless { Self::Dedicated } else { Self::ModifiesConnection }
            }
            _ => Self::Dedicated,
        }
    }
}

/// The words of a statement, without comments.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|it: char| !(it.is_alphanumeric() || matches!(it, '_' | '-' | '/')));
            rest = if let Some(comment) = rest.strip_prefix("--") {
                comment.split_once('\n').map_or("", |(_, after)| after)
            } else if let Some(comment) = rest.strip_prefix("/*") {
                comment.split_once("*/").map_or("", |(_, after)| after)
            } else if let Some(after) = rest.strip_prefix(['-', '/']) {
                after
            } else {
                break;
            };
        }
        let end = rest.find(|it: char| !(it.is_alphanumeric() || matches!(it, '_' | '.')));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// Whether a lower-case statement calls a function.
fn calls(sql: &str, function: &str) -> bool {
    sql.match_indices(function).any(|(at, _)| {
        let before = sql[..at].chars().next_back();
        !before.is_some_and(|it| it.is_alphanumeric() || it == '_') && sql[at + function.len()..].trim_start().starts_with('(')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (sql, kind) in [
            ("select 1", Kind::Read),
            ("  -- note\n /* more */ SELECT 1", Kind::Read),
            ("select sum(d.pgsize) from dbstat d", Kind::ReadWhole),
            ("insert into a values (1)", Kind::Write),
            ("with x as (select 1) insert into a select * from x", Kind::Write),
            ("begin", Kind::Begin { immediate: false }),
            ("BEGIN IMMEDIATE", Kind::Begin { immediate: true }),
            ("begin immediate;", Kind::Begin { immediate: true }),
            ("create table a (b)", Kind::Dedicated),
            ("create temp table a (b)", Kind::ModifiesConnection),
            ("pragma journal_mode = wal", Kind::Dedicated),
            ("pragma main.user_version", Kind::Dedicated),
            ("pragma foreign_keys = off", Kind::ModifiesConnection),
            ("pragma quick_check(\"a\")", Kind::Check),
            ("attach 'x' as y", Kind::Denied),
            ("vacuum into 'x'", Kind::Denied),
            ("vacuum", Kind::Dedicated),
            ("select changes()", Kind::ReadsCounters),
            ("select changes from a", Kind::Read),
            ("select my_changes(1)", Kind::Read),
            ("", Kind::Dedicated),
        ] {
            assert_eq!(Kind::classify(sql, || false), kind, "{sql}");
        }
        assert_eq!(Kind::classify("with x as (select 1) select * from x", || true), Kind::Read);
    }
}
