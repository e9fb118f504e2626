//! Answers that are not logged: one line for each reading would be most of the log.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use kit::Problem;
use kit::api::{Request, Respond, answers_json};
use kit::serve::Quiet;
use serde::Serialize;
use utoipa::ToSchema;

/// Room for one reading as JSON, bytes.
const CAPACITY: usize = 320;

/// A JSON answer of this status, not logged.
pub struct QuietJson<const STATUS: u16, T>(pub T);

impl<const STATUS: u16, T: Serialize> IntoResponse for QuietJson<STATUS, T> {
    fn into_response(self) -> Response {
        let mut json = Vec::with_capacity(CAPACITY);
        if let Err(error) = serde_json::to_writer(&mut json, &self.0) {
            return Problem::internal(error).into_response();
        }
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = StatusCode::from_u16(STATUS).unwrap_or_default();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.extensions_mut().insert(Quiet);
        response
    }
}

impl<const STATUS: u16, T: ToSchema> Respond for QuietJson<STATUS, T> {
    fn describe(request: &mut Request<'_>) {
        answers_json::<T>(request, STATUS, "Stored: what was accepted is durable.");
    }
}
