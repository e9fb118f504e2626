//! How a JSON answer or a drawing goes out: what is polled with an `ETag`, by which a client is told that nothing has changed (RFC 9110 §13.1.2), and
//! compressed when it is large and the client takes that (§12.5.3).

use std::hash::{DefaultHasher, Hasher as _};
use std::sync::{Arc, OnceLock};

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::coding::{self, Accepted};
use crate::host;

/// Answers with fewer bytes gain nothing by compression.
const MIN_COMPRESSED: usize = 1024;

/// Larger answers are downloads: they go out as they are, without being hashed and compressed in memory.
const MAX_HELD: usize = 2 * 1024 * 1024;

/// What is compressed.
const TEXTS: [&str; 3] = ["application/json", "application/geo+json", "image/svg+xml"];

/// By what a client that polls is told that nothing has changed; put on an answer. What nobody polls goes out without a tag.
#[derive(Clone)]
pub(crate) enum Polled {
    /// By a hash of its body.
    Body,
    /// By this tag.
    Tag(HeaderValue),
    /// By the tag of a document that was made before, which is the body.
    Document(Arc<Document>),
    /// By a strong tag of the sequence of bytes that goes out of this document, whatever its media type is.
    Publication(Arc<Document>),
}

/// A document that goes out more than once: it is hashed once, and compressed once.
pub(crate) struct Document {
    body: Bytes,
    /// Weak, or of a publication strong.
    tag: HeaderValue,
    packed: OnceLock<Option<Bytes>>,
}

impl Document {
    pub(crate) fn new(body: Vec<u8>) -> Self {
        Self { tag: etag(&body), body: body.into(), packed: OnceLock::new() }
    }

    /// One that goes out under a strong tag.
    pub(crate) fn publication(body: Vec<u8>) -> Self {
        let hash = const_hex::encode(host::sha256(&body).get(..16).unwrap_or_default());
        Self { tag: quoted(&hash), body: body.into(), packed: OnceLock::new() }
    }

    /// The strong tag of the compressed form.
    fn packed_tag(&self) -> HeaderValue {
        quoted(&format!("{}-gzip", self.tag.to_str().unwrap_or_default().trim_matches('"')))
    }

    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    pub(crate) fn tag(&self) -> &HeaderValue {
        &self.tag
    }

    fn packed(&self) -> Option<Bytes> {
        self.packed.get_or_init(|| coding::gzip(&self.body).ok().map(Bytes::from)).clone()
    }
}

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

    /// Whether the client has the document of this tag.
    fn know(&self, tag: &HeaderValue) -> bool {
        let known = self.known.as_ref().and_then(|known| known.to_str().ok());
        known.zip(tag.to_str().ok()).is_some_and(|(known, tag)| names(known, tag))
    }
}

fn quoted(tag: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{tag}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Gives a publication the form that was asked for. A strong tag names one sequence of bytes: each coding has its own (RFC 9110 §8.8.3.3).
fn publish(mut response: Response, document: &Document, preferences: &Preferences) -> Response {
    let is_packable = document.body().len() > MIN_COMPRESSED && document.body().len() <= MAX_HELD;
    let packed = if is_packable && preferences.takes_gzip { document.packed() } else { None };
    let tag = if packed.is_some() { document.packed_tag() } else { document.tag().clone() };
    response.headers_mut().insert(ETAG, tag.clone());
    if preferences.know(&tag) {
        return not_modified(response);
    }
    if is_packable {
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(packed) = packed {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(packed);
    }
    response
}

/// Gives the answer the form that was asked for. What is no JSON and no SVG, is streamed, or was given its form by the handler stays as it is.
pub(crate) async fn negotiate(mut response: Response, preferences: &Preferences) -> Response {
    let polled = response.extensions_mut().remove::<Polled>().filter(|_| preferences.is_get && response.status() == StatusCode::OK);
    if let Some(Polled::Publication(document)) = &polled {
        return publish(response, document, preferences);
    }
    let kept_tag = match &polled {
        Some(Polled::Tag(tag)) => Some(tag),
        Some(Polled::Document(document)) => Some(document.tag()),
        Some(Polled::Body | Polled::Publication(_)) | None => None,
    };
    if let Some(tag) = kept_tag {
        response.headers_mut().insert(ETAG, tag.clone());
        if preferences.know(tag) {
            return not_modified(response);
        }
    }
    let is_text = response.headers().get(CONTENT_TYPE).is_some_and(|kind| TEXTS.iter().any(|text| kind == text));
    let length = response.body().size_hint().exact().and_then(|length| usize::try_from(length).ok());
    let Some(length) = length.filter(|length| *length > 0 && *length <= MAX_HELD) else { return response };
    let is_hashed = matches!(polled, Some(Polled::Body));
    let is_large = length > MIN_COMPRESSED;
    // Who says that it differs by coding has chosen one, if only that of sending it as it is.
    let is_chosen = response.headers().get_all(VARY).iter().any(|vary| vary.as_bytes().eq_ignore_ascii_case(b"accept-encoding"));
    let has_its_form = is_chosen || response.headers().contains_key(CONTENT_ENCODING);
    if !is_text || has_its_form || !(is_hashed || is_large) {
        return response;
    }
    if is_large {
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if !is_hashed && !preferences.takes_gzip {
        return response;
    }
    let body = std::mem::replace(response.body_mut(), Body::empty());
    // A body of known length is in memory already: nothing can fail.
    let bytes = axum::body::to_bytes(body, MAX_HELD).await.unwrap_or_default();
    if is_hashed {
        let tag = etag(&bytes);
        let is_known = preferences.know(&tag);
        response.headers_mut().insert(ETAG, tag);
        if is_known {
            return not_modified(response);
        }
    }
    if is_large && preferences.takes_gzip {
        let packed = match &polled {
            Some(Polled::Document(document)) => document.packed(),
            _ => coding::gzip(&bytes).ok().map(Bytes::from),
        };
        if let Some(packed) = packed {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response.headers_mut().remove(CONTENT_LENGTH);
            *response.body_mut() = Body::from(packed);
            return response;
        }
    }
    *response.body_mut() = Body::from(bytes);
    response
}

fn not_modified(mut response: Response) -> Response {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    *response.body_mut() = Body::empty();
    response.headers_mut().remove(CONTENT_TYPE);
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().remove(VARY);
    response
}

/// The weak tag of a document: the compressed form is another sequence of bytes with the same meaning. It guards against nothing but
/// showing an old document, so 64 bits of a fast hash are enough.
fn etag(bytes: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    HeaderValue::from_str(&format!("W/\"{:016x}\"", hasher.finish())).unwrap_or_else(|_| HeaderValue::from_static("W/\"\""))
}

/// Whether an `If-None-Match` list names this tag; weak comparison, as RFC 9110 §13.1.2 asks for.
pub fn names(list: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    list.split(',').map(str::trim).any(|one| one == "*" || opaque(one) == opaque(etag))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use axum::{Extension, Json};
    use futures::executor::block_on;

    use super::*;

    fn preferences(headers: &[(http::HeaderName, &str)]) -> Preferences {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
        Preferences::of(&Method::GET, &headers)
    }

    fn negotiated(items: usize, headers: &[(http::HeaderName, &str)]) -> Response {
        block_on(negotiate((Extension(Polled::Body), Json(vec!["spot"; items])).into_response(), &preferences(headers)))
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
    fn only_what_is_polled_is_tagged() {
        let once = block_on(negotiate(Json("spot").into_response(), &preferences(&[])));
        assert!(!once.headers().contains_key(ETAG));
        let refused = (StatusCode::CONFLICT, Extension(Polled::Body), Json("spot")).into_response();
        assert!(!block_on(negotiate(refused, &preferences(&[]))).headers().contains_key(ETAG));
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

    #[test]
    fn a_drawing_is_compressed_and_pixels_are_not() {
        for (kind, coding) in [("image/svg+xml", Some("gzip")), ("image/png", None)] {
            let response = ([(CONTENT_TYPE, kind)], "<path/>".repeat(1000)).into_response();
            let packed = block_on(negotiate(response, &preferences(&[(ACCEPT_ENCODING, "gzip")])));
            assert_eq!(packed.headers().get(CONTENT_ENCODING).map(HeaderValue::as_bytes), coding.map(str::as_bytes), "{kind}");
        }
    }

    #[test]
    fn each_coding_of_a_publication_has_a_strong_tag_of_its_own() {
        let document = Arc::new(Document::publication("a car park. ".repeat(200).into_bytes()));
        let published = |headers: &[(http::HeaderName, &str)]| {
            let response = (Extension(Polled::Publication(Arc::clone(&document))), document.body().clone()).into_response();
            block_on(negotiate(response, &preferences(headers)))
        };
        let tag = |response: &Response| response.headers()[ETAG].to_str().unwrap().to_owned();
        let (plain, packed) = (published(&[]), published(&[(ACCEPT_ENCODING, "gzip")]));
        assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
        assert!(packed.body().size_hint().exact().unwrap() < plain.body().size_hint().exact().unwrap());
        assert!(tag(&plain).starts_with('"') && tag(&packed) == format!("\"{}-gzip\"", tag(&plain).trim_matches('"')));
        assert_eq!(published(&[(IF_NONE_MATCH, &tag(&plain))]).status(), 304);
        assert_eq!(published(&[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, &tag(&packed))]).status(), 304);
        assert_eq!(published(&[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, &tag(&plain))]).status(), 200, "other bytes");
    }
}
