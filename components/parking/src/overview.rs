//! The overview: how full everything is and how the devices are, in one statement.

use axum::Json;
use const_format::concatcp;
use domain::overview::Counts;
use domain::spot::Status;
use kit::caller::{Caller, SignedIn};
use kit::db::{Database, Fetch as _, Row};
use kit::input::{Input, Slug, Timestamp};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::spots::SPOTS_WITH_STATE;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::devices::judged_at::{HEALTHY_SINCE, OFFLINE_BEFORE};

/// How full everything is and how the devices are.
#[derive(Serialize, ToSchema)]
pub struct Overview {
    #[serde(flatten)]
    spots: Counts,
    /// Zones with spots, by site and in the order of its plan.
    by_zone: Vec<ZoneOverview>,
    /// How many active devices are how.
    devices: DeviceCounts,
    /// When this was true.
    as_of: Timestamp,
    /// `total`, as clients of the slot monitoring server read it, like the five that follow.
    total_slots: i64,
    /// `free`.
    available_slots: i64,
    /// All that are not free.
    occupied_slots: i64,
    /// `devices.healthy`.
    healthy_devices: i64,
    /// `devices.warning`.
    warning_devices: i64,
    /// `devices.offline`.
    critical_devices: i64,
}

/// How full a zone is.
#[derive(Serialize, ToSchema)]
struct ZoneOverview {
    /// The site's slug.
    site: String,
    /// The zone's code.
    zone: String,
    /// The zone's name.
    name: String,
    #[serde(flatten)]
    spots: Counts,
}

/// How many active devices are of each health.
#[derive(Clone, Copy, Default, Serialize, FromRow, ToSchema)]
struct DeviceCounts {
    /// Those that send in time.
    healthy: i64,
    /// Those that are late.
    warning: i64,
    /// Those that have fallen silent.
    offline: i64,
    /// Those that have sent nothing yet.
    unknown: i64,
}

/// Each row has the devices, and a zone unless there is none.
#[derive(FromRow)]
struct OverviewRow {
    #[row(with = zone)]
    zone: Option<ZoneOverview>,
    #[row(flatten)]
    devices: DeviceCounts,
}

fn zone(row: &Row) -> Result<Option<ZoneOverview>, Problem> {
    let Some(site) = row.get("site")? else { return Ok(None) };
    let spots = Counts {
        total: row.get("total")?,
        free: row.get("free")?,
        occupied: row.get("occupied")?,
        reserved: row.get("reserved")?,
        out_of_service: row.get("out_of_service")?,
    };
    Ok(Some(ZoneOverview { site, zone: row.get("zone")?, name: row.get("name")?, spots }))
}

const OUT_OF_SERVICE: &str = Status::OutOfService.into_str();

/// The spots that reservations claim are found once, since few are under way at a time: asking for each spot would cost more than all else.
/// `?1` is now.
const COUNT_SPOTS: &str = concatcp!(
    "select s.site, s.zone, count(*) as total, sum(s.status = '",
    OUT_OF_SERVICE,
    "') as out_of_service, sum(s.status <> '",
    OUT_OF_SERVICE,
    "' and t.occupied is 1) as occupied, sum(t.occupied is not 1 and (s.status = '",
    Status::Reserved.into_str(),
    "' or (s.status = '",
    Status::InService.into_str(),
    "' and s.spot_id in (select c.spot_id from spot_claims c where ",
    kit::claim_counts!(now: "?1"),
    ")))) as reserved from ",
    SPOTS_WITH_STATE
);

const COUNT_DEVICES: &str = concatcp!(
    "select coalesce(sum(t.last_seen_at >= w.healthy_since), 0) as healthy,
        coalesce(sum(t.last_seen_at < w.healthy_since and t.last_seen_at >= w.offline_before), 0) as warning,
        coalesce(sum(t.last_seen_at < w.offline_before), 0) as offline, coalesce(sum(t.last_seen_at is null), 0) as unknown
     from (select ",
    HEALTHY_SINCE,
    " as healthy_since, ",
    OFFLINE_BEFORE,
    " as offline_before) w cross join devices d join device_state t on t.device_id = d.id where d.is_active = 1"
);

const SELECT: &str = "select n.site, n.zone, z.name, n.total, n.total - n.occupied - n.reserved - n.out_of_service as free, n.occupied,
        n.reserved, n.out_of_service, v.healthy, v.warning, v.offline, v.unknown from (";
const JOIN: &str = ") v left join ((";
const ORDER: &str = " group by s.site, s.zone) n join zones z on z.site = n.site and z.code = n.zone) on true
     order by n.site, z.position, n.zone";

const ALL: &str = concatcp!(SELECT, COUNT_DEVICES, JOIN, COUNT_SPOTS, ORDER);
const OF_SITE: &str = concatcp!(SELECT, COUNT_DEVICES, " and d.site = ?2", JOIN, COUNT_SPOTS, " where s.site = ?2", ORDER);

/// What the overview is of.
#[derive(Input)]
pub struct Filters {
    /// Of all sites unless it says otherwise.
    site: Option<Slug>,
}

/// Returns how full everything is and how the devices are.
///
/// Zones without spots are left out; of devices the active ones count.
#[utoipa::path(get, path = "/api/dashboard/overview")]
pub async fn read(_: Caller<SignedIn>, Now(now): Now, Query(filters): Query<Filters>) -> Answer<Json<Overview>> {
    let rows: Vec<OverviewRow> = match filters.site {
        None => Database.fetch_all(ALL, params![now])?,
        Some(site) => Database.fetch_all(OF_SITE, params![now, site])?,
    };
    let devices = rows.first().map(|row| row.devices).unwrap_or_default();
    let by_zone: Vec<_> = rows.into_iter().filter_map(|row| row.zone).collect();
    let spots: Counts = by_zone.iter().map(|zone| zone.spots).sum();
    Ok(Json(Overview {
        spots,
        by_zone,
        devices,
        as_of: Timestamp(now),
        total_slots: spots.total,
        available_slots: spots.free,
        occupied_slots: spots.total - spots.free,
        healthy_devices: devices.healthy,
        warning_devices: devices.warning,
        critical_devices: devices.offline,
    }))
}
