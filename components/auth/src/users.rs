//! The administration of users: no one raises anyone above their own role, and no one manages someone above them
//! (docs/reference/rules.md#roles).

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::email;
use domain::role::Role;
use kit::api::{Created, NoContent};
use kit::caller::{Admin, Caller, Principal};
use kit::db::{self, Database, Executor, Fetch as _, Transaction};
use kit::input::{At, Code, Input, Patch, Text};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::select::Select;
use kit::{Answer, Problem, host, params};

use crate::account::{Account, COLUMNS, User, already_registered};
use crate::hashing;
use crate::person::{Name, Person, Phone};
use crate::refresh_tokens::{self, Reason};

/// Which users.
#[derive(Input)]
pub struct Filters {
    /// Only those of this role.
    role: Option<Role>,
    /// Only those who may log in, or only the others.
    is_active: Option<bool>,
    /// The whole address, in any case of its letters.
    email: Option<Text<1, { email::MAX_LEN }>>,
}

fn not_found() -> Problem {
    Problem::not_found("user")
}

/// Lists users by `id`, the oldest first.
#[utoipa::path(get, path = "/v0/api/users/users")]
pub async fn list(_: Caller<Admin>, listing: Listing<Filters>) -> Answer<Page<User>> {
    let filters = &listing.filters;
    let users = Select::new(concatcp!("select ", COLUMNS, " from users where id > coalesce(?, '')"), params![listing.after_text(0)])
        .and_if("role = ?", filters.role)
        .and_if("is_active = ?", filters.is_active)
        .and_if("email = ?", filters.email.as_deref())
        .fetch(&Database, "id", listing.fetch())?;
    Ok(listing.page(users, |user: &User| [user.id.clone()]))
}

/// Returns a user.
#[utoipa::path(get, path = "/v0/api/users/users/{id}")]
pub async fn read(_: Caller<Admin>, Path(id): Path<String>) -> Answer<Json<User>> {
    let account = Account::by_id(&Database, &id)?.ok_or_else(not_found)?;
    Ok(Json(account.user))
}

/// A new user.
#[derive(Input)]
#[input(read_only("id", "is_active", "created_at", "updated_at"))]
#[input(
    check,
    example = r#"{"email": "gate.two@example.org", "password": "seven lanterns by the river", "name": "Gate Two", "role": "operator"}"#
)]
pub struct NewUser {
    #[input(flatten)]
    person: Person,
    /// `visitor` unless it says otherwise; not above the caller's own.
    role: Option<Role>,
    /// Of role `device`, and only of that: the device whose data it may send.
    device_code: Option<Code>,
}

impl NewUser {
    fn role(&self) -> Role {
        self.role.unwrap_or(Role::Visitor)
    }

    fn check(&self, at: &mut At<'_>) {
        if let Some(fault) = device_fault(self.role(), self.device_code.is_some()) {
            at.refuse_field("device_code", fault);
        }
    }
}

/// A change of a user: what is not sent stays.
#[derive(Input)]
#[input(read_only("id", "email", "password", "created_at", "updated_at"))]
#[input(example = r#"{"role": "operator", "phone": null}"#)]
pub struct UserChange {
    /// The name by which the person is addressed.
    name: Option<Name>,
    /// Null takes it away.
    phone: Patch<Phone>,
    /// Not above the caller's own.
    role: Option<Role>,
    /// Must be there for role `device`, and goes with another role.
    device_code: Option<Code>,
    /// False ends all sessions of the user, who cannot log in any more.
    is_active: Option<bool>,
}

const INSERT: &str = concatcp!(
    "insert into users (id, email, name, phone, role, device_code, password_hash, email_confirmed_at, created_at, updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?8, ?9) on conflict (email) do nothing returning ",
    COLUMNS
);

/// Adds a user.
#[utoipa::path(post, path = "/v0/api/users/users", responses((status = 409, description = "This e-mail address has an account already.")))]
pub async fn create(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewUser>) -> Answer<Created<User>> {
    let (role, person) = (new.role(), new.person);
    may_grant(caller.0.role, role)?;
    let password_hash = hashing::hash(&person.password).await?;
    db::transaction(|transaction| {
        may_grant(current_role(transaction, &caller.0)?, role)?;
        let params =
            params![host::new_id(now)?, person.email, person.name, person.phone, role, new.device_code, password_hash, now, &caller.0.id];
        transaction.fetch_optional(INSERT, params)?.map(Created).ok_or_else(already_registered)
    })
}

const UPDATE: &str = concatcp!(
    "update users set name = ?, phone = ?, role = ?, device_code = ?, is_active = ?, updated_at = ?, updated_by = ? where id = ? returning ",
    COLUMNS
);

/// Changes a user.
#[utoipa::path(
    patch,
    path = "/v0/api/users/users/{id}",
    responses((status = 409, description = "The user is the last active super_admin, and stays one."))
)]
pub async fn update(caller: Caller<Admin>, Path(id): Path<String>, Now(now): Now, Body(change): Body<UserChange>) -> Answer<Json<User>> {
    db::transaction(|transaction| {
        let (own_role, user) = find_managed(transaction, &caller.0, &id)?;
        let role = change.role.unwrap_or(user.role);
        let is_active = change.is_active.unwrap_or(user.is_active);
        let kept_code = user.device_code.as_deref().filter(|_| role == Role::Device);
        let code = change.device_code.as_deref().or(kept_code);
        if let Some(fault) = device_fault(role, code.is_some()) {
            return Err(Problem::invalid_field("device_code", fault));
        }
        may_grant(own_role, role)?;
        if user.role == Role::SuperAdmin && (role != Role::SuperAdmin || !is_active) {
            keep_one_super_admin(transaction, &user.id)?;
        }
        let name = change.name.as_deref().unwrap_or(&user.name);
        let phone = match change.phone.as_ref() {
            Patch::Keep => user.phone.as_deref(),
            Patch::Clear => None,
            Patch::Set(phone) => Some(&**phone),
        };
        let is_same = (name, phone, role, code, is_active)
            == (&*user.name, user.phone.as_deref(), user.role, user.device_code.as_deref(), user.is_active);
        if is_same {
            return Ok(Json(user));
        }
        if !is_active {
            refresh_tokens::revoke_all(transaction, &user.id, Reason::Admin, now)?;
        }
        let params = params![name, phone, role, code, is_active, now, &caller.0.id, &user.id];
        transaction.fetch_optional(UPDATE, params)?.map(Json).ok_or_else(not_found)
    })
}

/// Deactivates a user, so that what the user did keeps its name.
#[utoipa::path(
    delete,
    path = "/v0/api/users/users/{id}",
    responses((status = 409, description = "The user is the last active super_admin, and stays one."))
)]
pub async fn deactivate(caller: Caller<Admin>, Path(id): Path<String>, Now(now): Now) -> Answer<NoContent> {
    db::transaction(|transaction| {
        let (_, user) = find_managed(transaction, &caller.0, &id)?;
        if !user.is_active {
            return Ok(NoContent);
        }
        if user.role == Role::SuperAdmin {
            keep_one_super_admin(transaction, &user.id)?;
        }
        refresh_tokens::revoke_all(transaction, &user.id, Reason::Admin, now)?;
        let deactivate = "update users set is_active = 0, updated_at = ?, updated_by = ? where id = ?";
        transaction.run(deactivate, params![now, &caller.0.id, &user.id])?;
        Ok(NoContent)
    })
}

/// What is wrong with a `device_code`, or with its absence, for this role.
fn device_fault(role: Role, has_code: bool) -> Option<&'static str> {
    match (role == Role::Device, has_code) {
        (true, false) => Some("is required for role device"),
        (false, true) => Some("is only for role device"),
        _ => None,
    }
}

fn may_grant(own: Role, granted: Role) -> Result<(), Problem> {
    if own.may_grant(granted) { Ok(()) } else { Err(Problem::forbidden("no one gives a role above their own")) }
}

/// The caller's role inside the transaction: another request may have taken it from them since it was looked up.
fn current_role(db: &dyn Executor, caller: &Principal) -> Answer<Role> {
    let role: Option<Role> = db.fetch_scalar("select role from users where id = ? and is_active = 1", params![&caller.id])?;
    let role = role.ok_or_else(|| Problem::unauthorized("your account is not active any more"))?;
    if role.holds(Role::Admin) { Ok(role) } else { Err(Problem::forbidden("your role does not allow this")) }
}

/// The caller's role and the user of this id, whom the caller may manage.
pub fn find_managed(db: &dyn Executor, caller: &Principal, id: &str) -> Answer<(Role, User)> {
    let own_role = current_role(db, caller)?;
    let user = Account::by_id(db, id)?.ok_or_else(not_found)?.user;
    if own_role.may_manage(user.role) { Ok((own_role, user)) } else { Err(Problem::forbidden("no one manages someone above them")) }
}

fn keep_one_super_admin(transaction: &Transaction, except: &str) -> Result<(), Problem> {
    let other = "select 1 from users where role = ? and is_active = 1 and id <> ? limit 1";
    let has_other = transaction.exists(other, params![Role::SuperAdmin, except])?;
    if has_other { Ok(()) } else { Err(Problem::conflict("the last active super_admin stays one")) }
}
