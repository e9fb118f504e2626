//! `allowed_outbound_hosts`: the destinations that the manifest grants a component.

use std::net::IpAddr;

use anyhow::{Context as _, Result, bail, ensure};
use ipnet::IpNet;
use url::Host;

/// The authority that Spin's SDKs write for a request to the application itself.
pub(super) const SELF_AUTHORITY: &str = "self.alt";

/// The destinations that a component may send to.
#[derive(Debug, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

#[derive(Debug, PartialEq)]
struct AllowedHost {
    /// `None` matches every scheme.
    scheme: Option<String>,
    host: HostPattern,
    /// First and last port, inclusive; `None` matches every port.
    ports: Option<(u16, u16)>,
}

#[derive(Debug, PartialEq)]
enum HostPattern {
    Any,
    Application,
    /// `*.example.com`, kept as the suffix `.example.com`.
    Subdomains(String),
    /// Addresses, as they are written in a URL: a name is not looked up.
    Network(IpNet),
    Literal(Host),
}

impl AllowedHosts {
    /// Parses entries `<scheme>://<host>[:<port>]` whose templates have been expanded. An entry that expands to nothing allows nothing.
    ///
    /// # Errors
    /// If an entry is malformed.
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
        self.0.iter().any(|it| {
            matches!(it.scheme.as_deref(), None | Some("http" | "https")) && matches!(it.host, HostPattern::Application | HostPattern::Any)
        })
    }

    /// Whether a request to this destination is allowed. Without a port, the default one of the scheme is meant.
    pub fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let (Ok(host), Some(port)) = (Host::parse(host), port.or_else(|| default_port(scheme))) else {
            return false;
        };
        self.0.iter().any(|it| {
            it.scheme.as_deref().is_none_or(|own| own == scheme)
                && it.host.matches(&host)
                && it.ports.is_none_or(|(first, last)| (first..=last).contains(&port))
        })
    }
}

impl AllowedHost {
    fn parse(entry: &str) -> Result<Self> {
        let (scheme, rest) = (entry.split_once("://")).context("it needs a scheme: <scheme>://<host>[:<port>], `*` for any")?;
        ensure!(scheme == "*" || (!scheme.is_empty() && scheme.chars().all(char::is_alphabetic)), "the scheme must be alphabetic");
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        ensure!(!rest.contains(['?', '#', '@']), "it must be a host and a port alone");
        // The colons inside `[::1]` are not a port's.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains([']', '/']) => (host, port),
            _ => (rest, ""),
        };
        ensure!(!port.contains('/'), "it must be a host and a port alone");
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
        Ok(Self { scheme: (scheme != "*").then(|| scheme.to_owned()), host: HostPattern::parse(host)?, ports })
    }
}

impl HostPattern {
    fn parse(host: &str) -> Result<Self> {
        Ok(match host {
            "*" => Self::Any,
            "self" | SELF_AUTHORITY => Self::Application,
            _ => match host.strip_prefix("*.") {
                Some(domain) => match Host::parse(domain)? {
                    Host::Domain(domain) => Self::Subdomains(format!(".{domain}")),
                    _ => bail!("a wildcard stands before a domain"),
                },
                None if host.contains('*') => bail!("a wildcard stands for whole subdomains"),
                None if host.contains('/') => Self::Network(host.parse().context("it must be a host and a port alone, or a network")?),
                None => Self::Literal(Host::parse(host)?),
            },
        })
    }

    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Subdomains(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (Self::Literal(own), host) => own == host,
            (Self::Network(network), Host::Ipv4(address)) => network.contains(&IpAddr::V4(*address)),
            (Self::Network(network), Host::Ipv6(address)) => network.contains(&IpAddr::V6(*address)),
            (Self::Subdomains(_) | Self::Application | Self::Network(_), _) => false,
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "mqtt" => Some(1883),
        _ => None,
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
    fn networks_take_literal_addresses_alone() {
        let hosts = allowed(&["http://192.168.1.0/24:*", "*://100.64.0.0/10:8554", "https://10.1.0.0/16"]);
        assert!(hosts.allows("http", "192.168.1.9", Some(8080)) && hosts.allows("http", "192.168.1.255", None));
        assert!(!hosts.allows("http", "192.168.2.1", Some(8080)) && !hosts.allows("https", "192.168.1.9", Some(8080)));
        assert!(hosts.allows("http", "100.127.255.255", Some(8554)) && !hosts.allows("http", "100.127.255.255", Some(80)));
        assert!(hosts.allows("https", "10.1.2.3", None) && !hosts.allows("https", "10.1.2.3", Some(8443)));
        assert!(!hosts.allows("http", "camera.example.com", Some(80)) && !hosts.allows("http", "[::ffff:192.168.1.9]", Some(80)));
        assert!(AllowedHosts::parse(&["http://192.168.1.0/33:*"]).is_err());
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
