//! What a handler's signature says to the API document.

use axum::extract::Path;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, Response};

use super::responses::{Respond, problem};
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

/// An argument of a handler: what it reads of the request.
pub trait Describe {
    /// Adds what it asks for, and what it refuses.
    fn describe(request: &mut Request<'_>);
}

/// A handler whose arguments and answer are described.
pub trait Documented<Arguments> {
    /// Adds what the signature says to what the declaration says.
    fn describe(&self, path: &str, operation: Operation, schemas: &mut Schemas) -> Operation;
}

macro_rules! documented {
    ($($argument:ident)*) => {
        impl<Handler, Running, Answer, $($argument),*> Documented<($($argument,)*)> for Handler
        where
            Handler: Fn($($argument),*) -> Running,
            Running: Future<Output = Answer>,
            Answer: Respond,
            $($argument: Describe,)*
        {
            fn describe(&self, path: &str, operation: Operation, schemas: &mut Schemas) -> Operation {
                let mut request = Request { path, operation, schemas };
                $($argument::describe(&mut request);)*
                Answer::describe(&mut request);
                finish(request)
            }
        }
    };
}

documented!();
documented!(A);
documented!(A B);
documented!(A B C);
documented!(A B C D);
documented!(A B C D E);
documented!(A B C D E F);
documented!(A B C D E F G);

fn finish(mut request: Request<'_>) -> Operation {
    request.refuses(503, "The database is busy or cannot be reached; come back after `Retry-After`.");
    for (status, response) in &mut request.operation.responses.responses {
        // A refusal that a declaration only describes is a problem document like any other.
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            *response = problem(&response.description);
        }
    }
    request.operation
}

impl<T> Describe for Path<T> {
    fn describe(request: &mut Request<'_>) {
        let names: Vec<_> = request.path.split('{').skip(1).filter_map(|part| part.split('}').next()).map(str::to_owned).collect();
        for name in names {
            let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).required(Required::True);
            request.parameter(parameter.schema(Some(schema)));
        }
        request.refuses(404, "There is none of this id, or it is not for this caller.");
    }
}

/// Read by a handler, and no part of its interface.
macro_rules! describes_nothing {
    ($($name:ty),* $(,)?) => {
        $(impl Describe for $name {
            fn describe(_: &mut Request<'_>) {}
        })*
    };
}

impl<T> Describe for axum::Extension<T> {
    fn describe(_: &mut Request<'_>) {}
}

describes_nothing!(http::HeaderMap, http::Uri, crate::request::Now, crate::request::RequestId, crate::request::ClientAddress);
