//! Logout: of one session, or of all of one's own.

use kit::api::NoContent;
use kit::caller::{Caller, SignedIn};
use kit::db::{self, Database};
use kit::input::Input;
use kit::request::{Now, OptionalBody};
use kit::{Answer, Problem};

use crate::refresh_tokens::{self, PresentedToken, Reason};

/// Which session ends.
#[derive(Input)]
#[input(example = r#"{"refresh": "q3VYb0c5l2mXo4t7Jk8sVd1aWf6hPz9uRe0yTn3gLiM"}"#)]
pub struct LogoutRequest {
    /// A refresh token of it. Without one, all sessions of the account end, which takes an access token.
    #[input(alias("refresh_token"))]
    refresh: Option<PresentedToken>,
}

/// Ends a session, or all sessions of the caller.
///
/// With a refresh token, known or not, its session ends; no access token is needed. Without one, all sessions of the caller end, and no device
/// is known to the account any more.
#[utoipa::path(post, path = "/api/auth/logout")]
pub async fn logout(
    Now(now): Now,
    caller: Result<Caller<SignedIn>, Problem>,
    OptionalBody(request): OptionalBody<LogoutRequest>,
) -> Answer<NoContent> {
    // An access token that has expired does not stand in the way of a refresh token.
    match request.refresh {
        Some(token) => refresh_tokens::revoke_family_of(&Database, &token, Reason::Logout, now)?,
        None => {
            let caller = caller?.0;
            db::transaction(|transaction| refresh_tokens::revoke_all(transaction, &caller.id, Reason::Logout, now))?;
        }
    }
    Ok(NoContent)
}
