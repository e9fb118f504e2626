//! Routes that a secret opens: those of the scheduled run, which no person calls.

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use subtle::ConstantTimeEq as _;

use utoipa::openapi::security::SecurityRequirement;

use crate::api::{Describe, Request};
use crate::{Problem, config, host};

/// A caller who knows the variable `tick_secret`: `X-Tick-Secret`, or `Authorization: Bearer` for schedulers that can send nothing else.
pub struct Trusted;

impl<S: Sync> FromRequestParts<S> for Trusted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let secret = config::get("tick_secret").await?;
        if is_secret(given(parts), &secret) { Ok(Self) } else { Err(Problem::unauthorized("send the secret in X-Tick-Secret")) }
    }
}

impl Describe for Trusted {
    fn describe(request: &mut Request<'_>) {
        let none: [&str; 0] = [];
        request.operation.security = Some(vec![SecurityRequirement::new("tickSecret", none)]);
        request.refuses(401, "The secret is missing or wrong.");
    }
}

fn given(parts: &Parts) -> &[u8] {
    if let Some(value) = parts.headers.get("x-tick-secret") {
        return value.as_bytes();
    }
    let bearer = parts.headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes).and_then(|value| value.split_at_checked(7));
    match bearer {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii(),
        _ => b"",
    }
}

/// In a time that tells nothing about where they differ. Without a secret nobody is trusted.
pub fn is_secret(given: &[u8], secret: &str) -> bool {
    let same: bool = host::sha256(given).ct_eq(&host::sha256(secret.as_bytes())).into();
    same && !secret.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(name: &str, value: &str) -> Vec<u8> {
        let (parts, ()) = http::Request::post("/internal/tick").header(name, value).body(()).unwrap().into_parts();
        given(&parts).to_vec()
    }

    #[test]
    fn the_secret_comes_in_either_header() {
        assert_eq!(presented("x-tick-secret", "abc"), b"abc");
        assert_eq!(presented("authorization", "Bearer abc"), b"abc");
        assert_eq!(presented("authorization", "bearer abc"), b"abc");
        assert_eq!(presented("authorization", "Basic abc"), b"");
        assert_eq!(presented("authorization", "Bear"), b"");
    }

    #[test]
    fn without_a_secret_nobody_is_trusted() {
        assert!(is_secret(b"abc", "abc"));
        assert!(!is_secret(b"abd", "abc"));
        assert!(!is_secret(b"", "abc"));
        assert!(!is_secret(b"", ""));
    }
}
