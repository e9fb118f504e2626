//! Refresh tokens: opaque, kept as a digest, revoked by family: one login and all that followed from it (RFC 9700 section 4.14.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use const_format::concatcp;
use hmac::Mac as _;
use kit::db::{Database, DbError, Executor, Fetch as _, Transaction};
use kit::input::Secret;
use kit::{Answer, Problem, config, host, params};
use strum::IntoStaticStr;

use crate::account::Account;
use crate::keys;
use crate::lock::{Attempt, STILL_STANDS, Standing};

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
    /// The first of a family: 32 random bytes that live as long as the variable `refresh_token_seconds` says.
    pub async fn first(now: i64) -> Result<Self, Problem> {
        Self::new(host::new_secret()?, now).await
    }

    /// The one that follows `token`, made of it: whoever asks twice, since the first answer may have been lost, gets the same again, so that
    /// a family is one chain. Without the signing key it cannot be told from random bytes.
    pub async fn after(token: &str, now: i64) -> Result<Self, Problem> {
        let mut mac = keys::hmac(&keys::derived("refresh token").await?);
        mac.update(token.trim().as_bytes());
        Self::new(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()), now).await
    }

    async fn new(token: String, now: i64) -> Result<Self, Problem> {
        let expires_at = now.saturating_add(lifetime_s().await?.saturating_mul(1000));
        Ok(Self { token, issued_at: now, expires_at })
    }

    /// Stores it for an active user who sent its predecessor from this network; false when the user is not active (any more). One that is
    /// stored already stays as it is.
    pub fn store(&self, transaction: &Transaction, family: &str, user: &str, network: &str) -> Result<bool, DbError> {
        let stored = transaction.run(
            "insert into refresh_tokens (token_hash, family, user_id, issued_at, expires_at, network)
             select ?, ?, id, ?, ?, ? from users where id = ? and is_active = 1
             on conflict (token_hash) do update set family = family returning 1",
            params![digest(&self.token), family, self.issued_at, self.expires_at, network, user],
        )?;
        Ok(!stored.is_empty())
    }

    /// Stores it for the account that this attempt has proved its password of: false, and nothing stored, when the attempt does not stand
    /// where it stood any more, or the account has another password by now or is not active.
    pub fn store_first(&self, family: &str, account: &Account, attempt: &Attempt, standing: &Standing) -> Answer<bool> {
        let mut params = attempt.conditions(standing);
        params.extend(params![digest(&self.token), family, self.issued_at, self.expires_at, &account.user.id, &account.password_hash]);
        Database.exists(STORE_FIRST, params)
    }
}

const STORE_FIRST: &str = concatcp!(
    "insert into refresh_tokens (token_hash, family, user_id, issued_at, expires_at, network)
     select ?11, ?12, id, ?13, ?14, ?2 from users where id = ?15 and is_active = 1 and password_hash = ?16 and ",
    STILL_STANDS,
    " returning 1"
);

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

/// Revokes every family of a user that may still be live, and forgets the devices that the user has signed in on.
pub fn revoke_all(transaction: &Transaction, user: &str, reason: Reason, now: i64) -> Result<(), DbError> {
    transaction.run(FORGET_DEVICES, params![user])?;
    transaction.run(
        "insert into revoked_families (family, revoked_at, reason)
         select distinct family, ?1, ?2 from refresh_tokens where user_id = ?3 and expires_at > ?1 on conflict do nothing",
        params![now, reason.into_str(), user],
    )?;
    Ok(())
}

const FORGET_DEVICES: &str = "insert into device_generations (user_id, generation) select id, 1 from users where id = ?
     on conflict (user_id) do update set generation = generation + 1";
