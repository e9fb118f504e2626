//! An operation of the API document while it is put together.

use utoipa::openapi::path::{Operation, ParameterBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

use crate::input::Schemas;

/// An operation being described.
pub struct Request<'a> {
    /// The path of the route.
    pub path: &'a str,
    /// The operation.
    pub operation: Operation,
    /// Named schemas.
    pub schemas: &'a mut Schemas,
}

impl Request<'_> {
    /// Says that the operation may answer with this refusal. What the handler's own declaration says of it stays.
    pub fn refuses(&mut self, status: u16, description: &str) {
        let response = || RefOr::T(problem(description));
        self.operation.responses.responses.entry(status.to_string()).or_insert_with(response);
    }

    /// Adds a parameter.
    pub fn parameter(&mut self, parameter: ParameterBuilder) {
        self.operation.parameters.get_or_insert_default().push(RefOr::T(parameter.build()));
    }

    /// Adds what it answers when all went well.
    pub fn answers(&mut self, status: u16, response: Response) {
        self.operation.responses.responses.entry(status.to_string()).or_insert(RefOr::T(response));
    }
}

/// A refusal: a problem document.
pub(crate) fn problem(description: &str) -> utoipa::openapi::Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}
