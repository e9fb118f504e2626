//! Anomalies that show only over many rows: a site with hardly a free spot, a spot that flaps (contract §3). The table `anomalies`
//! remembers which last, so that each is raised once, even when somebody resolves its alert before it has ended.

use std::collections::HashMap;

use domain::anomaly::{Change, FLAP_CLEAR, FLAP_WINDOW_MS, Kind, flapping, low_spots_in_lot};
use kit::{Problem, db, params, spot_is_kept};
use serde::Serialize;

/// How many began and ended.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Raised.
    pub raised: usize,
    /// Resolved.
    pub resolved: usize,
}

/// Judges every site and every spot that changed of late.
pub fn run(now: i64) -> Result<Summary, Problem> {
    let mut summary = Summary::default();
    low_spots(now, &mut summary)?;
    flaps(now, &mut summary)?;
    Ok(summary)
}

fn low_spots(now: i64, summary: &mut Summary) -> Result<(), Problem> {
    let sites = db::run(
        concat!(
            "with counts as (
             select s.site, count(*) filter (where s.status <> 'out_of_service') as total,
                 count(*) filter (where s.status = 'in_service' and coalesce(t.occupied, 0) = 0 and not ",
            spot_is_kept!("s.spot_id", "?1"),
            ") as free
             from spots s
             left join devices d on d.spot_id = s.spot_id and d.is_active = 1
             left join device_state t on t.device_id = d.id
             group by s.site
         )
         select c.site, x.name, x.low_spots, c.total, c.free, a.subject is not null
         from counts c join sites x on x.slug = c.site
         left join anomalies a on a.kind = 'low_spots' and a.subject = c.site"
        ),
        params![now],
    )?;
    for row in sites.iter() {
        let (site, threshold, total, free) = (row.text(0)?, row.int(2)?, row.int(3)?, row.int(4)?);
        match (low_spots_in_lot(free, total, threshold), row.bool(5)?) {
            (Change::Raise, false) => {
                let left = if free == 1 { "1 spot is".to_owned() } else { format!("{free} spots are") };
                let message = format!("{}: {left} free, fewer than {threshold}", row.text(1)?);
                summary.raised += raise(&Anomaly { kind: Kind::LowSpots, subject: site, site, zone: None, message }, now)?;
            }
            (Change::Clear, true) => summary.resolved += clear(Kind::LowSpots, site, now)?,
            _ => {}
        }
    }
    Ok(())
}

fn flaps(now: i64, summary: &mut Summary) -> Result<(), Problem> {
    // What lies between the two bounds matters as well: it holds what is raised.
    let busy = db::run(
        "with changes as (
             select device_id, count(*) as times from occupancy_log indexed by occupancy_log_changes
             where changed = 1 and received_at > ?1 group by device_id
         )
         select d.spot_id, d.site, d.zone, sum(c.times)
         from changes c join devices d on d.id = c.device_id
         where d.spot_id is not null group by d.spot_id having sum(c.times) > ?2",
        params![now - FLAP_WINDOW_MS, FLAP_CLEAR],
    )?;
    let lasting = db::run("select subject from anomalies where kind = 'spot_flapping'", params![])?;
    let mut times = HashMap::new();
    for row in busy.iter() {
        times.insert(row.text(0)?, row.int(3)?);
    }
    for row in lasting.iter() {
        let spot = row.text(0)?;
        if flapping(times.remove(spot).unwrap_or(0)) == Change::Clear {
            summary.resolved += clear(Kind::SpotFlapping, spot, now)?;
        }
    }
    for row in busy.iter() {
        let spot = row.text(0)?;
        // Those that last already were taken out above.
        if let Some(times) = times.get(spot).filter(|times| flapping(**times) == Change::Raise) {
            let message = format!("{spot} changed {times} times in 5 minutes");
            let anomaly = Anomaly { kind: Kind::SpotFlapping, subject: spot, site: row.text(1)?, zone: Some(row.text(2)?), message };
            summary.raised += raise(&anomaly, now)?;
        }
    }
    Ok(())
}

struct Anomaly<'a> {
    kind: Kind,
    subject: &'a str,
    site: &'a str,
    zone: Option<&'a str>,
    message: String,
}

/// Raises it unless it lasts already: 1 if it did, else 0.
fn raise(anomaly: &Anomaly<'_>, now: i64) -> Result<usize, Problem> {
    db::transaction(|tx| {
        let begun = tx.run(
            "insert into anomalies (kind, subject, since) values (?, ?, ?) on conflict do nothing returning kind",
            params![anomaly.kind.into_str(), anomaly.subject, now],
        )?;
        if !begun.is_empty() {
            tx.run(
                "insert into system_alerts (alert_type, subject, site, zones, severity, message, at)
                 values (?1, ?2, ?3, iif(?4 is null, null, json_array(?4)), ?5, ?6, ?7)",
                params![
                    anomaly.kind.into_str(),
                    anomaly.subject,
                    anomaly.site,
                    anomaly.zone,
                    anomaly.kind.severity().into_str(),
                    &anomaly.message,
                    now
                ],
            )?;
        }
        Ok(begun.len())
    })
}

/// Ends it and resolves its alert, if that is still open: 1 if it lasted, else 0.
fn clear(kind: Kind, subject: &str, now: i64) -> Result<usize, Problem> {
    db::transaction(|tx| {
        let ended = tx.run("delete from anomalies where kind = ? and subject = ? returning kind", params![kind.into_str(), subject])?;
        if !ended.is_empty() {
            tx.run(
                "update alerts set status = 'resolved', resolved_at = ?3, resolved_by = 'system', updated_at = ?3, updated_by = 'system'
                 where source = 'system' and status <> 'resolved' and alert_type = ?1 and subject = ?2",
                params![kind.into_str(), subject, now],
            )?;
        }
        Ok(ended.len())
    })
}
