//! The routes, and what their handlers share.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use serde::Serialize;
use serde_json::json;

use crate::bookings::Tickets;
use crate::store::Writer;
use crate::token::{Keys, Role};
use crate::{bookings, lists, overview, stays, telemetry, temples};

/// What the handlers need.
pub struct App {
    pub path: String,
    pub writer: Writer,
    pub tickets: Tickets,
    keys: Keys,
}

/// An answer that refuses; boxed, since it is large and seldom.
pub struct Refusal(Box<Response>);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// What a handler answers.
pub type Answer = Result<Response, Refusal>;

pub async fn serve(listen: &str, path: &str, keys: Keys) -> anyhow::Result<()> {
    let app = Arc::new(App { path: path.to_owned(), writer: Writer::start(path)?, tickets: Tickets::new(), keys });
    let router = Router::new()
        .route("/health", get(async || "ok"))
        .route("/api/telemetry/", post(telemetry::single))
        .route("/api/telemetry/bulk/", post(telemetry::bulk))
        .route("/api/dashboard/overview/", get(overview::read))
        .route("/api/spots/available", get(stays::available))
        .route("/api/reservations", post(stays::reserve).get(lists::reservations))
        .route("/api/alerts/", get(lists::alerts))
        .route("/api/devices/", get(lists::devices))
        .route("/api/spots", get(lists::spots))
        .route("/api/crowd/temple/{temple}/current", get(temples::crowd))
        .route("/api/bookings/temple/{temple}/slots", get(temples::slots))
        .route("/api/bookings/", post(bookings::book))
        .with_state(app);
    let listener = tokio::net::TcpListener::bind(listen).await?.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}

pub fn refuse(status: StatusCode, detail: impl Serialize) -> Refusal {
    Refusal(Box::new((status, axum::Json(json!({"detail": detail}))).into_response()))
}

/// 503: the database does not answer.
pub fn failed(error: impl std::fmt::Display) -> Refusal {
    refuse(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

/// 422 for a field.
pub fn invalid(field: &str) -> Refusal {
    refuse(StatusCode::UNPROCESSABLE_ENTITY, field)
}

/// An answer whose JSON is written already.
pub fn written(json: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}

impl App {
    /// Refuses who has not at least this role.
    pub fn authorise(&self, headers: &HeaderMap, wanted: Role, now: i64) -> Result<(), Refusal> {
        match self.keys.role(headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()), now) {
            Some(role) if role >= wanted => Ok(()),
            Some(_) => Err(refuse(StatusCode::FORBIDDEN, "your role does not allow this")),
            None => Err(refuse(StatusCode::UNAUTHORIZED, "sign in first")),
        }
    }
}
