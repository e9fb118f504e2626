//! The HTTP clients of this program.

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use url::{Host, Url};

/// A client of what is at this URL, to be built. It follows no redirect: tokens are meant for this server alone. A proxy that the environment
/// names is asked, as `HTTP_PROXY` and `NO_PROXY` say, unless the server is on this machine. Certificates are checked by the authorities that the
/// system trusts; for an `http` URL the system need not have any, as a container's image may not, and an HTTPS proxy is not trusted then.
///
/// Building it fails if there are none and the URL is `https`.
pub fn http_client(url: &Url) -> ClientBuilder {
    let mut builder = Client::builder().redirect(Policy::none());
    if is_on_this_machine(url) {
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" {
        builder = builder.tls_certs_only([]);
    }
    builder
}

fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
