//! How full everything is and how the devices are.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use domain::time::format_rfc3339;
use serde::Serialize;

use crate::server::{Answer, App, failed, now_ms};
use crate::store;
use crate::token::Role;

const ZONES: &str = include_str!("../../../../statements/overview_zones.sql");
const DEVICES: &str = include_str!("../../../../statements/overview_devices.sql");

#[derive(Clone, Copy, Default, Serialize)]
struct Counts {
    total: i64,
    free: i64,
    occupied: i64,
    reserved: i64,
    out_of_service: i64,
}

#[derive(Serialize)]
struct Zone {
    site: String,
    zone: String,
    name: String,
    #[serde(flatten)]
    spots: Counts,
}

#[derive(Serialize)]
struct Devices {
    healthy: i64,
    warning: i64,
    offline: i64,
    unknown: i64,
}

#[derive(Serialize)]
struct Overview {
    #[serde(flatten)]
    spots: Counts,
    by_zone: Vec<Zone>,
    total_slots: i64,
    available_slots: i64,
    occupied_slots: i64,
    healthy_devices: i64,
    warning_devices: i64,
    critical_devices: i64,
    devices: Devices,
    as_of: String,
}

pub async fn read(State(app): State<Arc<App>>, headers: HeaderMap) -> Answer {
    let now = now_ms();
    app.authorise(&headers, Role::Visitor, now)?;
    let overview = store::read(&app.path, |connection| {
        let mut zones = connection.prepare_cached(ZONES)?;
        let zones = zones.query_map([now], |row| {
            let (total, occupied, reserved, out_of_service): (i64, i64, i64, i64) = (row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?);
            let spots = Counts { total, free: total - occupied - reserved - out_of_service, occupied, reserved, out_of_service };
            Ok(Zone { site: row.get(0)?, zone: row.get(1)?, name: row.get(2)?, spots })
        })?;
        let by_zone = zones.collect::<rusqlite::Result<Vec<_>>>()?;
        let devices = connection.prepare_cached(DEVICES)?.query_row([now], |row| {
            Ok(Devices { healthy: row.get(0)?, warning: row.get(1)?, offline: row.get(2)?, unknown: row.get(3)? })
        })?;
        let mut spots = Counts::default();
        for zone in &by_zone {
            spots.total += zone.spots.total;
            spots.free += zone.spots.free;
            spots.occupied += zone.spots.occupied;
            spots.reserved += zone.spots.reserved;
            spots.out_of_service += zone.spots.out_of_service;
        }
        Ok(Overview {
            spots,
            by_zone,
            total_slots: spots.total,
            available_slots: spots.free,
            occupied_slots: spots.total - spots.free,
            healthy_devices: devices.healthy,
            warning_devices: devices.warning,
            critical_devices: devices.offline,
            devices,
            as_of: format_rfc3339(now),
        })
    });
    Ok(axum::Json(overview.map_err(failed)?).into_response())
}
