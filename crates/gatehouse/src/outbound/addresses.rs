//! Where no name may lead, whoever it was allowed for: what a name's DNS says is not the operator's word.

use std::net::IpAddr;

use http::Uri;
use url::Host;
use wasmtime_wasi_http::Error;

/// Whether no server is there that a component may call: this network, link-local addresses (clouds keep their secrets at 169.254.169.254),
/// multicast and broadcast.
fn is_prohibited(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets()[0] == 0 || address.is_link_local() || address.is_multicast() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unspecified() || address.is_unicast_link_local() || address.is_multicast(),
    }
}

/// Looks a name up, and refuses one that leads there. An address is what the manifest has allowed literally; a name that cannot be looked up
/// is told of by the call itself. The call looks it up again: a name that answers otherwise within that moment gets through.
pub async fn check(uri: &Uri) -> Result<(), Error> {
    let Some(name) = uri.host().filter(|host| matches!(Host::parse(host), Ok(Host::Domain(_)))) else { return Ok(()) };
    let Ok(mut found) = tokio::net::lookup_host((name, 0)).await else { return Ok(()) };
    if found.any(|found| is_prohibited(found.ip())) {
        tracing::warn!(host = name, "outbound request denied: the name leads to a link-local or reserved address");
        return Err(Error::DestinationIpProhibited);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_to_secrets_of_a_cloud() {
        for address in
            ["169.254.169.254", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "fe80::1", "::", "ff02::1", "::ffff:169.254.169.254"]
        {
            assert!(is_prohibited(address.parse().unwrap()), "{address}");
        }
        for address in ["127.0.0.1", "192.168.1.9", "100.64.0.1", "8.8.8.8", "::1", "fd00::1", "2a00::1", "::ffff:192.168.1.9"] {
            assert!(!is_prohibited(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_is_called() {
        for uri in ["http://localhost:1/", "http://169.254.169.254/", "http://no-such-name.invalid/", "/relative"] {
            assert!(check(&uri.parse().unwrap()).await.is_ok(), "{uri}");
        }
    }
}
