//! Login with a password.

use axum::Json;
use domain::role::Role;
use domain::{email, password};
use kit::db::{self, Database, Executor as _};
use kit::input::{Input, Secret, Text};
use kit::request::{BodyOrForm, Now};
use kit::{Answer, Problem, config, host, params};
use subtle::ConstantTimeEq as _;

use crate::account::{Account, is_first_admin};
use crate::hashes;
use crate::limit::{Limit, LimitedAddress};
use crate::lock::Pair;
use crate::refresh_tokens::RefreshToken;
use crate::session::Session;

/// Logins.
pub struct Logins;

impl Limit for Logins {
    const NAME: &'static str = "login";
    const PER_MINUTE: u32 = 1200;
}

/// Who logs in.
#[derive(Input)]
#[input(example = r#"{"email": "asha.patel@example.org", "password": "seven lanterns by the river"}"#)]
pub struct LoginRequest {
    /// In any case of its letters.
    #[input(alias("username"))]
    email: Text<1, { email::MAX_LEN }>,
    /// The password.
    password: Secret<{ password::MAX_BYTES }>,
}

/// Logs in with an e-mail address and a password.
///
/// The fields may come as a form as well, as OAuth 2 clients send them.
///
/// Ten failed attempts for one address from one client within 15 minutes lock the two out for 15 minutes.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    responses(
        (status = 401, description = "The address or the password is wrong, or the account is not active; it is not said which."),
        (status = 429, description = "Too many attempts failed, or too many came from this address; come back after `Retry-After`."),
    )
)]
pub async fn login(client: LimitedAddress<Logins>, Now(now): Now, BodyOrForm(request): BodyOrForm<LoginRequest>) -> Answer<Json<Session>> {
    let password = &*request.password;
    let pair = Pair { account: request.email.to_lowercase(), address: client.address };
    pair.refuse_locked(&Database, now)?;
    let account = match Account::by_email(&Database, &pair.account)? {
        Some(account) => Some(account),
        None => first_admin(&pair.account, password, now).await?,
    };
    let account = match account {
        Some(account) => Some(account).filter(|account| hashes::verify(password, &account.password_hash) && account.user.is_active),
        None => {
            hashes::verify_nobody(password)?;
            None
        }
    };
    let replacement = match &account {
        Some(account) if hashes::is_outdated(&account.password_hash) => Some(hashes::hash(password)?),
        _ => None,
    };

    let refresh = RefreshToken::new(now).await?;
    let family = host::new_id(now)?;
    let account = db::transaction(|transaction| -> Answer<_> {
        pair.record(transaction, account.is_some(), now)?;
        let Some(account) = account else { return Ok(None) };
        if let Some(replacement) = replacement {
            transaction.run(
                "update users set password_hash = ?, updated_at = ?, updated_by = id where id = ? and password_hash = ?",
                params![replacement, now, &account.user.id, &account.password_hash],
            )?;
        }
        Ok(refresh.store(transaction, &family, &account.user.id)?.then_some(account))
    })?;
    let account = account.ok_or_else(|| Problem::unauthorized("the e-mail address or the password is not right"))?;
    Ok(Json(Session::open(account.user, &family, refresh.token, now).await?))
}

/// The first administrator, made when the address and the password of the variables are used and nobody has that address.
async fn first_admin(email: &str, password: &str, now: i64) -> Result<Option<Account>, Problem> {
    let expected = config::get("admin_password").await?;
    // Of the digests, so that neither the time nor the length tells anything.
    let is_right: bool = host::sha256(password.as_bytes()).ct_eq(&host::sha256(expected.as_bytes())).into();
    if !is_right || expected.is_empty() || !is_first_admin(email).await? {
        return Ok(None);
    }
    Database.run(
        "insert into users (id, email, name, role, password_hash, created_at, updated_at, updated_by)
         values (?1, ?2, 'Administrator', ?3, ?4, ?5, ?5, 'system') on conflict (email) do nothing",
        params![host::new_id(now)?, email, Role::SuperAdmin, hashes::hash(password)?, now],
    )?;
    Account::by_email(&Database, email)
}
