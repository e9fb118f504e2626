//! A route's line, as far as arrivals need it.

use domain::time::AHEAD_TOLERANCE_MS;
use domain::transit::{Approach, Fix, Line, Place, SPEED_WINDOW_MS, STALE_MS};
use domain::transit_clock::{next_scheduled, parse_departure};
use kit::db::{Database, Fetch as _, Row};
use kit::row::{FromRow, Json};
use kit::{Answer, Problem, params};

/// The most positions that a speed is measured on.
const MAX_FIXES: i64 = 60;

/// A route's line and its timetable.
#[derive(FromRow)]
pub struct RouteLine {
    pub id: String,
    pub name: String,
    #[row(with = read_line)]
    pub line: Line,
    typical_kmh: f64,
    /// Minutes of the site's day.
    #[row(with = read_departures)]
    departures: Vec<i64>,
    time_zone: String,
    pub is_active: bool,
}

/// From the columns `polyline` and `is_loop`.
pub fn read_line(row: &Row) -> Answer<Line> {
    let Json(points): Json<Vec<[f64; 2]>> = row.get("polyline")?;
    let places = points.into_iter().map(|[lat, lng]| Place { lat, lng }).collect();
    Line::new(places, row.get("is_loop")?).ok_or_else(|| Problem::internal("a stored polyline is no line"))
}

fn read_departures(row: &Row) -> Answer<Vec<i64>> {
    let Json(departures): Json<Vec<String>> = row.get("departures")?;
    Ok(departures.iter().filter_map(|text| parse_departure(text)).collect())
}

#[derive(FromRow)]
struct Position {
    at: i64,
    lat: f64,
    lng: f64,
}

impl From<Position> for Fix {
    fn from(position: Position) -> Self {
        (position.at, Place { lat: position.lat, lng: position.lng })
    }
}

impl RouteLine {
    /// None when there is no such route.
    pub fn find(route: &str) -> Answer<Option<Self>> {
        Database.fetch_optional(
            "select r.id, r.name, r.polyline, r.is_loop, r.typical_kmh, r.departures, s.time_zone, r.is_active
             from transport_routes r join sites s on s.slug = r.site where r.id = ?",
            params![route],
        )
    }

    /// Where a shuttle is on this line and how fast it goes; none when its position is stale, off the line, or not known.
    pub fn approach(&self, shuttle: &str, now: i64) -> Answer<Option<Approach>> {
        let newest: Vec<Position> = Database.fetch_all(
            "select at, lat, lng from shuttle_positions where shuttle = ?1 and at between ?2 and ?4 order by at desc limit ?3",
            params![shuttle, now.saturating_sub(SPEED_WINDOW_MS + STALE_MS), MAX_FIXES, now.saturating_add(AHEAD_TOLERANCE_MS)],
        )?;
        let fixes: Vec<Fix> = newest.into_iter().rev().map(Fix::from).collect();
        Ok(Approach::from_fixes(&self.line, &fixes, self.typical_kmh, now))
    }

    /// The next times of the timetable at a stop that is reached this many seconds after the departure.
    pub fn scheduled(&self, offset_s: Option<i64>, now: i64, most: usize) -> Vec<i64> {
        match offset_s {
            Some(offset_s) if self.is_active => next_scheduled(&self.time_zone, &self.departures, offset_s, now, most),
            _ => Vec::new(),
        }
    }
}
