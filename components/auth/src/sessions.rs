//! Signing in and out.

use axum::Json;
use domain::email;
use domain::password::MAX_BYTES;
use domain::role::Role;
use http::StatusCode;
use kit::caller::{Caller, SignedIn};
use kit::db;
use kit::fields::Fields;
use kit::request::{ClientAddress, JsonBytes, Now};
use kit::{Answer, Problem, config, host, limit, params};
use serde::Serialize;
use subtle::ConstantTimeEq as _;

use crate::accounts::{self, Account};
use crate::hashes;
use crate::lock::Pair;
use crate::refresh::{self, REFRESH_LENGTH, Reason, Refresh};
use crate::tokens::{self, Subject};

/// What a sign-in and a refresh answer; S2 clients read `access` and `refresh`.
#[derive(Serialize)]
pub struct Session {
    access: String,
    refresh: String,
    token_type: &'static str,
    expires_in: i64,
    user: SessionUser,
}

#[derive(Serialize)]
struct SessionUser {
    id: String,
    email: String,
    name: String,
    role: Role,
}

impl Session {
    /// A new access token beside a refresh token that is stored already.
    pub async fn open(account: Account, refresh: String, now: i64) -> Result<Self, Problem> {
        let subject = Subject { id: &account.id, role: account.role, device: account.device_code.as_deref() };
        let access = tokens::sign(subject, now).await?;
        let user = SessionUser { id: account.id, email: account.email, name: account.name, role: account.role };
        Ok(Self { access: access.token, refresh, token_type: "Bearer", expires_in: access.expires_in, user })
    }
}

/// POST `/api/auth/login`: `{email, password}`, also `{username, password}`. 401 whatever was wrong, 429 while the pair is locked.
pub async fn login(ClientAddress(address): ClientAddress, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<Json<Session>> {
    // Far above what people behind one address need: what keeps guesses out is the lock, this keeps the hashing from filling every core.
    limit::check("login", &address, 1200, 60, now).await?;
    let mut fields = Fields::parse(&body)?;
    let email = fields.alias("email", "username").text("email", 1..=email::MAX_LEN).to_lowercase();
    let password = fields.secret("password", MAX_BYTES);
    fields.finish()?;

    let pair = Pair { account: email, address };
    pair.refuse_locked(now)?;
    let account = match Account::by_email(&pair.account)? {
        Some(account) => Some(account),
        None => first_admin(&pair.account, &password, now).await?,
    };
    let account = match account {
        Some(account) => Some(account).filter(|account| hashes::verify(&password, &account.password_hash) && account.is_active),
        None => {
            hashes::verify_nobody(&password)?;
            None
        }
    };
    let replacement = match &account {
        Some(account) if hashes::is_outdated(&account.password_hash) => Some(hashes::hash(&password)?),
        _ => None,
    };

    let refresh = Refresh::new(now).await?;
    let family = host::new_id(now)?;
    let account = db::transaction(|tx| {
        pair.judge(tx, account.is_some(), now)?;
        let Some(account) = account else { return Ok(None) };
        if let Some(replacement) = replacement {
            tx.run(
                "update users set password_hash = ?, updated_at = ?, updated_by = id where id = ? and password_hash = ?",
                params![replacement, now, &account.id, &account.password_hash],
            )?;
        }
        Ok(refresh.store(tx, &family, &account.id)?.then_some(account))
    })?;
    let account = account.ok_or_else(|| Problem::unauthorized("the e-mail address or the password is not right"))?;
    Ok(Json(Session::open(account, refresh.token, now).await?))
}

/// The first administrator, made when the address and the password of the variables are used and nobody has that address.
async fn first_admin(email: &str, password: &str, now: i64) -> Result<Option<Account>, Problem> {
    let expected = config::get("admin_password").await?;
    // Of the digests, so that neither the time nor the length tells anything.
    let right: bool = host::sha256(password.as_bytes()).ct_eq(&host::sha256(expected.as_bytes())).into();
    if !right || expected.is_empty() || !accounts::is_first_admin(email).await? {
        return Ok(None);
    }
    db::run(
        "insert into users (id, email, name, role, password_hash, created_at, updated_at, updated_by)
         values (?, ?, 'Administrator', 'super_admin', ?, ?, ?, 'system') on conflict (email) do nothing",
        params![host::new_id(now)?, email, hashes::hash(password)?, now, now],
    )?;
    Account::by_email(email)
}

/// POST `/api/auth/logout`: `{refresh}` revokes its family; without it, an access token revokes all families of its holder. 204,
/// also for a refresh token that is not known or was revoked before.
pub async fn logout(Now(now): Now, caller: Result<Caller<SignedIn>, Problem>, JsonBytes(body): JsonBytes) -> Answer<StatusCode> {
    let mut refresh = None;
    if !body.is_empty() {
        let mut fields = Fields::parse(&body)?;
        refresh = fields.alias("refresh", "refresh_token").opt_text("refresh", REFRESH_LENGTH);
        fields.finish()?;
    }
    // An access token that has expired does not stand in the way of a refresh token.
    match refresh {
        Some(token) => {
            db::run(
                "insert into revoked_families (family, revoked_at, reason)
                 select family, ?, 'logout' from refresh_tokens where token_hash = ? on conflict do nothing",
                params![now, host::sha256(token.as_bytes())],
            )?;
        }
        None => refresh::revoke_all(db::run, &caller?.0.id, Reason::Logout, now)?,
    }
    Ok(StatusCode::NO_CONTENT)
}
