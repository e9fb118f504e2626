//! What a handler reads from the request, beside its caller.

use axum::RequestExt as _;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use bytes::Bytes;
use http::request::Parts;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, RefOr, Required};

use crate::api::{Describe, Request as Operation};
use crate::body_limit::{self, MAX_BODY};
use crate::input::{self, Input};
use crate::{Problem, host};

/// The time of the request, milliseconds: read once, at the edge, so that everything a request does happens at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Now(pub i64);

impl<S: Sync> FromRequestParts<S> for Now {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(now(parts))
    }
}

impl Now {
    /// Of the request with these extensions.
    pub fn of(extensions: &http::Extensions) -> Self {
        extensions.get::<Self>().copied().unwrap_or_else(|| Self(host::now_ms()))
    }
}

/// The request's time, from its parts.
pub fn now(parts: &Parts) -> Now {
    Now::of(&parts.extensions)
}

/// The id that names this request in answers and logs.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self(String::new())))
    }
}

/// A JSON body, unread: 415 when it says that it is something else, 413 when it has more values than are taken. `application/x-ndjson` is let through as JSON's relative.
pub struct JsonBytes(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if let Some(kind) = request.headers().get(http::header::CONTENT_TYPE) {
            let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
            let is = |known: &str| essence.eq_ignore_ascii_case(known);
            let json = is("application/json")
                || is("application/x-ndjson")
                || is("application/ndjson")
                || essence.to_ascii_lowercase().ends_with("+json");
            if !json {
                return Err(Problem::media_type("send application/json"));
            }
        }
        // The edge has held it to its limit already; axum's own limit of 2 MB for `Bytes` is below that.
        let bytes = axum::body::to_bytes(request.into_body(), MAX_BODY).await;
        let bytes = bytes.map_err(|_| Problem::unreadable("the body did not arrive whole"))?;
        body_limit::check_values(&bytes)?;
        Ok(Self(bytes))
    }
}

/// Parameters of a path, by their names in the route.
pub(crate) type PathValues = Vec<(String, String)>;

/// A JSON body of type `T`: 400 when it is no JSON, 415 when it says that it is something else, 422 with every bad field.
pub struct Body<T>(pub T);

impl<T: Input, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        let Now(now_ms) = Now::of(request.extensions());
        let path_values = path_values(T::NAMES_PATH, &mut request).await;
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        input::parse_at(&bytes, now_ms, &path_values).map(Self)
    }
}

/// The same, or the same fields as a form (`application/x-www-form-urlencoded`), as OAuth 2 clients send a password (RFC 6749 §4.3).
pub struct BodyOrForm<T>(pub T);

const FORM: &str = "application/x-www-form-urlencoded";

impl<T: Input, S: Send + Sync> FromRequest<S> for BodyOrForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(FORM)) {
            return Body::from_request(request, state).await.map(|Body(input)| Self(input));
        }
        let Now(now_ms) = Now::of(request.extensions());
        let bytes = axum::body::to_bytes(request.into_body(), MAX_BODY).await;
        let bytes = bytes.map_err(|_| Problem::unreadable("the body did not arrive whole"))?;
        input::parse_form(&bytes, now_ms).map(Self)
    }
}

impl<T: Input> Describe for BodyOrForm<T> {
    fn describe(request: &mut Operation<'_>) {
        Body::<T>::describe(request);
        if let Some(RefOr::T(body)) = &mut request.operation.request_body
            && let Some(json) = body.content.get("application/json").cloned()
        {
            body.content.insert(FORM.to_owned(), json);
        }
    }
}

/// The parameters of the path by their names in the route, of a request that must not contradict them.
pub(crate) async fn path_values(are_named: bool, request: &mut Request) -> PathValues {
    if !are_named {
        return Vec::new();
    }
    let parameters = request.extract_parts::<RawPathParams>().await;
    parameters.iter().flatten().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl<T: Input> Describe for Body<T> {
    fn describe(request: &mut Operation<'_>) {
        let content = ContentBuilder::new().schema(Some(input::reference::<T>(request.schemas))).example(input::example::<T>()).build();
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build();
        request.operation.request_body = Some(RefOr::T(body));
        describe_body_refusals(request);
        request.refuses(422, "Readable, but invalid: `errors` names every bad field.");
    }
}

/// What any route that reads a body may refuse.
pub fn describe_body_refusals(request: &mut Operation<'_>) {
    request.refuses(400, "The body cannot be read.");
    request.refuses(413, "The body is larger than is taken.");
    request.refuses(415, "The body is not JSON by its `Content-Type`.");
}

/// The same, for a route whose body may be left out: an empty one is as `{}`.
pub struct OptionalBody<T>(pub T);

impl<T: Input, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Problem> {
        let Now(now_ms) = Now::of(request.extensions());
        let path_values = path_values(T::NAMES_PATH, &mut request).await;
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        Self::from_body(&bytes, now_ms, &path_values)
    }
}

/// A body that is parsed from bytes that were kept: an [`Input`], or an [`OptionalBody`].
pub trait FromBody: Sized {
    /// Whether a field of it must be the same as a parameter of the path.
    const NAMES_PATH: bool;

    /// Parses it, of a request whose path has these parameters.
    fn from_body(bytes: &[u8], now_ms: i64, path_values: &[(String, String)]) -> Result<Self, Problem>;

    /// Adds it, and what it refuses.
    fn describe_body(request: &mut Operation<'_>);
}

impl<T: Input> FromBody for T {
    const NAMES_PATH: bool = T::NAMES_PATH;

    fn from_body(bytes: &[u8], now_ms: i64, path_values: &[(String, String)]) -> Result<Self, Problem> {
        input::parse_at(bytes, now_ms, path_values)
    }

    fn describe_body(request: &mut Operation<'_>) {
        Body::<T>::describe(request);
    }
}

impl<T: Input> FromBody for OptionalBody<T> {
    const NAMES_PATH: bool = T::NAMES_PATH;

    fn from_body(bytes: &[u8], now_ms: i64, path_values: &[(String, String)]) -> Result<Self, Problem> {
        input::parse_at(if bytes.is_empty() { b"{}" } else { bytes }, now_ms, path_values).map(Self)
    }

    fn describe_body(request: &mut Operation<'_>) {
        Self::describe(request);
    }
}

impl<T: Input> Describe for OptionalBody<T> {
    fn describe(request: &mut Operation<'_>) {
        Body::<T>::describe(request);
        if let Some(RefOr::T(body)) = &mut request.operation.request_body {
            body.required = Some(Required::False);
        }
    }
}

/// A query string of type `T`: 422 with every bad parameter, unknown ones too.
pub struct Query<T>(pub T);

impl<T: Input, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        input::parse_query(parts.uri.query().unwrap_or_default(), now(parts).0).map(Self)
    }
}

impl<T: Input> Describe for Query<T> {
    fn describe(request: &mut Operation<'_>) {
        for property in T::properties(request.schemas) {
            let required = if property.required && property.aliases.is_empty() { Required::True } else { Required::False };
            let parameter = ParameterBuilder::new().name(property.name).parameter_in(ParameterIn::Query).required(required);
            let description = Some(property.description).filter(|text| !text.is_empty());
            let schema = input::without_null(property.schema);
            let schema = if property.required { schema } else { input::or_empty(schema) };
            request.parameter(parameter.description(description).schema(Some(schema)));
        }
        request.refuses(422, "A parameter is invalid or unknown: `errors` names each.");
    }
}
