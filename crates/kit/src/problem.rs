//! Problem documents (RFC 9457): the one shape of every refusal.

use std::collections::BTreeMap;
use std::fmt::Display;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::db::error::DbError;
use crate::security::{Event, Kind};

/// When to come back to a database that somebody has to see to first, seconds.
const OUTAGE_RETRY_S: i64 = 30;

/// What a handler gives: an answer, or a problem.
pub type Answer<T = Response> = Result<T, Problem>;

/// Reasons by field, in the order of the fields' names.
pub type FieldErrors = BTreeMap<String, Vec<String>>;

/// A refusal. The edge adds the request's id and renders it as `application/problem+json`.
#[derive(Clone, Debug)]
pub struct Problem {
    slug: &'static str,
    status: StatusCode,
    detail: Box<str>,
    errors: FieldErrors,
    members: BTreeMap<&'static str, serde_json::Value>,
    retry_after: Option<i64>,
    log: Option<Box<Logged>>,
}

/// What is logged of a refusal and not told. Apart, so that what may be refused stays small.
#[derive(Clone, Debug, Default)]
struct Logged {
    cause: Option<Box<str>>,
    event: Option<Event>,
}

impl Problem {
    /// A problem of any status; the slug ends its `type`, the status gives its `title`.
    pub fn new(status: StatusCode, slug: &'static str, detail: impl Into<String>) -> Self {
        Self {
            slug,
            status,
            detail: detail.into().into_boxed_str(),
            errors: FieldErrors::new(),
            members: BTreeMap::new(),
            retry_after: None,
            log: None,
        }
    }

    /// 400: what was sent cannot be read at all.
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable", detail)
    }

    /// 401: who are you.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 403: not you.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// 404: `what` is not here.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no such {what}"))
    }

    /// 409: at odds with what is there.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// 413: more than is taken.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// 415: not a media type that is read here.
    pub fn media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail)
    }

    /// 422: readable, but invalid; every bad field with its reasons.
    pub fn invalid(errors: FieldErrors) -> Self {
        let names: Vec<_> = errors.keys().map(String::as_str).collect();
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", format!("invalid: {}", names.join(", ")));
        problem.errors = errors;
        problem
    }

    /// 422 for one field.
    pub fn invalid_field(field: &str, reason: impl Into<String>) -> Self {
        Self::invalid(FieldErrors::from([(field.to_owned(), vec![reason.into()])]))
    }

    /// 429, with the seconds after which to come back.
    pub fn too_many(detail: impl Into<String>, retry_after_s: i64) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", detail);
        problem.retry_after = Some(retry_after_s.max(1));
        problem
    }

    /// 503, with the seconds after which to come back.
    pub fn unavailable(detail: impl Into<String>, retry_after_s: i64) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        problem.retry_after = Some(retry_after_s.max(1));
        problem
    }

    /// 500: our fault. The cause goes to the log, not to the caller.
    pub fn internal(cause: impl Display) -> Self {
        let mut problem =
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong here; the request's id finds it in the log");
        problem.log.get_or_insert_default().cause = Some(cause.to_string().into_boxed_str());
        problem
    }

    /// With a stable word for machines, as the member `reason`.
    #[must_use]
    pub fn because(self, reason: &'static str) -> Self {
        self.with("reason", reason)
    }

    /// With a further member of the document (RFC 9457 §3.2), such as when to come back.
    #[must_use]
    pub fn with(mut self, member: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.members.insert(member, value.into());
        self
    }

    /// Logged at the edge as this event, of this account where the request itself does not tell it, with a word for the cause.
    #[must_use]
    pub fn logged_as(mut self, kind: Kind, account: Option<String>, reason: &'static str) -> Self {
        self.log.get_or_insert_default().event = Some(Event { kind, account, reason });
        self
    }

    /// With what goes to the log, and not to the caller.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Display) -> Self {
        self.log.get_or_insert_default().cause = Some(cause.to_string().into_boxed_str());
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence for the caller.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The reasons by field, when the problem is one of validation.
    pub fn errors(&self) -> &FieldErrors {
        &self.errors
    }

    /// What is logged and not told.
    pub fn cause(&self) -> Option<&str> {
        self.log.as_ref()?.cause.as_deref()
    }

    /// The event as which it is logged.
    pub(crate) fn event(&self) -> Option<&Event> {
        self.log.as_ref()?.event.as_ref()
    }

    /// The body, as the edge sends it.
    pub(crate) fn body(&self, request_id: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            errors: &'a FieldErrors,
            #[serde(flatten)]
            members: &'a BTreeMap<&'static str, serde_json::Value>,
            request_id: &'a str,
        }
        let document = Document {
            r#type: format!("urn:gatehouse:problem:{}", self.slug),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
            members: &self.members,
            request_id,
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(http::header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(http::header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Busy => Self::unavailable("the database is busy", 1),
            DbError::Out { outage, ref message } => {
                Self::unavailable(format!("{}: this was not done, try again later", outage.words()), OUTAGE_RETRY_S)
                    .because(outage.word())
                    .caused_by(message)
            }
            DbError::Unique(_) => Self::conflict("it exists already"),
            DbError::Foreign => Self::conflict("it refers to something that is not there, or is referred to"),
            DbError::Away(cause) => Self::unavailable("the database does not answer", 5).caused_by(cause),
            other => Self::internal(other),
        }
    }
}
