//! How anyone makes an account of their own.

use const_format::concatcp;
use domain::allowance::{REGISTRATION_WINDOW_MS, REGISTRATIONS};
use domain::role::Role;
use domain::time::AHEAD_TOLERANCE_MS;
use kit::api::Created;
use kit::db::{self, Database, Executor, Fetch as _};
use kit::input::Timestamp;
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::security::Kind;
use kit::{Answer, Problem, allowance, config, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::account::{already_registered, is_first_admin};
use crate::limit::{Limit, Limited};
use crate::person::Person;
use crate::{email_change, hashes};

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
    const PER_MINUTE: u32 = 120;
}

const OUTLOOK: &str = concatcp!(
    "select (select count(*) from registrations where network = ?1 and at > ?2 - ",
    REGISTRATION_WINDOW_MS,
    " and at <= ?2 + ",
    AHEAD_TOLERANCE_MS,
    ") as registered, exists (select 1 from users where email = ?3) as is_taken"
);

/// What becomes of a registration.
#[derive(FromRow)]
struct Outlook {
    /// Accounts that the network has registered within the window.
    registered: i64,
    /// Whether somebody has the address already.
    is_taken: bool,
}

const INSERT: &str = "insert into users (id, email, name, phone, role, password_hash, created_at, updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?1) on conflict (email) do nothing returning id, email, name, phone, role, created_at";

/// Registers a visitor.
///
/// Where the variable `confirm_email` is on, a code is sent to the address, which `POST /api/users/me/email/confirm` takes; until then the
/// account can neither book nor reserve.
#[utoipa::path(post, path = "/api/auth/register", responses((status = 409, description = "This e-mail address has an account already.")))]
pub async fn register(Now(now): Now, request: Limited<Registrations, Body<Person>>) -> Answer<Created<RegisteredUser>> {
    let Limited { client, body: Body(person), .. } = request;
    // The first administrator's address is taken before its account is made, at its first login.
    if is_first_admin(&person.email).await? {
        return Err(already_registered());
    }
    let limit = allowance::limit("registrations_per_hour", REGISTRATIONS).await?;
    // Before the costly part, which is for nobody whom it cannot help; what counts is asked again below.
    may_register(&Database, &client.network, &person.email, limit, now)?;
    let is_to_confirm = config::flag("confirm_email").await?;
    let password_hash = hashes::hash(&person.password)?;
    db::transaction(|transaction| {
        may_register(transaction, &client.network, &person.email, limit, now)?;
        transaction.run("insert into registrations (network, at) values (?, ?)", params![&client.network, now])?;
        let params = params![host::new_id(now)?, &*person.email, person.name, person.phone, Role::Visitor, password_hash, now];
        let user: RegisteredUser = transaction.fetch_optional(INSERT, params)?.ok_or_else(already_registered)?;
        if is_to_confirm {
            email_change::request(transaction, &user.id, &user.email, false, now)?;
        }
        Ok(Created(user))
    })
}

/// 429 when as many accounts as may be were registered from the network within the window, else 409 when somebody has the address.
fn may_register(db: &dyn Executor, network: &str, email: &str, limit: Option<i64>, now: i64) -> Answer<()> {
    let outlook: Option<Outlook> = db.fetch_optional(OUTLOOK, params![network, now, email])?;
    let Outlook { registered, is_taken } = outlook.ok_or_else(|| Problem::internal("no row"))?;
    if limit.is_some_and(|limit| registered >= limit) {
        let detail = "too many accounts were registered from this address: come back later";
        let problem = Problem::too_many(detail, REGISTRATION_WINDOW_MS / 1000);
        return Err(problem.logged_as(Kind::ExcessRateLimitExceeded, None, Registrations::NAME));
    }
    if is_taken { Err(already_registered()) } else { Ok(()) }
}
