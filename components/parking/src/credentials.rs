//! `/api/devices/{code}/credentials`: the keys that a device sends with. Each is shown once; only its SHA-256 is kept.

use axum::extract::Path;
use axum::response::IntoResponse;
use http::StatusCode;
use kit::caller::{Admin, Caller, DEVICE_KEY_PREFIX};
use kit::db::Row;
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::select::Select;
use kit::{Answer, Problem, db, host, params};
use serde::Serialize;
use serde_json::json;

#[derive(Serialize)]
pub struct Credential {
    id: String,
    device_code: String,
    label: Option<String>,
    created_at: String,
    created_by: String,
    revoked_at: Option<String>,
    revoked_by: Option<String>,
}

impl Credential {
    fn of(row: &Row) -> Answer<Self> {
        Ok(Self {
            id: row.text(0)?.to_owned(),
            device_code: row.text(1)?.to_owned(),
            label: row.opt_text(2)?.map(str::to_owned),
            created_at: row.time(3)?,
            created_by: row.text(4)?.to_owned(),
            revoked_at: row.opt_time(5)?,
            revoked_by: row.opt_text(6)?.map(str::to_owned),
        })
    }
}

fn device_exists(code: &str) -> Result<bool, Problem> {
    Ok(!db::run("select 1 from devices where code = ?", params![code])?.is_empty())
}

/// GET `/api/devices/{code}/credentials`: without the keys, which nobody has any more; revoked ones too.
pub async fn list(_: Caller<Admin>, Path(code): Path<String>, Query(query): Query) -> Answer<Page<Credential>> {
    let listing = Listing::parse(&query, &[])?;
    let rows = Select::after(
        "select c.id, d.code, c.label, c.created_at, c.created_by, c.revoked_at, c.revoked_by
         from device_credentials c join devices d on d.id = c.device_id
         where c.id > coalesce(?, '')",
        vec![listing.after_text(0)],
    )
    .and("d.code = ?", params![&code])
    .run("c.id", listing.fetch())?;
    if rows.is_empty() && !device_exists(&code)? {
        return Err(Problem::not_found("device"));
    }
    listing.page(rows, |row| Ok(json!([row.text(0)?])), Credential::of)
}

/// POST `/api/devices/{code}/credentials`.
pub async fn create(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(code): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(if body.is_empty() { b"{}" } else { &body })?;
    let label = fields.opt_text("label", 0..=100);
    fields.finish()?;

    let key = format!("{DEVICE_KEY_PREFIX}{}", host::new_secret()?);
    let id = host::new_id(now)?;
    let rows = db::run(
        "insert into device_credentials (id, device_id, key_hash, label, created_at, created_by)
         select ?1, id, ?3, ?4, ?5, ?6 from devices where code = ?2
         returning (select code from devices where id = device_id)",
        params![&id, code, host::sha256(key.as_bytes()), label.as_deref(), now, caller.0.id],
    )?;
    let row = rows.first().ok_or_else(|| Problem::not_found("device"))?;
    let created_at = domain::time::format_rfc3339(now);
    let answer = json!({"id": id, "device_code": row.text(0)?, "label": label, "key": key, "created_at": created_at});
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// DELETE `/api/devices/{code}/credentials/{id}`: the key stops at once, as each use of it asks the database. Once revoked, a
/// second time changes nothing.
pub async fn revoke(caller: Caller<Admin>, Now(now): Now, Path((code, id)): Path<(String, String)>) -> Answer<impl IntoResponse> {
    let revoked = db::run(
        "update device_credentials set revoked_at = ?3, revoked_by = ?4
         where id = ?2 and device_id = (select id from devices where code = ?1) and revoked_at is null
         returning id",
        params![&code, &id, now, caller.0.id],
    )?;
    if revoked.is_empty() {
        let known = db::run(
            "select 1 from device_credentials c join devices d on d.id = c.device_id where c.id = ? and d.code = ?",
            params![id, code],
        )?;
        if known.is_empty() {
            return Err(Problem::not_found("credential"));
        }
    }
    Ok(StatusCode::NO_CONTENT)
}
