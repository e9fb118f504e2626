//! How often an address may ask for what is costly or worth guessing at.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use http::request::Parts;
use kit::Problem;
use kit::api::{Describe, Request};
use kit::request::ClientAddress;

/// Requests that are counted together.
pub trait Limit: 'static {
    /// By which they are told from others.
    const NAME: &'static str;
    /// How many one address may make in a minute. Far above what the people behind one address need: what keeps guesses out is the lock,
    /// this keeps the hashing of passwords from filling every core.
    const PER_MINUTE: u32;
}

/// The client's address; 429 when too many requests came from it. It stands before the body, so that invalid ones count too.
pub struct LimitedAddress<L> {
    /// The address.
    pub address: String,
    limit: PhantomData<fn() -> L>,
}

impl<L: Limit, S: Sync> FromRequestParts<S> for LimitedAddress<L> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Ok(ClientAddress(address)) = ClientAddress::from_request_parts(parts, state).await;
        kit::limit::check(L::NAME, &address, L::PER_MINUTE, 60, kit::request::now(parts).0).await?;
        Ok(Self { address, limit: PhantomData })
    }
}

impl<L: Limit> Describe for LimitedAddress<L> {
    fn describe(request: &mut Request<'_>) {
        request.refuses(429, "Too many requests from this address; come back after `Retry-After`.");
    }
}
