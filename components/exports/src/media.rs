//! Which form an answer has.

use axum::response::{IntoResponse, Response};
use http::header::VARY;
use http::{HeaderMap, HeaderValue};
use kit::accept::preferred;
use kit::api::{Request, Respond, answers_json};
use kit::kept::Publication;
use serde::Serialize;
use std::marker::PhantomData;
use utoipa::ToSchema;
use utoipa::openapi::RefOr;

/// XML or JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Xml,
    Json,
}

impl Form {
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Xml => "application/xml",
            Self::Json => "application/json",
        }
    }

    /// What `Accept` prefers; XML when it names neither.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let known = |kind: &str| match kind {
            "application/xml" | "text/xml" => Some(Self::Xml),
            "application/json" => Some(Self::Json),
            _ => None,
        };
        preferred(headers, known).unwrap_or(Self::Xml)
    }
}

/// An answer that differs by `Accept`.
pub fn by_accept(publication: Publication) -> Response {
    let mut response = publication.into_response();
    response.headers_mut().append(VARY, HeaderValue::from_static("accept"));
    response
}

/// A document of the type `T`, in JSON.
pub struct Published<T> {
    publication: Publication,
    of: PhantomData<T>,
}

impl<T: Serialize> Published<T> {
    pub const fn new(publication: Publication) -> Self {
        Self { publication, of: PhantomData }
    }
}

impl<T> IntoResponse for Published<T> {
    fn into_response(self) -> Response {
        self.publication.into_response()
    }
}

impl<T: ToSchema> Respond for Published<T> {
    fn describe(request: &mut Request<'_>) {
        answers_json::<T>(request, 200, "Done.");
    }
}

/// GeoJSON of the type `T`.
pub struct GeoJson<T>(pub Published<T>);

/// Its media type (RFC 7946 §12).
pub const GEO_JSON: &str = "application/geo+json";

impl<T> IntoResponse for GeoJson<T> {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl<T: ToSchema> Respond for GeoJson<T> {
    fn describe(request: &mut Request<'_>) {
        answers_json::<T>(request, 200, "Done.");
        if let Some(RefOr::T(response)) = request.operation.responses.responses.get_mut("200")
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert(GEO_JSON.to_owned(), content);
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    #[test]
    fn accept_names_the_form() {
        let asked = |accept: &'static str| Form::accepted(&HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]));
        assert_eq!(asked("application/json"), Form::Json);
        assert_eq!(asked("text/html, application/json;q=0.9, */*"), Form::Json);
        for xml in ["application/xml", "text/xml;q=1, application/json", "*/*", "image/png", ""] {
            assert_eq!(asked(xml), Form::Xml, "{xml}");
        }
        assert_eq!(Form::accepted(&HeaderMap::new()), Form::Xml);
    }
}
