//! `wasi:http/client`: outbound requests, limited to `allowed_outbound_hosts`, and requests to the application itself.

mod addresses;
mod allowed_hosts;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};

use futures::future::BoxFuture;
use http_body_util::BodyExt;
use wasmtime::component::{Accessor, HasData, Resource};
use wasmtime_wasi_http::p3::bindings::http::client;
use wasmtime_wasi_http::p3::bindings::http::types::{Request, Response};
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttp, WasiHttpCtxView, WasiHttpHooks, default_send_request,
};

pub use self::allowed_hosts::AllowedHosts;
use self::allowed_hosts::SELF_AUTHORITY;
use crate::response_buffer::MAX_FRAME;
use crate::traces::{self, SpanContext, Traces};
use crate::whole_message;

/// Serves the requests that components send to the application itself: to `http://self`, or to a URL without an authority.
pub trait SelfRequestHandler: Send + Sync {
    /// The address on which the application listens.
    fn authority(&self) -> SocketAddr;

    /// Routes the request to the component that serves its path.
    fn handle(self: Arc<Self>, request: http::Request<WasiBody>) -> BoxFuture<'static, http::Response<WasiBody>>;
}

/// The handler of requests to the application itself. Clones share it.
///
/// It is set once the routes are known; the components, which the routes refer to, exist before. Weak, because they own each other.
#[derive(Clone, Default)]
pub struct SelfRequests(Arc<OnceLock<Weak<dyn SelfRequestHandler>>>);

impl SelfRequests {
    /// Sets the handler. Later calls have no effect.
    pub fn set(&self, handler: Weak<dyn SelfRequestHandler>) {
        self.0.get_or_init(|| handler);
    }

    fn handler(&self) -> Option<Arc<dyn SelfRequestHandler>> {
        self.0.get()?.upgrade()
    }
}

/// Whether guests may not have a header of this name. Spin forbids them the hop-by-hop headers; unlike Wasmtime's default list it lets them set
/// `host`.
pub fn is_forbidden_header(name: &http::HeaderName) -> bool {
    // The default is a const: named below, it would be built at each call.
    static FORBIDDEN: [http::HeaderName; 9] = wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;
    *name != http::header::HOST && FORBIDDEN.contains(name)
}

/// The outbound HTTP policy of a component.
#[derive(Clone)]
pub struct OutboundHttp {
    allowed_hosts: Arc<AllowedHosts>,
    self_requests: SelfRequests,
    forbidden_headers: ForbiddenHeaderFilter,
    traces: Option<Arc<Traces>>,
    /// What the instance does at present; none while that is not one thing.
    span: Option<SpanContext>,
}

impl OutboundHttp {
    /// The policy of a component that may send requests to `allowed_hosts`.
    pub fn new(allowed_hosts: Arc<AllowedHosts>, self_requests: SelfRequests, traces: Option<Arc<Traces>>) -> Self {
        Self { allowed_hosts, self_requests, forbidden_headers: Arc::new(is_forbidden_header), traces, span: None }
    }

    /// What makes spans, where traces are wanted.
    pub fn traces(&self) -> Option<&Arc<Traces>> {
        self.traces.as_ref()
    }

    /// Says what the outbound calls from now on are made for.
    pub fn set_span(&mut self, span: Option<SpanContext>) {
        self.span = span;
    }

    fn route(&self, request: http::Request<WasiBody>, options: Option<RequestOptions>) -> Sending {
        let uri = request.uri();
        let (scheme, host) = (uri.scheme_str().unwrap_or("https"), uri.host().unwrap_or_default());
        if host == SELF_AUTHORITY {
            let handler = self.self_requests.handler().filter(|_| self.allowed_hosts.allows_self());
            return match handler {
                Some(handler) => Box::new(send_to_self(handler, request)),
                None => Box::new(async { Err(Error::HttpRequestDenied) }),
            };
        }
        if !self.allowed_hosts.allows(scheme, host, uri.port_u16()) {
            tracing::warn!(scheme, host, "outbound request denied: the host is not in allowed_outbound_hosts");
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        Box::new(send_to_network(request, options))
    }
}

type IoDriver = Box<dyn Future<Output = Result<(), Error>> + Send>;
type SendResult = Result<(http::Response<WasiBody>, IoDriver), Error>;
type Sending = Box<dyn Future<Output = SendResult> + Send>;

impl WasiHttpHooks for OutboundHttp {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        self.forbidden_headers.clone()
    }

    fn is_forbidden_header(&mut self, name: &http::HeaderName) -> bool {
        is_forbidden_header(name)
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        MAX_FRAME
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_processed: IoDriver,
    ) -> Sending {
        whole_message::strip(request.headers_mut());
        let Some(traces) = &self.traces else { return self.route(request, options) };
        let span = traces.outbound(self.span.as_ref(), &mut request);
        let sending = Box::into_pin(self.route(request, options));
        Box::new(async move {
            let sent = sending.await;
            traces::returned(span, sent.as_ref().map(|(response, _)| response));
            sent
        })
    }
}

async fn send_to_network(mut request: http::Request<WasiBody>, options: Option<RequestOptions>) -> SendResult {
    addresses::check(request.uri()).await?;
    if let Some(authority) = request.uri().authority()
        && let Ok(host) = http::HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(http::header::HOST, host);
    }
    let (response, io) = default_send_request(request, options).await?;
    Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as IoDriver))
}

/// Serves the request in this process, on a task of its own: otherwise the sending instance would wait for itself.
async fn send_to_self(handler: Arc<dyn SelfRequestHandler>, mut request: http::Request<WasiBody>) -> SendResult {
    let host = http::HeaderValue::from_str(&handler.authority().to_string()).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(http::header::HOST, host);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(http::Uri::from).unwrap_or_default();
    let response = tokio::spawn(handler.handle(request)).await.map_err(|_| Error::ConnectionTerminated)?;
    let io = async { Ok(()) };
    Ok((response, Box::new(io) as IoDriver))
}

/// `wasi:http/client` as Spin implements it: a request without an authority goes to the application itself.
pub struct HttpClient;

impl HasData for HttpClient {
    type Data<'a> = WasiHttpCtxView<'a>;
}

impl<T: 'static> client::HostWithStore<T> for HttpClient {
    fn send(
        store: &Accessor<T, Self>,
        request: Resource<Request>,
    ) -> impl Future<Output = Result<Resource<Response>, wasmtime_wasi::TrappableError<client::ErrorCode>>> + Send {
        let prepared = store.with(|mut access| {
            let request = access.get().table.get_mut(&request)?;
            if request.authority.is_none() {
                request.authority = Some(http::uri::Authority::from_static(SELF_AUTHORITY));
                request.scheme = Some(http::uri::Scheme::HTTP);
            }
            wasmtime::error::Ok(())
        });
        let inner = store.with_getter::<WasiHttp>(store.getter());
        async move {
            prepared.map_err(wasmtime_wasi::TrappableError::trap)?;
            let sent: Pin<Box<dyn Future<Output = _> + Send + '_>> =
                Box::pin(<WasiHttp as client::HostWithStore<T>>::send(&inner, request));
            sent.await
        }
    }
}
