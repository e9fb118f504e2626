//! Where a broker is.

use anyhow::{Context as _, Result, bail, ensure};
use percent_encoding::percent_decode_str;
use url::Url;

/// A broker's address: `mqtt://host[:1883]`, or `mqtts://host[:8883]` for TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an address, this one in brackets when it is IPv6.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the connection is encrypted.
    pub is_tls: bool,
    /// The `client_id` of its query.
    pub client_id: Option<String>,
    /// The user and the password that stand before the host.
    pub login: Option<(String, String)>,
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// If it is no URL of this kind. The error does not repeat it, as it may hold a password.
    pub fn parse(address: &str) -> Result<Self> {
        let url = Url::parse(address.trim()).context("a broker's address is mqtt://host:port, or mqtts://host:port")?;
        let (is_tls, default_port) = match url.scheme() {
            "mqtt" | "tcp" => (false, 1883),
            "mqtts" | "ssl" => (true, 8883),
            scheme => bail!("a broker's address begins with mqtt:// or mqtts://, not {scheme}://"),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).context("a broker's address names a host")?;
        ensure!(matches!(url.path(), "" | "/"), "a broker's address has no path");
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let password = url.password().map(decoded).unwrap_or_default();
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(default_port),
            is_tls,
            client_id: url.query_pairs().find(|(name, _)| name == "client_id").map(|(_, id)| id.into_owned()).filter(|id| !id.is_empty()),
            login: (!url.username().is_empty()).then(|| (decoded(url.username()), password)),
        })
    }

    /// The scheme by which `allowed_outbound_hosts` names it.
    pub const fn scheme(&self) -> &'static str {
        if self.is_tls { "mqtts" } else { "mqtt" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_follows_from_the_scheme() {
        let plain = Address::parse("mqtt://broker.example").unwrap();
        assert_eq!((plain.host.as_str(), plain.port, plain.is_tls, plain.scheme()), ("broker.example", 1883, false, "mqtt"));
        let tls = Address::parse(" mqtts://10.0.0.1/ ").unwrap();
        assert_eq!((tls.host.as_str(), tls.port, tls.is_tls, tls.scheme()), ("10.0.0.1", 8883, true, "mqtts"));
        assert_eq!(Address::parse("tcp://[::1]:99").unwrap().host, "[::1]");
        assert_eq!(Address::parse("tcp://[::1]:99").unwrap().port, 99);
    }

    #[test]
    fn it_may_hold_a_client_id_and_a_login() {
        let address = Address::parse("mqtt://an&n:p%40s+s&x=1%C3%BC@b:1?client_id=x%2Fy&z=1").unwrap();
        assert_eq!(address.client_id.as_deref(), Some("x/y"));
        assert_eq!(address.login, Some(("an&n".to_owned(), "p@s+s&x=1ü".to_owned())));
        let bare = Address::parse("mqtt://b?client_id=").unwrap();
        assert_eq!((bare.client_id, bare.login), (None, None));
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for bad in ["", "broker:1883", "broker", "http://b", "ws://b", "mqtt://", "mqtt://b/path", "mqtt://b:99999"] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
        let error = format!("{:#}", Address::parse("http://ann:secret@b").unwrap_err());
        assert!(!error.contains("secret"), "{error}");
    }
}
