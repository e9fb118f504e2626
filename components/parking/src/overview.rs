//! `/api/dashboard/overview/`: how full everything is and how the devices are, in one statement.

use axum::response::IntoResponse;
use domain::health::{HEALTHY_MS, OFFLINE_MS};
use kit::caller::{Caller, SignedIn};
use kit::page::Listing;
use kit::request::{Now, Query};
use kit::{Answer, Problem, db, params};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::place::spots_with_state;

#[derive(Serialize)]
struct Devices {
    healthy: i64,
    warning: i64,
    offline: i64,
    unknown: i64,
}

#[derive(Serialize)]
struct Overview {
    total: i64,
    free: i64,
    occupied: i64,
    reserved: i64,
    out_of_service: i64,
    by_zone: Box<RawValue>,
    devices: Devices,
    as_of: String,
    // The same in S2's words; a slot is `available` or `occupied`, as at `/api/slots/`.
    total_slots: i64,
    available_slots: i64,
    occupied_slots: i64,
    healthy_devices: i64,
    warning_devices: i64,
    critical_devices: i64,
}

/// The spots that reservations keep are found once, since few are in force at a time: asking for each spot would cost more than all else.
/// `?3` is now; `?1` and `?2` are the last moments at which a heartbeat makes a device healthy and not yet offline. The zones' JSON is made here,
/// so that one row crosses into the component.
macro_rules! statement {
    ($spots:literal, $devices:literal) => {
        concat!(
            "select p.total, p.occupied, p.reserved, p.out_of_service, p.by_zone, v.healthy, v.warning, v.offline, v.unknown
             from (
                select coalesce(sum(n.total), 0) as total, coalesce(sum(n.occupied), 0) as occupied,
                    coalesce(sum(n.reserved), 0) as reserved, coalesce(sum(n.out_of_service), 0) as out_of_service,
                    json_group_array(json_object('site', n.site, 'zone', n.zone, 'name', z.name, 'total', n.total,
                        'free', n.total - n.occupied - n.reserved - n.out_of_service, 'occupied', n.occupied,
                        'reserved', n.reserved, 'out_of_service', n.out_of_service)
                        order by n.site, z.position, n.zone) as by_zone
                from (
                    select s.site, s.zone, count(*) as total, sum(s.status = 'out_of_service') as out_of_service,
                        sum(s.status <> 'out_of_service' and t.occupied is 1) as occupied,
                        sum(t.occupied is not 1 and (s.status = 'reserved' or (s.status = 'in_service' and s.spot_id in (
                            select r.spot_id from reservations r indexed by reservations_live
                            where r.status in ('pending_payment', 'confirmed', 'arrived') and r.starts_at <= ?3 and r.ends_at > ?3
                                and (r.status <> 'pending_payment' or r.hold_expires_at > ?3)
                                and (r.due_until is null or r.due_until > ?3 or r.paid_ends_at > ?3)
                        )))) as reserved
                    from ",
            spots_with_state!(),
            $spots,
            " group by s.site, s.zone
                ) n join zones z on z.site = n.site and z.code = n.zone
             ) p,
             (
                select coalesce(sum(t.last_seen_at >= ?1), 0) as healthy,
                    coalesce(sum(t.last_seen_at < ?1 and t.last_seen_at >= ?2), 0) as warning,
                    coalesce(sum(t.last_seen_at < ?2), 0) as offline, coalesce(sum(t.last_seen_at is null), 0) as unknown
                from devices d join device_state t on t.device_id = d.id where d.is_active = 1",
            $devices,
            ") v"
        )
    };
}

/// GET `/api/dashboard/overview/`, filter `site`. Zones without spots are left out; of devices the active ones count.
pub async fn overview(_: Caller<SignedIn>, Now(now): Now, Query(query): Query) -> Answer<impl IntoResponse> {
    let listing = Listing::parse(&query, &["site"])?;
    let (healthy_since, offline_before) = (now - HEALTHY_MS, now - OFFLINE_MS);
    let rows = match listing.filter("site") {
        None => db::run(statement!("", ""), params![healthy_since, offline_before, now])?,
        Some(site) => db::run(statement!(" where s.site = ?4", " and d.site = ?4"), params![healthy_since, offline_before, now, site])?,
    };
    let row = rows.first().ok_or_else(|| Problem::internal("the overview gave no row"))?;
    let (total, occupied, reserved, out_of_service) = (row.int(0)?, row.int(1)?, row.int(2)?, row.int(3)?);
    let free = total - occupied - reserved - out_of_service;
    let devices = Devices { healthy: row.int(5)?, warning: row.int(6)?, offline: row.int(7)?, unknown: row.int(8)? };
    Ok(axum::Json(Overview {
        total,
        free,
        occupied,
        reserved,
        out_of_service,
        by_zone: row.json(4)?,
        as_of: domain::time::format_rfc3339(now),
        total_slots: total,
        available_slots: free,
        occupied_slots: total - free,
        healthy_devices: devices.healthy,
        warning_devices: devices.warning,
        critical_devices: devices.offline,
        devices,
    }))
}
