//! How anyone makes an account of their own.

use domain::role::Role;
use kit::api::Created;
use kit::db::{Database, Fetch as _};
use kit::input::Timestamp;
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::{Answer, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::account::{already_registered, is_first_admin};
use crate::hashes;
use crate::limit::{Limit, LimitedAddress};
use crate::person::Person;

/// A user who has just registered.
#[derive(Serialize, FromRow, ToSchema)]
pub struct RegisteredUser {
    /// The user's id.
    id: String,
    /// The address that it logs in with.
    email: String,
    /// The name by which it is addressed.
    name: String,
    /// The phone number; null when none was given.
    phone: Option<String>,
    /// What it may do.
    role: Role,
    /// When it was made.
    created_at: Timestamp,
}

/// Registrations.
pub struct Registrations;

impl Limit for Registrations {
    const NAME: &'static str = "register";
    const PER_MINUTE: u32 = 1200;
}

/// Registers a visitor.
#[utoipa::path(post, path = "/api/auth/register", responses((status = 409, description = "This e-mail address has an account already.")))]
pub async fn register(_: LimitedAddress<Registrations>, Now(now): Now, Body(person): Body<Person>) -> Answer<Created<RegisteredUser>> {
    // The first administrator's address is taken before its account is made, at its first login.
    if is_first_admin(&person.email).await? {
        return Err(already_registered());
    }
    let password_hash = hashes::hash(&person.password)?;
    let registered = Database.fetch_optional(
        "insert into users (id, email, name, phone, role, password_hash, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?1) on conflict (email) do nothing returning id, email, name, phone, role, created_at",
        params![host::new_id(now)?, person.email, person.name, person.phone, Role::Visitor, password_hash, now],
    )?;
    registered.map(Created).ok_or_else(already_registered)
}
