//! The exchange of a refresh token for a new pair: it is rotated at each use, and reuse revokes its family.

use axum::Json;
use const_format::concatcp;
use domain::refresh::{RefreshDecision, decide};
use kit::db::{self, Executor as _, Fetch as _, Transaction};
use kit::input::Input;
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::{Answer, Problem, host, params};

use crate::account::{COLUMNS, User};
use crate::limit::{Limit, LimitedAddress};
use crate::refresh_tokens::{PresentedToken, Reason, RefreshToken, digest, revoke_family};
use crate::session::Session;

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
    /// The refresh token of the last answer.
    #[input(alias("refresh_token"))]
    refresh: PresentedToken,
}

/// Exchanges a refresh token for a new pair of tokens.
///
/// A token is good for one use. For 10 seconds after it the same token gives another pair, as the answer may have been lost; later use of it
/// ends the session.
#[utoipa::path(
    post,
    path = "/api/auth/refresh",
    responses((status = 401, description = "The token is unknown, expired, revoked or was used before."))
)]
pub async fn refresh(_: LimitedAddress<Refreshes>, Now(now): Now, Body(request): Body<RefreshRequest>) -> Answer<Json<Session>> {
    let successor = RefreshToken::new(now).await?;
    let digest = digest(&request.refresh);
    let exchanged = db::transaction(|transaction| exchange(transaction, digest, &successor, now))?;
    let (user, family) = exchanged.ok_or_else(|| Problem::unauthorized("the refresh token is not valid any more: sign in again"))?;
    Ok(Json(Session::open(user, &family, successor.token, now).await?))
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

/// Exchanges a token for its successor, with its holder and family; none when it is refused. A refusal may have revoked the family, hence no `Err`, which would
/// roll that back.
fn exchange(transaction: &Transaction, digest: [u8; 32], successor: &RefreshToken, now: i64) -> Result<Option<(User, String)>, Problem> {
    let Some(stored) = transaction.fetch_optional::<Stored>(FIND, params![digest])? else { return Ok(None) };
    match decide(stored.used_at, stored.is_revoked, stored.expires_at, now) {
        RefreshDecision::Rotate => {
            transaction.run("update refresh_tokens set used_at = ? where token_hash = ?", params![now, digest])?;
        }
        RefreshDecision::ReissueWithinWindow => {}
        RefreshDecision::RevokeFamily => {
            revoke_family(transaction, &stored.family, Reason::Reuse, now)?;
            host::log("warn", "a refresh token was used again: its family is revoked", serde_json::json!({"user": stored.user.id}));
            return Ok(None);
        }
        RefreshDecision::Expired | RefreshDecision::Revoked => return Ok(None),
    }
    let Stored { user, family, .. } = stored;
    Ok(successor.store(transaction, &family, &user.id)?.then_some((user, family)))
}
