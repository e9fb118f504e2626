//! Tickets: signed here and nowhere else, read by anyone who has the public keys. The format is in docs/reference/tickets.md.

use std::cell::RefCell;
use std::rc::Rc;

use axum::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::booking_ticket::{MAX_TEXT, PREFIX, Ticket};
use ed25519_compact::{KeyPair, PublicKey, Seed, Signature};
use http::header::{CACHE_CONTROL, HeaderName};
use kit::{Answer, Problem, config, host};
use serde::Serialize;
use utoipa::ToSchema;

use crate::picture_address::KEY_USE;

/// The name of the format, with its version.
const FORMAT: &str = "GHT1";

/// The keys of tickets: the one that signs, and those whose signatures are good.
pub struct Keys {
    pair: KeyPair,
    own: [u8; 4],
    public: Vec<([u8; 4], PublicKey)>,
    /// Signs the addresses of pictures.
    pub picture_key: [u8; 32],
}

thread_local! {
    static KEYS: RefCell<Option<Rc<Keys>>> = const { RefCell::new(None) };
}

/// From the variables, once an instance.
pub async fn keys() -> Result<Rc<Keys>, Problem> {
    if let Some(keys) = KEYS.with_borrow(Clone::clone) {
        return Ok(keys);
    }
    let seed = config::get("ticket_signing_key").await?;
    let keys = Rc::new(Keys::parse(&seed, &config::list("ticket_public_keys").await?)?);
    KEYS.set(Some(Rc::clone(&keys)));
    Ok(keys)
}

/// How a ticket names its key.
fn id(key: &PublicKey) -> [u8; 4] {
    let [a, b, c, d, ..] = host::sha256(key.as_ref());
    [a, b, c, d]
}

impl Keys {
    fn parse(seed: &str, public: &[String]) -> Result<Self, Problem> {
        let seed = URL_SAFE_NO_PAD.decode(seed.trim()).ok().and_then(|bytes| Seed::from_slice(&bytes).ok());
        let pair = KeyPair::from_seed(seed.ok_or_else(|| Problem::internal("ticket_signing_key is not 32 bytes of base64url"))?);
        let key = |text: &String| URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| PublicKey::from_slice(&bytes).ok());
        let public: Option<Vec<_>> = public.iter().map(|text| key(text).map(|key| (id(&key), key))).collect();
        let public = public.ok_or_else(|| Problem::internal("ticket_public_keys has one that is no key"))?;
        let own = id(&pair.pk);
        // Better no ticket than one that every gate refuses.
        if !public.iter().any(|(_, key)| *key == pair.pk) {
            return Err(Problem::internal("the public key of ticket_signing_key is not in ticket_public_keys"));
        }
        Ok(Self { picture_key: host::sha256(&[KEY_USE, &*pair.sk.seed()].concat()), pair, own, public })
    }

    /// The text of a ticket; its `key` is filled in.
    pub fn sign(&self, mut ticket: Ticket) -> String {
        ticket.key = self.own;
        let signed = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(ticket.to_bytes()));
        let signature = self.pair.sk.sign(&signed, None);
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// What a text says that we signed; none when it is not ours or was altered.
    pub fn verify(&self, text: &str) -> Option<Ticket> {
        let (signed, signature) = text.trim().rsplit_once('.').filter(|_| text.len() <= MAX_TEXT)?;
        let ticket = Ticket::from_bytes(&URL_SAFE_NO_PAD.decode(signed.strip_prefix(PREFIX)?).ok()?)?;
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let mut candidates = self.public.iter().filter(|(id, _)| *id == ticket.key);
        candidates.any(|(_, key)| key.verify(signed, &signature).is_ok()).then_some(ticket)
    }
}

/// The public keys that tickets are verified with.
#[derive(Serialize, ToSchema)]
pub struct TicketKeys {
    /// `GHT1`.
    #[schema(example = "GHT1")]
    format: &'static str,
    /// Two while a key is rotated.
    keys: Vec<TicketKey>,
}

/// A public key (RFC 8037).
#[derive(Serialize, ToSchema)]
pub struct TicketKey {
    /// How a ticket names it: the first four bytes of its SHA-256, in hex.
    #[schema(example = "21fe31df")]
    kid: String,
    /// `OKP`.
    #[schema(example = "OKP")]
    kty: &'static str,
    /// `Ed25519`.
    #[schema(example = "Ed25519")]
    crv: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    usage: &'static str,
    /// The key in base64url.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
}

/// Lists the public keys that tickets are verified with.
#[utoipa::path(get, path = "/api/bookings/ticket-keys")]
pub async fn list_keys() -> Answer<([(HeaderName, &'static str); 1], Json<TicketKeys>)> {
    let keys = keys().await?;
    let published = keys.public.iter().map(|(id, key)| TicketKey {
        kid: const_hex::encode(id),
        kty: "OKP",
        crv: "Ed25519",
        usage: "sig",
        x: URL_SAFE_NO_PAD.encode(key.as_ref()),
    });
    let published = TicketKeys { format: FORMAT, keys: published.collect() };
    Ok(([(CACHE_CONTROL, "public, max-age=300")], Json(published)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn ticket() -> Ticket {
        Ticket { key: [0; 4], booking: [7; 16], starts_s: 1_770_251_400, minutes: 60, party: 4, number: 1, site: "somnath".to_owned() }
    }

    #[test]
    fn only_what_we_signed_is_read() {
        let keys = Keys::parse(SEED, &[PUBLIC.to_owned()]).unwrap();
        let text = keys.sign(ticket());
        assert!(text.len() < 150, "{}", text.len());
        let read = keys.verify(&text).unwrap();
        assert_eq!((read.party, read.site.as_str()), (4, "somnath"));
        for at in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(keys.verify(&String::from_utf8(altered).unwrap()), None, "{at}");
        }
        for text in ["", ".", "GHT1.", "GHT1..", "GHT1.AAAA.AAAA", &format!("{text}A"), &"A.".repeat(200)] {
            assert_eq!(keys.verify(text), None, "{text}");
        }
    }

    #[test]
    fn the_documented_example_is_what_we_sign() {
        let page = include_str!("../../../docs/reference/tickets.md");
        let keys = Keys::parse(SEED, &[PUBLIC.to_owned()]).unwrap();
        let booking = uuid::Uuid::parse_str("019c2a5e-4b00-7000-8000-0123456789ab").unwrap().into_bytes();
        let text = keys.sign(Ticket { booking, ..ticket() });
        assert!(page.contains(&format!("ticket       {text}\n")), "{text}");
        assert!(page.contains(&format!("kid          {}\n", const_hex::encode(keys.own))));
        assert_eq!(keys.verify(&text).unwrap().starts_s, 1_770_251_400);
    }

    #[test]
    fn a_key_that_does_not_match_is_refused() {
        assert!(Keys::parse(SEED, &[]).is_err());
        assert!(Keys::parse("short", &[PUBLIC.to_owned()]).is_err());
        assert!(Keys::parse(SEED, &["short".to_owned(), PUBLIC.to_owned()]).is_err());
    }
}
