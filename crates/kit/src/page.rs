//! Lists: `{"items": […], "next_cursor": …}`, keyset paging, filters named as the fields (contract §1).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value as Json;

use crate::Problem;
use crate::db::{Row, Rows, Value};
use crate::problem::FieldErrors;

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 500;

/// What a query string asks of a list.
#[derive(Debug)]
pub struct Listing {
    limit: i64,
    cursor: Option<Vec<Json>>,
    filters: BTreeMap<String, String>,
}

impl Listing {
    /// Reads `limit`, `cursor` and the filters that the list has; 422 for any other parameter.
    pub fn parse(query: &str, filters: &[&str]) -> Result<Self, Problem> {
        let mut listing = Self { limit: DEFAULT_LIMIT, cursor: None, filters: BTreeMap::new() };
        let mut errors = FieldErrors::new();
        let mut refuse = |name: &str, reason: String| errors.entry(name.to_owned()).or_default().push(reason);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "limit" => match value.parse() {
                    Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => listing.limit = limit,
                    _ => refuse("limit", format!("must be from 1 to {MAX_LIMIT}")),
                },
                "cursor" => match decode(&value) {
                    Some(cursor) => listing.cursor = Some(cursor),
                    None => refuse("cursor", "is not one that was given here".to_owned()),
                },
                name if filters.contains(&name) => {
                    listing.filters.insert(name.to_owned(), value.into_owned());
                }
                name => refuse(name, "is not a filter of this list".to_owned()),
            }
        }
        if errors.is_empty() { Ok(listing) } else { Err(Problem::invalid(errors)) }
    }

    /// A filter's value, if it was given and is not empty.
    pub fn filter(&self, name: &str) -> Option<&str> {
        self.filters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A filter that is a timestamp, as milliseconds; 422 when it is none.
    pub fn time(&self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.filter(name) else { return Ok(None) };
        let time = domain::time::parse_rfc3339(text);
        time.map(Some).ok_or_else(|| Problem::invalid_field(name, "must be an RFC 3339 timestamp"))
    }

    /// A filter that is true or false; 422 when it is neither.
    pub fn bool(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.filter(name).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(Problem::invalid_field(name, "must be true or false")),
        }
    }

    /// A filter that is one of some words; 422 when it is not.
    pub fn choice(&self, name: &str, choices: &[&str]) -> Result<Option<&str>, Problem> {
        match self.filter(name) {
            Some(word) if !choices.contains(&word) => Err(Problem::invalid_field(name, format!("must be one of {}", choices.join(", ")))),
            word => Ok(word),
        }
    }

    /// How many rows to ask for: one more than the page, which tells whether there is a next one.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The cursor's text at this position, for `where key > ?`; null on the first page.
    pub fn after_text(&self, position: usize) -> Value {
        let value = self.cursor.as_ref().and_then(|cursor| cursor.get(position)).and_then(Json::as_str);
        value.into()
    }

    /// The cursor's number at this position; null on the first page.
    pub fn after_int(&self, position: usize) -> Value {
        let value = self.cursor.as_ref().and_then(|cursor| cursor.get(position)).and_then(Json::as_i64);
        value.into()
    }

    /// The page of these rows, which were asked for with [`Listing::fetch`]. `key` gives the values that the order is by.
    pub fn page<T>(
        &self,
        rows: Rows,
        key: impl Fn(&Row) -> Result<Json, Problem>,
        item: impl Fn(&Row) -> Result<T, Problem>,
    ) -> Result<Page<T>, Problem> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let more = rows.len() > limit;
        let mut next_cursor = None;
        let mut items = Vec::with_capacity(rows.len().min(limit));
        for (index, row) in rows.iter().take(limit).enumerate() {
            items.push(item(row)?);
            if more && index + 1 == limit {
                next_cursor = Some(cursor(&key(row)?));
            }
        }
        Ok(Page { items, next_cursor })
    }
}

/// The cursor of what follows this key.
pub fn cursor(key: &Json) -> String {
    URL_SAFE_NO_PAD.encode(key.to_string())
}

fn decode(cursor: &str) -> Option<Vec<Json>> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    match serde_json::from_slice(&bytes).ok()? {
        Json::Array(values) => Some(values),
        _ => None,
    }
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

impl<T: Serialize> axum::response::IntoResponse for Page<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_filters_and_bad_limits_are_named_together() {
        let problem = Listing::parse("limit=900&colour=red&site=a", &["site"]).unwrap_err();
        let names: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(names, ["colour", "limit"]);
    }

    #[test]
    fn a_cursor_of_somebody_elses_making_is_refused() {
        assert!(Listing::parse("cursor=%00", &[]).is_err());
        assert!(Listing::parse("cursor=e30", &[]).is_err());
        assert!(Listing::parse("cursor=WzFd", &[]).is_ok());
    }
}
