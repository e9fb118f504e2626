//! The administration of users: no one raises anyone above their own role, and no one manages someone above them.

use axum::Json;
use axum::extract::Path;
use axum::response::IntoResponse;
use domain::device_code::{CODE_RULE, is_device_code};
use domain::role::Role;
use http::StatusCode;
use kit::caller::{Admin, Caller, Principal};
use kit::db::{self, Transaction};
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::{Answer, Problem, host, params};
use serde_json::json;
use strum::VariantNames as _;

use crate::accounts::{self, Account, Person, User, account_columns};
use crate::hashes;
use crate::refresh::{self, Reason};

/// GET `/v0/api/users/users/`: filters `role`, `is_active`, `email`.
pub async fn list(_: Caller<Admin>, Query(query): Query) -> Answer<Page<User>> {
    let listing = Listing::parse(&query, &["role", "is_active", "email"])?;
    let rows = db::run(
        concat!(
            "select ",
            account_columns!(),
            " from users where (?1 is null or id > ?1) and (?2 is null or role = ?2) and (?3 is null or is_active = ?3)
             and (?4 is null or email = ?4) order by id limit ?5"
        ),
        params![
            listing.after_text(0),
            listing.choice("role", Role::VARIANTS)?,
            listing.bool("is_active")?,
            listing.filter("email"),
            listing.fetch(),
        ],
    )?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), |row| Ok(Account::of(row)?.document()))
}

/// GET `/v0/api/users/users/{id}/`.
pub async fn show(_: Caller<Admin>, Path(id): Path<String>) -> Answer<Json<User>> {
    let account = Account::by_id(&id)?.ok_or_else(|| Problem::not_found("user"))?;
    Ok(Json(account.document()))
}

/// POST `/v0/api/users/users/`: `{email, password, name, phone?, role?, device_code?}` → 201. A `device` needs its `device_code`.
pub async fn create(caller: Caller<Admin>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let person = Person::read(&mut fields);
    let granted = role(&mut fields).unwrap_or(Role::Visitor);
    let device_code = device_code(&mut fields);
    check_device(&mut fields, granted, device_code.as_deref());
    fields.finish()?;
    may_grant(caller.0.role, granted)?;

    let password_hash = hashes::hash(&person.password)?;
    let account = db::transaction(|tx| {
        may_grant(standing(tx, &caller.0)?, granted)?;
        let rows = tx.run(
            concat!(
                "insert into users (id, email, name, phone, role, device_code, password_hash, created_at, updated_at, updated_by)
                 values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (email) do nothing returning ",
                account_columns!()
            ),
            params![
                host::new_id(now)?,
                person.email,
                person.name,
                person.phone,
                granted.into_str(),
                device_code,
                password_hash,
                now,
                now,
                &caller.0.id,
            ],
        )?;
        rows.first().map(Account::of).transpose()?.ok_or_else(accounts::taken)
    })?;
    Ok((StatusCode::CREATED, Json(account.document())))
}

/// PATCH `/v0/api/users/users/{id}/`: `{name?, phone?, role?, device_code?, is_active?}`. Deactivating revokes all refresh tokens.
pub async fn change(caller: Caller<Admin>, Path(id): Path<String>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<Json<User>> {
    let mut fields = Fields::parse(&body)?;
    let name = accounts::name(&mut fields);
    let changes_phone = fields.has("phone");
    let phone = accounts::phone(&mut fields);
    let new_role = role(&mut fields);
    let new_code = device_code(&mut fields);
    let is_active = fields.opt_bool("is_active");
    let changed = db::transaction(|tx| {
        let (standing, target) = managed(tx, &caller.0, &id)?;
        let role = new_role.unwrap_or(target.role);
        let code = match role {
            Role::Device => new_code.clone().or_else(|| target.device_code.clone()),
            _ => new_code.clone(),
        };
        check_device(&mut fields, role, code.as_deref());
        fields.finish()?;
        may_grant(standing, role)?;
        let is_active = is_active.unwrap_or(target.is_active);
        if target.role == Role::SuperAdmin && (role != Role::SuperAdmin || !is_active) {
            keep_one_super_admin(tx, &target.id)?;
        }
        let name = name.unwrap_or_else(|| target.name.clone());
        let phone = if changes_phone { phone } else { target.phone.clone() };
        let same = name == target.name
            && phone == target.phone
            && role == target.role
            && code == target.device_code
            && is_active == target.is_active;
        if same {
            return Ok(target);
        }
        if !is_active {
            refresh::revoke_all(|sql, params| tx.run(sql, params), &target.id, Reason::Admin, now)?;
        }
        let rows = tx.run(
            concat!(
                "update users set name = ?, phone = ?, role = ?, device_code = ?, is_active = ?, updated_at = ?, updated_by = ?
                 where id = ? returning ",
                account_columns!()
            ),
            params![name, phone, role.into_str(), code, is_active, now, &caller.0.id, &target.id],
        )?;
        rows.first().map(Account::of).transpose()?.ok_or_else(|| Problem::not_found("user"))
    })?;
    Ok(Json(changed.document()))
}

/// DELETE `/v0/api/users/users/{id}/`: deactivates, so that what the user did keeps its name. 204, also the second time.
pub async fn deactivate(caller: Caller<Admin>, Path(id): Path<String>, Now(now): Now) -> Answer<StatusCode> {
    db::transaction(|tx| {
        let (_, target) = managed(tx, &caller.0, &id)?;
        if !target.is_active {
            return Ok(());
        }
        if target.role == Role::SuperAdmin {
            keep_one_super_admin(tx, &target.id)?;
        }
        refresh::revoke_all(|sql, params| tx.run(sql, params), &target.id, Reason::Admin, now)?;
        tx.run("update users set is_active = 0, updated_at = ?, updated_by = ? where id = ?", params![now, &caller.0.id, &target.id])?;
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

fn role(fields: &mut Fields) -> Option<Role> {
    fields.opt_choice("role", Role::VARIANTS).as_deref().and_then(|name| name.parse().ok())
}

fn device_code(fields: &mut Fields) -> Option<String> {
    let code = fields.opt_text("device_code", 1..=64)?;
    fields.check(is_device_code(&code), "device_code", CODE_RULE);
    Some(code)
}

fn check_device(fields: &mut Fields, role: Role, code: Option<&str>) {
    if role == Role::Device && !fields.errors().contains_key("device_code") {
        fields.check(code.is_some(), "device_code", "is required for role device");
    } else if role != Role::Device {
        fields.check(code.is_none(), "device_code", "is only for role device");
    }
}

fn may_grant(own: Role, granted: Role) -> Result<(), Problem> {
    if own.may_grant(granted) { Ok(()) } else { Err(Problem::forbidden("no one gives a role above their own")) }
}

/// The caller's role as it is now: a token outlives a demotion by minutes, in which it must not undo it.
fn standing(tx: &Transaction, caller: &Principal) -> Result<Role, Problem> {
    let rows = tx.run("select role from users where id = ? and is_active = 1", params![&caller.id])?;
    let row = rows.first().ok_or_else(|| Problem::unauthorized("your account is not active any more"))?;
    let role = accounts::role(row, 0)?;
    if role.holds(Role::Admin) { Ok(role) } else { Err(Problem::forbidden("your role does not allow this")) }
}

/// The user of this id, whom the caller may manage, and the caller's own role.
fn managed(tx: &Transaction, caller: &Principal, id: &str) -> Result<(Role, Account), Problem> {
    let standing = standing(tx, caller)?;
    let rows = tx.run(concat!("select ", account_columns!(), " from users where id = ?"), params![id])?;
    let target = rows.first().map(Account::of).transpose()?.ok_or_else(|| Problem::not_found("user"))?;
    if standing.may_manage(target.role) { Ok((standing, target)) } else { Err(Problem::forbidden("no one manages someone above them")) }
}

fn keep_one_super_admin(tx: &Transaction, but: &str) -> Result<(), Problem> {
    let others = tx.run("select 1 from users where role = 'super_admin' and is_active = 1 and id <> ? limit 1", params![but])?;
    if others.is_empty() { Err(Problem::conflict("the last active super_admin stays one")) } else { Ok(()) }
}
