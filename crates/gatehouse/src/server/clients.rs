//! Whose connection it is, and whose request, as far as addresses tell.

use std::net::{IpAddr, SocketAddr};

use domain::client_address::{self, Proxies, ProxyHeader, one};
use http::{HeaderMap, HeaderName};

/// Who is trusted to say for whom they ask.
#[derive(Clone, Debug)]
pub struct Clients {
    proxies: Proxies,
    header: ProxyHeader,
    header_name: HeaderName,
}

impl Clients {
    /// From the values of the variables `trusted_proxies` and `proxy_header`; what cannot be read is left to the components to complain of.
    pub fn new(trusted_proxies: &str, proxy_header: &str) -> Self {
        let header: ProxyHeader = proxy_header.trim().parse().unwrap_or_default();
        let (proxies, _) = Proxies::parse(trusted_proxies);
        Self { proxies, header, header_name: HeaderName::from_static(header.into_str()) }
    }

    /// Whether this is the address of a trusted proxy.
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.trusts(address.to_canonical())
    }

    /// The address of the client whose request with these headers comes from `peer`, as what is counted as one client.
    pub fn of_request(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.ip();
        if !self.is_proxy(peer) {
            return one(peer);
        }
        let hops: Vec<_> = headers.get_all(&self.header_name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let hops = hops.iter().map(AsRef::as_ref);
        let client = client_address::client(&peer.to_string(), &self.proxies, self.header, hops, std::iter::empty());
        one(client.map_or(peer, |client| client.address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_says_for_whom_it_asks_and_nobody_else_does() {
        let clients = Clients::new("10.0.0.0/8", "");
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "198.51.100.1, 203.0.113.9".parse().unwrap());
        let of = |peer: &str| clients.of_request(peer.parse().unwrap(), &headers).to_string();
        assert_eq!((of("10.1.2.3:80").as_str(), of("192.0.2.1:80").as_str()), ("203.0.113.9", "192.0.2.1"));
        assert_eq!(of("[2001:db8::9]:80"), "2001:db8::");
        assert!(clients.is_proxy("::ffff:10.1.2.3".parse().unwrap()));
    }
}
