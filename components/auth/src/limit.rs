//! How often an address may ask for what is costly or worth guessing at.

use std::marker::PhantomData;

use axum::extract::{FromRequest, Request as HttpRequest};
use kit::Problem;
use kit::api::{Describe, Request};
use kit::client::ClientAddress;
use kit::request::Now;
use kit::security::Kind;

/// Requests that are counted together.
pub trait Limit: 'static {
    /// By which they are told from others.
    const NAME: &'static str;
    /// How many one address may make in a minute. Far above what the people behind one address need: what keeps guesses out is the lock,
    /// this leaves most of the time in which passwords are hashed to others.
    const PER_MINUTE: u32;
}

/// A body that could be read, with the address that it came from; 429 when too many came from it. What cannot be read is refused before, and
/// does not count: whoever shares the address does not pay for it.
pub struct Limited<L, B> {
    /// Where it came from.
    pub client: ClientAddress,
    /// What was sent.
    pub body: B,
    limit: PhantomData<fn() -> L>,
}

impl<L: Limit, B: FromRequest<S, Rejection = Problem> + Send, S: Send + Sync> FromRequest<S> for Limited<L, B> {
    type Rejection = Problem;

    async fn from_request(request: HttpRequest, state: &S) -> Result<Self, Problem> {
        let client = ClientAddress::of(request.headers()).await?;
        let Now(now_ms) = Now::of(request.extensions());
        let body = B::from_request(request, state).await?;
        let checked = kit::limit::check(L::NAME, &client.network, L::PER_MINUTE, 60, now_ms).await;
        checked.map_err(|problem| problem.logged_as(Kind::ExcessRateLimitExceeded, None, L::NAME))?;
        Ok(Self { client, body, limit: PhantomData })
    }
}

impl<L: Limit, B: Describe> Describe for Limited<L, B> {
    fn describe(request: &mut Request<'_>) {
        B::describe(request);
        request.refuses(429, "Too many requests from this address; come back after `Retry-After`.");
    }
}
