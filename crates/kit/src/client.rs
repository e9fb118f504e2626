//! Who calls, as far as the network knows it: the client's address, behind trusted proxies too, and whether it came by HTTPS
//! (docs/reference/rules.md#client-addresses).

use std::net::IpAddr;
use std::sync::OnceLock;

use axum::extract::FromRequestParts;
use domain::client_address::{self, Client, Proxies, ProxyHeader};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use strum::EnumString;

use crate::{Problem, config, host};

const SPIN_CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A year, and this host alone: what else the domain serves is its owner's to say.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// When an answer tells browsers to come by HTTPS alone (RFC 6797): the variable `hsts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "lowercase", ascii_case_insensitive)]
enum Hsts {
    /// When a trusted proxy says that the request came by HTTPS.
    #[default]
    Auto,
    /// Always: TLS ends before the application, and nothing says so.
    Always,
    /// Never.
    Off,
}

/// What the variables say, parsed once an instance.
struct Settings {
    proxies: Proxies,
    header: ProxyHeader,
    header_name: HeaderName,
    hsts: Hsts,
}

impl Settings {
    fn new(proxies: &str, header: &str, hsts: &str) -> Self {
        let (proxies, bad) = Proxies::parse(proxies);
        let refuse = |variable: &str, value: &str| {
            let message = "a variable has a value that is not understood, and is as if that were not there";
            host::log("error", message, serde_json::json!({"variable": variable, "value": value}));
        };
        bad.iter().for_each(|value| refuse("trusted_proxies", value));
        let header = word("proxy_header", header, refuse);
        Self { proxies, header, header_name: HeaderName::from_static(header.into_str()), hsts: word("hsts", hsts, refuse) }
    }
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// The value of a variable that is one of a few words; the default when it is empty or none of them.
fn word<T: std::str::FromStr + Default>(variable: &str, value: &str, refuse: impl Fn(&str, &str)) -> T {
    match value.trim() {
        "" => T::default(),
        value => value.parse().unwrap_or_else(|_| {
            refuse(variable, value);
            T::default()
        }),
    }
}

async fn settings() -> Result<&'static Settings, Problem> {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    if let Some(settings) = SETTINGS.get() {
        return Ok(settings);
    }
    let (proxies, header, hsts) = (config::get("trusted_proxies").await?, config::get("proxy_header").await?, config::get("hsts").await?);
    Ok(SETTINGS.get_or_init(|| Settings::new(&proxies, &header, &hsts)))
}

/// What the edge knows of a request's origin.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Origin {
    client: Option<Client>,
    hsts: bool,
}

impl Origin {
    /// Of a request with these headers.
    pub(crate) async fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        settings().await.map(|settings| Self::with(settings, headers))
    }

    fn with(settings: &Settings, headers: &HeaderMap) -> Self {
        // Spin adds its own after one that the client has sent: only the last is to be trusted.
        let peer = headers.get_all(SPIN_CLIENT_ADDR).iter().next_back().map(text).unwrap_or_default();
        // A client's part of it may be no text: what the proxies wrote after that counts all the same.
        let hops: Vec<_> = headers.get_all(&settings.header_name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let proto = headers.get_all(X_FORWARDED_PROTO).iter().map(text);
        let client = client_address::client(peer, &settings.proxies, settings.header, hops.iter().map(AsRef::as_ref), proto);
        let hsts = match settings.hsts {
            Hsts::Auto => client.is_some_and(|client| client.is_https),
            Hsts::Always => true,
            Hsts::Off => false,
        };
        Self { client, hsts }
    }

    /// The header `Strict-Transport-Security`, where the answer is to have it.
    pub(crate) fn hsts(self) -> Option<HeaderValue> {
        self.hsts.then_some(HSTS)
    }

    /// The client's address, as it is logged.
    pub(crate) fn address(self) -> Option<IpAddr> {
        self.client.map(|client| client.address)
    }
}

/// The client's address: the right-most in the header of the trusted proxies that is not one of theirs, else the peer's.
#[derive(Clone, Debug)]
pub struct ClientAddress {
    /// What of it is counted as one client, see [`client_address::network`]. Empty when the host does not say whom it serves.
    pub network: String,
    /// Whether a trusted proxy says that it came by HTTPS, or every client does.
    pub is_https: bool,
}

impl ClientAddress {
    /// Of a request with these headers.
    pub async fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        Origin::of(headers).await.map(Self::from)
    }
}

impl From<Origin> for ClientAddress {
    fn from(origin: Origin) -> Self {
        Self {
            network: origin.address().map(client_address::network).unwrap_or_default(),
            is_https: origin.hsts || origin.client.is_some_and(|client| client.is_https),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.headers).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(settings: &Settings, headers: &[(&'static str, &'static str)]) -> Origin {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Origin::with(settings, &map)
    }

    fn network(settings: &Settings, headers: &[(&'static str, &'static str)]) -> String {
        ClientAddress::from(origin(settings, headers)).network
    }

    #[test]
    fn a_client_does_not_choose_its_address() {
        let plain = Settings::new("", "", "");
        assert_eq!(network(&plain, &[("spin-client-addr", "192.0.2.1:4711")]), "192.0.2.1");
        assert_eq!(network(&plain, &[("spin-client-addr", "[2001:db8::1]:4711")]), "2001:db8::/64");
        assert_eq!(network(&plain, &[("spin-client-addr", "203.0.113.9:1"), ("spin-client-addr", "192.0.2.1:4711")]), "192.0.2.1");
        assert_eq!(network(&plain, &[("spin-client-addr", "192.0.2.1:4711"), ("x-forwarded-for", "203.0.113.9")]), "192.0.2.1");
        assert_eq!(network(&plain, &[]), "");
    }

    #[test]
    fn behind_a_trusted_proxy_only_its_own_header_counts() {
        let by_x = Settings::new("192.0.2.0/24", "", "");
        let both = [("spin-client-addr", "192.0.2.1:4711"), ("x-forwarded-for", "203.0.113.9"), ("forwarded", "for=198.51.100.1")];
        assert_eq!(network(&by_x, &both), "203.0.113.9");
        assert_eq!(network(&Settings::new("192.0.2.0/24", "Forwarded", ""), &both), "198.51.100.1");
        assert_eq!(network(&Settings::new("192.0.2.0/24", "nonsense", ""), &both), "203.0.113.9");
        // What the client wrote is no text; the proxy has put its address behind it.
        let mut headers = HeaderMap::new();
        headers.insert("spin-client-addr", HeaderValue::from_static("192.0.2.1:4711"));
        headers.insert("x-forwarded-for", HeaderValue::from_bytes(b"\xff, 203.0.113.9").unwrap());
        assert_eq!(ClientAddress::from(Origin::with(&by_x, &headers)).network, "203.0.113.9");
    }

    #[test]
    fn browsers_are_told_to_come_by_https_when_they_did_or_always_do() {
        let has =
            |hsts: &str, headers: &[(&'static str, &'static str)]| origin(&Settings::new("192.0.2.1", "", hsts), headers).hsts().is_some();
        let secure = [("spin-client-addr", "192.0.2.1:4711"), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")];
        let lie = [("spin-client-addr", "192.0.2.2:4711"), ("x-forwarded-proto", "https")];
        assert!(has("", &secure) && has("auto", &secure) && !has("off", &secure) && has("always", &lie));
        assert!(!has("", &lie) && !has("auto", &[]));
    }
}
