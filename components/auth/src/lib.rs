//! Accounts and tokens (docs/reference/rules.md#people): registration, login, refresh, logout, one's own profile, and the administration
//! of users.
//!
//! This component alone knows the signing key; every other verifies with the public ones.

mod account;
mod email_change;
mod hashes;
mod limit;
mod lock;
mod login;
mod logout;
mod person;
mod profile;
mod refresh;
mod refresh_tokens;
mod register;
mod schedule;
mod session;
mod tokens;
mod users;

use kit::api::Api;
use kit::{routes, scheduled};

use crate::schedule::Summary;

/// The routes. Those under `/v0/api/users/profile` and `/v0/api/users/auth` are the names that clients of the CCTV server know.
pub fn api() -> Api {
    Api::new("auth", "Accounts, login and tokens, one's own profile, and the administration of users.")
        .routes(routes![register::register, login::login, refresh::refresh, logout::logout, tokens::jwks])
        .routes(routes![profile::read, profile::update, email_change::confirm])
        .routes(routes![users::list, users::create, users::read, users::update, users::deactivate])
        .routes([scheduled::route::<Summary>()])
        .alias("/v0/api/users/profile", routes![profile::read, profile::update])
        .alias("/v0/api/users/auth/login", routes![login::login])
        .alias("/v0/api/users/auth/logout", routes![logout::logout])
}

kit::component!(api, scheduled: scheduled::run::<Summary>);

#[cfg(test)]
mod tests {
    use kit::input::{Input, parse};

    fn check_example<T: Input>() {
        let example = T::example().expect("an example");
        assert!(parse::<T>(example.as_bytes(), 0).is_ok(), "{}", T::NAME);
    }

    #[test]
    fn examples_are_valid() {
        check_example::<crate::person::Person>();
        check_example::<crate::login::LoginRequest>();
        check_example::<crate::refresh::RefreshRequest>();
        check_example::<crate::logout::LogoutRequest>();
        check_example::<crate::profile::ProfileChange>();
        check_example::<crate::email_change::EmailConfirmation>();
        check_example::<crate::users::NewUser>();
        check_example::<crate::users::UserChange>();
    }
}
