//! The change of an account's address: a code that is sent to the new one proves that its owner reads it. Nobody learns from it whether
//! another account has that address.

use axum::Json;
use const_format::concatcp;
use domain::one_time_code::{LIFETIME_MS, MAX_SENT, MAX_TRIES, WINDOW_MS};
use domain::time::AHEAD_TOLERANCE_MS;
use kit::api::Accepted;
use kit::caller::{Caller, Person, SignedIn};
use kit::db::{self, DbError, Executor as _, Fetch as _, Transaction};
use kit::input::{Input, Timestamp};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use crate::account::{COLUMNS, User, already_registered};
use crate::limit::{Limit, Limited};
use crate::one_time_code::{Code, new_code};

/// A new address that waits for its code.
#[derive(Serialize, FromRow, ToSchema)]
pub struct PendingEmail {
    /// In lower case.
    email: String,
    /// Until when the code is good.
    expires_at: Timestamp,
}

const PENDING: &str = concatcp!(
    "select email, expires_at from email_changes
     where user_id = ?1 and created_at > ?2 - ",
    LIFETIME_MS,
    " and used_at is null and expires_at > ?2
         and id = (select id from email_changes where user_id = ?1 order by created_at desc, id desc limit 1)"
);

/// The address that waits for its code, if one does.
pub fn pending(db: &dyn db::Executor, user: &str, now: i64) -> Answer<Option<PendingEmail>> {
    db.fetch_optional(PENDING, params![user, now])
}

/// Gives a change up.
pub fn cancel(transaction: &Transaction, user: &str, now: i64) -> Result<(), DbError> {
    let cancel = "update email_changes set expires_at = ?2 where user_id = ?1 and used_at is null and expires_at > ?2";
    transaction.run(cancel, params![user, now])?;
    Ok(())
}

const REQUEST: &str = concatcp!(
    "insert into email_changes (id, user_id, email, code_hash, created_at, expires_at)
     select ?1, ?2, ?3, ?4, ?5, ?5 + ",
    LIFETIME_MS,
    "
     where (select count(*) from email_changes where user_id = ?2 and created_at > ?5 - ",
    WINDOW_MS,
    " and created_at <= ?5 + ",
    AHEAD_TOLERANCE_MS,
    ") < ",
    MAX_SENT,
    "
         and (select count(*) from email_changes where email = ?3 and created_at > ?5 - ",
    WINDOW_MS,
    " and created_at <= ?5 + ",
    AHEAD_TOLERANCE_MS,
    ") < ",
    MAX_SENT,
    " returning 1"
);

const SEND: &str = "insert into outbox (topic, subject, recipient, mail_to, payload, created_at)
     values ('account.email_code', ?1, ?2, ?3, json_object(
         'id', ?1, 'severity', 'info',
         'message', ?4 || ' is the code that confirms this address. It is good for 10 minutes. If you did not ask for it, ignore this message.',
         'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', ?5 / 1000.0, 'unixepoch')
     ), ?5)";

/// Sends a code to an address of a user, a new one or their own; the codes before it are void. 429 after so many for the account, or for the
/// address. An address that has another account is sent nothing, and nothing else differs; `is_reserved` says that it is kept for one.
pub fn request(transaction: &Transaction, user: &str, email: &str, is_reserved: bool, now: i64) -> Answer<()> {
    let id = host::new_id(now)?;
    let code = new_code()?;
    let is_taken = is_reserved || transaction.exists("select 1 from users where email = ? and id <> ?", params![email, user])?;
    let hash = if is_taken { host::random::<32>()? } else { code_hash(&id, &code) };
    if !transaction.exists(REQUEST, params![&id, user, email, hash, now])? {
        return Err(Problem::too_many("too many codes were asked for: come back later", WINDOW_MS / 1000));
    }
    if !is_taken {
        transaction.run(SEND, params![&id, user, email, code, now])?;
    }
    Ok(())
}

/// The id makes each code's digest differ. Six digits can be tried out against it: the digest keeps a code from view, the tries and the
/// ten minutes are what protects it.
fn code_hash(id: &str, code: &str) -> [u8; 32] {
    host::sha256(format!("{id}\n{code}").as_bytes())
}

/// Tries at codes.
pub struct Codes;

impl Limit for Codes {
    const NAME: &'static str = "email-code";
    const PER_MINUTE: u32 = 1200;
}

/// The code that was sent to the new address.
#[derive(Input)]
#[input(example = r#"{"code": "048151"}"#)]
pub struct EmailConfirmation {
    #[input(alias("otp"))]
    code: Code,
}

/// The newest wish of an account, whose tries this one is counted among.
#[derive(FromRow)]
struct Tried {
    id: String,
    email: String,
    code_hash: Vec<u8>,
}

const TRY: &str = concatcp!(
    "update email_changes set tries = tries + 1
     where id = (select id from email_changes where user_id = ?1 order by created_at desc, id desc limit 1)
         and used_at is null and expires_at > ?2 and tries < ",
    MAX_TRIES,
    " returning id, email, code_hash"
);

const CHANGE: &str = concatcp!(
    "update users set email = ?2, email_confirmed_at = ?3, updated_at = ?3, updated_by = id where id = ?1 and is_active = 1 returning ",
    COLUMNS
);

/// Sends a code to the caller's own address, to confirm that its owner reads it.
///
/// Where the variable `confirm_email` is on, an account that has not confirmed its address can neither book nor reserve. A change of the
/// address that waits for its code is given up.
#[utoipa::path(
    post,
    path = "/api/users/me/email/code",
    responses((status = 429, description = "Too many codes for the account or the address; come back after `Retry-After`."))
)]
pub async fn send_code(caller: Caller<Person>, Now(now): Now) -> Answer<Accepted<PendingEmail>> {
    db::transaction(|transaction| {
        let email = "select email from users where id = ? and is_active = 1";
        let email: Option<String> = transaction.fetch_scalar(email, params![&caller.0.id])?;
        let email = email.ok_or_else(|| Problem::unauthorized("this is no active user's account"))?;
        request(transaction, &caller.0.id, &email, false, now)?;
        Ok(Accepted(PendingEmail { email, expires_at: Timestamp(now + LIFETIME_MS) }))
    })
}

/// Confirms an address of the caller's account, a new one or its own, with the code that was sent to it.
///
/// The old address is told of a new one. A code is good for 10 minutes, for one use, and for five tries; only the newest counts.
#[utoipa::path(
    post,
    path = "/api/users/me/email/confirm",
    responses((status = 409, description = "This e-mail address has got an account in the meantime."))
)]
pub async fn confirm(caller: Caller<SignedIn>, Now(now): Now, request: Limited<Codes, Body<EmailConfirmation>>) -> Answer<Json<User>> {
    let (user, Body(confirmation)) = (&caller.0.id, request.body);
    // A wrong code is no error inside: the try must be counted, and an error would take that back.
    let changed = db::transaction(|transaction| -> Answer<Option<User>> {
        let tried: Option<Tried> = transaction.fetch_optional(TRY, params![user, now])?;
        let Some(Tried { id, email, code_hash: expected }) = tried else { return Ok(None) };
        let is_right: bool = code_hash(&id, &confirmation.code).as_slice().ct_eq(&expected).into();
        if !is_right {
            return Ok(None);
        }
        transaction.run("update email_changes set used_at = ? where id = ?", params![now, id])?;
        let rows = transaction.run(CHANGE, params![user, email, now]).map_err(|error| match error {
            DbError::Unique(_) => already_registered(),
            other => other.into(),
        })?;
        rows.first().map(User::from_row).transpose()
    })?;
    changed.map(Json).ok_or_else(|| Problem::invalid_field("code", "is wrong, was used, or has expired"))
}
