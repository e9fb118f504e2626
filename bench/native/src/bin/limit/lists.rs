//! Pages of lists: keyset paging, each row as its statement gives it.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::types::Value;
use serde::Deserialize;

use crate::server::{Answer, App, failed, invalid, now_ms, written};
use crate::token::Role;
use crate::{rows, store};

const ALERTS: &str = include_str!("../../../../statements/alerts.sql");
const RESERVATIONS: &str = include_str!("../../../../statements/reservations.sql");
const DEVICES: &str = include_str!("../../../../statements/devices.sql");
const SPOTS: &str = include_str!("../../../../statements/spots.sql");

#[derive(Deserialize)]
pub struct Page {
    limit: Option<u32>,
    cursor: Option<String>,
}

impl Page {
    fn after(&self) -> Option<Value> {
        let cursor = self.cursor.as_deref()?;
        let key: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        match key {
            serde_json::Value::String(text) => Some(Value::Text(text)),
            number => number.as_i64().map(Value::Integer),
        }
    }
}

fn list(app: &App, statement: &str, page: &Page, now: i64) -> Answer {
    let limit = page.limit.unwrap_or(50);
    if !(1..=500).contains(&limit) {
        return Err(invalid("limit"));
    }
    let after = page.after();
    if page.cursor.is_some() && after.is_none() {
        return Err(invalid("cursor"));
    }
    let (items, key) = store::read(&app.path, |connection| {
        rows::array(&mut *connection.prepare_cached(statement)?, rusqlite::params![after, limit + 1, now], limit as usize)
    })
    .map_err(failed)?;
    let mut json = Vec::with_capacity(items.len() + 64);
    json.extend_from_slice(b"{\"items\":");
    json.extend_from_slice(&items);
    json.extend_from_slice(b",\"next_cursor\":");
    let cursor = key.map(|key| URL_SAFE_NO_PAD.encode(key.to_string()));
    serde_json::to_writer(&mut json, &cursor).map_err(failed)?;
    json.push(b'}');
    Ok(written(json))
}

pub async fn alerts(State(app): State<Arc<App>>, headers: HeaderMap, Query(page): Query<Page>) -> Answer {
    let now = now_ms();
    app.authorise(&headers, Role::Operator, now)?;
    list(&app, ALERTS, &page, now)
}

pub async fn reservations(State(app): State<Arc<App>>, headers: HeaderMap, Query(page): Query<Page>) -> Answer {
    let now = now_ms();
    app.authorise(&headers, Role::Operator, now)?;
    list(&app, RESERVATIONS, &page, now)
}

pub async fn devices(State(app): State<Arc<App>>, headers: HeaderMap, Query(page): Query<Page>) -> Answer {
    let now = now_ms();
    app.authorise(&headers, Role::Operator, now)?;
    list(&app, DEVICES, &page, now)
}

/// For anyone.
pub async fn spots(State(app): State<Arc<App>>, Query(page): Query<Page>) -> Answer {
    list(&app, SPOTS, &page, now_ms())
}
