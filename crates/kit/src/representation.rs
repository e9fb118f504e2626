//! How a JSON answer goes out: with an `ETag` by which a client that polls is told that nothing has changed (RFC 9110 §13.1.2), and
//! compressed when it is large and the client takes that (§12.5.3).

use std::hash::{DefaultHasher, Hasher as _};

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::coding::{self, Accepted};
use crate::serve::Quiet;

/// Answers with fewer bytes gain nothing by compression.
const MIN_COMPRESSED: usize = 1024;

/// Larger answers are downloads: they go out as they are, without being hashed and compressed in memory.
const MAX_HELD: usize = 2 * 1024 * 1024;

/// What the request says of the form of its answer.
pub(crate) struct Preferences {
    is_get: bool,
    takes_gzip: bool,
    known: Option<HeaderValue>,
}

impl Preferences {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            is_get: method == Method::GET,
            takes_gzip: headers.contains_key(ACCEPT_ENCODING) && Accepted::parse(headers.get_all(ACCEPT_ENCODING).iter()).gzip.is_some(),
            known: headers.get(IF_NONE_MATCH).cloned(),
        }
    }
}

/// Gives the answer the form that was asked for. What is no JSON, is streamed, or was given its form by the handler stays as it is.
pub(crate) async fn negotiate(mut response: Response, preferences: &Preferences) -> Response {
    let is_json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json" || kind == "application/geo+json");
    let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    let Some(length) = length.filter(|length| *length > 0 && *length <= MAX_HELD) else { return response };
    let is_tagged = preferences.is_get && response.status() == StatusCode::OK && response.extensions().get::<Quiet>().is_none();
    let is_large = length > MIN_COMPRESSED;
    let has_its_form = response.headers().contains_key(CONTENT_ENCODING) || response.headers().contains_key(ETAG);
    if !is_json || has_its_form || !(is_tagged || is_large) {
        return response;
    }
    let body = std::mem::replace(response.body_mut(), Body::empty());
    // A body of known length is in memory already: nothing can fail.
    let bytes = axum::body::to_bytes(body, MAX_HELD).await.unwrap_or_default();
    if is_tagged {
        let tag = etag(&bytes);
        let is_known = preferences.known.as_ref().and_then(|known| known.to_str().ok()).is_some_and(|known| names(known, &tag));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(ETAG, tag);
        }
        if is_known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(CONTENT_TYPE);
            response.headers_mut().remove(CONTENT_LENGTH);
            return response;
        }
    }
    if is_large {
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
        if preferences.takes_gzip
            && let Ok(packed) = coding::gzip(&bytes)
        {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.headers_mut().remove(CONTENT_LENGTH);
            *response.body_mut() = Body::from(packed);
            return response;
        }
    }
    *response.body_mut() = Body::from(bytes);
    response
}

/// The weak tag of a document: the compressed form is another sequence of bytes with the same meaning. It guards against nothing but
/// showing an old document, so 64 bits of a fast hash are enough.
fn etag(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("W/\"{:016x}\"", hasher.finish())
}

/// Whether an `If-None-Match` list names this tag; weak comparison, as RFC 9110 §13.1.2 asks for.
pub(crate) fn names(list: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    list.split(',').map(str::trim).any(|one| one == "*" || opaque(one) == opaque(etag))
}

#[cfg(test)]
mod tests {
    use axum::Json;
    use axum::response::IntoResponse as _;
    use futures::executor::block_on;

    use super::*;

    fn preferences(headers: &[(http::HeaderName, &str)]) -> Preferences {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
        Preferences::of(&Method::GET, &headers)
    }

    fn negotiated(items: usize, headers: &[(http::HeaderName, &str)]) -> Response {
        block_on(negotiate(Json(vec!["spot"; items]).into_response(), &preferences(headers)))
    }

    #[test]
    fn what_has_not_changed_is_not_sent_again() {
        let first = negotiated(3, &[]);
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        for known in [tag.as_str(), "*", &format!("\"other\", {tag}"), tag.strip_prefix("W/").unwrap()] {
            let again = negotiated(3, &[(IF_NONE_MATCH, known)]);
            assert_eq!(again.status(), 304, "{known}");
            assert_eq!(again.body().size_hint().exact(), Some(0));
            assert_eq!(again.headers()[ETAG], tag.as_str());
        }
        assert_eq!(negotiated(4, &[(IF_NONE_MATCH, &tag)]).status(), 200);
    }

    #[test]
    fn a_large_answer_is_compressed_when_that_is_taken() {
        let packed = negotiated(1000, &[(ACCEPT_ENCODING, "gzip")]);
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        assert!(packed.body().size_hint().exact().unwrap() < 200);
        for accept in ["identity", "gzip;q=0", "br"] {
            let plain = negotiated(1000, &[(ACCEPT_ENCODING, accept)]);
            assert!(!plain.headers().contains_key(CONTENT_ENCODING), "{accept}");
            assert_eq!(plain.headers()[VARY], "accept-encoding");
        }
        assert!(!negotiated(3, &[(ACCEPT_ENCODING, "gzip")]).headers().contains_key(CONTENT_ENCODING));
    }
}
