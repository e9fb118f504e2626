//! The keys that a device sends with. Each is shown once; only its SHA-256 is kept (docs/reference/rules.md#tokens).

use axum::extract::Path;
use kit::api::{Created, NoContent};
use kit::caller::{Admin, Caller, DEVICE_KEY_PREFIX};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Text, Timestamp};
use kit::page::{Listing, NoFilters, Page};
use kit::request::{Now, OptionalBody};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::devices;

/// A key of a device, without the key itself, which nobody has any more.
#[derive(Serialize, FromRow, ToSchema)]
pub struct DeviceCredential {
    /// The key's id, by which it is revoked.
    id: String,
    /// The device's code.
    device_code: String,
    /// What it is for; null when nobody has said.
    label: Option<String>,
    /// When it was issued.
    created_at: Timestamp,
    /// The id of the user who issued it.
    created_by: String,
    /// When it was revoked; null while it is good.
    revoked_at: Option<Timestamp>,
    /// The id of the user who revoked it; null while it is good.
    revoked_by: Option<String>,
}

/// Lists the keys of a device by `id`, revoked ones too.
#[utoipa::path(get, path = "/api/devices/{code}/credentials")]
pub async fn list(_: Caller<Admin>, Path(code): Path<String>, listing: Listing<NoFilters>) -> Answer<Page<DeviceCredential>> {
    let credentials = Select::new(
        "select c.id, d.code as device_code, c.label, c.created_at, c.created_by, c.revoked_at, c.revoked_by
         from device_credentials c join devices d on d.id = c.device_id
         where c.id > coalesce(?, '')",
        params![listing.after_text(0)],
    )
    .and("d.code = ?", params![&code])
    .fetch(&Database, "c.id", listing.fetch())?;
    if credentials.is_empty() && !Database.exists("select 1 from devices where code = ?", params![code])? {
        return Err(devices::not_found());
    }
    Ok(listing.page(credentials, |credential: &DeviceCredential| [credential.id.clone()]))
}

/// What a new key is for.
#[derive(Input)]
#[input(example = r#"{"label": "gate 2"}"#)]
pub struct NewCredential {
    /// What it is for, for people to read.
    label: Option<Text<0, 100>>,
}

/// A new key of a device.
#[derive(Serialize, ToSchema)]
pub struct IssuedCredential {
    /// The key's id, by which it is revoked.
    id: String,
    /// The device's code.
    device_code: String,
    /// What it is for; null when nobody has said.
    label: Option<String>,
    /// `ghd_` and 43 characters; it is not shown again.
    key: String,
    /// When it was issued.
    created_at: Timestamp,
}

/// Issues a key for a device.
#[utoipa::path(post, path = "/api/devices/{code}/credentials")]
pub async fn create(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(code): Path<String>,
    OptionalBody(new): OptionalBody<NewCredential>,
) -> Answer<Created<IssuedCredential>> {
    let key = format!("{DEVICE_KEY_PREFIX}{}", host::new_secret()?);
    let (id, label) = (host::new_id(now)?, new.label.map(String::from));
    let device_code = Database.fetch_scalar(
        "insert into device_credentials (id, device_id, key_hash, label, created_at, created_by)
         select ?1, id, ?3, ?4, ?5, ?6 from devices where code = ?2
         returning (select code from devices where id = device_id)",
        params![&id, code, host::sha256(key.as_bytes()), label.as_deref(), now, caller.0.id],
    )?;
    let device_code = device_code.ok_or_else(devices::not_found)?;
    Ok(Created(IssuedCredential { id, device_code, label, key, created_at: Timestamp(now) }))
}

/// Revokes a key of a device, which stops at once.
#[utoipa::path(delete, path = "/api/devices/{code}/credentials/{id}")]
pub async fn revoke(caller: Caller<Admin>, Now(now): Now, Path((code, id)): Path<(String, String)>) -> Answer<NoContent> {
    let is_revoked = Database.exists(
        "update device_credentials set revoked_at = ?3, revoked_by = ?4
         where id = ?2 and device_id = (select id from devices where code = ?1) and revoked_at is null
         returning id",
        params![&code, &id, now, caller.0.id],
    )?;
    // One that was revoked before stays as it is.
    let is_known = "select 1 from device_credentials c join devices d on d.id = c.device_id where c.id = ? and d.code = ?";
    if is_revoked || Database.exists(is_known, params![id, code])? { Ok(NoContent) } else { Err(Problem::not_found("credential")) }
}
