//! Adding devices.

use kit::api::Created;
use kit::caller::{Admin, Caller};
use kit::db::{self, Executor as _, Row};
use kit::input::{Code, Input, Text};
use kit::request::{Body, Now};
use kit::{Answer, Problem, params};

use super::placement::NewPlacement;
use super::{Device, effects, find};

/// A new device: on a spot, or in a zone.
#[derive(Input)]
#[input(example = r#"{"device_code": "PARK-B1-NEW-1", "site": "city-centre", "zone": "B1", "firmware": "1.2.0"}"#)]
pub struct NewDevice {
    /// Unique, in any case of its letters.
    #[input(alias("code"))]
    device_code: Code,
    #[input(flatten)]
    placement: NewPlacement,
    /// The name that people read.
    name: Option<Text<1, 100>>,
    /// The version of its firmware.
    firmware: Option<Text<1, 100>>,
    /// True unless it says otherwise. One active device stands on a spot.
    is_active: Option<bool>,
    /// Whether it may raise emergencies, for its own site; false unless it says otherwise.
    is_panic_button: Option<bool>,
}

const INSERT: &str =
    "insert into devices (code, site, zone, spot_id, name, firmware, is_active, is_panic_button, created_at, updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10) returning id";

/// Adds a device.
#[utoipa::path(
    post,
    path = "/api/devices",
    responses((status = 409, description = "There is a device of this code already, or an active one on this spot."))
)]
pub async fn create(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewDevice>) -> Answer<Created<Device>> {
    db::transaction(|transaction| {
        let placement = new.placement.find(transaction)?;
        let is_active = new.is_active.unwrap_or(true);
        let params = params![
            new.device_code,
            placement.site,
            placement.zone,
            placement.spot_id,
            new.name,
            new.firmware,
            is_active,
            new.is_panic_button.unwrap_or(false),
            now,
            caller.0.id
        ];
        let rows = transaction.run(INSERT, params).map_err(effects::refused)?;
        let id = rows.first().map(Row::scalar).transpose()?.ok_or_else(|| Problem::internal("the insert gave no row"))?;
        find(transaction, id, now).map(Created)
    })
}
