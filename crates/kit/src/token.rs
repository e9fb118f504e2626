//! Access tokens: EdDSA (Ed25519) JWTs with `typ`, `iss`, `aud`, `exp` and `kid` pinned (RFC 8725, RFC 9068).
//!
//! Only the public keys are here; the component `auth` alone signs.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::role::Role;
use jwt_simple::prelude::{Duration, Ed25519PublicKey, EdDSAPublicKeyLike, Token, UnixTimeStamp, VerificationOptions};
use serde::{Deserialize, Serialize};

use crate::principal::Principal;
use crate::{Problem, config, host};

/// The media type that access tokens carry in `typ` (RFC 9068 §2.1).
pub const TYPE: &str = "at+jwt";

/// What an access token says beside the registered claims.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Claims {
    /// The user's role when it was issued.
    pub role: Role,
    /// The session that it belongs to: the login, and all refreshes that followed from it. With the session's end it is void.
    pub sid: String,
    /// For role `device`: the one device whose data it may send.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// A public key by its id, the RFC 7638 thumbprint.
pub struct PublicKey {
    /// `kid`.
    pub id: String,
    /// The 32 bytes of the point, as base64url: `x` of the JWK (RFC 8037).
    pub x: String,
    key: Ed25519PublicKey,
}

impl PublicKey {
    /// From the 32 bytes of an Ed25519 public key as base64url.
    pub fn parse(x: &str) -> Result<Self, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(x).map_err(Problem::internal)?;
        let key = Ed25519PublicKey::from_bytes(&bytes).map_err(Problem::internal)?;
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        Ok(Self { id: URL_SAFE_NO_PAD.encode(host::sha256(jwk.as_bytes())), x: x.to_owned(), key })
    }
}

/// The live public keys, from the variable `jwt_public_keys`: two while rotating.
pub async fn public_keys() -> Result<Vec<PublicKey>, Problem> {
    config::list("jwt_public_keys").await?.iter().map(|x| PublicKey::parse(x)).collect()
}

/// How far ahead of this host's clock a token may have been issued, by another host or before the clock was corrected, seconds. It ends at
/// its `exp` all the same.
const SKEW_S: u64 = 10;

#[derive(Clone)]
struct Verified {
    principal: Principal,
    expires_at_s: i64,
    /// When its holder's account was last looked up, milliseconds.
    looked_up_at: i64,
}

/// How many verified tokens an instance remembers.
const REMEMBERED: usize = 1024;

thread_local! {
    // Verification is most of the cost of a small request; a token that was verified stays so until it expires.
    static VERIFIED: RefCell<HashMap<String, Verified>> = RefCell::default();
}

/// Who holds this access token, with the role that their account has now. 401 when the token is not one of ours, was altered, or has
/// expired, its session has ended, or the account is not active any more. What is known of account and session is at most `max_age_ms`
/// old: a token outlives its holder's logout or dismissal by that, not by its own length. `reads` says that the request changes nothing.
pub async fn verify(token: &str, now_ms: i64, max_age_ms: u64, reads: bool) -> Result<Principal, Problem> {
    let now_s = now_ms / 1000;
    let mut verified = match VERIFIED.with_borrow(|verified| verified.get(token).cloned()) {
        Some(known) if known.expires_at_s <= now_s => return Err(refused()),
        Some(known) if now_ms.abs_diff(known.looked_up_at) < max_age_ms => return Ok(known.principal),
        Some(known) => known,
        None => verify_afresh(token, now_s).await?,
    };
    verified.principal = if reads { verified.principal.current_for_reading()? } else { verified.principal.current()? };
    verified.looked_up_at = now_ms;
    let principal = verified.principal.clone();
    VERIFIED.with_borrow_mut(|remembered| {
        if let Some(known) = remembered.get_mut(token) {
            *known = verified;
            return;
        }
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(token.to_owned(), verified);
    });
    Ok(principal)
}

/// Who holds this access token by what it says itself, whatever has become of the account and the session since it was issued. For what must not
/// wait for a database that cannot be asked.
pub async fn holder(token: &str, now_ms: i64) -> Result<Principal, Problem> {
    verify_afresh(token, now_ms / 1000).await.map(|verified| verified.principal)
}

fn refused() -> Problem {
    Problem::unauthorized("the access token is not valid or has expired")
}

async fn verify_afresh(token: &str, now_s: i64) -> Result<Verified, Problem> {
    if token.len() > 4096 {
        return Err(refused());
    }
    let metadata = Token::decode_metadata(token).map_err(|_| refused())?;
    let keys = public_keys().await?;
    let key = keys.iter().find(|key| metadata.key_id() == Some(key.id.as_str())).ok_or_else(refused)?;
    let options = VerificationOptions {
        artificial_time: Some(UnixTimeStamp::from_secs(u64::try_from(now_s).unwrap_or_default())),
        time_tolerance: Some(Duration::from_secs(SKEW_S)),
        allowed_issuers: Some(HashSet::from([config::get("jwt_issuer").await?])),
        allowed_audiences: Some(HashSet::from([config::get("jwt_audience").await?])),
        required_signature_type: Some(TYPE.to_owned()),
        ..VerificationOptions::default()
    };
    let claims = key.key.verify_token::<Claims>(token, Some(options)).map_err(|_| refused())?;
    let expires_at_s = claims.expires_at.map_or(0, |at| i64::try_from(at.as_secs()).unwrap_or(i64::MAX));
    let (Some(id), true) = (claims.subject, expires_at_s > now_s) else {
        return Err(refused());
    };
    let Claims { role, sid, device } = claims.custom;
    let principal = Principal { id, role, device, session: Some(sid) };
    Ok(Verified { principal, expires_at_s, looked_up_at: i64::MIN })
}
