//! Logout: of one session, or of all of one's own.

use http::HeaderMap;
use kit::api::NoContent;
use kit::caller::{Caller, SignedIn};
use kit::client::ClientAddress;
use kit::db::{self, Database};
use kit::input::Input;
use kit::request::{Now, OptionalBody};
use kit::{Answer, Problem};

use crate::refresh_tokens::{self, PresentedToken, Reason};
use crate::session_cookie;

/// Which session ends.
#[derive(Input)]
#[input(example = r#"{"refresh": "q3VYb0c5l2mXo4t7Jk8sVd1aWf6hPz9uRe0yTn3gLiM"}"#)]
pub struct LogoutRequest {
    /// A refresh token of it. Without one, all sessions of the account end, which takes an access token.
    #[input(alias("refresh_token"))]
    refresh: Option<PresentedToken>,
    /// Whether the session of the cookie ends, and the cookie with it: for pages of this origin.
    cookie: Option<bool>,
}

/// Ends a session, or all sessions of the caller.
///
/// With a refresh token, known or not, its session ends; no access token is needed. Without one, all sessions of the caller end, and no device
/// is known to the account any more. With `cookie`, the session of the cookie ends and the cookie is deleted.
#[utoipa::path(
    post,
    path = "/api/auth/logout",
    responses((status = 403, description = "The cookie is used by a page of another origin."))
)]
pub async fn logout(
    Now(now): Now,
    headers: HeaderMap,
    client: ClientAddress,
    caller: Result<Caller<SignedIn>, Problem>,
    OptionalBody(request): OptionalBody<LogoutRequest>,
) -> Answer<(HeaderMap, NoContent)> {
    let in_cookie = request.cookie.unwrap_or(false);
    let mut cookies = HeaderMap::new();
    if in_cookie {
        session_cookie::require_own_origin(&headers, client.is_https)?;
        cookies = session_cookie::delete(&headers, client.is_https)?;
        if let Some(token) = session_cookie::presented(&headers, client.is_https)? {
            refresh_tokens::revoke_family_of(&Database, &token, Reason::Logout, now)?;
        }
    }
    // An access token that has expired does not stand in the way of a refresh token.
    match request.refresh {
        Some(token) => refresh_tokens::revoke_family_of(&Database, &token, Reason::Logout, now)?,
        None if in_cookie => {}
        None => {
            let caller = caller?.0;
            db::transaction(|transaction| refresh_tokens::revoke_all(transaction, &caller.id, Reason::Logout, now))?;
        }
    }
    Ok((cookies, NoContent))
}
