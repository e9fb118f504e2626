//! Retention: how long what is measured and told is kept, by a variable for each table, and its removal (docs/reference/retention.md).
//!
//! The component that owns a table says so by a [`Rule`]. Once an hour its scheduled run looks for what is too old, and removes a bounded number of
//! rows of each table; as long as more is left, it goes on with the next run.

use const_format::formatcp;
use domain::retention;
use domain::time::HOUR_MS;

use crate::db::{Database, DbError, Executor as _};
use crate::scheduled::BATCH;
use crate::{Problem, config, params};

/// How often a component looks for what is too old, milliseconds.
const PERIOD_MS: i64 = HOUR_MS;

/// Whether a component is to look for what is too old, up to the component's name as a literal of SQL: for `Work::DUE`. A time that was noted
/// before the clock was set back is not waited for.
pub const DUE_OF: &str =
    formatcp!("select 1 from retention_rounds where (next_at <= ?1 or next_at > ?1 + 2 * {PERIOD_MS}) and component = ");

const REST: &str = formatcp!("update retention_rounds set next_at = ?1 + {PERIOD_MS} where component = ?2");

/// How long the rows of a table are kept.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The variable with the days; 0 keeps them for ever.
    pub variable: &'static str,
    /// Where it says nothing, the days.
    pub days: i64,
    /// Where the table's key begins with what the rows are of, such as a lot, and no index is by time: the select of the keys of those that have rows
    /// of before `?1`, `?2` of them at most. Each is a further parameter of `remove`.
    pub keys: Option<&'static str>,
    /// The statement that removes the rows of before `?1`, `?2` of them at most, the oldest first, and gives a row for each.
    pub remove: &'static str,
}

impl Rule {
    fn step(&self, before: i64) -> Result<Removed, DbError> {
        let Some(keys) = self.keys else { return Ok(Removed::of(Database.run(self.remove, params![before, BATCH])?.len())) };
        let mut removed = Removed::default();
        for key in Database.run(keys, params![before, BATCH])?.iter() {
            let mut params = params![before, BATCH];
            params.extend_from_slice(key.values());
            removed = removed.and(Removed::of(Database.run(self.remove, params)?.len()));
            if removed.rows >= Removed::FULL {
                removed.is_more = true;
                break;
            }
        }
        Ok(removed)
    }
}

/// What a look has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many rows were removed.
    pub rows: usize,
    /// Whether there may be more.
    pub is_more: bool,
}

impl Removed {
    /// [`BATCH`].
    const FULL: usize = BATCH as usize;

    /// Of a statement that removes [`BATCH`] rows at most.
    pub fn of(rows: usize) -> Self {
        Self { rows, is_more: rows >= Self::FULL }
    }

    /// Of both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, is_more: self.is_more || other.is_more }
    }
}

/// How long what a variable says is kept, milliseconds, for what goes by the moment; what is kept for ever is kept longer than there has been
/// time.
pub async fn kept_ms(variable: &'static str, days: i64) -> Result<i64, Problem> {
    Ok(retention::kept_ms(config::number(variable, days).await?))
}

/// The day (in UTC, milliseconds) before which what a variable says is removed; 0 when it is kept for ever.
pub async fn before(variable: &'static str, days: i64, now: i64) -> Result<i64, Problem> {
    Ok(retention::removed_before(now, config::number(variable, days).await?))
}

/// Removes what is too old by these rules. A rule that fails does not keep the others from being followed; the first failure is the answer.
pub async fn follow(rules: &[Rule], now: i64) -> Result<Removed, Problem> {
    let (mut removed, mut failure) = (Removed::default(), None);
    for rule in rules {
        let before = before(rule.variable, rule.days, now).await?;
        if before <= 0 {
            continue;
        }
        match rule.step(before) {
            Ok(more) => removed = removed.and(more),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    failure.map_or(Ok(removed), |error| Err(error.into()))
}

/// Notes that nothing is left to remove: the component looks again in an hour.
pub fn rest(component: &str, now: i64) -> Result<(), Problem> {
    Database.run(REST, params![now, component])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_step_may_have_left_something() {
        let all = Removed::of(3).and(Removed::of(0));
        assert_eq!(all, Removed { rows: 3, is_more: false });
        assert!(all.and(Removed::of(Removed::FULL)).is_more);
    }
}
