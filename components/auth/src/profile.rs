//! One's own account.

use axum::Json;
use const_format::concatcp;
use domain::password;
use domain::preference::{HourCycle, Language};
use domain::time::MINUTE_MS;
use http::HeaderMap;
use kit::caller::{Caller, SignedIn};
use kit::client::ClientAddress;
use kit::db::{self, Database, Fetch as _};
use kit::input::{At, Input, Object, Patch, Property, Schemas, Secret, Timestamp};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::security::Kind;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::account::{Account, COLUMNS, User, is_first_admin};
use crate::email_change::{self, PendingEmail};
use crate::hashing;
use crate::lock::Attempt;
use crate::person::{Email, Name, Password, Phone};
use crate::refresh_tokens::{self, Reason};

/// A change of one's own account: what is not sent stays.
#[derive(Input)]
#[input(read_only("id", "role", "device_code", "is_active", "email_confirmed_at", "pending_email", "created_at", "updated_at"))]
#[input(example = r#"{"name": "Asha Patel", "phone": null, "language": "gu", "hour_cycle": "h12"}"#)]
pub struct ProfileChange {
    /// The name by which the person is addressed.
    name: Option<Name>,
    /// A new address: a code is sent to it, and the account keeps the old one until the code is confirmed. It takes the `current_password` too when
    /// the session is older than 15 minutes. The present address gives a change up that waits.
    email: Option<Email>,
    /// Null takes it away.
    phone: Patch<Phone>,
    /// The language in which they read the console; null for that of their browser.
    language: Patch<Language>,
    /// How they read the hours of a day; null for the way of their language.
    hour_cycle: Patch<HourCycle>,
    #[input(flatten)]
    password: PasswordChange,
}

/// A new password, which takes the current one; and the current one, which a new address may take.
pub struct PasswordChange {
    current: Option<CurrentPassword>,
    new: Option<Password>,
}

type CurrentPassword = Secret<{ password::MAX_BYTES }>;

impl Input for PasswordChange {
    const NAME: &'static str = "PasswordChange";
    const DESCRIPTION: &'static str = "";

    fn read(object: &Object, at: &mut At<'_>) -> Option<Self> {
        if !object.contains_key("password") {
            return at.field(object, "current_password", &[]).map(|current| Self { current, new: None });
        }
        let current: Option<CurrentPassword> = at.field(object, "current_password", &[]);
        let new: Option<Password> = at.field(object, "password", &[]);
        Some(Self { current: Some(current?), new: Some(new?) })
    }

    fn knows(name: &str) -> bool {
        ["current_password", "password"].contains(&name)
    }

    fn properties(schemas: &mut Schemas) -> Vec<Property> {
        let current = Property::new::<Option<CurrentPassword>>(
            "current_password",
            &[],
            "Must be sent with a `password`, and with a new `email` when the session is older than 15 minutes.",
            false,
            schemas,
        );
        let new =
            Property::new::<Password>("password", &[], "A new one; ends all sessions, and no device is known any more.", false, schemas);
        vec![Property { required: false, ..current }, Property { required: false, ..new }]
    }
}

/// For how long a session is taken for that of whoever has given the password, milliseconds.
const FRESH_MS: i64 = 15 * MINUTE_MS;

fn not_active() -> Problem {
    Problem::unauthorized("this is no active user's account")
}

fn find_own(caller: &Caller<SignedIn>) -> Answer<Account> {
    Account::by_id(&Database, &caller.0.id)?.filter(|account| account.user.is_active).ok_or_else(not_active)
}

/// One's own account.
#[derive(Serialize, ToSchema)]
pub struct OwnAccount {
    #[serde(flatten)]
    user: User,
    #[serde(flatten)]
    own: OwnDetails,
    /// The address that waits for its code; null when none does.
    pending_email: Option<PendingEmail>,
}

/// What only its owner is shown.
#[derive(Serialize, FromRow, ToSchema)]
pub struct OwnDetails {
    /// When its owner confirmed the address by a code; null when they have not.
    email_confirmed_at: Option<Timestamp>,
    /// The language in which they read the console; null for that of their browser.
    language: Option<Language>,
    /// How they read the hours of a day; null for the way of their language.
    hour_cycle: Option<HourCycle>,
}

impl OwnAccount {
    fn of(user: User, now: i64) -> Answer<Json<Self>> {
        let pending_email = email_change::pending(&Database, &user.id, now)?;
        let own = "select email_confirmed_at, language, hour_cycle from users where id = ?";
        let own = Database.fetch_optional(own, params![&user.id])?.ok_or_else(not_active)?;
        Ok(Json(Self { user, own, pending_email }))
    }
}

/// Returns the caller's own account.
#[utoipa::path(get, path = "/api/users/me")]
pub async fn read(caller: Caller<SignedIn>, Now(now): Now) -> Answer<Json<OwnAccount>> {
    OwnAccount::of(find_own(&caller)?.user, now)
}

const UPDATE: &str = concatcp!(
    "update users set name = coalesce(?1, name), phone = iif(?2, ?3, phone), password_hash = coalesce(?4, password_hash),
         language = iif(?8, ?9, language), hour_cycle = iif(?10, ?11, hour_cycle), updated_at = ?5, updated_by = id
     where id = ?6 and is_active = 1 and (?4 is null or password_hash = ?7) returning ",
    COLUMNS
);

/// Changes the caller's own account.
///
/// A new password takes the current one, and ends all sessions. Wrong guesses at the current one count as failed logins. A new `email` is
/// sent a code of six digits, whether or not another account has it, and becomes the account's when the code is confirmed; whoever finds a
/// session open cannot take the account with it, since it takes the current password once the session is older than 15 minutes.
#[utoipa::path(
    patch,
    path = "/api/users/me",
    responses((
        status = 429,
        description = "Too many guesses at the current password, or too many codes for the account or the address; come back after `Retry-After`."
    ))
)]
pub async fn update(
    caller: Caller<SignedIn>,
    client: ClientAddress,
    headers: HeaderMap,
    Now(now): Now,
    Body(change): Body<ProfileChange>,
) -> Answer<Json<OwnAccount>> {
    let account = find_own(&caller)?;
    let password_hash = match &change.password {
        PasswordChange { current: Some(current), new: Some(new) } => {
            let name = change.name.as_deref().unwrap_or(&account.user.name);
            if let Some(fault) = new.fault_for(&account.user.email, name) {
                return Err(Problem::invalid_field("password", fault));
            }
            let attempt = Attempt::new(account.user.email.clone(), &client, &headers, now).await?;
            Some(replace(&account, &attempt, current, new).await?)
        }
        PasswordChange { current, .. } => {
            let is_new = change.email.as_deref().is_some_and(|email| *email != account.user.email);
            if is_new && !is_fresh(&caller, now) {
                let current = current.as_deref().ok_or_else(|| {
                    let reason = "is required for a new address: the password was given more than 15 minutes ago";
                    Problem::invalid_field("current_password", reason)
                })?;
                let attempt = Attempt::new(account.user.email.clone(), &client, &headers, now).await?;
                prove(&account, &attempt, current).await?;
            }
            None
        }
    };
    let is_reserved = match &change.email {
        Some(email) => is_first_admin(email).await?,
        None => false,
    };
    let changes_account = change.name.is_some()
        || change.phone.is_sent()
        || change.language.is_sent()
        || change.hour_cycle.is_sent()
        || password_hash.is_some();
    let changed = db::transaction(|transaction| {
        match change.email.as_deref() {
            Some(email) if *email == account.user.email => email_change::cancel(transaction, &account.user.id, now)?,
            Some(email) => email_change::request(transaction, &account.user.id, email, is_reserved, now)?,
            None => {}
        }
        if !changes_account {
            return Ok(None);
        }
        if password_hash.is_some() {
            refresh_tokens::revoke_all(transaction, &account.user.id, Reason::Reset, now)?;
        }
        let changes_phone = change.phone.is_sent();
        let params = params![
            change.name,
            changes_phone,
            change.phone,
            password_hash,
            now,
            &account.user.id,
            &account.password_hash,
            change.language.is_sent(),
            change.language,
            change.hour_cycle.is_sent(),
            change.hour_cycle
        ];
        transaction.fetch_optional::<Account>(UPDATE, params)?.map(Some).ok_or_else(not_active)
    })?;
    OwnAccount::of(changed.unwrap_or(account).user, now)
}

/// Whether the password was given so lately that nobody else can have taken the place before the screen. A session is named by a UUIDv7, which
/// has its beginning in it (RFC 9562, section 5.7).
fn is_fresh(caller: &Caller<SignedIn>, now: i64) -> bool {
    let id = caller.0.session.as_deref().and_then(|session| Uuid::parse_str(session).ok());
    let began = id.and_then(|id| id.get_timestamp()).map(|at| at.to_unix()).and_then(|(seconds, _)| i64::try_from(seconds).ok());
    began.is_some_and(|seconds| now - seconds * 1000 <= FRESH_MS)
}

/// The hash of the new password, once the current one was proved: guesses at it count as failed logins.
async fn replace(account: &Account, attempt: &Attempt, current: &str, new: &str) -> Answer<String> {
    attempt.stand(&Database)?;
    let hash = hashing::replace(current, &account.password_hash, new).await?;
    attempt.record(hash.is_some())?;
    hash.ok_or_else(|| not_the_password(account))
}

/// Proves the current password by itself, likewise.
async fn prove(account: &Account, attempt: &Attempt, current: &str) -> Answer<()> {
    attempt.stand(&Database)?;
    let is_right = hashing::verify(current, &account.password_hash).await?;
    attempt.record(is_right)?;
    if is_right { Ok(()) } else { Err(not_the_password(account)) }
}

fn not_the_password(account: &Account) -> Problem {
    let problem = Problem::invalid_field("current_password", "is not your password");
    problem.logged_as(Kind::AuthnPasswordChangeFail, Some(account.user.id.clone()), "wrong_password")
}
