//! The overview: how full everything is and how the devices are.

use std::rc::Rc;

use const_format::concatcp;
use domain::health::Health;
use domain::overview::Counts;
use kit::caller::{Caller, SignedIn};
use kit::db::{Database, Executor as _, Fetch as _, Row};
use kit::input::{Input, Slug};
use kit::kept::{self, AsOf, Keep, Kept, Made, Sources};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::spots::{ZONE_COUNTS, next_claim_moment};
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::devices::judged_at::{HEALTHY_SINCE, JUDGED_AT, OFFLINE_BEFORE, STANDSTILL};
use crate::spots;

/// How full everything is and how the devices are.
#[derive(Serialize, ToSchema)]
pub struct Overview {
    #[serde(flatten)]
    spots: Counts,
    /// Zones with spots, by site and in the order of its plan.
    by_zone: Vec<ZoneOverview>,
    /// How many active devices are how.
    devices: DeviceCounts,
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
#[derive(Clone, Serialize, FromRow, ToSchema)]
struct ZoneOverview {
    /// The site's slug.
    site: String,
    /// The zone's code.
    zone: String,
    /// The zone's name.
    name: String,
    #[serde(flatten)]
    #[row(with = counts)]
    spots: Counts,
}

fn counts(row: &Row) -> Result<Counts, Problem> {
    Ok(Counts {
        total: row.get("total")?,
        free: row.get("free")?,
        occupied: row.get("occupied")?,
        reserved: row.get("reserved")?,
        out_of_service: row.get("out_of_service")?,
    })
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

impl Keep for DeviceCounts {
    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// `?1` is now.
const SELECT_ZONES: &str = concatcp!(
    "select n.site, n.zone, z.name, n.free + n.occupied + n.reserved + n.out_of_service as total, n.free, n.occupied, n.reserved, n.out_of_service
     from ",
    ZONE_COUNTS,
    " n join zones z on z.site = n.site and z.code = n.zone where n.free + n.occupied + n.reserved + n.out_of_service > 0"
);

const ORDER: &str = " order by n.site, z.position, n.zone";

const ALL_ZONES: &str = concatcp!(SELECT_ZONES, ORDER);
const ZONES_OF_SITE: &str = concatcp!(SELECT_ZONES, " and n.site = ?2", ORDER);

/// `?1` is now.
const COUNT_DEVICES: &str = concatcp!(
    "select coalesce(sum(t.last_seen_at >= w.healthy_since), 0) as healthy,
        coalesce(sum(t.last_seen_at < w.healthy_since and t.last_seen_at >= w.offline_before), 0) as warning,
        coalesce(sum(t.last_seen_at < w.offline_before), 0) as offline, coalesce(sum(t.last_seen_at is null), 0) as unknown,
        min(iif(t.last_seen_at >= w.healthy_since, t.last_seen_at, null)) as first_healthy,
        min(iif(t.last_seen_at < w.healthy_since and t.last_seen_at >= w.offline_before, t.last_seen_at, null)) as first_warning,
        w.judged_at
     from (select ",
    JUDGED_AT,
    " as judged_at, ",
    HEALTHY_SINCE,
    " as healthy_since, ",
    OFFLINE_BEFORE,
    " as offline_before) w cross join devices d join device_state t on t.device_id = d.id where d.is_active = 1"
);

const COUNT_DEVICES_OF_SITE: &str = concatcp!(COUNT_DEVICES, " and d.site = ?2");

const VERSIONS_OF_DEVICES: &str = concatcp!("select ", kit::versions!(Devices), " || ' ' || ", STANDSTILL);

const VERSIONS: &str = concatcp!(VERSIONS_OF_DEVICES, " || ' ' || ", kit::versions!(Spots, Reservations, Places));

/// The zones of all sites, or of one. A heartbeat that comes late does not make them be counted anew, see [`count_devices`].
fn count_spots(site: Option<&str>, now: i64) -> Answer<Rc<Made<Vec<ZoneOverview>>>> {
    kept::value(&format!("zones {}", site.unwrap_or_default()), Sources::of(spots::TOPICS), now, || {
        let zones = match site {
            None => Database.fetch_all(ALL_ZONES, params![now])?,
            Some(site) => Database.fetch_all(ZONES_OF_SITE, params![now, site])?,
        };
        Ok(Made::until(zones, [next_claim_moment(&Database, now)?]))
    })
}

/// The devices of all sites, or of one. A spot that turns does not make them be counted anew.
fn count_devices(site: Option<&str>, now: i64) -> Answer<Rc<Made<DeviceCounts>>> {
    let sources = Sources::new(VERSIONS_OF_DEVICES, params![now]);
    kept::value(&format!("devices {}", site.unwrap_or_default()), sources, now, || {
        let rows = match site {
            None => Database.run(COUNT_DEVICES, params![now])?,
            Some(site) => Database.run(COUNT_DEVICES_OF_SITE, params![now, site])?,
        };
        let row = rows.first().ok_or_else(|| Problem::internal("a count gives a row"))?;
        // Without a device there is no row of the moment, nor of anything that turns.
        let judged_at = row.get::<Option<i64>>("judged_at")?;
        let turns = ["first_healthy", "first_warning"].map(|column| -> Answer<_> {
            let turn = Health::turns_at(row.get(column)?, now);
            // Never while judging stands still.
            Ok(turn.filter(|_| judged_at == Some(now)))
        });
        let [healthy, warning] = turns;
        Ok(Made::until(DeviceCounts::from_row(row)?, [healthy?, warning?]))
    })
}

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
pub async fn read(_: Caller<SignedIn>, Now(now): Now, Query(filters): Query<Filters>) -> Answer<Kept<AsOf<Overview>>> {
    let site = filters.site.as_deref();
    let overview = Kept::find(&format!("overview {}", site.unwrap_or_default()), Sources::new(VERSIONS, params![now]), now, || {
        let (zones, devices) = (count_spots(site, now)?, count_devices(site, now)?);
        let overview = Overview::new(zones.value.clone(), devices.value);
        Ok(Made::until(overview, [Some(zones.until), Some(devices.until)]))
    });
    overview.map(|overview| overview.as_of(now))
}

impl Overview {
    fn new(by_zone: Vec<ZoneOverview>, devices: DeviceCounts) -> Self {
        let spots: Counts = by_zone.iter().map(|zone| zone.spots).sum();
        Self {
            spots,
            by_zone,
            devices,
            total_slots: spots.total,
            available_slots: spots.free,
            occupied_slots: spots.total - spots.free,
            healthy_devices: devices.healthy,
            warning_devices: devices.warning,
            critical_devices: devices.offline,
        }
    }
}
