//! What the lists and the bodies share.

use domain::device_code::{CODE_RULE, is_device_code};
use kit::db::{DbError, Rows, Value};
use kit::fields::Fields;
use kit::{Problem, db, host, params};

/// A `select` put together from constant pieces, so that a filter that is not given costs nothing and hides no index.
pub struct Select {
    sql: String,
    params: Vec<Value>,
}

impl Select {
    /// `select … where key > ?` with the key after which the page begins.
    pub fn after(start: &'static str, key: Value) -> Self {
        Self { sql: start.to_owned(), params: vec![key] }
    }

    /// Adds `and …` with one parameter when there is a value for it.
    pub fn and_if(mut self, piece: &'static str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.sql.push_str(" and ");
            self.sql.push_str(piece);
            self.params.push(value.into());
        }
        self
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

/// The code that the body gives in one of these fields, or a new UUIDv7.
pub fn id(fields: &mut Fields, name: &str, alias: &str, now: i64) -> Result<String, Problem> {
    let id = fields.alias(name, alias).opt_text(name, 1..=64);
    fields.check(id.as_deref().is_none_or(is_device_code), name, CODE_RULE);
    id.map_or_else(|| host::new_id(now), Ok)
}

/// Whether there is a site of this slug.
pub fn site_exists(site: &str) -> Result<bool, Problem> {
    Ok(!db::run("select 1 from sites where slug = ?", params![site])?.is_empty())
}
