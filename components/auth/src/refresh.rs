//! The exchange of a refresh token for a new pair: it is rotated at each use, and reuse revokes its family.

use axum::Json;
use const_format::concatcp;
use domain::refresh::{RefreshDecision, decide};
use http::HeaderMap;
use kit::db::{self, Executor as _, Fetch as _, Transaction};
use kit::input::Input;
use kit::request::{Now, OptionalBody};
use kit::row::FromRow;
use kit::security::Kind;
use kit::{Answer, Problem, params};

use crate::account::{COLUMNS, User};
use crate::limit::{Limit, Limited};
use crate::refresh_tokens::{self, PresentedToken, Reason, RefreshToken, digest, revoke_family};
use crate::session::Session;
use crate::session_cookie;

/// Refreshes.
pub struct Refreshes;

impl Limit for Refreshes {
    const NAME: &'static str = "refresh";
    const PER_MINUTE: u32 = 3000;
}

/// Which session goes on.
#[derive(Input)]
#[input(example = r#"{"refresh": "q3VYb0c5l2mXo4t7Jk8sVd1aWf6hPz9uRe0yTn3gLiM"}"#)]
pub struct RefreshRequest {
    /// The refresh token of the last answer; where it is left out, that in the session's cookie.
    #[input(alias("refresh_token"))]
    refresh: Option<PresentedToken>,
}

/// Exchanges a refresh token for a new pair of tokens.
///
/// A token is good for one use. For 10 seconds after it the same token gives the same refresh token again, as the answer may have been lost;
/// later use of it ends the session.
///
/// Without a body, the token is that of the session's cookie, and the next one is set as the cookie: only for pages of this origin.
#[utoipa::path(
    post,
    path = "/api/auth/refresh",
    responses(
        (status = 401, description = "The token is unknown, expired, revoked or was used before."),
        (status = 403, description = "The cookie is used by a page of another origin."),
    )
)]
pub async fn refresh(
    Now(now): Now,
    headers: HeaderMap,
    request: Limited<Refreshes, OptionalBody<RefreshRequest>>,
) -> Answer<(HeaderMap, Json<Session>)> {
    let OptionalBody(RefreshRequest { refresh }) = request.body;
    let is_https = request.client.is_https;
    let cookie = if refresh.is_some() { None } else { session_cookie::presented(&headers, is_https)? };
    let in_cookie = cookie.is_some();
    let Some(token) = refresh.as_deref().or(cookie.as_deref()) else {
        return Err(Problem::invalid_field("refresh", "is required where there is no cookie of a session"));
    };
    let successor = RefreshToken::after(token, now).await?;
    let digest = digest(token);
    let exchanged = db::transaction(|transaction| exchange(transaction, digest, &successor, &request.client.network, now))?;
    let refused = || Problem::unauthorized("the refresh token is not valid any more: sign in again");
    match exchanged {
        Exchanged::Session(user, family) => {
            let mut cookies = HeaderMap::new();
            if in_cookie {
                cookies = session_cookie::set(&headers, is_https, &successor.token, refresh_tokens::lifetime_s().await?)?;
            }
            let token = Some(successor.token).filter(|_| !in_cookie);
            Ok((cookies, Json(Session::open(&user, &family, token, now).await?)))
        }
        Exchanged::Ended(user, reason) => Err(refused().logged_as(Kind::AuthnTokenReuse, Some(user), reason)),
        Exchanged::Refused => Err(refused()),
    }
}

/// What became of a token that was presented. A refusal may have revoked the family, hence no `Err`, which would roll that back.
enum Exchanged {
    /// Its holder and family.
    Session(User, String),
    /// It is of a family that has ended, now or before: whose, and why.
    Ended(String, &'static str),
    /// It is unknown or too old, or its holder is not active.
    Refused,
}

/// A stored refresh token with its holder.
#[derive(FromRow)]
struct Stored {
    #[row(flatten)]
    user: User,
    family: String,
    used_at: Option<i64>,
    expires_at: i64,
    is_revoked: bool,
}

const FIND: &str = concatcp!(
    "select ",
    COLUMNS,
    ", family, used_at, expires_at, exists (select 1 from revoked_families r where r.family = t.family) as is_revoked
     from refresh_tokens t join users u on u.id = t.user_id where token_hash = ?"
);

/// Exchanges a token for its successor.
fn exchange(transaction: &Transaction, digest: [u8; 32], successor: &RefreshToken, network: &str, now: i64) -> Result<Exchanged, Problem> {
    let Some(stored) = transaction.fetch_optional::<Stored>(FIND, params![digest])? else { return Ok(Exchanged::Refused) };
    match decide(stored.used_at, stored.is_revoked, stored.expires_at, now) {
        RefreshDecision::Rotate => {
            transaction.run("update refresh_tokens set used_at = ? where token_hash = ?", params![now, digest])?;
        }
        RefreshDecision::ReissueWithinWindow => {}
        RefreshDecision::RevokeFamily => {
            revoke_family(transaction, &stored.family, Reason::Reuse, now)?;
            return Ok(Exchanged::Ended(stored.user.id, "refresh_token_used_again"));
        }
        RefreshDecision::Revoked => return Ok(Exchanged::Ended(stored.user.id, "session_ended")),
        RefreshDecision::Expired => return Ok(Exchanged::Refused),
    }
    let Stored { user, family, .. } = stored;
    Ok(if successor.store(transaction, &family, &user.id, network)? { Exchanged::Session(user, family) } else { Exchanged::Refused })
}
