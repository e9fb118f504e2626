//! A component's routes, declared once: the running router and the API document come from the same list.
//!
//! A handler carries `#[utoipa::path]` with its method, its path and what only it refuses (a 409 with its reasons). Its doc comment is the
//! summary and the description. The rest follows from its signature, and so cannot differ from what runs: the role from
//! [`Caller`](crate::caller::Caller), the body from [`Body`](crate::request::Body), the parameters from [`Query`](crate::request::Query)
//! and [`Listing`](crate::page::Listing), the answer from the return type, and the refusals that each of them brings.
//!
//! ```ignore
//! /// Returns an alert with its history.
//! #[utoipa::path(get, path = "/api/alerts/{id}")]
//! pub async fn detail(_: Caller<Operator>, Path(id): Path<String>) -> Answer<Json<AlertDetail>> { … }
//!
//! pub fn api() -> Api {
//!     Api::new("alerts", "Alerts and what was sent about them.").routes(routes![read::list, read::detail])
//! }
//!
//! kit::component!(api);
//! ```
//!
//! The document is collected natively (`crates/openapi`). In a component nothing of it is run, and the linker leaves it out.

mod describe;
mod operation;
mod responses;

use axum::Router;
use axum::routing::{MethodFilter, MethodRouter};
use utoipa::openapi::path::{HttpMethod, Operation, Paths};

pub use describe::{Describe, Documented};
pub use operation::Request;
pub(crate) use responses::answer_schema;
pub use responses::{Accepted, Created, NoContent, Respond, answers_json, answers_schema, problem_schema};

use crate::input::Schemas;

/// The routes of a component.
pub struct Api {
    router: Router,
    document: Document,
}

/// What the API document gets from a component.
#[derive(Default)]
pub struct Document {
    /// The component's name, which groups its operations.
    pub tag: &'static str,
    /// What the component does.
    pub description: &'static str,
    /// Its operations.
    pub paths: Paths,
    /// The schemas that they refer to; two of one name must be the same.
    pub schemas: Schemas,
}

/// A handler with the declaration that stands at it; what [`routes!`](crate::routes) makes.
pub struct Route {
    /// The path, with `{parameters}`.
    pub path: String,
    /// The methods.
    pub methods: Vec<HttpMethod>,
    /// The handler.
    pub handler: fn(MethodFilter) -> MethodRouter,
    /// Describes the operation; none in a component.
    pub describe: Option<fn(&mut Schemas) -> Operation>,
    /// The handler's name, `module::function`.
    pub name: &'static str,
}

impl Api {
    /// Of a component without routes yet.
    pub fn new(tag: &'static str, description: &'static str) -> Self {
        Self { router: Router::new(), document: Document { tag, description, ..Document::default() } }
    }

    /// With these routes.
    #[must_use]
    pub fn routes<const N: usize>(self, routes: [Route; N]) -> Self {
        routes.into_iter().fold(self, |api, route| {
            let path = route.path.clone();
            api.route(path, &route, None)
        })
    }

    /// With a second path for a handler: the name that an older client knows it by.
    #[must_use]
    pub fn alias<const N: usize>(self, path: &str, routes: [Route; N]) -> Self {
        routes.iter().fold(self, |api, route| api.route(path.to_owned(), route, Some(&route.path)))
    }

    /// With a route that is no part of the API: a page, an asset, a fallback.
    #[must_use]
    pub fn undocumented(mut self, work: impl FnOnce(Router) -> Router) -> Self {
        self.router = work(self.router);
        self
    }

    fn route(mut self, path: String, route: &Route, alias_of: Option<&str>) -> Self {
        for method in &route.methods {
            self.router = self.router.route(&path, (route.handler)(method_filter(method)));
        }
        if let Some(describe) = route.describe {
            for method in &route.methods {
                let mut operation = describe(&mut self.document.schemas);
                operation.tags = Some(vec![self.document.tag.to_owned()]);
                operation.operation_id = Some(operation_id(self.document.tag, route, method, alias_of.is_some().then_some(&path)));
                if let Some(other) = alias_of {
                    operation.description = Some(format!("Another name of `{other}`."));
                }
                self.document.paths.add_path_operation(&path, vec![method.clone()], operation);
            }
        }
        self
    }

    /// The router that serves the component.
    pub fn into_router(self) -> Router {
        self.router
    }

    /// What the API document gets from it.
    pub fn into_document(self) -> Document {
        self.document
    }
}

/// Unique, and the same in each build: `alerts_read_list`; with the method where a handler has several, with the path for an alias.
fn operation_id(tag: &str, route: &Route, method: &HttpMethod, alias: Option<&String>) -> String {
    let mut segments: Vec<_> = route.name.split("::").map(str::trim).collect();
    segments.dedup();
    let mut id = format!("{tag}_{}", segments.join("_"));
    if route.methods.first() != Some(method) {
        id.push('_');
        id.push_str(method_name(method));
    }
    if let Some(path) = alias {
        id.extend(path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
    }
    id
}

fn method_name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Post => "post",
        HttpMethod::Put => "put",
        HttpMethod::Patch => "patch",
        HttpMethod::Delete => "delete",
        HttpMethod::Head => "head",
        HttpMethod::Options => "options",
        HttpMethod::Trace => "trace",
        _ => "get",
    }
}

fn method_filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Trace => MethodFilter::TRACE,
        _ => MethodFilter::GET,
    }
}

/// The routes of these handlers: `routes![read::list, write::create]`. Each carries `#[utoipa::path]`.
#[macro_export]
macro_rules! routes {
    ($($($segment:ident)::+),* $(,)?) => {
        [$($crate::routes!(@route [] $($segment)::+ => $($segment)::+)),*]
    };
    (@route [$($before:ident)*] $last:ident => $handler:path) => {
        $crate::__private::paste! {{
            use $($before::)* [<__path_ $last>] as Declaration;
            $crate::api::Route {
                path: <Declaration as $crate::__private::UtoipaPath>::path(),
                methods: <Declaration as $crate::__private::UtoipaPath>::methods(),
                handler: |filter| $crate::__private::MethodRouter::new().on(filter, $handler),
                #[cfg(not(target_family = "wasm"))]
                describe: Some(|schemas| {
                    let operation = <Declaration as $crate::__private::UtoipaPath>::operation();
                    $crate::api::Documented::describe(&$handler, &<Declaration as $crate::__private::UtoipaPath>::path(), operation, schemas)
                }),
                #[cfg(target_family = "wasm")]
                describe: None,
                name: stringify!($handler),
            }
        }}
    };
    (@route [$($before:ident)*] $first:ident :: $($rest:ident)::+ => $handler:path) => {
        $crate::routes!(@route [$($before)* $first] $($rest)::+ => $handler)
    };
}
