//! Accounts and tokens (docs/reference/rules.md#people): registration, login, refresh, logout, forgotten passwords, one's own profile and
//! sessions, and the administration of users.
//!
//! Under two names in the manifest: `sign-in` has the routes that anybody can make it hash a password with, `auth` all others. These alone know
//! the signing key; every other component verifies with the public ones.

mod account;
mod email_change;
mod hashes;
mod hashing;
mod keys;
mod known_device;
mod limit;
mod lock;
mod login;
mod logout;
mod one_time_code;
mod password_reset;
mod person;
mod profile;
mod pseudonym;
mod refresh;
mod refresh_tokens;
mod register;
mod schedule;
mod session;
mod session_cookie;
mod sessions;
mod tokens;
mod users;

use kit::api::Api;
use kit::{routes, scheduled};

use crate::schedule::Summary;

/// The routes. Those under `/v0/api/users/profile`, `/v0/api/users/auth` and `/v0/api/mail` are the names that clients of the CCTV server know.
pub fn api() -> Api {
    Api::new("auth", "Accounts, login and tokens, one's own profile, and the administration of users.")
        .routes(routes![register::register, login::login, refresh::refresh, logout::logout, tokens::jwks])
        .routes(routes![profile::read, profile::update, email_change::send_code, email_change::confirm])
        .routes(routes![users::list, users::create, users::read, users::update, users::deactivate])
        .routes(routes![sessions::list_own, sessions::end_own])
        .routes(routes![sessions::list, sessions::end, sessions::end_all])
        .routes(routes![password_reset::request, password_reset::verify, password_reset::reset])
        .routes([scheduled::route::<Summary>()])
        .undocumented(hashing::route)
        .alias("/v0/api/users/profile", routes![profile::read, profile::update])
        .alias("/v0/api/users/auth/login", routes![login::login])
        .alias("/v0/api/users/auth/logout", routes![logout::logout])
}

kit::component!(api, scheduled: scheduled::run::<Summary>);
