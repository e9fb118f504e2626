//! Removing devices, or putting them out of use.

use axum::extract::Path;
use kit::Answer;
use kit::api::NoContent;
use kit::caller::{Admin, Caller};
use kit::db::{self, Executor as _, Fetch as _};
use kit::params;
use kit::request::Now;
use kit::row::FromRow;

use super::effects::{announce_spot, resolve_alerts};
use super::not_found;

#[derive(FromRow)]
struct Stored {
    id: i64,
    code: String,
    spot_id: Option<String>,
    is_active: bool,
    has_history: bool,
}

const FIND: &str =
    "select id, code, spot_id, is_active, exists (select 1 from device_history h where h.device_id = devices.id) as has_history
     from devices where code = ?";

/// Removes a device; one that ever reported is put out of use instead, and its history stays.
#[utoipa::path(delete, path = "/api/devices/{code}")]
pub async fn delete(caller: Caller<Admin>, Now(now): Now, Path(code): Path<String>) -> Answer<NoContent> {
    db::transaction(|transaction| {
        let actor = &caller.0.id;
        let device: Stored = transaction.fetch_optional(FIND, params![code])?.ok_or_else(not_found)?;
        if !device.has_history {
            // The line comes first: the trigger of the delete adds to it what the device was.
            transaction.run(
                "insert into audit_log (at, actor, action, entity, subject) values (?, ?, 'deleted', 'devices', ?)",
                params![now, actor, &device.code],
            )?;
            // Its state and its keys go with it.
            transaction.run("delete from devices where id = ?", params![device.id])?;
        } else if device.is_active {
            let deactivate = "update devices set is_active = 0, updated_at = ?2, updated_by = ?3 where id = ?1";
            transaction.run(deactivate, params![device.id, now, actor])?;
        } else {
            return Ok(NoContent);
        }
        resolve_alerts(transaction, &device.code, actor, now)?;
        if let Some(spot) = device.spot_id.filter(|_| device.is_active) {
            announce_spot(transaction, &spot, now)?;
        }
        Ok(NoContent)
    })
}
