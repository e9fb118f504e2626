//! What a handler's signature says to the API document.

use axum::extract::Path;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required};

use super::operation::{Request, problem};
use super::responses::Respond;
use crate::input::Schemas;

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
    request.refuses(500, "Something went wrong here; the request's id finds it in the log.");
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
        request.refuses(404, "No such object, or not visible to this caller.");
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

describes_nothing!(http::HeaderMap, http::Uri, crate::request::Now, crate::request::RequestId, crate::client::ClientAddress);
