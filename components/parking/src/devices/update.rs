//! Changing devices.

use axum::Json;
use axum::extract::Path;
use kit::caller::{Admin, Caller};
use kit::db::{self, Executor, Fetch as _};
use kit::input::{Code, Input, Patch, Slug, Text};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::{Answer, params};

use super::effects::{announce_spot, refused, resolve_alerts};
use super::placement::Placement;
use super::{Device, find, not_found};

/// A change of a device: what is not sent stays; null takes the name, the firmware, or the device off its spot. One that is moved to
/// another zone leaves its spot.
#[derive(Input)]
#[input(read_only(
    "health",
    "last_seen_at",
    "last_reading_at",
    "battery",
    "electrical_state",
    "voltage",
    "current",
    "power_factor",
    "power_w",
    "occupied",
    "created_at",
    "updated_at"
))]
#[input(example = r#"{"name": "By the lift", "firmware": "1.3.0"}"#)]
pub struct DeviceChange {
    /// May be repeated, and cannot be changed.
    #[input(alias("code"), same_as_path = "code")]
    device_code: Option<Code>,
    /// The slug of the site to which it moves.
    site: Option<Slug>,
    /// The code of the zone to which it moves.
    zone: Option<Code>,
    /// The spot that it stands on; must be in the site and zone, where those are sent too.
    spot_id: Patch<Code>,
    /// The name that people read; null for none.
    name: Patch<Text<1, 100>>,
    /// The version of its firmware; null when it is not known.
    firmware: Patch<Text<1, 100>>,
    /// Whether what it sends is taken.
    is_active: Option<bool>,
    /// Whether it may raise emergencies, for its own site.
    is_panic_button: Option<bool>,
}

impl DeviceChange {
    /// Where the device is to stand.
    fn placement(&self, db: &dyn Executor, old: &Placement) -> Answer<Placement> {
        if let Patch::Set(spot_id) = &self.spot_id {
            return Placement::on_spot(db, spot_id, self.site.as_deref(), self.zone.as_deref());
        }
        let site = self.site.as_deref().unwrap_or(&old.site);
        let mut placement = Placement::in_zone(db, site, self.zone.as_deref().unwrap_or(&old.zone))?;
        let stays = placement.site == old.site && placement.zone.eq_ignore_ascii_case(&old.zone);
        if stays && !self.spot_id.is_sent() {
            placement.spot_id.clone_from(&old.spot_id);
        }
        Ok(placement)
    }
}

#[derive(FromRow)]
struct Stored {
    id: i64,
    code: String,
    #[row(flatten)]
    placement: Placement,
    is_active: bool,
}

const UPDATE: &str = "update devices set site = ?2, zone = ?3, spot_id = ?4, name = iif(?5, ?6, name), firmware = iif(?7, ?8, firmware),
        is_active = ?9, is_panic_button = coalesce(?12, is_panic_button), updated_at = ?10, updated_by = ?11
     where id = ?1";

/// Changes a device.
#[utoipa::path(
    patch,
    path = "/api/devices/{code}",
    responses((status = 409, description = "Another active device stands on this spot already."))
)]
pub async fn update(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(code): Path<String>,
    Body(change): Body<DeviceChange>,
) -> Answer<Json<Device>> {
    // Reading, merging and writing inside one `begin immediate` is safe from other writers.
    db::transaction(|transaction| {
        let stored = "select id, code, site, zone, spot_id, is_active from devices where code = ?";
        let stored: Stored = transaction.fetch_optional(stored, params![code])?.ok_or_else(not_found)?;
        let placement = change.placement(transaction, &stored.placement)?;
        let is_active = change.is_active.unwrap_or(stored.is_active);
        let params = params![
            stored.id,
            placement.site,
            placement.zone,
            placement.spot_id.as_deref(),
            change.name.is_sent(),
            change.name,
            change.firmware.is_sent(),
            change.firmware,
            is_active,
            now,
            &caller.0.id,
            change.is_panic_button
        ];
        transaction.run(UPDATE, params).map_err(refused)?;
        if stored.is_active && !is_active {
            resolve_alerts(transaction, &stored.code, &caller.0.id, now)?;
        }
        let (old_spot, new_spot) = (stored.placement.spot_id.as_deref(), placement.spot_id.as_deref());
        let is_moved = old_spot != new_spot;
        if is_moved || stored.is_active != is_active {
            for spot in old_spot.into_iter().chain(new_spot.filter(|_| is_moved)) {
                announce_spot(transaction, spot, now)?;
            }
        }
        find(transaction, stored.id, now).map(Json)
    })
}
