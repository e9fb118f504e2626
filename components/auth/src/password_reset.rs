//! A forgotten password: a code that is mailed to the account's address proves that its owner reads it, and sets a new one.
//!
//! Nobody learns from it whether an address has an account: the same statements are run, the same rows written and the same answers given for
//! one that has none. Codes are kept as keyed hashes, and addresses too; a code stands in clear in the message alone that takes it to its owner.

use axum::Json;
use const_format::concatcp;
use domain::one_time_code::{LIFETIME_MS, MAX_RESETS, MAX_RESETS_FROM_NETWORK, MAX_SENT, MAX_TRIES, RESET_DAY_MS, WINDOW_MS};
use domain::time::AHEAD_TOLERANCE_MS;
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::input::{At, Input, Timestamp};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::security::Kind;
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::limit::{Limit, Limited};
use crate::one_time_code::{Code, Hashes, new_code};
use crate::person::{Email, Password};
use crate::refresh_tokens::{self, Reason};
use crate::{hashing, pseudonym};

/// Requests for codes, and tries at them.
pub struct Resets;

impl Limit for Resets {
    const NAME: &'static str = "password-reset";
    const PER_MINUTE: u32 = 1200;
}

/// Whose password is forgotten.
#[derive(Input)]
#[input(example = r#"{"email": "asha.patel@example.org"}"#)]
pub struct PasswordResetRequest {
    /// The address of the account.
    email: Email,
}

/// A code that was sent.
#[derive(Input)]
#[input(example = r#"{"email": "asha.patel@example.org", "otp": "048151"}"#)]
pub struct PasswordResetCode {
    /// The address that it was asked for.
    email: Email,
    #[input(alias("code"))]
    otp: Code,
}

/// A new password, with the code that was sent.
#[derive(Input)]
#[input(check, example = r#"{"email": "asha.patel@example.org", "otp": "048151", "new_password": "seven lanterns by the river"}"#)]
pub struct PasswordReset {
    /// The address that it was asked for.
    email: Email,
    #[input(alias("code"))]
    otp: Code,
    /// At least 12 characters, not easily guessed.
    #[input(alias("password"))]
    new_password: Password,
}

impl PasswordReset {
    fn check(&self, at: &mut At<'_>) {
        if let Some(fault) = self.new_password.fault_for(&self.email, "") {
            at.refuse_field("new_password", fault);
        }
    }
}

/// What was asked for is under way, if there is such an account.
#[derive(Serialize, ToSchema)]
pub struct PasswordResetSent {
    /// In a sentence, the same for every address.
    message: &'static str,
    /// Until when a code that was sent now is good.
    expires_at: Timestamp,
}

/// A code that is right.
#[derive(Serialize, ToSchema)]
pub struct PasswordResetVerified {
    /// True.
    verified: bool,
    /// Until when it is good.
    expires_at: Timestamp,
}

/// That the new password counts.
#[derive(Serialize, ToSchema)]
pub struct PasswordResetDone {
    /// In a sentence.
    #[schema(example = "The password is set: sign in with it.")]
    message: &'static str,
}

const COUNT: &str = concatcp!(" and created_at <= ?6 + ", AHEAD_TOLERANCE_MS, ") < ");

/// `?1` id, `?2` the address's hash, `?3` the address, `?4` network, `?5` the code's hash, `?6` now.
const REQUEST: &str = concatcp!(
    "insert into password_resets (id, address, user_id, network, code_hash, created_at, expires_at)
     select ?1, ?2, u.id, ?4, ?5, ?6, ?6 + ",
    LIFETIME_MS,
    " from (select 1) left join users u on u.email = ?3 and u.is_active = 1
     where (select count(*) from password_resets where address = ?2 and created_at > ?6 - ",
    WINDOW_MS,
    COUNT,
    MAX_SENT,
    " and (select count(*) from password_resets where address = ?2 and created_at > ?6 - ",
    RESET_DAY_MS,
    COUNT,
    MAX_RESETS,
    " and (select count(*) from password_resets where user_id = u.id and created_at > ?6 - ",
    WINDOW_MS,
    COUNT,
    MAX_SENT,
    " and (select count(*) from password_resets where network = ?4 and created_at > ?6 - ",
    WINDOW_MS,
    COUNT,
    MAX_RESETS_FROM_NETWORK,
    " returning user_id"
);

#[derive(FromRow)]
struct Asked {
    user_id: Option<String>,
}

/// Without an account it is done with as soon as it is written: nobody is told.
const SEND: &str = "insert into outbox (topic, subject, recipient, urgent, mail_to, payload, created_at, expanded_at)
     values ('account.reset_code', ?1, ?2, 1, iif(?2 is null, null, ?3), json_object(
         'id', ?1, 'severity', 'info',
         'message', ?4 || ' sets a new password for your account. It is good for 10 minutes. If you did not ask for it, ignore this message: your password is as it was.',
         'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', ?5 / 1000.0, 'unixepoch')
     ), ?5, iif(?2 is null, ?5, null))";

/// Sends a code for a new password to an address, if an active account has it.
///
/// The answer is the same for every address, and so is the work behind it. The code leaves within five seconds. A code is good for 10 minutes, for one use and five tries; only the
/// newest of an address counts.
#[utoipa::path(
    post,
    path = "/v0/api/mail/request-password-reset",
    responses((status = 429, description = "Too many codes for the address, or from this client; come back after `Retry-After`."))
)]
pub async fn request(Now(now): Now, request: Limited<Resets, Body<PasswordResetRequest>>) -> Answer<Json<PasswordResetSent>> {
    let Limited { client, body: Body(PasswordResetRequest { email }), .. } = request;
    let hashes = Hashes::of(&email).await?;
    let (id, code) = (host::new_id(now)?, new_code()?);
    let code_hash = hashes.code(&id, &code);
    db::transaction(|transaction| -> Answer<()> {
        let params = params![&id, hashes.address, &*email, &client.network, code_hash, now];
        let asked: Option<Asked> = transaction.fetch_optional(REQUEST, params)?;
        let Asked { user_id } = asked.ok_or_else(|| {
            let problem = Problem::too_many("too many codes were asked for: come back later", WINDOW_MS / 1000);
            problem.logged_as(Kind::ExcessRateLimitExceeded, None, Resets::NAME)
        })?;
        transaction.run(SEND, params![id, user_id, &*email, code, now])?;
        Ok(())
    })?;
    // The dispatcher is not woken: whoever asked next would feel whether it is at work. It looks for what is urgent every few seconds.
    let message = "If this address has an account, a code is on its way to it.";
    Ok(Json(PasswordResetSent { message, expires_at: Timestamp(now + LIFETIME_MS) }))
}

/// The newest request for an address, among whose tries this one is counted.
#[derive(FromRow)]
struct Tried {
    id: String,
    code_hash: Vec<u8>,
    expires_at: Timestamp,
    user_id: Option<String>,
    /// Of the account, while it is active and has the address that the code was sent to.
    name: Option<String>,
}

/// What a right code opens.
struct Proved {
    id: String,
    user: String,
    name: String,
    expires_at: Timestamp,
}

/// One statement, so that of many tries at once no more than five are heard.
const TRY: &str = concatcp!(
    "update password_resets set tries = tries + 1
     where id = (select id from password_resets where address = ?1 order by created_at desc, id desc limit 1)
         and used_at is null and expires_at > ?2 and tries < ",
    MAX_TRIES,
    " returning id, code_hash, expires_at, user_id,
         (select name from users u where u.id = password_resets.user_id and u.email = ?3 and u.is_active = 1) as name"
);

async fn prove(email: &str, code: &str, now: i64) -> Answer<Proved> {
    let hashes = Hashes::of(email).await?;
    let tried: Option<Tried> = Database.fetch_optional(TRY, params![hashes.address, now, email])?;
    match tried.filter(|tried| hashes.is_code(&tried.id, &tried.code_hash, code)) {
        Some(Tried { id, expires_at, user_id: Some(user), name: Some(name), .. }) => Ok(Proved { id, user, name, expires_at }),
        _ => Err(wrong().logged_as(Kind::AuthnPasswordChangeFail, Some(pseudonym::of(email).await?), "wrong_code")),
    }
}

fn wrong() -> Problem {
    Problem::invalid_field("otp", "is wrong, was used, or has expired")
}

/// Tells whether a code is right, and leaves it good.
///
/// It counts among the code's five tries.
#[utoipa::path(post, path = "/v0/api/mail/verify-otp")]
pub async fn verify(Now(now): Now, request: Limited<Resets, Body<PasswordResetCode>>) -> Answer<Json<PasswordResetVerified>> {
    let Body(PasswordResetCode { email, otp }) = request.body;
    let Proved { expires_at, .. } = prove(&email, &otp, now).await?;
    Ok(Json(PasswordResetVerified { verified: true, expires_at }))
}

/// The address is proved by the way.
const SET: &str = "update users
     set password_hash = ?2, email_confirmed_at = coalesce(email_confirmed_at, ?3), updated_at = ?3, updated_by = id
     where id = ?1 and is_active = 1 and email = ?4 returning 1";

const TELL: &str = "insert into outbox (topic, subject, recipient, mail_to, payload, created_at)
     values ('account.password_reset', ?1, ?2, ?3, json_object(
         'id', ?1, 'severity', 'info',
         'message', 'Your account has a new password, and all its sessions have ended. If it was not you who set it, tell an administrator at once.',
         'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', ?4 / 1000.0, 'unixepoch')
     ), ?4)";

/// Sets a new password with a code, and ends all sessions of the account.
///
/// Its owner is told of it by mail. The failed sign-ins of this client count no more.
#[utoipa::path(
    post,
    path = "/v0/api/mail/reset-password",
    responses((status = 429, description = "Too many tries from this client; come back after `Retry-After`."))
)]
pub async fn reset(Now(now): Now, request: Limited<Resets, Body<PasswordReset>>) -> Answer<Json<PasswordResetDone>> {
    let Limited { client, body: Body(PasswordReset { email, otp, new_password }), .. } = request;
    let Proved { id, user, name, .. } = prove(&email, &otp, now).await?;
    // Its code stays good for a better one.
    if let Some(fault) = new_password.fault_for(&email, &name) {
        return Err(Problem::invalid_field("new_password", fault));
    }
    let hash = hashing::hash(&new_password).await?;
    db::transaction(|transaction| -> Answer<()> {
        let used = "update password_resets set used_at = ?2 where id = ?1 and used_at is null and expires_at > ?2 returning 1";
        if !transaction.exists(used, params![&id, now])? || !transaction.exists(SET, params![&user, hash, now, &*email])? {
            return Err(wrong());
        }
        refresh_tokens::revoke_all(transaction, &user, Reason::Reset, now)?;
        transaction.run("delete from login_failures where account = ? and address = ?", params![&*email, &client.network])?;
        transaction.run(TELL, params![id, user, &*email, now])?;
        Ok(())
    })?;
    Ok(Json(PasswordResetDone { message: "The password is set: sign in with it." }))
}
