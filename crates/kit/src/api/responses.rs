//! What handlers answer.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};

use super::operation::Request;
use crate::Problem;
use crate::input::{self, SchemaRef, Schemas};

/// An answer that the API document knows.
pub trait Respond {
    /// Adds what is answered, with its status.
    fn describe(request: &mut Request<'_>);
}

/// 201 with what was made.
pub struct Created<T>(pub T);

/// 202: taken, and worked on behind the answer.
pub struct Accepted<T>(pub T);

/// 204.
pub struct NoContent;

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// A reference to the schema of an answer, which is added to `schemas` with those that it refers to.
pub(crate) fn answer_schema<T: ToSchema>(schemas: &mut Schemas) -> SchemaRef {
    let (name, own, mut needed) = (T::name(), T::schema(), Vec::new());
    T::schemas(&mut needed);
    // Only what is an object of its own has a name; lists and plain values stand where they are used.
    let is_named = match &own {
        RefOr::T(Schema::Object(object)) => !object.properties.is_empty(),
        RefOr::T(Schema::AllOf(_) | Schema::OneOf(_)) => true,
        _ => false,
    };
    if is_named {
        needed.push((name.to_string(), own.clone()));
    }
    for (name, schema) in needed {
        input::add(schemas, (name, with_nulls_present(schema)));
    }
    if is_named { Ref::from_schema_name(name).into() } else { with_nulls_present(own) }
}

/// What an answer leaves out is never null (`skip_serializing_if` beside `schema(nullable = false)`), so that whatever may be null is there.
fn with_nulls_present(schema: SchemaRef) -> SchemaRef {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            for (name, property) in &object.properties {
                if is_nullable(property) && !object.required.contains(name) {
                    object.required.push(name.clone());
                }
            }
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::AllOf(mut all_of)) => {
            all_of.items = all_of.items.into_iter().map(with_nulls_present).collect();
            RefOr::T(Schema::AllOf(all_of))
        }
        RefOr::T(Schema::OneOf(mut one_of)) => {
            one_of.items = one_of.items.into_iter().map(with_nulls_present).collect();
            RefOr::T(Schema::OneOf(one_of))
        }
        other => other,
    }
}

fn is_nullable(schema: &SchemaRef) -> bool {
    let allows_null = |schema_type: &SchemaType| match schema_type {
        SchemaType::Type(one) => *one == Type::Null,
        SchemaType::Array(many) => many.contains(&Type::Null),
        SchemaType::AnyValue => false,
    };
    match schema {
        RefOr::T(Schema::Object(object)) => allows_null(&object.schema_type),
        RefOr::T(Schema::Array(array)) => allows_null(&array.schema_type),
        RefOr::T(Schema::OneOf(one_of)) => one_of.items.iter().any(is_nullable),
        RefOr::T(Schema::AnyOf(any_of)) => any_of.items.iter().any(is_nullable),
        _ => false,
    }
}

/// Adds a JSON answer of this type.
pub fn answers_json<T: ToSchema>(request: &mut Request<'_>, status: u16, description: &str) {
    let schema = answer_schema::<T>(request.schemas);
    answers_schema(request, status, description, schema);
}

/// Adds a JSON answer of this schema.
pub fn answers_schema(request: &mut Request<'_>, status: u16, description: &str, schema: SchemaRef) {
    let content = ContentBuilder::new().schema(Some(schema)).build();
    request.answers(status, ResponseBuilder::new().description(description).content("application/json", content).build());
}

/// The schema of a problem document (RFC 9457), named `Problem`.
pub fn problem_schema() -> SchemaRef {
    let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    let reasons = ArrayBuilder::new().items(text("A reason.")).build();
    let errors = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Of an invalid request: the reasons by field, every bad field at once."))
        .additional_properties(Some(Schema::Array(reasons)));
    let status =
        ObjectBuilder::new().schema_type(Type::Integer).description(Some("The HTTP status.")).minimum(Some(400.0)).maximum(Some(599.0));
    let problem = ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some("Why a request was refused (RFC 9457)."))
        .property("type", text("A URN that names the kind of problem."))
        .property("title", text("The status in words."))
        .property("status", status)
        .property("detail", text("A sentence for people."))
        .property("reason", text("A stable word for programs, where a status has several causes."))
        .property("errors", errors)
        .property("request_id", text("Finds the request in the log; also in `X-Request-Id`."));
    ["type", "title", "status", "detail", "request_id"].into_iter().fold(problem, ObjectBuilder::required).into()
}

impl<T: Respond> Respond for Result<T, Problem> {
    fn describe(request: &mut Request<'_>) {
        T::describe(request);
    }
}

impl<T: ToSchema> Respond for Json<T> {
    fn describe(request: &mut Request<'_>) {
        answers_json::<T>(request, 200, "Done.");
    }
}

impl<T: ToSchema> Respond for Created<T> {
    fn describe(request: &mut Request<'_>) {
        answers_json::<T>(request, 201, "It was made.");
    }
}

impl<T: ToSchema> Respond for Accepted<T> {
    fn describe(request: &mut Request<'_>) {
        answers_json::<T>(request, 202, "It was taken and is worked on.");
    }
}

impl Respond for NoContent {
    fn describe(request: &mut Request<'_>) {
        request.answers(204, ResponseBuilder::new().description("No content.").build());
    }
}

/// What it answers stands at the handler.
impl Respond for Response {
    fn describe(_: &mut Request<'_>) {}
}

/// Headers or marks beside the answer.
impl<H, T: Respond> Respond for (H, T) {
    fn describe(request: &mut Request<'_>) {
        T::describe(request);
    }
}
