//! Traces for OpenTelemetry: a span for each request, for each outbound call of a component and for each scheduled run, sent to a collector
//! by OTLP over HTTP.
//!
//! There are none unless a collector is configured, and without one no request does any of this work. The names of attributes are those of
//! OpenTelemetry's semantic conventions for HTTP. What may be secret or personal is left out: queries, headers, the addresses of people, and
//! the paths of outbound calls, which are the secret of some chat webhooks.

mod context;
mod exporter;
mod otlp;
mod span;

use std::sync::Arc;

use anyhow::Result;
use http::{HeaderValue, Method};

pub use self::context::SpanContext;
use self::context::{TRACEPARENT, TRACESTATE};
use self::exporter::Exporter;
use self::otlp::Kind;
use self::span::Span;
use crate::body::Response;
use crate::clock::Clock;
use crate::problem::REQUEST_ID;

/// Where traces are sent, and as what. The environment variables are OpenTelemetry's own.
#[derive(clap::Args, Clone, Debug)]
pub struct Options {
    /// The collector to which OpenTelemetry traces are sent (OTLP over HTTP, such as http://127.0.0.1:4318); none are made without it
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
    /// Headers for the collector, such as its token: name=value, apart by commas
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS", value_name = "HEADERS", hide_env_values = true)]
    pub otlp_headers: Option<String>,
    /// The name under which the traces appear
    #[arg(long, env = "OTEL_SERVICE_NAME", value_name = "NAME", default_value = "gatehouse")]
    pub otlp_service_name: String,
    /// The share of traces begun here that is kept, from 0 to 1; a trusted proxy's decision goes before
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", value_name = "RATIO", default_value_t = 1.0)]
    pub otlp_ratio: f64,
}

impl Options {
    /// All traces to the collector at this base URL.
    pub fn to(endpoint: impl Into<String>) -> Self {
        Self { otlp_endpoint: Some(endpoint.into()), otlp_headers: None, otlp_service_name: "gatehouse".to_owned(), otlp_ratio: 1.0 }
    }

    /// The collector's base URL without a slash at the end. As the specification has it, an empty variable is as good as none.
    fn endpoint(&self) -> Option<&str> {
        self.otlp_endpoint.as_deref().map(|it| it.trim().trim_end_matches('/')).filter(|it| !it.is_empty())
    }
}

/// The route of the manifest that a response's request had.
#[derive(Clone, Debug)]
pub struct MatchedRoute(pub HeaderValue);

/// Whose word the headers of a request are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A trusted proxy's, or of a component of this application.
    Trusted,
    /// Anybody's, who is not to decide what is kept, nor what others are told.
    Stranger,
}

/// Makes spans.
pub struct Traces {
    exporter: Exporter,
    clock: Clock,
    ratio: f64,
}

impl Traces {
    /// Starts sending to the collector, if there is one. Needs a runtime.
    ///
    /// # Errors
    /// If the endpoint or the headers cannot be read.
    pub fn start(options: &Options, clock: Clock) -> Result<Option<Arc<Self>>> {
        let Some(endpoint) = options.endpoint() else { return Ok(None) };
        let exporter = Exporter::start(endpoint, options.otlp_headers.as_deref().unwrap_or_default(), &options.otlp_service_name)?;
        Ok(Some(Arc::new(Self { exporter, clock, ratio: options.otlp_ratio })))
    }

    /// Begins the span of a request that has come in, in the trace of its `traceparent` if it has one from somebody who is trusted, and else in
    /// a new one. The request knows its span from then on.
    pub fn request<B>(self: &Arc<Self>, request: &mut http::Request<B>, caller: Caller) -> Span {
        let parent = if caller == Caller::Trusted { SpanContext::from_headers(request.headers()) } else { None };
        let method = method_name(request.method());
        let mut span = Span::begin(self, method, Kind::Server, parent.as_ref());
        span.set("http.request.method", method);
        if method == OTHER_METHOD {
            span.set("http.request.method_original", request.method().as_str());
        }
        span.set("url.path", request.uri().path());
        span.set("url.scheme", request.uri().scheme_str().unwrap_or("http"));
        request.extensions_mut().insert(span.context().clone());
        span
    }

    /// Begins the span of an outbound call, and tells the other side of it. `parent` is what the component does it for.
    pub fn outbound<B>(self: &Arc<Self>, parent: Option<&SpanContext>, request: &mut http::Request<B>) -> Span {
        let method = method_name(request.method());
        let mut span = Span::begin(self, method, Kind::Client, parent);
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("https");
        span.set("http.request.method", method);
        span.set("server.address", uri.host().unwrap_or_default());
        span.set("server.port", i64::from(uri.port_u16().unwrap_or(if scheme == "http" { 80 } else { 443 })));
        span.set("url.scheme", scheme);
        let headers = request.headers_mut();
        headers.insert(TRACEPARENT, span.context().traceparent());
        match &span.context().state {
            Some(state) => headers.insert(TRACESTATE, state.clone()),
            None => headers.remove(TRACESTATE),
        };
        span
    }

    /// Begins the span of a component's scheduled run, in a trace of its own.
    pub fn scheduled_run(self: &Arc<Self>, component: &str) -> Span {
        let mut span = Span::begin(self, &format!("scheduled {component}"), Kind::Internal, None);
        span.set("faas.trigger", "timer");
        span
    }

    /// Sends what there is, and waits for that, a few seconds at most.
    pub async fn flush(&self) {
        self.exporter.flush().await;
    }
}

/// What the conventions call a method that is not among the known ones: a client may send any, and names of spans have to be few.
const OTHER_METHOD: &str = "_OTHER";

fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|it| *it == method.as_str()).unwrap_or(OTHER_METHOD)
}

/// Ends the span of a request, when its response begins.
pub fn respond(mut span: Span, response: &Response) {
    if let Some(MatchedRoute(route)) = response.extensions().get()
        && let Ok(route) = route.to_str()
    {
        span.name_after(route);
        span.set("http.route", route);
    }
    if let Some(Ok(id)) = response.headers().get(REQUEST_ID).map(HeaderValue::to_str) {
        span.set("http.response.header.x-request-id", vec![id.to_owned()]);
    }
    let status = response.status();
    span.set("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        span.fail(status.as_str());
    }
}

/// Ends the span of an outbound call, when its response begins.
pub fn returned<B, E: std::fmt::Debug>(mut span: Span, response: Result<&http::Response<B>, &E>) {
    match response {
        Ok(response) => {
            let status = response.status();
            span.set("http.response.status_code", i64::from(status.as_u16()));
            if status.is_client_error() || status.is_server_error() {
                span.fail(status.as_str());
            }
        }
        // The variant's name: what comes after it may quote the address.
        Err(error) => span.fail(format!("{error:?}").split(|it: char| !it.is_ascii_alphanumeric()).next().unwrap_or("_OTHER")),
    }
}
