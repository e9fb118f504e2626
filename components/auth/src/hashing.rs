//! Hashing for the routes that are not of the component `sign-in`: this same code under another name, to which the host gives few requests at
//! once, so that all passwords are hashed in one place and whoever floods it with guesses leaves the cores to everybody else
//! (docs/design/README.md#passwords-are-hashed-in-one-place).

use axum::{Extension, Json};
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use kit::http::{Bounds, Reply, SendError, send};
use kit::outbox::own_route;
use kit::serve::Quiet;
use kit::trusted::Trusted;
use kit::{Answer, Problem};
use serde::{Deserialize, Serialize};

use crate::hashes;

/// Where the work is done: a route of ours to `sign-in`, which the secret opens.
const PATH: &str = "/internal/passwords";

/// Longer than a request waits for its turn there.
const BOUNDS: Bounds = Bounds { time_ms: 15_000, answer_bytes: 4 * 1024 };

/// What is to be done.
#[derive(Serialize, Deserialize)]
struct Work {
    /// A password and the hash that it is to fit.
    proof: Option<(String, String)>,
    /// A password to be hashed, if the proof holds.
    password: Option<String>,
}

/// What came of it.
#[derive(Serialize, Deserialize)]
struct Done {
    /// Whether the proof held, or none was wanted.
    is_proved: bool,
    /// The hash; none when the proof did not hold, or there was nothing to hash.
    hash: Option<String>,
}

/// The hash of a new password.
pub async fn hash(password: &str) -> Answer<String> {
    let done = ask(&Work { proof: None, password: Some(password.to_owned()) }).await?;
    done.hash.ok_or_else(|| Problem::internal("no hash"))
}

/// The hash of a new password, when the current one fits its own hash; else none.
pub async fn replace(current: &str, stored: &str, password: &str) -> Answer<Option<String>> {
    let work = Work { proof: Some((current.to_owned(), stored.to_owned())), password: Some(password.to_owned()) };
    ask(&work).await.map(|done| done.hash)
}

/// Whether a password fits this hash.
pub async fn verify(password: &str, stored: &str) -> Answer<bool> {
    let work = Work { proof: Some((password.to_owned(), stored.to_owned())), password: None };
    ask(&work).await.map(|done| done.is_proved)
}

async fn ask(work: &Work) -> Answer<Done> {
    let body = serde_json::to_vec(work).map_err(Problem::internal)?;
    let request = own_route(PATH).await?.header(CONTENT_TYPE, "application/json").body(Bytes::from(body)).map_err(Problem::internal)?;
    match send(request, BOUNDS).await {
        Ok(Reply { status: StatusCode::OK, body, .. }) => serde_json::from_slice(&body).map_err(Problem::internal),
        Ok(Reply { status: StatusCode::SERVICE_UNAVAILABLE, .. }) | Err(SendError::TimedOut(_)) => {
            Err(Problem::unavailable("too many passwords are being checked: come back later", 1))
        }
        Ok(reply) => Err(Problem::internal(format!("passwords are not hashed: {}", reply.status))),
        Err(error) => Err(Problem::internal(error)),
    }
}

/// The route, which is no part of the API.
pub fn route(router: axum::Router) -> axum::Router {
    router.route(PATH, axum::routing::post(work))
}

async fn work(_: Trusted, Json(work): Json<Work>) -> Answer<(Extension<Quiet>, Json<Done>)> {
    let is_proved = work.proof.is_none_or(|(password, stored)| hashes::verify(&password, &stored));
    let hash = work.password.filter(|_| is_proved).map(|password| hashes::hash(&password)).transpose()?;
    Ok((Extension(Quiet), Json(Done { is_proved, hash })))
}
