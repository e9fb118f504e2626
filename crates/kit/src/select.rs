//! What lists with optional filters share: a statement put together from constant pieces.

use crate::db::{self, DbError, Rows, Value};

/// A `select … where …` that grows by the filters that were given, so that one that was not hides no index.
pub struct Select {
    sql: String,
    params: Vec<Value>,
}

impl Select {
    /// `select … from … where key > ?`: the start, up to its first condition, and the parameters in it.
    pub fn after(start: impl Into<String>, params: Vec<Value>) -> Self {
        Self { sql: start.into(), params }
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
