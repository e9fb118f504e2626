//! What lists with optional filters share: a statement put together from constant pieces.

use crate::Problem;
use crate::db::{Executor, Fetch as _, Value};
use crate::row::FromRow;

/// A `select … where …` that grows by the filters that were given, so that one that was not hides no index.
pub struct Select {
    sql: String,
    params: Vec<Value>,
    has_index: bool,
}

impl Select {
    /// `select … from … where key > ?`: the start, up to its first condition, and the parameters in it.
    pub fn new(start: impl Into<String>, params: Vec<Value>) -> Self {
        Self { sql: start.into(), params, has_index: false }
    }

    /// Adds `and …` with its parameters.
    #[must_use]
    pub fn and(mut self, condition: &'static str, params: Vec<Value>) -> Self {
        self.sql.push_str(" and ");
        self.sql.push_str(condition);
        self.params.extend(params);
        self
    }

    /// Adds `and …` with one parameter when there is a value for it.
    #[must_use]
    pub fn and_if(self, condition: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.and(condition, vec![value.into()]),
            None => self,
        }
    }

    /// Adds `and column = ?` when there is a value for it. Of the columns that are given in this way, the first one's index is used, and `+`
    /// keeps the others from theirs: name those first that tell the most apart.
    #[must_use]
    pub fn and_equal(mut self, column: &'static str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.sql.push_str(if self.has_index { " and +" } else { " and " });
            self.sql.push_str(column);
            self.sql.push_str(" = ?");
            self.params.push(value.into());
            self.has_index = true;
        }
        self
    }

    /// Adds the order and the limit, and fetches the rows.
    pub fn fetch<T: FromRow>(self, db: &dyn Executor, order: &'static str, limit: i64) -> Result<Vec<T>, Problem> {
        let (sql, params) = self.statement(order, limit);
        db.fetch_all(&sql, params)
    }

    /// Adds the order and the limit: the statement with its parameters.
    pub fn statement(mut self, order: &'static str, limit: i64) -> (String, Vec<Value>) {
        self.sql.push_str(" order by ");
        self.sql.push_str(order);
        self.sql.push_str(" limit ?");
        self.params.push(limit.into());
        (self.sql, self.params)
    }
}
