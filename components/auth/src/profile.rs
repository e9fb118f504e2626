//! One's own account.

use axum::Json;
use domain::password;
use kit::caller::{Caller, SignedIn};
use kit::db;
use kit::fields::Fields;
use kit::request::{ClientAddress, JsonBytes, Now};
use kit::{Answer, Problem, params};

use crate::accounts::{self, Account, User, account_columns, judged};
use crate::hashes;
use crate::lock::Pair;
use crate::refresh::{self, Reason};

/// GET `/api/users/me`.
pub async fn show(caller: Caller<SignedIn>) -> Answer<Json<User>> {
    Ok(Json(own(&caller)?.document()))
}

fn own(caller: &Caller<SignedIn>) -> Result<Account, Problem> {
    Account::by_id(&caller.0.id)?.filter(|account| account.is_active).ok_or_else(gone)
}

fn gone() -> Problem {
    Problem::unauthorized("this is no active user's account")
}

/// PATCH `/api/users/me`: `{name?, phone?, password? with current_password}`. A null phone number takes it away. A new password
/// revokes all refresh tokens.
pub async fn change(
    caller: Caller<SignedIn>,
    ClientAddress(address): ClientAddress,
    Now(now): Now,
    JsonBytes(body): JsonBytes,
) -> Answer<Json<User>> {
    let account = own(&caller)?;
    let mut fields = Fields::parse(&body)?;
    let name = accounts::name(&mut fields);
    let changes_phone = fields.has("phone");
    let phone = accounts::phone(&mut fields);
    let password = fields.has("password").then(|| {
        let current = fields.secret("current_password", password::MAX_BYTES);
        let new = fields.secret("password", password::MAX_BYTES);
        let own_name = name.as_deref().unwrap_or(&account.name);
        let new = judged(&mut fields, "password", new, |text| password::check(text, &account.email, own_name).map(|()| text.to_owned()));
        (current, new)
    });
    fields.finish()?;

    let password_hash = match password {
        Some((current, new)) => Some(replace(&account, address, &current, &new, now)?),
        None => None,
    };
    if name.is_none() && !changes_phone && password_hash.is_none() {
        return Ok(Json(account.document()));
    }
    let changed = db::transaction(|tx| {
        if password_hash.is_some() {
            refresh::revoke_all(|sql, params| tx.run(sql, params), &account.id, Reason::Reset, now)?;
        }
        let rows = tx.run(
            concat!(
                "update users set name = coalesce(?, name), phone = iif(?, ?, phone), password_hash = coalesce(?, password_hash),
                     updated_at = ?, updated_by = id
                 where id = ? and is_active = 1 and (? or password_hash = ?) returning ",
                account_columns!()
            ),
            params![name, changes_phone, phone, password_hash.clone(), now, &account.id, password_hash.is_none(), &account.password_hash],
        )?;
        rows.first().map(Account::of).transpose()?.ok_or_else(gone)
    })?;
    Ok(Json(changed.document()))
}

/// The hash of the new password, once the current one was proved: guesses at it count as failed sign-ins.
fn replace(account: &Account, address: String, current: &str, new: &str, now: i64) -> Result<String, Problem> {
    let pair = Pair { account: account.email.clone(), address };
    pair.refuse_locked(now)?;
    let right = hashes::verify(current, &account.password_hash);
    db::transaction(|tx| pair.judge(tx, right, now))?;
    if !right {
        return Err(Problem::invalid_field("current_password", "is not your password"));
    }
    hashes::hash(new)
}
