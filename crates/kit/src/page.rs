//! Lists: `{"items": […], "next_cursor": …}`, keyset paging, filters named as the fields (docs/reference/rules.md#lists).

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use serde::Serialize;
use serde_json::Value as Json;
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, ResponseBuilder};

use crate::api::{Describe, Request, Respond, answer_schema};
use crate::input::{self, Field as _, Input, Int, Object};
use crate::problem::FieldErrors;
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
    scope: String,
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
        let scope = scope(path, &object);
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
        let listing = (|| Some(Self { filters: filters?, limit: limit?, scope, after: after?, plain }))();
        input::finish(listing, errors)
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
fn scope(path: &str, filters: &Object) -> String {
    let mut text = path.to_ascii_lowercase();
    // An empty filter is one that was not given.
    for (name, value) in filters.iter().filter(|(_, value)| value.as_str() != Some("")) {
        text.push_str(&format!("\n{name}={}", value.as_str().unwrap_or_default()));
    }
    URL_SAFE_NO_PAD.encode(&host::sha256(text.as_bytes())[..6])
}

fn cursor(scope: &str, key: &impl Serialize) -> String {
    let text = serde_json::to_string(&(scope, key)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(text)
}

fn after(cursor: &str, scope: &str, at: &mut input::At<'_>) -> Option<Vec<Json>> {
    let decoded: Option<(String, Vec<Json>)> = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match decoded {
        Some((of, key)) if of == scope => Some(key),
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
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// Whether the answer is a bare array of the items.
    #[serde(skip)]
    plain: bool,
}

impl<T> Page<T> {
    /// The page of what `view` makes of each item.
    pub fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(view).collect(), next_cursor: self.next_cursor, plain: self.plain }
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

impl<T: Serialize> axum::response::IntoResponse for Page<T> {
    fn into_response(self) -> axum::response::Response {
        if self.plain { axum::Json(self.items).into_response() } else { axum::Json(self).into_response() }
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
mod tests {
    use super::*;

    #[derive(Debug, Input)]
    struct Filters {
        site: Option<input::Slug>,
        active: Option<bool>,
    }

    fn parse(path: &str, query: &str) -> Result<Listing<Filters>, Problem> {
        Listing::parse(path, query, 0, false)
    }

    #[test]
    fn every_bad_parameter_is_named_at_once() {
        let problem = parse("/a", "limit=900&colour=red&site=A&active=yes&cursor=%00").unwrap_err();
        let names: Vec<_> = problem.errors().keys().map(String::as_str).collect();
        assert_eq!(names, ["active", "colour", "cursor", "limit", "site"]);
    }

    #[test]
    fn a_cursor_serves_its_own_list_and_filters_only() {
        let first = parse("/a", "limit=1&site=x").unwrap();
        let cursor = first.page(vec!["k1", "k2"], |key| (*key, 7)).next_cursor.unwrap();
        let next = parse("/a", &format!("site=x&limit=5&cursor={cursor}")).unwrap();
        assert_eq!((next.after_text(0), next.after_int(1)), (Some("k1"), Some(7)));
        for (path, query) in [("/b", "site=x"), ("/a", "site=y"), ("/a", "")] {
            let problem = parse(path, &format!("{query}&cursor={cursor}")).unwrap_err();
            assert!(problem.errors().contains_key("cursor"), "{path}?{query}");
        }
        assert!(first.page(vec!["k1"], |key| (*key,)).next_cursor.is_none());
    }

    #[test]
    fn only_who_asks_for_no_page_gets_a_bare_array() {
        use axum::response::IntoResponse as _;

        let answer = |query: &str, plain_lists: bool| {
            let listing = Listing::<Filters>::parse("/a", query, 0, plain_lists).unwrap();
            let fetch = listing.fetch();
            let response = listing.page(vec![7], |it| [*it]).map(|it| it + 1).into_response();
            let body = futures::executor::block_on(axum::body::to_bytes(response.into_body(), 1000)).unwrap();
            (fetch, serde_json::from_slice::<Json>(&body).unwrap())
        };
        let page = serde_json::json!({ "items": [8], "next_cursor": null });
        assert_eq!(answer("site=x", true), (5001, serde_json::json!([8])));
        assert_eq!(answer("site=x", false), (51, page.clone()));
        assert_eq!(answer("limit=2", true), (3, page));
    }

    #[test]
    fn an_empty_parameter_is_one_that_was_not_given() {
        let filters = parse("/a", "site=&active=").unwrap().filters;
        assert!(filters.site.is_none() && filters.active.is_none());
    }
}
