//! Login with a password.

use axum::Json;
use domain::role::Role;
use domain::{email, password};
use http::HeaderMap;
use http::header::SET_COOKIE;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::input::{Input, Secret, Text};
use kit::request::{BodyOrForm, Now};
use kit::security::Kind;
use kit::{Answer, Problem, config, host, params};
use subtle::ConstantTimeEq as _;

use crate::account::{Account, is_first_admin};
use crate::limit::{Limit, Limited};
use crate::lock::Attempt;
use crate::refresh_tokens::RefreshToken;
use crate::session::Session;
use crate::{hashes, known_device, refresh_tokens, session_cookie};

/// Logins.
pub struct Logins;

impl Limit for Logins {
    const NAME: &'static str = "login";
    const PER_MINUTE: u32 = 600;
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
    /// Whether the refresh token comes as a cookie that scripts cannot read, rather than in the answer: for pages of this origin.
    cookie: Option<bool>,
}

/// Logs in with an e-mail address and a password.
///
/// The fields may come as a form as well, as OAuth 2 clients send them.
///
/// Ten failed attempts for one account from one client within 15 minutes lock the two out for 15 minutes; a hundred within an hour, wherever
/// they come from, lock out devices that the account has not used before, and sixty from one client within a minute, whatever the accounts, do
/// so for that client. The cookie that a success sets makes the device known: a client that keeps it is not locked out by what others try. It
/// says nothing any more after a new password, or the end of all sessions.
///
/// With `cookie`, the refresh token is set as the cookie `__Host-gatehouse_session` (`HttpOnly`, `SameSite=Strict`; `gatehouse_session` over
/// plain HTTP), which only refreshes and logouts of pages of this origin use.
#[utoipa::path(
    post,
    path = "/api/auth/login",
    responses(
        (status = 403, description = "A cookie is asked for by a page of another origin."),
        (status = 401, description = "The address or the password is wrong, or the account is not active; it is not said which."),
        (status = 429, description = "Too many attempts failed, or too many came from this address; come back after `Retry-After`."),
    )
)]
pub async fn login(
    Now(now): Now,
    headers: HeaderMap,
    request: Limited<Logins, BodyOrForm<LoginRequest>>,
) -> Answer<(HeaderMap, Json<Session>)> {
    let Limited { client, body: BodyOrForm(LoginRequest { email, password, cookie }), .. } = request;
    let in_cookie = cookie.unwrap_or(false);
    if in_cookie {
        session_cookie::require_own_origin(&headers, client.is_https)?;
    }
    let attempt = Attempt::new(email.to_lowercase(), &client, &headers, now).await?;
    let (refresh, family) = (RefreshToken::first(now).await?, host::new_id(now)?);
    let mut proof = Proof::default();
    for _ in 0..MAX_TRIES {
        let standing = attempt.stand(&Database)?;
        let account = standing.account.as_ref();
        if account.is_none() && first_admin(&attempt.account, &password, now).await? {
            continue;
        }
        match proof.judge(account, &password)? {
            Ok(account) => {
                if refresh.store_first(&family, account, &attempt, &standing)? {
                    attempt.clear(&Database, &standing)?;
                    let generation = replace_outdated(account, &password, now)?.unwrap_or(standing.generation);
                    let mut cookies = HeaderMap::new();
                    if in_cookie {
                        cookies = session_cookie::set(&headers, client.is_https, &refresh.token, refresh_tokens::lifetime_s().await?)?;
                    }
                    cookies.append(SET_COOKIE, known_device::set_cookie(&attempt.account, generation, client.is_https, now).await?);
                    let token = Some(refresh.token).filter(|_| !in_cookie);
                    return Ok((cookies, Json(Session::open(&account.user, &family, token, now).await?)));
                }
            }
            Err(reason) => {
                if attempt.fail(&Database, &standing)? {
                    let account = account.map_or(attempt.pseudonym(), |account| &account.user.id).to_owned();
                    let problem = Problem::unauthorized("the e-mail address or the password is not right");
                    return Err(problem.logged_as(Kind::AuthnLoginFail, Some(account), reason));
                }
            }
        }
    }
    Err(Problem::unavailable("too many sign in to this account at once: come back later", 1))
}

/// So often an attempt begins anew because another one has changed where it stands: each time one more failure is counted, or cleared, and ten
/// lock it out.
const MAX_TRIES: usize = 24;

/// What a password has been tried against: that takes its time once, however often an attempt begins anew.
#[derive(Default)]
struct Proof {
    /// The hash, none of an account that does not exist, and whether the password fits.
    tried: Option<(Option<String>, bool)>,
}

impl Proof {
    /// The account, when it is active and the password is its own; else why not, which the log alone is told. Whatever fails takes as long.
    fn judge<'a>(&mut self, account: Option<&'a Account>, password: &str) -> Answer<Result<&'a Account, &'static str>> {
        let hash = account.map(|account| &account.password_hash);
        let fits = match &self.tried {
            Some((tried, fits)) if tried.as_ref() == hash => *fits,
            _ => {
                let fits = match hash {
                    Some(hash) => hashes::verify(password, hash),
                    None => hashes::verify_nobody(password).map(|()| false)?,
                };
                self.tried = Some((hash.cloned(), fits));
                fits
            }
        };
        Ok(match account {
            None => Err("unknown_account"),
            Some(_) if !fits => Err("wrong_password"),
            Some(account) if !account.user.is_active => Err("inactive_account"),
            Some(account) => Ok(account),
        })
    }
}

/// Replaces a hash of another system, or with other parameters; the account's generation, when that has done so: a trigger may have raised it.
fn replace_outdated(account: &Account, password: &str, now: i64) -> Answer<Option<i64>> {
    if !hashes::is_outdated(&account.password_hash) {
        return Ok(None);
    }
    Database.run(
        "update users set password_hash = ?, updated_at = ?, updated_by = id where id = ? and password_hash = ?",
        params![hashes::hash(password)?, now, &account.user.id, &account.password_hash],
    )?;
    Database.fetch_scalar("select coalesce((select generation from device_generations where user_id = ?), 0)", params![&account.user.id])
}

/// Makes the first administrator when the address and the password of the variables are used and nobody has that address; whether it did, or
/// another request at the same moment.
async fn first_admin(email: &str, password: &str, now: i64) -> Answer<bool> {
    let expected = config::get("admin_password").await?;
    // Of the digests, so that neither the time nor the length tells anything.
    let is_right: bool = host::sha256(password.as_bytes()).ct_eq(&host::sha256(expected.as_bytes())).into();
    if !is_right || expected.is_empty() || !is_first_admin(email).await? {
        return Ok(false);
    }
    Database.run(
        "insert into users (id, email, name, role, password_hash, created_at, updated_at, updated_by)
         values (?1, ?2, 'Administrator', ?3, ?4, ?5, ?5, 'system') on conflict (email) do nothing",
        params![host::new_id(now)?, email, Role::SuperAdmin, hashes::hash(password)?, now],
    )?;
    Ok(true)
}
