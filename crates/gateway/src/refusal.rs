//! Requests that are refused.

use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::hub::NoFeed;
use crate::limits::Full;

/// Why a request is refused. Whoever serves it puts it into the form that its other refusals have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// What the client is told.
    pub detail: &'static str,
    /// Headers that belong to it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its name in the figures.
    pub(crate) reason: &'static str,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: &'static str, detail: &'static str) -> Self {
        Self { status, detail, headers: Vec::new(), reason }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// A 503 for now.
    pub(crate) fn busy(reason: &'static str, detail: &'static str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, reason, detail).with(header::RETRY_AFTER, "5")
    }

    pub(crate) fn too_many_messages() -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "rate", "Your address sends too much.").with(header::RETRY_AFTER, "1")
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        match full {
            Full::Total => Self::busy("full", "The gateway has too many clients."),
            Full::Address => Self::busy("address_full", "Your address has too many clients."),
        }
    }
}

impl From<NoFeed> for Refusal {
    fn from(error: NoFeed) -> Self {
        match error {
            NoFeed::Unauthorized => Self::new(StatusCode::UNAUTHORIZED, "token", "The token is not valid, or its session has ended.")
                .with(header::WWW_AUTHENTICATE, "Bearer"),
            NoFeed::Unavailable => Self::busy("unavailable", "The application does not answer."),
            NoFeed::TooMany => Self::busy("sessions_full", "Too many tokens are followed already."),
        }
    }
}
