//! When shuttles come: what the database knows, handed to `domain::transit`.

use domain::time::format_rfc3339;
use domain::transit::{Approach, Basis, Estimate, Fix, Line, Place, SPEED_WINDOW_MS, STALE_MS};
use domain::transit_clock::next_scheduled;
use kit::{Answer, Problem, db, params};
use serde::Serialize;

use crate::route;

/// The most positions that a speed is measured on.
const MAX_FIXES: i64 = 60;

/// A route, as far as arrivals need it.
pub struct Way {
    pub id: String,
    pub name: String,
    pub line: Line,
    pub typical_kmh: f64,
    pub departures: Vec<i64>,
    pub time_zone: String,
    pub is_active: bool,
}

impl Way {
    /// None when there is no such route.
    pub fn find(id: &str) -> Answer<Option<Self>> {
        let rows = db::run(
            "select r.id, r.name, r.polyline, r.is_loop, r.typical_kmh, r.departures, s.time_zone, r.is_active
             from transport_routes r join sites s on s.slug = r.site where r.id = ?",
            params![id],
        )?;
        let Some(row) = rows.first() else { return Ok(None) };
        let line = route::line(row.text(2)?, row.bool(3)?).ok_or_else(|| Problem::internal("a stored polyline is no line"))?;
        Ok(Some(Self {
            id: row.text(0)?.to_owned(),
            name: row.text(1)?.to_owned(),
            line,
            typical_kmh: row.real(4)?,
            departures: route::minutes(row.text(5)?),
            time_zone: row.text(6)?.to_owned(),
            is_active: row.bool(7)?,
        }))
    }

    /// Where a shuttle is on this way and how fast it goes; none when its position is stale, off the way, or not known.
    pub fn approach(&self, shuttle: &str, now: i64) -> Answer<Option<Approach>> {
        let rows = db::run(
            "select at, lat, lng from shuttle_positions where shuttle = ?1 and at >= ?2 order by at desc limit ?3",
            params![shuttle, now.saturating_sub(SPEED_WINDOW_MS + STALE_MS), MAX_FIXES],
        )?;
        let fix = |row: &kit::db::Row| Ok((row.int(0)?, Place { lat: row.real(1)?, lng: row.real(2)? }));
        let mut fixes = rows.iter().map(fix).collect::<Answer<Vec<Fix>>>()?;
        fixes.reverse();
        Ok(Approach::from_fixes(&self.line, &fixes, self.typical_kmh, now))
    }

    /// The next times of the timetable at a stop.
    pub fn scheduled(&self, offset_s: Option<i64>, now: i64, most: usize) -> Vec<i64> {
        match offset_s {
            Some(offset_s) if self.is_active => next_scheduled(&self.time_zone, &self.departures, offset_s, now, most),
            _ => Vec::new(),
        }
    }
}

/// An expected arrival as answers give it.
#[derive(Serialize)]
pub struct Eta {
    pub eta: String,
    pub in_s: i64,
    /// Metres to go; null when it is the timetable's.
    pub distance_m: Option<i64>,
    /// What it rests on: `recent_speed`, `typical_speed` or `timetable`.
    pub basis: &'static str,
}

impl Eta {
    pub fn of(estimate: &Estimate, now: i64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "metres along a route")]
        let metres = estimate.distance_m.round() as i64;
        Self {
            eta: format_rfc3339(estimate.at),
            in_s: estimate.at.saturating_sub(now) / 1000,
            distance_m: Some(metres),
            basis: estimate.basis.into_str(),
        }
    }

    pub fn scheduled(at: i64, now: i64) -> Self {
        Self { eta: format_rfc3339(at), in_s: at.saturating_sub(now) / 1000, distance_m: None, basis: Basis::Timetable.into_str() }
    }
}
