//! Refresh tokens: opaque, kept as a digest, rotated at each use; a reused one revokes its family (RFC 9700 §4.14.2).

use std::ops::RangeInclusive;

use axum::Json;
use domain::refresh::{RefreshDecision, decide};
use kit::db::{self, DbError, Rows, Transaction, Value};
use kit::fields::Fields;
use kit::request::{ClientAddress, JsonBytes, Now};
use kit::{Answer, Problem, config, host, limit, params};

use crate::accounts::{Account, account_columns};
use crate::sessions::Session;

/// Ours have 43 characters; what else is sent is looked up in vain.
pub const REFRESH_LENGTH: RangeInclusive<usize> = 1..=512;

/// A refresh token that is about to be given.
pub struct Refresh {
    /// What the client gets; only its digest is stored.
    pub token: String,
    issued_at: i64,
    expires_at: i64,
}

impl Refresh {
    /// 32 random bytes that live as long as the variable `refresh_token_seconds` says.
    pub async fn new(now: i64) -> Result<Self, Problem> {
        let seconds = config::number("refresh_token_seconds", 30 * 24 * 60 * 60).await?.max(1);
        let expires_at = now.saturating_add(seconds.saturating_mul(1000));
        Ok(Self { token: host::new_secret()?, issued_at: now, expires_at })
    }

    /// Stores it for an active user; false when the user is not active (any more).
    pub fn store(&self, tx: &Transaction, family: &str, user: &str) -> Result<bool, DbError> {
        let rows = tx.run(
            "insert into refresh_tokens (token_hash, family, user_id, issued_at, expires_at)
             select ?, ?, id, ?, ? from users where id = ? and is_active = 1 returning 1",
            params![host::sha256(self.token.as_bytes()), family, self.issued_at, self.expires_at, user],
        )?;
        Ok(!rows.is_empty())
    }
}

/// Why families are revoked.
#[derive(Clone, Copy)]
pub enum Reason {
    /// Their holder signed out.
    Logout,
    /// An administrator deactivated the account.
    Admin,
    /// The password was changed.
    Reset,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Admin => "admin",
            Self::Reset => "reset",
        }
    }
}

/// Revokes every family of a user that may still be live. `run` is a connection's or a transaction's.
pub fn revoke_all(
    run: impl FnOnce(&str, Vec<Value>) -> Result<Rows, DbError>,
    user: &str,
    reason: Reason,
    now: i64,
) -> Result<(), DbError> {
    run(
        "insert into revoked_families (family, revoked_at, reason)
         select distinct family, ?, ? from refresh_tokens where user_id = ? and expires_at > ? on conflict do nothing",
        params![now, reason.as_str(), user, now],
    )?;
    Ok(())
}

/// POST `/api/auth/refresh`: `{refresh}` → a new pair. 401 for a token that is unknown, expired, revoked or reused.
pub async fn refresh(ClientAddress(address): ClientAddress, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<Json<Session>> {
    limit::check("refresh", &address, 3000, 60, now).await?;
    let mut fields = Fields::parse(&body)?;
    let presented = fields.alias("refresh", "refresh_token").text("refresh", REFRESH_LENGTH);
    fields.finish()?;

    let successor = Refresh::new(now).await?;
    let digest = host::sha256(presented.as_bytes());
    let account = db::transaction(|tx| exchange(tx, digest, &successor, now))?;
    let account = account.ok_or_else(|| Problem::unauthorized("the refresh token is not valid any more: sign in again"))?;
    Ok(Json(Session::open(account, successor.token, now).await?))
}

/// Exchanges a token for its successor; none when it is refused. A refusal may have revoked the family, hence no `Err`, which would
/// roll that back.
fn exchange(tx: &Transaction, digest: [u8; 32], successor: &Refresh, now: i64) -> Result<Option<Account>, Problem> {
    let rows = tx.run(
        concat!(
            "select ",
            account_columns!(),
            ", family, used_at, expires_at, exists (select 1 from revoked_families r where r.family = t.family)
             from refresh_tokens t join users u on u.id = t.user_id where token_hash = ?"
        ),
        params![digest],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    let account = Account::of(row)?;
    let family = row.text(10)?;
    match decide(row.opt_int(11)?, row.bool(13)?, row.int(12)?, now) {
        RefreshDecision::Rotate => {
            tx.run("update refresh_tokens set used_at = ? where token_hash = ?", params![now, digest])?;
        }
        RefreshDecision::ReissueWithinWindow => {}
        RefreshDecision::RevokeFamily => {
            tx.run(
                "insert into revoked_families (family, revoked_at, reason) values (?, ?, 'reuse') on conflict do nothing",
                params![family, now],
            )?;
            host::log("warn", "a refresh token was used again: its family is revoked", serde_json::json!({"user": account.id}));
            return Ok(None);
        }
        RefreshDecision::Expired | RefreshDecision::Revoked => return Ok(None),
    }
    Ok(successor.store(tx, family, &account.id)?.then_some(account))
}
