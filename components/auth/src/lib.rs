//! Accounts and tokens (contract §2): register, sign in, refresh, sign out, one's own profile, and the administration of users.
//!
//! This component alone knows the signing key; every other verifies with the public ones.

mod accounts;
mod hashes;
mod lock;
mod profile;
mod refresh;
mod sessions;
mod tokens;
mod users;

use axum::Router;
use axum::routing::{get, post};

/// The routes. Those under `/v0` are S4's names of the same.
pub fn router() -> Router {
    let me = get(profile::show).patch(profile::change);
    Router::new()
        .route("/api/auth/register", post(accounts::register))
        .route("/api/auth/login", post(sessions::login))
        .route("/api/auth/refresh", post(refresh::refresh))
        .route("/api/auth/logout", post(sessions::logout))
        .route("/.well-known/jwks.json", get(tokens::jwks))
        .route("/api/users/me", me.clone())
        .route("/v0/api/users/profile", me)
        .route("/v0/api/users/auth/login", post(sessions::login))
        .route("/v0/api/users/auth/logout", post(sessions::logout))
        .route("/v0/api/users/users", get(users::list).post(users::create))
        .route("/v0/api/users/users/{id}", get(users::show).patch(users::change).delete(users::deactivate))
}

kit::component!(crate::router);
