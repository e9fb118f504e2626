//! One's own account.

use axum::Json;
use const_format::concatcp;
use domain::password;
use kit::caller::{Caller, SignedIn};
use kit::db::{self, Database, Fetch as _};
use kit::input::{At, Input, Object, Patch, Property, Schemas, Secret};
use kit::request::{Body, ClientAddress, Now};
use kit::{Answer, Problem, params};

use crate::account::{Account, COLUMNS, User};
use crate::hashes;
use crate::lock::Pair;
use crate::person::{Name, Password, Phone};
use crate::refresh_tokens::{self, Reason};

/// A change of one's own account: what is not sent stays.
#[derive(Input)]
#[input(example = r#"{"name": "Asha Patel", "phone": null}"#)]
pub struct ProfileChange {
    /// The name by which the person is addressed.
    name: Option<Name>,
    /// Null takes it away.
    phone: Patch<Phone>,
    #[input(flatten)]
    password: PasswordChange,
}

/// A new password and the current one, which belong together; none when neither is to change.
pub struct PasswordChange(Option<(CurrentPassword, Password)>);

type CurrentPassword = Secret<{ password::MAX_BYTES }>;

impl Input for PasswordChange {
    const NAME: &'static str = "PasswordChange";
    const DESCRIPTION: &'static str = "";

    fn read(object: &Object, at: &mut At<'_>) -> Option<Self> {
        if !object.contains_key("password") {
            // Of no use by itself, but still a text.
            return at.field::<Option<CurrentPassword>>(object, "current_password", &[]).map(|_| Self(None));
        }
        let current = at.field(object, "current_password", &[]);
        let new = at.field(object, "password", &[]);
        Some(Self(Some((current?, new?))))
    }

    fn knows(name: &str) -> bool {
        ["current_password", "password"].contains(&name)
    }

    fn properties(schemas: &mut Schemas) -> Vec<Property> {
        let current = Property::new::<Option<CurrentPassword>>("current_password", &[], "Must be sent with a `password`.", false, schemas);
        let new = Property::new::<Password>("password", &[], "A new one; ends all sessions.", false, schemas);
        vec![Property { required: false, ..current }, Property { required: false, ..new }]
    }
}

fn not_active() -> Problem {
    Problem::unauthorized("this is no active user's account")
}

fn find_own(caller: &Caller<SignedIn>) -> Answer<Account> {
    Account::by_id(&Database, &caller.0.id)?.filter(|account| account.user.is_active).ok_or_else(not_active)
}

/// Returns the caller's own account.
#[utoipa::path(get, path = "/api/users/me")]
pub async fn read(caller: Caller<SignedIn>) -> Answer<Json<User>> {
    Ok(Json(find_own(&caller)?.user))
}

const UPDATE: &str = concatcp!(
    "update users set name = coalesce(?1, name), phone = iif(?2, ?3, phone), password_hash = coalesce(?4, password_hash),
         updated_at = ?5, updated_by = id
     where id = ?6 and is_active = 1 and (?4 is null or password_hash = ?7) returning ",
    COLUMNS
);

/// Changes the caller's own account.
///
/// A new password takes the current one, and ends all sessions. Wrong guesses at the current one count as failed logins.
#[utoipa::path(
    patch,
    path = "/api/users/me",
    responses((status = 429, description = "Too many guesses at the current password; come back after `Retry-After`."))
)]
pub async fn update(
    caller: Caller<SignedIn>,
    ClientAddress(address): ClientAddress,
    Now(now): Now,
    Body(change): Body<ProfileChange>,
) -> Answer<Json<User>> {
    let account = find_own(&caller)?;
    let password_hash = match &change.password.0 {
        Some((current, new)) => {
            let name = change.name.as_deref().unwrap_or(&account.user.name);
            if let Some(fault) = new.fault_for(&account.user.email, name) {
                return Err(Problem::invalid_field("password", fault));
            }
            Some(replace(&account, address, current, new, now)?)
        }
        None => None,
    };
    if change.name.is_none() && !change.phone.is_sent() && password_hash.is_none() {
        return Ok(Json(account.user));
    }
    let changed = db::transaction(|transaction| {
        if password_hash.is_some() {
            refresh_tokens::revoke_all(transaction, &account.user.id, Reason::Reset, now)?;
        }
        let changes_phone = change.phone.is_sent();
        let params = params![change.name, changes_phone, change.phone, password_hash, now, &account.user.id, &account.password_hash];
        transaction.fetch_optional::<Account>(UPDATE, params)?.ok_or_else(not_active)
    })?;
    Ok(Json(changed.user))
}

/// The hash of the new password, once the current one was proved: guesses at it count as failed logins.
fn replace(account: &Account, address: String, current: &str, new: &str, now: i64) -> Answer<String> {
    let pair = Pair { account: account.user.email.clone(), address };
    pair.refuse_locked(&Database, now)?;
    let is_right = hashes::verify(current, &account.password_hash);
    pair.record_alone(is_right, now)?;
    if !is_right {
        return Err(Problem::invalid_field("current_password", "is not your password"));
    }
    hashes::hash(new)
}
