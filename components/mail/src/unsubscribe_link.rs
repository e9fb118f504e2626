//! The address that takes a recipient off with one click (RFC 8058): it names them, and is signed, so that nobody takes others off.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use http::Uri;
use kit::{Answer, Problem, config};
use sha2::Sha256;

/// The path of the route.
pub const PATH: &str = "/v0/api/mail/unsubscribe";

/// Makes the addresses, and reads them.
pub struct Links {
    key: Vec<u8>,
}

/// Of what it signs, this kind alone.
const PURPOSE: &[u8] = b"gatehouse unsubscribe\n";

impl Links {
    /// With the variable `mail_link_key`.
    pub async fn load() -> Answer<Self> {
        let key = config::get("mail_link_key").await?.trim().as_bytes().to_vec();
        if key.is_empty() { Err(Problem::internal("mail_link_key is not set")) } else { Ok(Self { key }) }
    }

    /// The token of an address in lower case.
    pub fn token(&self, address: &str) -> String {
        let mac = self.mac(address).map(|mac| mac.finalize().into_bytes().to_vec()).unwrap_or_default();
        format!("{}.{}", URL_SAFE_NO_PAD.encode(address), URL_SAFE_NO_PAD.encode(mac))
    }

    /// The address that a token is for; none when it is none of ours.
    pub fn read(&self, token: &str) -> Option<String> {
        let (address, tag) = token.split_once('.')?;
        let address = String::from_utf8(URL_SAFE_NO_PAD.decode(address).ok()?).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        self.mac(&address)?.verify_slice(&tag).ok()?;
        Some(address)
    }

    fn mac(&self, address: &str) -> Option<Hmac<Sha256>> {
        // HMAC takes a key of any length (RFC 2104 section 2), so there is always one.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(PURPOSE);
        mac.update(address.as_bytes());
        Some(mac)
    }
}

/// Where readers' programs find us: the variable `public_origin`. 503 while it is not set, since a circular without a way out is not sent.
pub async fn origin() -> Answer<String> {
    let origin = config::get("public_origin").await?.trim().trim_end_matches('/').to_owned();
    if origin.is_empty() {
        return Err(Problem::unavailable("public_origin is not set: mails to many cannot tell how to get no more of them", 3600));
    }
    let is_origin = origin.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http"))
            && uri.authority().is_some()
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none()
    });
    if is_origin { Ok(origin) } else { Err(Problem::internal("public_origin is not scheme, host and port")) }
}

/// The address for this token.
pub fn url(origin: &str, token: &str) -> String {
    format!("{origin}{PATH}?token={token}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_one_address_and_nobody_makes_one_up() {
        let links = Links { key: vec![7; 32] };
        let token = links.token("asha@example.org");
        assert_eq!(links.read(&token).as_deref(), Some("asha@example.org"));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "nothing of it is escaped in an address");
        assert_eq!(Links { key: vec![8; 32] }.read(&token), None);
        let (_, tag) = token.split_once('.').unwrap();
        for forged in ["", ".", "x", &token[..token.len() - 4], &format!("{}.{tag}", URL_SAFE_NO_PAD.encode("ravi@example.org"))] {
            assert_eq!(links.read(forged), None, "{forged}");
        }
    }
}
