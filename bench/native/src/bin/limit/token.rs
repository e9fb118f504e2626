//! Access tokens, as the product verifies them: EdDSA with `typ`, `iss`, `aud`, `exp` and `kid` pinned, and a verified token
//! remembered until it expires.

use std::collections::{HashMap, HashSet};
use std::sync::RwLock;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::{Duration, Ed25519PublicKey, EdDSAPublicKeyLike as _, Token, UnixTimeStamp, VerificationOptions};
use serde::{Deserialize, Serialize};

/// How many verified tokens are remembered.
const REMEMBERED: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Claims {
    role: String,
}

/// The public key, and the tokens that it has verified.
pub struct Keys {
    id: String,
    key: Ed25519PublicKey,
    verified: RwLock<HashMap<String, (i64, Role)>>,
}

/// What a caller may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Visitor,
    Operator,
}

impl Keys {
    /// From `x` of the JWK, and its `kid` after a comma.
    pub fn parse(jwk: &str) -> anyhow::Result<Self> {
        let (x, id) = jwk.split_once(',').context("x,kid")?;
        let bytes = URL_SAFE_NO_PAD.decode(x)?;
        Ok(Self { id: id.to_owned(), key: Ed25519PublicKey::from_bytes(&bytes)?, verified: RwLock::default() })
    }

    /// The role of this `Authorization` header's holder; none when it proves nothing.
    pub fn role(&self, authorization: Option<&str>, now_ms: i64) -> Option<Role> {
        let token = authorization?.strip_prefix("Bearer ")?;
        let now_s = now_ms / 1000;
        if let Some((expires_s, role)) = self.verified.read().ok()?.get(token).copied() {
            return (expires_s > now_s).then_some(role);
        }
        let (expires_s, role) = self.verify(token, now_s)?;
        let mut verified = self.verified.write().ok()?;
        if verified.len() >= REMEMBERED {
            verified.clear();
        }
        verified.insert(token.to_owned(), (expires_s, role));
        Some(role)
    }

    fn verify(&self, token: &str, now_s: i64) -> Option<(i64, Role)> {
        let metadata = Token::decode_metadata(token).ok()?;
        if metadata.key_id() != Some(self.id.as_str()) {
            return None;
        }
        let options = VerificationOptions {
            artificial_time: Some(UnixTimeStamp::from_secs(now_s.cast_unsigned())),
            time_tolerance: Some(Duration::from_secs(0)),
            allowed_issuers: Some(HashSet::from(["gatehouse".to_owned()])),
            allowed_audiences: Some(HashSet::from(["gatehouse".to_owned()])),
            required_signature_type: Some("at+jwt".to_owned()),
            ..VerificationOptions::default()
        };
        let claims = self.key.verify_token::<Claims>(token, Some(options)).ok()?;
        let role = match claims.custom.role.as_str() {
            "operator" | "developer" | "admin" | "super_admin" => Role::Operator,
            _ => Role::Visitor,
        };
        let expires_s = claims.expires_at?.as_secs().cast_signed();
        (expires_s > now_s).then_some((expires_s, role))
    }
}
