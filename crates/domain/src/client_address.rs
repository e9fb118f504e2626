//! Whose request it is when proxies stand before the application (docs/reference/rules.md#client-addresses).
//!
//! Anybody can send `X-Forwarded-For` or `Forwarded` (RFC 7239): only what a trusted proxy has written is believed. Each proxy adds, at the
//! right, the address that it was called from, so the client is the right-most address that is not a trusted proxy's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use strum::{EnumString, IntoStaticStr};

/// The most hops that are looked at: more than any real chain of proxies has.
const MAX_HOPS: usize = 32;

/// How much of an IPv6 address is counted as one client: what a provider gives to one subscriber, who can use each address of it.
const IPV6_PREFIX: u8 = 64;

/// The networks of the proxies that are trusted to say who called them.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// From the value of the variable `trusted_proxies`: networks (`10.0.0.0/8`) or single addresses, separated by commas; and what of it is
    /// neither, which trusts nobody.
    pub fn parse(variable: &str) -> (Self, Vec<&str>) {
        let (mut networks, mut bad) = (Vec::new(), Vec::new());
        for entry in variable.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match entry.parse::<IpNet>().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from)) {
                Ok(network) => networks.push(network),
                Err(_) => bad.push(entry),
            }
        }
        (Self(networks), bad)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the address of one of them.
    pub fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The header in which the proxies say whom they were called by: one, since a client's own value of the other would reach us untouched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case", ascii_case_insensitive, const_into_str)]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239), with its `proto`.
    Forwarded,
}

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its address.
    pub address: IpAddr,
    /// Whether a trusted proxy says that it came by HTTPS.
    pub is_https: bool,
}

/// The client of a request from `peer`, an address with or without a port, with these values of the header, in their order. `proto` has the
/// values of `X-Forwarded-Proto`. None when the peer's address cannot be read.
pub fn client<'a>(
    peer: &str,
    proxies: &Proxies,
    header: ProxyHeader,
    values: impl DoubleEndedIterator<Item = &'a str>,
    proto: impl Iterator<Item = &'a str>,
) -> Option<Client> {
    let peer = node(peer)?;
    if !proxies.trusts(peer) {
        return Some(Client { address: peer, is_https: false });
    }
    let mut client =
        Client { address: peer, is_https: header == ProxyHeader::XForwardedFor && proto.flat_map(|value| value.split(',')).any(is_https) };
    let hops = values.rev().flat_map(|value| value.rsplit(',')).take(MAX_HOPS);
    for hop in hops {
        let (address, has_https) = match header {
            ProxyHeader::XForwardedFor => (node(hop), false),
            ProxyHeader::Forwarded => (parameter(hop, "for").and_then(node), parameter(hop, "proto").is_some_and(is_https)),
        };
        client.is_https |= has_https;
        // Left of what is unknown, or of the client itself, everything is the client's own word.
        let Some(address) = address else { break };
        client.address = address;
        if !proxies.trusts(address) {
            break;
        }
    }
    Some(client)
}

fn is_https(proto: &str) -> bool {
    proto.trim().trim_matches('"').eq_ignore_ascii_case("https")
}

/// The value of a parameter of one element of `Forwarded`.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(own, value)| own.trim().eq_ignore_ascii_case(name).then(|| value.trim()))
}

/// An address with or without a port, quotes and brackets (RFC 7239 §6). None for `unknown` and names that hide one.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"').trim();
    let address = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0.parse::<Ipv6Addr>().ok()?.into(),
        None => text.parse::<IpAddr>().ok().or_else(|| text.rsplit_once(':')?.0.parse::<Ipv4Addr>().ok().map(IpAddr::from))?,
    };
    Some(address.to_canonical())
}

/// What of an address is counted as one client: an IPv4 address itself, the first address of an IPv6 address's /64 network.
pub fn one(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - IPV6_PREFIX))).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// The same as text, of IPv6 with the length of its prefix.
pub fn network(address: IpAddr) -> String {
    match one(address) {
        IpAddr::V6(network) => format!("{network}/{IPV6_PREFIX}"),
        address @ IpAddr::V4(_) => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn proxies() -> Proxies {
        let (proxies, bad) = Proxies::parse("10.0.0.0/8, 192.0.2.7,2001:db8:1::/48");
        assert!(bad.is_empty());
        proxies
    }

    fn forwarded_for(peer: &str, values: &[&str]) -> String {
        let client = client(peer, &proxies(), ProxyHeader::XForwardedFor, values.iter().copied(), std::iter::empty());
        client.map_or_else(String::new, |client| client.address.to_string())
    }

    fn forwarded(peer: &str, values: &[&str]) -> Client {
        client(peer, &proxies(), ProxyHeader::Forwarded, values.iter().copied(), std::iter::empty()).unwrap()
    }

    #[test]
    fn the_right_most_address_that_is_no_proxys_is_the_clients() {
        assert_eq!(forwarded_for("10.1.2.3:4711", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(forwarded_for("10.1.2.3:4711", &["198.51.100.1, 203.0.113.9, 192.0.2.7 , 10.0.0.1"]), "203.0.113.9");
        assert_eq!(
            forwarded_for("10.1.2.3:4711", &["198.51.100.1", "203.0.113.9,10.9.9.9"]),
            "203.0.113.9",
            "several headers are one list"
        );
        assert_eq!(forwarded_for("[2001:db8:1::2]:80", &["2001:db8:7::1"]), "2001:db8:7::1");
        assert_eq!(forwarded_for("10.1.2.3:4711", &["203.0.113.9:5555"]), "203.0.113.9", "some proxies add the port");
        assert_eq!(forwarded_for("10.1.2.3:4711", &["::ffff:203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn who_is_no_proxy_is_not_believed() {
        assert_eq!(forwarded_for("203.0.113.9:4711", &["198.51.100.1"]), "203.0.113.9");
        let nobody = Proxies::default();
        let client = client("127.0.0.1:1", &nobody, ProxyHeader::XForwardedFor, ["198.51.100.1"].into_iter(), ["https"].into_iter());
        assert_eq!(client, Some(Client { address: Ipv4Addr::LOCALHOST.into(), is_https: false }));
    }

    #[test]
    fn without_an_untrusted_address_it_is_the_furthest_that_is_known() {
        assert_eq!(forwarded_for("10.1.2.3:4711", &[]), "10.1.2.3");
        assert_eq!(forwarded_for("10.1.2.3:4711", &["10.0.0.5, 10.0.0.6"]), "10.0.0.5");
        assert_eq!(forwarded_for("10.1.2.3:4711", &["198.51.100.1, unknown, 10.0.0.6"]), "10.0.0.6");
        assert_eq!(forwarded_for("10.1.2.3:4711", &[""]), "10.1.2.3");
        assert_eq!(forwarded_for("nobody", &["198.51.100.1"]), "");
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        assert_eq!(forwarded("10.1.2.3:1", &["for=192.0.2.60;proto=http;by=203.0.113.43"]).address.to_string(), "192.0.2.60");
        let v6 = forwarded("10.1.2.3:1", &[r#"For="[2001:db8:cafe::17]:4711";proto=https, for=10.0.0.4"#]);
        assert_eq!((v6.address.to_string().as_str(), v6.is_https), ("2001:db8:cafe::17", true));
        assert_eq!(forwarded("10.1.2.3:1", &[r#"for="_hidden", for=_SEVKISEK, for="10.0.0.9""#]).address.to_string(), "10.0.0.9");
        // A quote that a client leaves open hides nothing of what the proxy has added.
        assert_eq!(forwarded("10.1.2.3:1", &[r#"for="198.51.100.1"#, "for=203.0.113.9"]).address.to_string(), "203.0.113.9");
    }

    #[test]
    fn only_a_trusted_proxy_says_that_it_was_https() {
        let is_https = |peer, proto: &'static str| {
            client(peer, &proxies(), ProxyHeader::XForwardedFor, std::iter::empty(), [proto].into_iter()).unwrap().is_https
        };
        assert!(is_https("10.1.2.3:1", "https") && is_https("10.1.2.3:1", "HTTPS, http"));
        assert!(!is_https("10.1.2.3:1", "http") && !is_https("203.0.113.9:1", "https"));
    }

    #[test]
    fn what_is_no_network_is_named() {
        let (proxies, bad) = Proxies::parse("10.0.0.0/33, proxy.example, ,::1");
        assert_eq!(bad, ["10.0.0.0/33", "proxy.example"]);
        assert!(proxies.trusts(Ipv6Addr::LOCALHOST.into()) && !proxies.trusts(Ipv4Addr::new(10, 0, 0, 1).into()));
    }

    #[test]
    fn a_subscriber_is_one_client_whichever_address_of_theirs_is_used() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6".parse().unwrap()), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::9".parse().unwrap()), "2001:db8:1:2::/64");
        assert_eq!(network("203.0.113.9".parse().unwrap()), "203.0.113.9");
        assert_eq!(network("::ffff:203.0.113.9".parse().unwrap()), "203.0.113.9");
        assert_eq!(one("2001:db8:1:2:3:4:5:6".parse().unwrap()).to_string(), "2001:db8:1:2::");
    }

    proptest! {
        /// Whatever a client sends on, it is the address that the proxy saw.
        #[test]
        fn no_client_chooses_its_address(sent in "[ -~]{0,60}") {
            let values = format!("{sent}, 203.0.113.9");
            prop_assert_eq!(forwarded_for("10.1.2.3:4711", &[&values, "10.0.0.2"]), "203.0.113.9");
            let values = format!("{sent}, for=203.0.113.9");
            prop_assert_eq!(forwarded("10.1.2.3:4711", &[&values]).address.to_string(), "203.0.113.9");
        }
    }
}
