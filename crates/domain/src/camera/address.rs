//! Addresses of cameras, which users give and which are called from inside the operator's networks: only what the operator has allowed is
//! (server-side request forgery, OWASP). The manifest's `allowed_outbound_hosts` stands behind this, and not in its place.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

mod embedded;

pub use embedded::shown;

/// The longest address, bytes.
pub const MAX_LEN: usize = 1024;

/// What stands for the name in the path or the query of an address.
pub const USERNAME: &str = "{username}";
/// What stands for the password.
pub const PASSWORD: &str = "{password}";
/// What stands for both, as `name:password` in base64.
pub const BASIC: &str = "{basic}";

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Pictures over HTTP: `http` or `https`.
    Http,
    /// A stream: `rtsp` or `rtsps`.
    Rtsp,
}

impl Use {
    const fn schemes(self) -> [&'static str; 2] {
        match self {
            Self::Http => ["http", "https"],
            Self::Rtsp => ["rtsp", "rtsps"],
        }
    }
}

/// An address that was understood, without the credentials that it held.
#[derive(Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The address.
    pub url: String,
    /// Where it leads.
    pub host: CameraHost,
    /// The port, the scheme's own unless another is named.
    pub port: u16,
    /// Name and password that stood before the host, in the path or in the query.
    pub credentials: Option<(String, String)>,
}

/// A host, as an address names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraHost {
    /// By its address.
    Address(IpAddr),
    /// By its name, in lower case.
    Name(String),
}

impl std::fmt::Display for CameraHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Reads an address. The error says what is wrong with it, and repeats nothing of it.
pub fn parse(text: &str, purpose: Use) -> Result<Parsed, &'static str> {
    if text.len() > MAX_LEN {
        return Err("is too long");
    }
    // What the parser of URLs would silently mend is where two parsers see two hosts.
    if !text.is_ascii() || text.bytes().any(|byte| byte.is_ascii_control() || matches!(byte, b' ' | b'\\' | b'"' | b'<' | b'>' | b'`')) {
        return Err("must be an address in ASCII without spaces, backslashes or quotes");
    }
    let mut url = Url::parse(text).map_err(|_| "must be an address, such as http://192.168.1.9:8080/video")?;
    if !purpose.schemes().contains(&url.scheme()) {
        return Err(match purpose {
            Use::Http => "must begin with http:// or https://",
            Use::Rtsp => "must begin with rtsp:// or rtsps://",
        });
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment; write # in a password as %23");
    }
    let written = written_host(text).ok_or("must name a host")?;
    // `http:/a://b` leads to `a`, whatever comes after it.
    if url.host_str().is_none_or(|own| !own.eq_ignore_ascii_case(written)) {
        return Err(NOT_PLAIN);
    }
    let host = host(written)?;
    let port = url.port_or_known_default().unwrap_or(if url.scheme() == "rtsps" { 322 } else { 554 });
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (name, password) => Some((decoded(name)?, decoded(password.unwrap_or_default())?)),
    };
    let stripped = url.set_username("").and_then(|()| url.set_password(None));
    stripped.map_err(|()| "must name a host")?;
    // The parser escapes braces in a path, where they stand for what is kept too.
    let text = String::from(url).replace("%7Busername%7D", USERNAME).replace("%7Bpassword%7D", PASSWORD).replace("%7Bbasic%7D", BASIC);
    let (url, embedded) = embedded::take_out(&text)?;
    let credentials = match (credentials, embedded) {
        (Some(before), Some(within)) if before != within => return Err(embedded::TWO),
        (before, within) => before.or(within),
    };
    Ok(Parsed { url, host, port, credentials })
}

fn decoded(text: &str) -> Result<String, &'static str> {
    // A form's `+` is no space here, and nothing else is decoded but `%xx`.
    let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let value = url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default();
    if value.contains('\u{fffd}') { Err("has a name or password that is no text") } else { Ok(value) }
}

/// The host as it is written: between the credentials and the port.
fn written_host(text: &str) -> Option<&str> {
    let rest = text.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.rfind(']') {
        Some(end) => host.get(..=end)?,
        None => host.split_once(':').map_or(host, |(host, _)| host),
    };
    (!host.is_empty()).then_some(host)
}

/// What is told of a host that two parsers may see as two.
const NOT_PLAIN: &str = "must name its host plainly: four decimal numbers, an IPv6 address in its shortest form, or a name";

/// The host, when it is written as it is: `2130706433`, `0177.0.0.1` and `0x7f.1` are 127.0.0.1 to one parser, and a name to another.
fn host(written: &str) -> Result<CameraHost, &'static str> {
    let parsed = Host::parse(written).map_err(|_| NOT_PLAIN)?;
    if !parsed.to_string().eq_ignore_ascii_case(written) {
        return Err(NOT_PLAIN);
    }
    Ok(match parsed {
        Host::Ipv4(address) => CameraHost::Address(address.into()),
        Host::Ipv6(address) => CameraHost::Address(address.into()),
        Host::Domain(name) => CameraHost::Name(name.to_ascii_lowercase()),
    })
}

/// The address with name and password in the places that stand for them.
pub fn with_credentials(url: &str, username: &str, password: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    // Each in one pass: a password may hold what stands for something.
    let mut rest = url;
    let mut whole = String::with_capacity(url.len());
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        whole.push_str(before);
        let known = [(USERNAME, username.to_owned()), (PASSWORD, password.to_owned()), (BASIC, embedded::basic_of(username, password))];
        match known.iter().find(|(name, _)| from.starts_with(name)) {
            Some((name, value)) => {
                whole.push_str(&encode(value));
                rest = from.get(name.len()..).unwrap_or_default();
            }
            None => {
                whole.push('{');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    whole.push_str(rest);
    whole
}

/// The address with name and password before its host, as RTSP clients take them (RFC 2326 §3.2).
pub fn with_userinfo(url: &str, username: &str, password: &str) -> Option<String> {
    let mut parsed = Url::parse(&with_credentials(url, username, password)).ok()?;
    parsed.set_username(username).ok()?;
    parsed.set_password(Some(password)).ok()?;
    Some(parsed.into())
}

/// The networks and hosts that the operator has allowed: the variable `camera_networks`.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    networks: Vec<IpNet>,
    hosts: Vec<String>,
}

impl Networks {
    /// From a list apart by commas: networks (`192.168.1.0/24`), addresses, names and `*.` before a domain; and what of it was not understood.
    pub fn parse(text: &str) -> (Self, Vec<String>) {
        let (mut allowed, mut bad) = (Self::default(), Vec::new());
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            if let Some(network) = entry.parse().ok().or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from)) {
                allowed.networks.push(network);
            } else if is_name(entry.strip_prefix("*.").unwrap_or(entry)) {
                allowed.hosts.push(entry.to_ascii_lowercase());
            } else {
                bad.push(entry.to_owned());
            }
        }
        (allowed, bad)
    }

    /// Whether a camera may be there.
    pub fn allow(&self, host: &CameraHost) -> bool {
        match host {
            CameraHost::Address(address) => self.allow_address(*address),
            CameraHost::Name(name) => {
                let is_of = |domain: &str| name.strip_suffix(domain).is_some_and(|before| before.ends_with('.') && before.len() > 1);
                let is_own = name == "localhost" || name.ends_with(".localhost");
                !is_own && self.hosts.iter().any(|own| own == name || own.strip_prefix("*.").is_some_and(is_of))
            }
        }
    }

    /// A machine's own addresses are in no network but those that are wholly within them: who allows `0.0.0.0/0` has not thought of them.
    fn allow_address(&self, address: IpAddr) -> bool {
        let own = if address.is_ipv4() { IpNet::V4(LOOPBACK_V4) } else { IpNet::V6(LOOPBACK_V6) };
        let may = |network: &IpNet| network.contains(&address) && (!own.contains(&address) || own.contains(network));
        !is_never(address) && self.networks.iter().any(may)
    }
}

const LOOPBACK_V4: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8);
const LOOPBACK_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);

/// Where no camera is: "this network", link-local addresses (clouds keep their secrets at 169.254.169.254), multicast and what is reserved.
const NEVER_V4: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 4),
    Ipv4Net::new_assert(Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The same, and every way to write an IPv4 address as one of IPv6: mapped, compatible, NAT64, Teredo, 6to4.
const NEVER_V6: [Ipv6Net; 7] = [
    Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 96),
    Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 32),
    Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32),
    Ipv6Net::new_assert(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    Ipv6Net::new_assert(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

fn is_never(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => NEVER_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => address != Ipv6Addr::LOCALHOST && NEVER_V6.iter().any(|network| network.contains(&address)),
    }
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text.len() <= 253 && text.split('.').all(is_label) && matches!(Host::parse(text), Ok(Host::Domain(_)))
}

#[cfg(test)]
mod tests;
