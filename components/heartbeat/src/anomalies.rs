//! Anomalies that show only over many rows: a site with hardly a free spot, a spot that flaps (docs/reference/rules.md#anomalies). The table `anomalies`
//! remembers which last, so that each is raised once, even when somebody resolves its alert before it has ended.

use std::collections::HashMap;

use const_format::concatcp;
use domain::anomaly::{Change, FLAP_CLEAR, FLAP_WINDOW_MS, Kind, flapping, low_spots_in_lot};
use domain::time::AHEAD_TOLERANCE_MS;
use kit::caller::SYSTEM;
use kit::db::{self, Database, Executor as _, Fetch as _};
use kit::row::{FromRow, Json};
use kit::spots::ZONE_COUNTS;
use kit::system_alerts::{self, SystemAlert};
use kit::{Problem, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many began and ended.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = AnomaliesRun)]
pub struct Summary {
    /// Raised.
    pub raised: usize,
    /// Resolved.
    pub resolved: usize,
}

/// Looks at every site, and at every spot that changed of late.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let params = params![now, Kind::LowSpots, Kind::SpotFlapping, FLAP_WINDOW_MS, AHEAD_TOLERANCE_MS, FLAP_CLEAR];
    let found: Option<Found> = Database.fetch_optional(FIND, params)?;
    let Found { sites: Json(sites), busy: Json(busy), lasting: Json(lasting) } = found.ok_or_else(|| Problem::internal("no row"))?;
    let mut summary = Summary::default();
    low_spots(sites, now, &mut summary)?;
    flaps(&busy, &lasting, now, &mut summary)?;
    Ok(summary)
}

/// All that is looked at, in one read.
#[derive(FromRow)]
struct Found {
    sites: Json<Vec<SiteSpots>>,
    busy: Json<Vec<BusySpot>>,
    /// The spots whose flapping lasts.
    lasting: Json<Vec<String>>,
}

const FIND: &str = concatcp!(
    "select (select json_group_array(json_object('site', site, 'name', name, 'low_spots', low_spots, 'total', total, 'free', free,
             'is_raised', is_raised)) from (",
    SITE_SPOTS,
    ")) as sites, (select json_group_array(json_object('spot_id', spot_id, 'site', site, 'zone', zone, 'times', times)) from (",
    BUSY_SPOTS,
    ")) as busy, (select json_group_array(subject) from anomalies where kind = ?3) as lasting"
);

/// A site's spots.
#[derive(Deserialize)]
struct SiteSpots {
    site: String,
    name: String,
    low_spots: i64,
    total: i64,
    free: i64,
    /// 0 or 1.
    is_raised: i64,
}

/// `?1` is now.
const SITE_SPOTS: &str = concatcp!(
    "select c.site, x.name, x.low_spots, c.total, c.free, a.subject is not null as is_raised
     from (select n.site, sum(n.free + n.occupied + n.reserved) as total, sum(n.free) as free from ",
    ZONE_COUNTS,
    " n group by n.site) c join sites x on x.slug = c.site
     left join anomalies a on a.kind = ?2 and a.subject = c.site"
);

fn low_spots(sites: Vec<SiteSpots>, now: i64, summary: &mut Summary) -> Result<(), Problem> {
    for SiteSpots { site, name, low_spots: threshold, total, free, is_raised } in sites {
        match (low_spots_in_lot(free, total, threshold), is_raised != 0) {
            (Change::Raise, false) => {
                let left = if free == 1 { "1 spot is".to_owned() } else { format!("{free} spots are") };
                let message = format!("{name}: {left} free, fewer than {threshold}");
                summary.raised += raise(Kind::LowSpots, &site, &site, None, message, now)?;
            }
            (Change::Clear, true) => summary.resolved += clear(Kind::LowSpots, &site, now)?,
            _ => {}
        }
    }
    Ok(())
}

/// A spot that changed of late, and how often.
#[derive(Deserialize)]
struct BusySpot {
    spot_id: String,
    site: String,
    zone: String,
    times: i64,
}

/// By the devices' own times: of the changes that came in of late those in the window before a device's newest one, so that a backlog which
/// is sent at once counts as the hours that it tells of. What came in before the clock was set back is not of late, and what a device
/// measured on another spot is not this spot's. What lies between the two bounds matters as well: it holds what is raised.
const BUSY_SPOTS: &str = "with recent as materialized (
         select device_id, at from occupancy_log indexed by occupancy_log_changes
         where changed = 1 and received_at > ?1 - ?4 and received_at <= ?1 + ?5
     ),
     newest as (select device_id, max(at) as at from recent group by device_id),
     changes as (
         select r.device_id, count(*) as times
         from newest n join recent r on r.device_id = n.device_id join device_state s on s.device_id = n.device_id
         where r.at > n.at - ?4 and (s.placed_at is null or r.at > s.placed_at) group by r.device_id
     )
     select d.spot_id, d.site, d.zone, sum(c.times) as times
     from changes c join devices d on d.id = c.device_id
     where d.spot_id is not null group by d.spot_id having sum(c.times) > ?6";

fn flaps(busy: &[BusySpot], lasting: &[String], now: i64, summary: &mut Summary) -> Result<(), Problem> {
    let mut times: HashMap<&str, i64> = busy.iter().map(|spot| (spot.spot_id.as_str(), spot.times)).collect();
    for subject in lasting {
        if flapping(times.remove(subject.as_str()).unwrap_or(0)) == Change::Clear {
            summary.resolved += clear(Kind::SpotFlapping, subject, now)?;
        }
    }
    for BusySpot { spot_id, site, zone, .. } in busy {
        // Those that last already were taken out above.
        if let Some(times) = times.get(spot_id.as_str()).filter(|times| flapping(**times) == Change::Raise) {
            let message = format!("{spot_id} changed {times} times in 5 minutes");
            summary.raised += raise(Kind::SpotFlapping, spot_id, site, Some(zone), message, now)?;
        }
    }
    Ok(())
}

/// Raises it unless it lasts already: 1 if it did, else 0.
fn raise(kind: Kind, subject: &str, site: &str, zone: Option<&str>, message: String, now: i64) -> Result<usize, Problem> {
    db::transaction(|db| {
        let begun = db.run(
            "insert into anomalies (kind, subject, since) values (?, ?, ?) on conflict do nothing returning kind",
            params![kind, subject, now],
        )?;
        if !begun.is_empty() {
            system_alerts::raise(db, &SystemAlert::of(kind, subject, Some(site), zone, message), now)?;
        }
        Ok::<_, Problem>(begun.len())
    })
}

/// Ends it and resolves its alert, if that is still open: 1 if it lasted, else 0.
fn clear(kind: Kind, subject: &str, now: i64) -> Result<usize, Problem> {
    db::transaction(|db| {
        let ended = db.run("delete from anomalies where kind = ? and subject = ? returning kind", params![kind, subject])?;
        if !ended.is_empty() {
            system_alerts::resolve(db, &[kind], &[subject], SYSTEM, now)?;
        }
        Ok::<_, Problem>(ended.len())
    })
}
