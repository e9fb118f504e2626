//! JSON documents that are kept as they go out.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::{Keep, Made, Sources, value};
use crate::api::{Request, Respond};
use crate::input::{SchemaRef, Timestamp};
use crate::representation::{Document, Polled};
use crate::{Answer, Problem};

/// A document may come to be kept in both forms.
impl Keep for Arc<Document> {
    fn bytes(&self) -> usize {
        self.body().len() + self.body().len() / 4
    }
}

/// The answer `R`, kept.
pub struct Kept<R> {
    document: Arc<Document>,
    as_of: Option<i64>,
    answer: PhantomData<R>,
}

impl<R> Kept<R> {
    /// The document that is kept under this key, or that of what is made now, see [`value`].
    pub fn find<T: Serialize>(key: &str, sources: Sources, now: i64, make: impl FnOnce() -> Answer<Made<T>>) -> Answer<Self> {
        let kept = value(key, sources, now, || {
            let made = make()?;
            let body = serde_json::to_vec(&made.value).map_err(Problem::internal)?;
            Ok(Made { value: Arc::new(Document::new(body)), until: made.until })
        })?;
        Ok(Self { document: Arc::clone(&kept.value), as_of: None, answer: PhantomData })
    }

    /// What was made for this answer alone.
    pub fn once(value: &impl Serialize) -> Answer<Self> {
        let body = serde_json::to_vec(value).map_err(Problem::internal)?;
        Ok(Self { document: Arc::new(Document::new(body)), as_of: None, answer: PhantomData })
    }
}

impl<T> Kept<AsOf<T>> {
    /// With the moment at which it is true, as `as_of`.
    #[must_use]
    pub fn as_of(self, now: i64) -> Self {
        Self { as_of: Some(now), ..self }
    }
}

/// A document in the form that a standard gives it, under a strong tag. What it is stands at the handler.
pub struct Publication {
    document: Arc<Document>,
    media_type: &'static str,
}

impl Publication {
    /// The document that is kept under this key, or what is made now, see [`value`].
    pub fn find(
        key: &str,
        media_type: &'static str,
        sources: Sources,
        now: i64,
        make: impl FnOnce() -> Answer<Made<Vec<u8>>>,
    ) -> Answer<Self> {
        let kept = value(key, sources, now, || {
            let made = make()?;
            Ok(Made { value: Arc::new(Document::publication(made.value)), until: made.until })
        })?;
        Ok(Self { document: Arc::clone(&kept.value), media_type })
    }

    /// What was made for this answer alone.
    pub fn once(body: Vec<u8>, media_type: &'static str) -> Self {
        Self { document: Arc::new(Document::publication(body)), media_type }
    }
}

impl IntoResponse for Publication {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.document.body().clone()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        response.extensions_mut().insert(Polled::Publication(self.document));
        response
    }
}

impl<R> IntoResponse for Kept<R> {
    fn into_response(self) -> Response {
        let (body, polled) = match self.as_of {
            // An object without its first brace.
            Some(now) => (with_as_of(self.document.body().get(1..).unwrap_or_default(), now), Polled::Tag(self.document.tag().clone())),
            None => (self.document.body().clone(), Polled::Document(self.document)),
        };
        let mut response = Response::new(Body::from(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.extensions_mut().insert(polled);
        response
    }
}

fn with_as_of(rest: &[u8], now: i64) -> Bytes {
    let as_of = domain::time::format_rfc3339(now);
    [b"{\"as_of\":\"", as_of.as_bytes(), b"\",", rest].concat().into()
}

impl<R: Respond> Respond for Kept<R> {
    fn describe(request: &mut Request<'_>) {
        R::describe(request);
    }
}

/// A document `T` with the moment at which it is true. Only the document is kept: the moment is that of each answer, and a document that
/// differs from another in nothing else has the same tag.
pub struct AsOf<T>(PhantomData<T>);

impl<T: ToSchema> Respond for AsOf<T> {
    fn describe(request: &mut Request<'_>) {
        crate::api::answers_json::<Self>(request, 200, "Done.");
    }
}

impl<T: ToSchema> PartialSchema for AsOf<T> {
    fn schema() -> SchemaRef {
        let with_as_of = |object: Object| -> Object {
            let as_of = Ref::builder().ref_location_from_schema_name(Timestamp::name()).description(Some("When this was true."));
            ObjectBuilder::from(object).property("as_of", as_of).required("as_of").build()
        };
        match T::schema() {
            RefOr::T(Schema::Object(object)) => with_as_of(object).into(),
            RefOr::T(Schema::AllOf(mut all_of)) => {
                // What is flattened into an object comes before the object's own fields.
                let own = match all_of.items.pop() {
                    Some(RefOr::T(Schema::Object(own))) => own,
                    other => {
                        all_of.items.extend(other);
                        Object::new()
                    }
                };
                all_of.items.push(with_as_of(own).into());
                RefOr::T(Schema::AllOf(all_of))
            }
            other => other,
        }
    }
}

impl<T: ToSchema> ToSchema for AsOf<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        T::name()
    }

    fn schemas(schemas: &mut Vec<(String, SchemaRef)>) {
        T::schemas(schemas);
        schemas.push((Timestamp::name().into(), Timestamp::schema()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(kept: Kept<AsOf<()>>) -> serde_json::Value {
        let body = kept.into_response().into_body();
        serde_json::from_slice(&futures::executor::block_on(axum::body::to_bytes(body, 1000)).unwrap()).unwrap()
    }

    #[test]
    fn the_moment_is_that_of_each_answer() {
        let document = Arc::new(Document::new(br#"{"free":3}"#.to_vec()));
        let kept = |now| Kept { document: Arc::clone(&document), as_of: None, answer: PhantomData }.as_of(now);
        assert_eq!(body(kept(0)), serde_json::json!({"as_of": "1970-01-01T00:00:00Z", "free": 3}));
        assert_eq!(body(kept(1500))["as_of"], "1970-01-01T00:00:01.500Z");
        let Some(Polled::Tag(tag)) = kept(0).into_response().extensions().get::<Polled>().cloned() else { panic!("no tag") };
        assert_eq!(tag, document.tag());
    }
}
