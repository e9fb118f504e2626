//! Lists: `{"items": […], "next_cursor": …}`, keyset paging, filters named as the fields (docs/reference/rules.md#lists).

use axum::Extension;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, ResponseBuilder};

use crate::api::{Describe, Request, Respond, answer_schema};
use crate::input::{self, Field as _, Input, Int, Object};
use crate::problem::FieldErrors;
use crate::representation::Polled;
use crate::request::{self, Query};
use crate::{Problem, config, host};

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 500;
/// The most items of a bare array.
const MAX_PLAIN: i64 = 5_000;
/// The variable that turns bare arrays on.
const PLAIN_LISTS: &str = "plain_lists";

/// What a query string asks of a list: its filters `F`, `limit`, and the `cursor` that the page before gave. 422 names every bad
/// parameter at once; a cursor of another list or of other filters is refused.
///
/// Where the variable `plain_lists` is on, who sends neither `limit` nor `cursor` is taken for a client that knows no paging, and is answered
/// a bare array.
#[derive(Debug)]
pub struct Listing<F> {
    /// The filters.
    pub filters: F,
    limit: i64,
    scope: Scope,
    request: String,
    after: Vec<Json>,
    plain: bool,
}

/// `order`: of lists that can run both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Order {
    /// The oldest first.
    Asc,
    /// The newest first.
    Desc,
}

/// The filters of a list that has none.
#[derive(Debug, Input)]
pub struct NoFilters {}

impl<F: Input> Listing<F> {
    /// Reads the query string of the list at `path`. With `plain_lists`, one that asks for no page is for a bare array.
    pub fn parse(path: &str, query: &str, now_ms: i64, plain_lists: bool) -> Result<Self, Problem> {
        let mut object = input::query_object(query);
        let mut errors = FieldErrors::new();
        let (limit, cursor) = (object.remove("limit"), object.remove("cursor"));
        let plain = plain_lists && limit.is_none() && cursor.is_none();
        let scope = Scope::new(path, &object);
        input::refuse_unknown::<F>(&object, &mut errors);
        let mut at = input::At::top(&mut errors, now_ms, true);
        let limit = match limit {
            Some(limit) => at.inside("limit", |at| Int::<1, MAX_LIMIT>::read(&limit, at)).map(|limit| *limit),
            None => Some(if plain { MAX_PLAIN } else { DEFAULT_LIMIT }),
        };
        let after = match &cursor {
            Some(cursor) => at.inside("cursor", |at| after(cursor.as_str().unwrap_or_default(), &scope, at)),
            None => Some(Vec::new()),
        };
        let filters = F::read(&object, &mut at);
        let listing =
            (|| Some(Self { filters: filters?, limit: limit?, scope, request: format!("{path}?{query}"), after: after?, plain }))();
        input::finish(listing, errors)
    }

    /// What was asked for, filters and page: a key by which an answer can be kept, where all callers are answered the same.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// The same, for an answer that is this audience's alone.
    pub fn request_of(&self, audience: &str) -> String {
        format!("{audience} {}", self.request)
    }

    /// How many rows to ask for: one more than the page, which tells whether there is a next one.
    pub fn fetch(&self) -> i64 {
        self.limit + 1
    }

    /// The text at this position of the key after which the page begins; none on the first page.
    pub fn after_text(&self, position: usize) -> Option<&str> {
        self.after.get(position).and_then(Json::as_str)
    }

    /// The number at this position of the key after which the page begins; none on the first page.
    pub fn after_int(&self, position: usize) -> Option<i64> {
        self.after.get(position).and_then(Json::as_i64)
    }

    /// The page of these items, which were asked for with [`Listing::fetch`]. `key` gives the values that the order is by, as a tuple or
    /// an array.
    pub fn page<T, K: Serialize>(&self, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| more);
        let next_cursor = last.map(|item| self.cursor_after(&key(item)));
        Page { items, next_cursor, plain: self.plain }
    }

    /// The cursor of what comes after this key, for an export that is longer than a page.
    pub fn cursor_after(&self, key: &impl Serialize) -> String {
        cursor(&self.scope, key)
    }
}

/// Which list and filters a cursor belongs to.
#[derive(Debug)]
struct Scope(String);

impl Scope {
    fn new(path: &str, filters: &Object) -> Self {
        let mut text = path.to_ascii_lowercase();
        // An empty filter is one that was not given.
        for (name, value) in filters.iter().filter(|(_, value)| value.as_str() != Some("")) {
            text.push_str(&format!("\n{name}={}", value.as_str().unwrap_or_default()));
        }
        Self(text)
    }

    /// Its name in a cursor.
    fn digest(&self) -> String {
        URL_SAFE_NO_PAD.encode(&host::sha256(self.0.as_bytes())[..6])
    }
}

fn cursor(scope: &Scope, key: &impl Serialize) -> String {
    let text = serde_json::to_string(&(scope.digest(), key)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(text)
}

fn after(cursor: &str, scope: &Scope, at: &mut input::At<'_>) -> Option<Vec<Json>> {
    let decoded: Option<(String, Vec<Json>)> = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match decoded {
        Some((of, key)) if of == scope.digest() => Some(key),
        Some(_) => {
            at.refuse("belongs to another list or to other filters");
            None
        }
        None => {
            at.refuse("is not one that was given here");
            None
        }
    }
}

impl<F: Input, S: Sync> FromRequestParts<S> for Listing<F> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let plain_lists = config::flag(PLAIN_LISTS).await?;
        Self::parse(parts.uri.path(), parts.uri.query().unwrap_or_default(), request::now(parts).0, plain_lists)
    }
}

impl<F: Input> Describe for Listing<F> {
    fn describe(request: &mut Request<'_>) {
        Query::<F>::describe(request);
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1.0))
            .maximum(Some(MAX_LIMIT as f64))
            .default(Some(DEFAULT_LIMIT.into()));
        let parameter = |name: &str, description: &str| {
            ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query).description(Some(description))
        };
        request.parameter(parameter("limit", "How many items a page has at most.").schema(Some(limit)));
        let cursor = ObjectBuilder::new().schema_type(Type::String);
        request.parameter(parameter("cursor", "`next_cursor` of the page before, with the same filters.").schema(Some(cursor)));
    }
}

/// A page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// Whether the answer is a bare array of the items.
    plain: bool,
}

impl<T> Page<T> {
    /// The page of what `view` makes of each item.
    pub fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(view).collect(), next_cursor: self.next_cursor, plain: self.plain }
    }

    /// The page of what `view` makes of each item, without those of which it makes nothing.
    pub fn filter_map<'a, U>(&'a self, view: impl FnMut(&'a T) -> Option<U>) -> Page<U> {
        Page { items: self.items.iter().filter_map(view).collect(), next_cursor: self.next_cursor.clone(), plain: self.plain }
    }
}

impl<T: ToSchema> Page<T> {
    /// The schema of a page.
    pub fn schema(schemas: &mut input::Schemas) -> ObjectBuilder {
        let items = ArrayBuilder::new().description(Some("The items, in the list's order.")).items(answer_schema::<T>(schemas));
        let next = ObjectBuilder::new()
            .schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
            .description(Some("What to send as `cursor` for the next page; null on the last."));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("items", items)
            .property("next_cursor", next)
            .required("items")
            .required("next_cursor")
    }
}

impl<T: Serialize> Serialize for Page<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.plain {
            return self.items.serialize(serializer);
        }
        let mut page = serializer.serialize_struct("Page", 2)?;
        page.serialize_field("items", &self.items)?;
        page.serialize_field("next_cursor", &self.next_cursor)?;
        page.end()
    }
}

/// Screens poll lists.
impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        (Extension(Polled::Body), axum::Json(self)).into_response()
    }
}

/// What the API document says of a list's answer.
const PAGE: &str = "A page of the list. Where the variable `plain_lists` is on and neither `limit` nor `cursor` is sent, a bare array of up to \
    5,000 items instead.";

impl<T: ToSchema> Respond for Page<T> {
    fn describe(request: &mut Request<'_>) {
        let page = Self::schema(request.schemas);
        let content = ContentBuilder::new().schema(Some(page)).build();
        request.answers(200, ResponseBuilder::new().description(PAGE).content("application/json", content).build());
    }
}

#[cfg(test)]
mod tests;
