//! What is known of a zone when a count of it comes, who counts, and how the zone's new state is written.

use const_format::concatcp;
use domain::crowd::{Density, Level, MAX_COUNT, Size, State};
use domain::role::Role;
use domain::time::AHEAD_TOLERANCE_MS;
use kit::caller::Principal;
use kit::db::{Executor, Fetch as _, Row};
use kit::input::{Code, DeviceTime, Input, Int};
use kit::row::FromRow;
use kit::{Answer, Problem, params};

use crate::temple::read_size;

/// How many people are in a zone, or were.
#[derive(Debug, Input)]
#[input(example = r#"{"zone": "sanctum", "count": 420, "timestamp": "2026-02-04T10:30:00Z"}"#)]
pub struct NewCrowdCount {
    /// The zone's code, in any case.
    #[input(alias("zone_code"))]
    pub zone: Code,
    /// People.
    pub count: Int<0, MAX_COUNT>,
    /// When they were counted: at most five minutes ahead of the server's clock.
    pub timestamp: DeviceTime,
}

/// A zone before a count. All is null but for the temple when it has no such zone.
#[derive(FromRow)]
pub struct ZoneState {
    pub code: Option<String>,
    #[row(with = read_size)]
    pub size: Size,
    /// When it was last counted.
    pub at: Option<i64>,
    #[row(with = read_state)]
    pub state: State,
}

const ZONE_STATE: &str = "select z.code, z.capacity, z.area_m2, c.at, c.share_level, c.share_alone, c.density_level, c.density_alone
     from sites s left join zones z on z.site = s.slug";

/// The zone `?2` of the temple `?1`; a row without a zone when the temple has none of this code, no row when there is no such temple.
pub const ZONE: &str =
    concatcp!(ZONE_STATE, " and z.code = ?2 left join crowd_state c on c.site = z.site and c.zone = z.code where s.slug = ?1");

/// The first `?2` zones of the temple `?1`.
pub const ZONES: &str = concatcp!(ZONE_STATE, " left join crowd_state c on c.site = z.site and c.zone = z.code where s.slug = ?1 limit ?2");

fn read_state(row: &Row) -> Answer<State> {
    let share = row.get::<Option<Level>>("share_level")?.zip(row.get("share_alone")?);
    let density = row.get::<Option<Density>>("density_level")?.zip(row.get("density_alone")?);
    Ok(State { share, density })
}

/// Whether the world must hear of it at once.
pub fn turns_critical(before: &State, after: &State) -> bool {
    let critical = |state: &State| state.level() == Some(Level::Critical);
    critical(after) && !critical(before)
}

const WRITE_STATE: &str = concatcp!(
    "insert into crowd_state (site, zone, count, at, received_at, level, share_level, share_alone, density_level,
        density_alone, level_changed_at)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?5)
     on conflict do update set count = excluded.count, at = excluded.at, received_at = excluded.received_at,
        level = excluded.level, share_level = excluded.share_level, share_alone = excluded.share_alone,
        density_level = excluded.density_level, density_alone = excluded.density_alone,
        level_changed_at = iif(excluded.level is level, level_changed_at, excluded.level_changed_at)
     where excluded.at > crowd_state.at or crowd_state.at > excluded.received_at + ",
    AHEAD_TOLERANCE_MS
);

/// Writes the zone's state after its newest count, of so many people at this moment; triggers tell of it.
pub fn write_state(db: &dyn Executor, site: &str, zone: &str, (at, count): (i64, i64), after: &State, now: i64) -> Answer<()> {
    let (share, density) = (after.share.unzip(), after.density.unzip());
    db.run(WRITE_STATE, params![site, zone, count, at, now, after.level(), share.0, share.1, density.0, density.1])?;
    Ok(())
}

/// Why a device's count is refused.
pub const NOT_ITS_ZONE: &str = "a device counts only the zone that it stands on";

/// Who counts.
pub enum Counter {
    /// An operator, who counts wherever they are.
    Person,
    /// A people counter.
    Device(Device),
}

/// A people counter: its row, and the zone that it stands on.
#[derive(FromRow)]
pub struct Device {
    id: i64,
    site: String,
    zone: String,
}

impl Counter {
    /// Returns 404 if it is a device that is not active.
    pub fn find(db: &dyn Executor, caller: &Principal) -> Answer<Self> {
        let Some(code) = caller.device.as_deref().filter(|_| caller.role == Role::Device) else { return Ok(Self::Person) };
        let device = db.fetch_optional("select id, site, zone from devices where code = ? and is_active = 1", params![code])?;
        device.map(Self::Device).ok_or_else(|| Problem::not_found("active device"))
    }

    /// Whether they may count this zone.
    pub fn may_count(&self, site: &str, zone: &str) -> bool {
        match self {
            Self::Person => true,
            Self::Device(device) => device.site == site && device.zone.eq_ignore_ascii_case(zone),
        }
    }

    /// The device's row id.
    pub fn device_id(&self) -> Option<i64> {
        match self {
            Self::Person => None,
            Self::Device(device) => Some(device.id),
        }
    }
}
