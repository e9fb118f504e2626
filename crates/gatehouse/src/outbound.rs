//! Outbound HTTP, held to `allowed_outbound_hosts`.

use std::pin::Pin;
use std::sync::{Arc, Weak};

use anyhow::{Context as _, Result, bail, ensure};
use http_body_util::BodyExt;
use url::Host;
use wasmtime::component::{Accessor, HasData, Resource};
use wasmtime_wasi_http::p3::bindings::http::client;
use wasmtime_wasi_http::p3::bindings::http::types::{Request, Response};
use wasmtime_wasi_http::{
    Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttp, WasiHttpCtxView, WasiHttpHooks, default_send_request,
};

use crate::http::Router;

/// What Spin's SDKs write for the application itself, beside a relative path.
const SELF_AUTHORITY: &str = "self.alt";

/// The destinations that a component may send to.
#[derive(Debug, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

#[derive(Debug, PartialEq)]
struct AllowedHost {
    /// `None` is any.
    scheme: Option<String>,
    host: HostRule,
    /// First and last; `None` is any.
    ports: Option<(u16, u16)>,
}

#[derive(Debug, PartialEq)]
enum HostRule {
    Any,
    ToSelf,
    /// The dot and what follows it.
    Subdomains(String),
    Literal(Host),
}

impl AllowedHosts {
    /// Parses the entries of a manifest, its templates filled. An entry that a template has left empty allows nothing.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self> {
        let entries = entries.iter().map(|it| it.as_ref().trim());
        entries
            .filter(|it| !matches!(*it, "" | "http://" | "https://"))
            .map(|it| AllowedHost::parse(it).with_context(|| format!("allowed outbound host {it:?}")))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Whether requests to the application itself are allowed.
    pub fn allows_self(&self) -> bool {
        self.0
            .iter()
            .any(|it| matches!(it.scheme.as_deref(), None | Some("http" | "https")) && matches!(it.host, HostRule::ToSelf | HostRule::Any))
    }

    /// Whether a request to this address is allowed. Without a port it is the scheme's own.
    pub fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let (Ok(host), Some(port)) = (Host::parse(host), port.or_else(|| default_port(scheme))) else {
            return false;
        };
        self.0.iter().any(|it| {
            it.scheme.as_deref().is_none_or(|own| own == scheme)
                && it.host.covers(&host)
                && it.ports.is_none_or(|(first, last)| (first..=last).contains(&port))
        })
    }
}

impl AllowedHost {
    fn parse(entry: &str) -> Result<Self> {
        let (scheme, rest) = (entry.split_once("://")).context("it needs a scheme: <scheme>://<host>[:<port>], `*` for any")?;
        ensure!(scheme == "*" || (!scheme.is_empty() && scheme.chars().all(char::is_alphabetic)), "the scheme must be alphabetic");
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        ensure!(!rest.contains(['/', '?', '#', '@']), "it must be a host and a port alone");
        // The colons inside `[::1]` are not a port's.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (rest, ""),
        };
        let ports = match port {
            "*" => None,
            "" => {
                let port = default_port(scheme).context("this scheme has no default port; name one")?;
                Some((port, port))
            }
            range if range.contains("..") => {
                let (first, end) = range.split_once("..").unwrap_or_default();
                let end: u16 = end.parse().context("port")?;
                Some((first.parse().context("port")?, end.saturating_sub(1)))
            }
            port => {
                let port = port.parse().context("port")?;
                Some((port, port))
            }
        };
        Ok(Self { scheme: (scheme != "*").then(|| scheme.to_owned()), host: HostRule::parse(host)?, ports })
    }
}

impl HostRule {
    fn parse(host: &str) -> Result<Self> {
        Ok(match host {
            "*" => Self::Any,
            "self" | SELF_AUTHORITY => Self::ToSelf,
            _ => match host.strip_prefix("*.") {
                Some(domain) => match Host::parse(domain)? {
                    Host::Domain(domain) => Self::Subdomains(format!(".{domain}")),
                    _ => bail!("a wildcard stands before a domain"),
                },
                None if host.contains('*') => bail!("a wildcard stands for whole subdomains"),
                None => Self::Literal(Host::parse(host)?),
            },
        })
    }

    fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Subdomains(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (Self::Literal(own), host) => own == host,
            (Self::Subdomains(_) | Self::ToSelf, _) => false,
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// How a component's requests leave, and which headers it may set.
pub struct Hooks {
    allowed: Arc<AllowedHosts>,
    router: Weak<Router>,
    forbidden: ForbiddenHeaderFilter,
}

impl Hooks {
    /// For a component that may send to `allowed`.
    pub fn new(allowed: Arc<AllowedHosts>, router: Weak<Router>, forbidden: ForbiddenHeaderFilter) -> Self {
        Self { allowed, router, forbidden }
    }
}

/// The headers that Spin keeps from guests: those of one hop. Unlike Wasmtime's own list it lets `host` through to them.
pub fn forbidden_headers() -> ForbiddenHeaderFilter {
    Arc::new(|name| *name != http::header::HOST && wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS.contains(name))
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Io), Error>;

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        self.forbidden.clone()
    }

    fn is_forbidden_header(&mut self, name: &http::HeaderName) -> bool {
        (self.forbidden)(name)
    }

    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _fut: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let uri = request.uri();
        let (scheme, host) = (uri.scheme_str().unwrap_or("https"), uri.host().unwrap_or_default());
        if host == SELF_AUTHORITY {
            let router = self.router.upgrade().filter(|_| self.allowed.allows_self());
            return match router {
                Some(router) => Box::new(send_to_self(router, request)),
                None => Box::new(async { Err(Error::HttpRequestDenied) }),
            };
        }
        if !self.allowed.allows(scheme, host, uri.port_u16()) {
            tracing::warn!(scheme, host, "a component may not send requests there: see allowed_outbound_hosts");
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        Box::new(send_out(request, options))
    }
}

async fn send_out(mut request: http::Request<WasiBody>, options: Option<RequestOptions>) -> Sent {
    if let Some(authority) = request.uri().authority()
        && let Ok(host) = http::HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(http::header::HOST, host);
    }
    let (response, io) = default_send_request(request, options).await?;
    Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as Io))
}

/// Serves the request in this process, on a task of its own: the sender's instance must not wait for itself.
async fn send_to_self(router: Arc<Router>, mut request: http::Request<WasiBody>) -> Sent {
    let authority = router.authority().to_string();
    let host = http::HeaderValue::from_str(&authority).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(http::header::HOST, host);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(http::Uri::from).unwrap_or_default();
    let client = router.authority();
    let serve = tokio::spawn(async move { router.serve(request, client).await });
    let response = serve.await.map_err(|_| Error::ConnectionTerminated)?;
    let io = async { Ok(()) };
    Ok((response.map(BodyExt::boxed_unsync), Box::new(io) as Io))
}

/// `wasi:http/client` as Spin has it: a request without an authority is one to the application itself.
pub struct Client;

impl HasData for Client {
    type Data<'a> = WasiHttpCtxView<'a>;
}

impl<T: 'static> client::HostWithStore<T> for Client {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(entries: &[&str]) -> AllowedHosts {
        AllowedHosts::parse(entries).unwrap()
    }

    #[test]
    fn scheme_host_and_port_must_fit() {
        let hosts = allowed(&["https://api.example.com", "http://127.0.0.1:8080", "*://[::1]:9"]);
        assert!(hosts.allows("https", "api.example.com", None));
        assert!(hosts.allows("https", "API.example.com", Some(443)));
        assert!(!hosts.allows("http", "api.example.com", None));
        assert!(!hosts.allows("https", "api.example.com", Some(8443)));
        assert!(!hosts.allows("https", "evil.example.com", None));
        assert!(hosts.allows("http", "127.0.0.1", Some(8080)));
        assert!(!hosts.allows("http", "127.0.0.1", None));
        assert!(hosts.allows("http", "[::1]", Some(9)));
        assert!(!hosts.allows_self());
    }

    #[test]
    fn wildcards() {
        let hosts = allowed(&["https://*.example.com", "*://10.0.0.1:*", "http://a.test:8000..8010"]);
        assert!(hosts.allows("https", "a.b.example.com", None));
        assert!(!hosts.allows("https", "example.com", None));
        assert!(!hosts.allows("https", "notexample.com", None));
        assert!(hosts.allows("http", "10.0.0.1", Some(5)));
        assert!(hosts.allows("http", "a.test", Some(8009)));
        assert!(!hosts.allows("http", "a.test", Some(8010)));
        assert!(allowed(&["*://*:*"]).allows("http", "anything.test", Some(1)));
        assert!(allowed(&["*://*:*"]).allows_self());
    }

    #[test]
    fn the_application_itself() {
        let hosts = allowed(&["http://self"]);
        assert!(hosts.allows_self());
        assert!(!hosts.allows("http", "self", None));
    }

    #[test]
    fn an_empty_template_allows_nothing_and_nonsense_is_refused() {
        assert!(allowed(&["", "https://"]).0.is_empty());
        for bad in [
            "example.com",
            "https://example.com/path",
            "https://exa*mple.com",
            "*://example.com",
            "https://*.10.0.0.1",
            "ht tp://example.com",
            "https://user@example.com",
            "https://example.com:port",
        ] {
            assert!(AllowedHosts::parse(&[bad]).is_err(), "{bad}");
        }
    }
}
