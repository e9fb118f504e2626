//! Access tokens: what this component alone signs, and the public keys that everyone may read (docs/reference/rules.md#tokens).

use std::cell::RefCell;
use std::rc::Rc;

use axum::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::role::Role;
use http::header::{CACHE_CONTROL, HeaderName};
use jwt_simple::prelude::{Audiences, Ed25519KeyPair, EdDSAKeyPairLike as _, HeaderOptions, JWTClaims, UnixTimeStamp};
use kit::token::{self, Claims, PublicKey};
use kit::{Answer, Problem, config, host};
use serde::Serialize;
use utoipa::ToSchema;

use crate::refresh_tokens;

/// What stands before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410 §7).
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

thread_local! {
    static SIGNER: RefCell<Option<Rc<Ed25519KeyPair>>> = const { RefCell::new(None) };
}

/// Who an access token is for.
pub struct Subject<'a> {
    /// The user's id.
    pub id: &'a str,
    /// The role that the token carries.
    pub role: Role,
    /// For role `device`: the device whose data it may send.
    pub device: Option<&'a str>,
    /// The session that it belongs to: the family of its refresh tokens.
    pub session: &'a str,
}

/// A signed access token.
pub struct Access {
    /// The compact JWT.
    pub token: String,
    /// How long it lives, seconds.
    pub expires_in: i64,
}

/// Signs an access token from the moment of the request, not from a clock of the library's. It does not outlive the refresh token that is
/// given with it, so that what ends a session finds it by its refresh tokens.
pub async fn sign(subject: Subject<'_>, now_ms: i64) -> Result<Access, Problem> {
    let expires_in = config::number("access_token_seconds", 900).await?.min(refresh_tokens::lifetime_s().await?).max(1);
    let at = |seconds: i64| UnixTimeStamp::from_secs(u64::try_from(seconds).unwrap_or_default());
    let now_s = now_ms / 1000;
    let claims = JWTClaims {
        issued_at: Some(at(now_s)),
        expires_at: Some(at(now_s.saturating_add(expires_in))),
        invalid_before: None,
        issuer: Some(config::get("jwt_issuer").await?),
        subject: Some(subject.id.to_owned()),
        audiences: Some(Audiences::AsString(config::get("jwt_audience").await?)),
        jwt_id: Some(host::new_id(now_ms)?),
        nonce: None,
        custom: Claims { role: subject.role, sid: subject.session.to_owned(), device: subject.device.map(str::to_owned) },
    };
    let header = HeaderOptions { signature_type: Some(token::TYPE.to_owned()), ..HeaderOptions::default() };
    let token = signer().await?.sign_with_options(claims, &header).map_err(Problem::internal)?;
    Ok(Access { token, expires_in })
}

async fn signer() -> Result<Rc<Ed25519KeyPair>, Problem> {
    if let Some(signer) = SIGNER.with_borrow(Clone::clone) {
        return Ok(signer);
    }
    let pair = key_pair(&config::get("jwt_signing_key").await?)?;
    let own = PublicKey::parse(&URL_SAFE_NO_PAD.encode(pair.public_key().to_bytes()))?;
    // Better no token than one that every component refuses.
    if !token::public_keys().await?.iter().any(|key| key.id == own.id) {
        return Err(Problem::internal("the public key of jwt_signing_key is not in jwt_public_keys"));
    }
    let signer = Rc::new(pair.with_key_id(&own.id));
    SIGNER.set(Some(Rc::clone(&signer)));
    Ok(signer)
}

fn key_pair(seed: &str) -> Result<Ed25519KeyPair, Problem> {
    let seed = URL_SAFE_NO_PAD.decode(seed.trim()).map_err(|_| Problem::internal("jwt_signing_key is not base64url"))?;
    let der = [&PKCS8_PREFIX[..], &seed].concat();
    Ed25519KeyPair::from_der(&der).map_err(|_| Problem::internal("jwt_signing_key is not a seed of 32 bytes"))
}

/// One public key (RFC 7517, RFC 8037).
#[derive(Serialize, ToSchema)]
struct Jwk {
    /// `OKP`.
    #[schema(example = "OKP")]
    kty: &'static str,
    /// `Ed25519`.
    #[schema(example = "Ed25519")]
    crv: &'static str,
    /// `EdDSA`.
    #[schema(example = "EdDSA")]
    alg: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    #[schema(example = "sig")]
    usage: &'static str,
    /// The thumbprint of the key (RFC 7638), which tokens name in their header.
    #[schema(example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    kid: String,
    /// The 32 bytes of the point as base64url.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
}

/// A JWK set.
#[derive(Serialize, ToSchema)]
pub struct JwkSet {
    /// The keys; a token says by `kid` which of them signed it.
    keys: Vec<Jwk>,
}

/// Returns the public keys that verify access tokens: one, or two while keys are rotated.
#[utoipa::path(get, path = "/.well-known/jwks.json")]
pub async fn jwks() -> Answer<([(HeaderName, &'static str); 1], Json<JwkSet>)> {
    let keys = token::public_keys().await?.into_iter();
    let keys = keys.map(|key| Jwk { kty: "OKP", crv: "Ed25519", alg: "EdDSA", usage: "sig", kid: key.id, x: key.x }).collect();
    Ok(([(CACHE_CONTROL, "public, max-age=300")], Json(JwkSet { keys })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_of_rfc_8037_gives_its_public_key_and_thumbprint() {
        let pair = key_pair("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let own = PublicKey::parse(&URL_SAFE_NO_PAD.encode(pair.public_key().to_bytes())).unwrap();
        assert_eq!(own.x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(own.id, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for key in ["", "?", "AAAA", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2AA"] {
            assert!(key_pair(key).is_err(), "{key}");
        }
    }
}
