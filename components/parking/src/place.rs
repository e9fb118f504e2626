//! What the routes share: lists with optional filters, the state of a spot in SQL, and why a place is refused.

use kit::db::{DbError, Rows, Value};
use kit::{Problem, db, params};

/// A spot's state as an SQL expression over `spots s` and `device_state t`, in the words of `domain::overview::SpotState`: out of
/// service beats occupied beats reserved beats free. `$now` is the parameter of the time.
macro_rules! spot_state {
    ($now:literal) => {
        concat!(
            "case when s.status = 'out_of_service' then 'out_of_service' when t.occupied = 1 then 'occupied' \
             when s.status = 'reserved' or ",
            kit::spot_is_kept!("s.spot_id", $now),
            " then 'reserved' else 'free' end"
        )
    };
}

/// `spots s` with the state `t` of the one active device that stands on each; both lookups go through unique keys.
macro_rules! spots_with_state {
    () => {
        "spots s left join devices d on d.spot_id = s.spot_id and d.is_active = 1 left join device_state t on t.device_id = d.id"
    };
}

pub(crate) use {spot_state, spots_with_state};

/// A `select` put together from constant pieces, so that a filter that is not given costs nothing and hides no index.
pub struct Select {
    sql: String,
    params: Vec<Value>,
}

impl Select {
    /// `select … from … where key > ?`: the start, and the key after which the page begins.
    pub fn after(start: &'static str, key: Vec<Value>) -> Self {
        Self { sql: start.to_owned(), params: key }
    }

    /// Adds `and …` with its parameters.
    pub fn and(mut self, piece: &'static str, params: Vec<Value>) -> Self {
        self.sql.push_str(" and ");
        self.sql.push_str(piece);
        self.params.extend(params);
        self
    }

    /// Adds `and …` with one parameter when there is a value for it.
    pub fn and_if(self, piece: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.and(piece, vec![value.into()]),
            None => self,
        }
    }

    /// Adds the order and the limit, and runs it.
    pub fn run(mut self, order: &'static str, limit: i64) -> Result<Rows, DbError> {
        self.sql.push_str(" order by ");
        self.sql.push_str(order);
        self.sql.push_str(" limit ?");
        self.params.push(limit.into());
        db::run(&self.sql, self.params)
    }
}

/// Which of the two a body named wrongly: 422 for `site` when there is no such site, else for `zone`.
pub fn unknown_zone(site_exists: bool) -> Problem {
    if site_exists { Problem::invalid_field("zone", "is not a zone of this site") } else { Problem::invalid_field("site", "is not a site") }
}

/// Whether there is a site of this slug.
pub fn site_exists(site: &str) -> Result<bool, Problem> {
    Ok(!db::run("select 1 from sites where slug = ?", params![site])?.is_empty())
}
