//! One count.

use const_format::concatcp;
use domain::crowd::{Density, Level};
use domain::time::is_newer;
use kit::caller::Principal;
use kit::db::{DbError, Executor, Fetch as _};
use kit::input::Timestamp;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::figures::CrowdShare;
use crate::temple::{not_found, unknown_zone};
use crate::zone_state::{Counter, NOT_ITS_ZONE, NewCrowdCount, ZONE, ZoneState, turns_critical, write_state};

/// A stored count, and the zone's state after it.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoredCrowdCount {
    /// The temple's slug.
    temple_id: String,
    /// The zone's code.
    zone: String,
    /// How many people there were.
    count: i64,
    /// When it was counted.
    timestamp: Timestamp,
    /// When it came in.
    received_at: Timestamp,
    /// How many people the zone holds; null when nobody has said.
    capacity: Option<i64>,
    #[serde(flatten)]
    share: CrowdShare,
    /// The zone's level: after this count, or as it was when the count came late.
    level: Option<Level>,
    /// The level by the share of its capacity; null when that is not known.
    share_level: Option<Level>,
    /// The level by the people on a square metre; null when its area is not known.
    density_level: Option<Density>,
    /// Whether a newer count was there already, so that this one changed nothing.
    late: bool,
}

/// A line of the audit trail: who counted what and when, then `detail`. Counts of devices are no changes by people; those of a request with
/// many are one line, which a trigger of their rows could not write.
pub const COUNTED: &str = "insert into audit_log (at, actor, action, entity, subject, detail) values (?1, ?2, 'counted', 'crowd', ?3, ";

/// Stores the count and, unless it is late, the zone's new state. Also tells whether the zone has turned critical.
pub fn store(db: &dyn Executor, caller: &Principal, site: &str, new: &NewCrowdCount, now: i64) -> Answer<(StoredCrowdCount, bool)> {
    let zone: Option<ZoneState> = db.fetch_optional(ZONE, params![site, &*new.zone])?;
    let ZoneState { code, size, at: newest, state: before } = zone.ok_or_else(not_found)?;
    let zone = code.ok_or_else(unknown_zone)?;
    let counter = Counter::find(db, caller)?;
    if !counter.may_count(site, &zone) {
        return Err(Problem::forbidden(NOT_ITS_ZONE));
    }
    let (at, count) = (new.timestamp.0, *new.count);
    let inserted = db.run(
        "insert into crowd_readings (site, zone, at, received_at, count, device_id, sent_by) values (?, ?, ?, ?, ?, ?, ?)",
        params![site, &zone, at, now, count, counter.device_id(), &caller.id],
    );
    match inserted {
        Err(DbError::Unique(_)) => return Err(Problem::conflict("this zone's count of that time is stored already")),
        other => other?,
    };
    if counter.device_id().is_none() {
        let subject = format!("{site}/{zone}");
        db.run(
            concatcp!(COUNTED, "json_object('count', ?4, 'timestamp', strftime('%Y-%m-%dT%H:%M:%fZ', ?5 / 1000.0, 'unixepoch')))"),
            params![now, &caller.id, subject, count, at],
        )?;
    }
    let late = !is_newer(at, newest, now);
    let after = if late { before } else { before.after(count, &size) };
    if !late {
        write_state(db, site, &zone, (at, count), &after, now)?;
    }
    let stored = StoredCrowdCount {
        temple_id: site.to_owned(),
        zone,
        count,
        timestamp: Timestamp(at),
        received_at: Timestamp(now),
        capacity: size.capacity,
        share: CrowdShare::new(count, &size),
        level: after.level(),
        share_level: after.share.map(|(level, _)| level),
        density_level: after.density.map(|(level, _)| level),
        late,
    };
    Ok((stored, turns_critical(&before, &after)))
}
