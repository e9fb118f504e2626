//! Accounts, as they are kept and as they are answered.

use const_format::concatcp;
use domain::role::Role;
use kit::db::{Executor, Fetch as _};
use kit::input::Timestamp;
use kit::row::FromRow;
use kit::{Problem, config, params};
use serde::Serialize;
use utoipa::ToSchema;

/// The columns of an [`Account`].
pub const COLUMNS: &str = "id, email, name, phone, role, device_code, is_active, created_at, updated_at, password_hash";

/// A user as its owner and the administrators see it.
#[derive(Serialize, FromRow, ToSchema)]
pub struct User {
    /// UUID.
    pub id: String,
    /// In lower case.
    pub email: String,
    /// The name by which it is addressed.
    pub name: String,
    /// The phone number; null when none was given.
    pub phone: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Of role `device`: the one device whose data it may send.
    pub device_code: Option<String>,
    /// Whether they may log in.
    pub is_active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A user with the hash of their password.
#[derive(FromRow)]
pub struct Account {
    #[row(flatten)]
    pub user: User,
    pub password_hash: String,
}

impl Account {
    /// The account of this id.
    pub fn by_id(db: &dyn Executor, id: &str) -> Result<Option<Self>, Problem> {
        db.fetch_optional(concatcp!("select ", COLUMNS, " from users where id = ?"), params![id])
    }
}

/// Whether this is the address of the variable `admin_email`.
pub async fn is_first_admin(email: &str) -> Result<bool, Problem> {
    Ok(config::get("admin_email").await?.trim().to_lowercase() == email)
}

/// 409 for an address that has an account.
pub fn already_registered() -> Problem {
    Problem::conflict("this e-mail address has an account already")
}
