//! Refresh tokens: opaque, kept as a digest, revoked by family: one login and all that followed from it (RFC 9700 section 4.14.2).

use kit::db::{DbError, Executor, Transaction};
use kit::input::Secret;
use kit::{Problem, config, host, params};
use strum::IntoStaticStr;

/// A refresh token as a client presents it. Ours have 43 characters; what else is sent is looked up in vain.
pub type PresentedToken = Secret<512, 1>;

/// The form in which a token is kept. A line feed that came along when it was copied is no part of it.
pub fn digest(token: &str) -> [u8; 32] {
    host::sha256(token.trim().as_bytes())
}

/// How long a refresh token lives, seconds: the variable `refresh_token_seconds`.
pub async fn lifetime_s() -> Result<i64, Problem> {
    Ok(config::number("refresh_token_seconds", 30 * 24 * 60 * 60).await?.max(1))
}

/// A refresh token that is about to be given.
pub struct RefreshToken {
    /// What the client gets; only its digest is stored.
    pub token: String,
    issued_at: i64,
    expires_at: i64,
}

impl RefreshToken {
    /// 32 random bytes that live as long as the variable `refresh_token_seconds` says.
    pub async fn new(now: i64) -> Result<Self, Problem> {
        let expires_at = now.saturating_add(lifetime_s().await?.saturating_mul(1000));
        Ok(Self { token: host::new_secret()?, issued_at: now, expires_at })
    }

    /// Stores it for an active user; false when the user is not active (any more).
    pub fn store(&self, transaction: &Transaction, family: &str, user: &str) -> Result<bool, DbError> {
        let stored = transaction.run(
            "insert into refresh_tokens (token_hash, family, user_id, issued_at, expires_at)
             select ?, ?, id, ?, ? from users where id = ? and is_active = 1 returning 1",
            params![digest(&self.token), family, self.issued_at, self.expires_at, user],
        )?;
        Ok(!stored.is_empty())
    }
}

/// Why a family is revoked.
#[derive(Clone, Copy, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Reason {
    /// Its holder logged out.
    Logout,
    /// An administrator deactivated the account.
    Admin,
    /// The password was changed.
    Reset,
    /// One of its tokens was used a second time.
    Reuse,
}

/// Revokes a family.
pub fn revoke_family(db: &dyn Executor, family: &str, reason: Reason, now: i64) -> Result<(), DbError> {
    db.run(
        "insert into revoked_families (family, revoked_at, reason) values (?, ?, ?) on conflict do nothing",
        params![family, now, reason.into_str()],
    )?;
    Ok(())
}

/// Revokes the family of a token, if it is known.
pub fn revoke_family_of(db: &dyn Executor, token: &str, reason: Reason, now: i64) -> Result<(), DbError> {
    db.run(
        "insert into revoked_families (family, revoked_at, reason)
         select family, ?, ? from refresh_tokens where token_hash = ? on conflict do nothing",
        params![now, reason.into_str(), digest(token)],
    )?;
    Ok(())
}

/// Revokes every family of a user that may still be live.
pub fn revoke_all(db: &dyn Executor, user: &str, reason: Reason, now: i64) -> Result<(), DbError> {
    db.run(
        "insert into revoked_families (family, revoked_at, reason)
         select distinct family, ?1, ?2 from refresh_tokens where user_id = ?3 and expires_at > ?1 on conflict do nothing",
        params![now, reason.into_str(), user],
    )?;
    Ok(())
}
