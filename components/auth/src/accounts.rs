//! Accounts: how they are read, and how anyone makes one of their own.

use axum::Json;
use axum::response::IntoResponse;
use domain::role::Role;
use domain::{email, password, phone};
use http::StatusCode;
use kit::db::{self, Row};
use kit::fields::Fields;
use kit::request::{ClientAddress, JsonBytes, Now};
use kit::{Answer, Problem, config, host, limit, params};
use serde::Serialize;

use crate::hashes;

/// The columns of an [`Account`], in its order.
macro_rules! account_columns {
    () => {
        "id, email, name, phone, role, device_code, is_active, created_at, updated_at, password_hash"
    };
}
pub(crate) use account_columns;

/// A row of `users`.
pub struct Account {
    pub id: String,
    pub email: String,
    pub name: String,
    pub phone: Option<String>,
    pub role: Role,
    pub device_code: Option<String>,
    pub is_active: bool,
    pub created_at: String,
    pub updated_at: String,
    pub password_hash: String,
}

impl Account {
    /// From a row of [`account_columns`].
    pub fn of(row: &Row) -> Result<Self, Problem> {
        Ok(Self {
            id: row.text(0)?.to_owned(),
            email: row.text(1)?.to_owned(),
            name: row.text(2)?.to_owned(),
            phone: row.opt_text(3)?.map(str::to_owned),
            role: role(row, 4)?,
            device_code: row.opt_text(5)?.map(str::to_owned),
            is_active: row.bool(6)?,
            created_at: row.time(7)?,
            updated_at: row.time(8)?,
            password_hash: row.text(9)?.to_owned(),
        })
    }

    /// The account of this address, whatever the case of its letters.
    pub fn by_email(email: &str) -> Result<Option<Self>, Problem> {
        let rows = db::run(concat!("select ", account_columns!(), " from users where email = ?"), params![email])?;
        rows.first().map(Self::of).transpose()
    }

    /// The account of this id.
    pub fn by_id(id: &str) -> Result<Option<Self>, Problem> {
        let rows = db::run(concat!("select ", account_columns!(), " from users where id = ?"), params![id])?;
        rows.first().map(Self::of).transpose()
    }

    /// What its owner and the administrators see.
    pub fn document(self) -> User {
        User {
            id: self.id,
            email: self.email,
            name: self.name,
            phone: self.phone,
            role: self.role,
            device_code: self.device_code,
            is_active: self.is_active,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// A user as the world sees one: an [`Account`] without its hash.
#[derive(Serialize)]
pub struct User {
    id: String,
    email: String,
    name: String,
    phone: Option<String>,
    role: Role,
    device_code: Option<String>,
    is_active: bool,
    created_at: String,
    updated_at: String,
}

/// The role in a column.
pub fn role(row: &Row, index: usize) -> Result<Role, Problem> {
    row.text(index)?.parse().map_err(|_| Problem::internal("a user has no known role"))
}

/// What a new account says of its owner.
pub struct Person {
    pub email: String,
    pub password: String,
    pub name: String,
    pub phone: Option<String>,
}

impl Person {
    /// Reads `{email, password, name, phone?}`, each field by its rule.
    pub fn read(fields: &mut Fields) -> Self {
        let email = fields.text("email", 1..=email::MAX_LEN);
        let email = judged(fields, "email", email, |text| email::normalise(text).map_err(str::to_owned));
        let name = name(fields).unwrap_or_default();
        if !fields.errors().contains_key("name") && name.is_empty() {
            fields.refuse("name", "is required");
        }
        let password = fields.secret("password", password::MAX_BYTES);
        let password = judged(fields, "password", password, |text| password::check(text, &email, &name).map(|()| text.to_owned()));
        Self { email, password, phone: phone(fields), name }
    }
}

/// A name of 1 to 100 characters on one line; none when absent or null.
pub fn name(fields: &mut Fields) -> Option<String> {
    let name = fields.opt_text("name", 1..=100)?;
    if name.contains(['\n', '\t']) {
        fields.refuse("name", "must be one line");
    }
    Some(name)
}

/// A phone number; none when absent or null.
pub fn phone(fields: &mut Fields) -> Option<String> {
    let text = fields.opt_text("phone", 1..=32)?;
    Some(judged(fields, "phone", text, |text| phone::normalise(text).map_err(str::to_owned)))
}

/// What the rule makes of a text, unless the field is refused already.
pub fn judged(fields: &mut Fields, field: &str, text: String, rule: impl FnOnce(&str) -> Result<String, String>) -> String {
    if fields.errors().contains_key(field) {
        return text;
    }
    rule(&text).unwrap_or_else(|reason| {
        fields.refuse(field, reason);
        text
    })
}

#[derive(Serialize)]
struct Registered {
    id: String,
    email: String,
    name: String,
    phone: Option<String>,
    role: Role,
    created_at: String,
}

/// POST `/api/auth/register`: `{email, password, name, phone?}` → 201, a visitor. 409 when the address has an account.
pub async fn register(ClientAddress(address): ClientAddress, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<impl IntoResponse> {
    limit::check("register", &address, 1200, 60, now).await?;
    let mut fields = Fields::parse(&body)?;
    let person = Person::read(&mut fields);
    fields.finish()?;
    // The first administrator's address is taken before its account is made, see `sessions`.
    if is_first_admin(&person.email).await? {
        return Err(taken());
    }
    let id = host::new_id(now)?;
    let rows = db::run(
        "insert into users (id, email, name, phone, role, password_hash, created_at, updated_at, updated_by)
         values (?, ?, ?, ?, 'visitor', ?, ?, ?, 'self') on conflict (email) do nothing returning id",
        params![&id, &person.email, &person.name, person.phone.clone(), hashes::hash(&person.password)?, now, now],
    )?;
    if rows.is_empty() {
        return Err(taken());
    }
    let user = Registered {
        id,
        email: person.email,
        name: person.name,
        phone: person.phone,
        role: Role::Visitor,
        created_at: domain::time::format_rfc3339(now),
    };
    Ok((StatusCode::CREATED, Json(user)))
}

/// Whether this is the address of the variable `admin_email`.
pub async fn is_first_admin(email: &str) -> Result<bool, Problem> {
    Ok(config::get("admin_email").await?.trim().to_lowercase() == email)
}

/// 409 for an address that has an account.
pub fn taken() -> Problem {
    Problem::conflict("this e-mail address has an account already")
}
