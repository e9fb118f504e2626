//! Shuttles on their routes: where along a route a position lies, and when the next stops are reached (docs/reference/transport.md).
//!
//! Distances are metres along the route's polyline, over which the earth is flat enough. An estimate says what it rests on
//! ([`Basis`]): the shuttle's own recent speed, the route's typical speed where that is not known, or the timetable.

mod line;

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::time::{MINUTE_MS, SECOND_MS};

pub use line::{Line, Place, Projection, distance};

/// Words that stand in a path where a shuttle's id may stand: its position could not be sent or read. In small letters.
pub const RESERVED_IDS: [&str; 3] = ["routes", "shuttles", "stops"];
/// What a new shuttle's id looks like, for an error's text.
pub const NEW_ID_RULE: &str = "must be 1 to 64 characters of A–Z, a–z, 0–9, '-', '_' and '.', and not 'routes', 'shuttles' or 'stops'";

/// Whether a new shuttle may have this id: one of [`RESERVED_IDS`] is refused, in any case of its letters.
pub fn is_new_id(id: &str) -> bool {
    crate::device_code::is_new_code(id, &RESERVED_IDS)
}

/// The most points of a polyline.
pub const MAX_POINTS: usize = 2_000;
/// The most stops of a route.
pub const MAX_STOPS: usize = 100;
/// The event feed reports a shuttle at most once in this time, milliseconds.
pub const PUBLISH_INTERVAL_MS: i64 = 10 * SECOND_MS;
/// The most people that a shuttle can be registered for.
pub const MAX_CAPACITY: i64 = 500;
/// The most passengers that a shuttle can report.
pub const MAX_PASSENGERS: i64 = 1_000;
/// The highest speed that a shuttle can report, km/h.
pub const MAX_REPORTED_KMH: f64 = 200.0;
/// A position older than this is stale, milliseconds.
pub const STALE_MS: i64 = 2 * MINUTE_MS;
/// Further than this from the route a shuttle is not on it, metres.
pub const OFF_ROUTE_M: f64 = 300.0;
/// The span over which the recent speed is measured, milliseconds.
pub const SPEED_WINDOW_MS: i64 = 5 * MINUTE_MS;
/// How many ways that begin at different passes of the line are tried.
const MAX_PATHS: usize = 8;
/// A shorter span measures no speed.
const MIN_SPAN_MS: i64 = 10_000;
/// A shuttle slower than this is standing, at a stop or in traffic: its speed says nothing of when it arrives. Metres a second.
const MIN_SPEED: f64 = 0.8;
/// Faster than this is no shuttle but a wrong position, metres a second.
const MAX_SPEED: f64 = 45.0;
/// So far back from where it has got to, a shuttle on a route that is no loop drives against the direction of the route. Metres.
const TURNED_M: f64 = 50.0;
/// How far a position may lie off without any speed: satellites are seen badly between houses, and clocks run wrong. Metres.
const POSITION_ERROR_M: f64 = 250.0;
/// A position so long ago says nothing of one now, milliseconds.
const PLAUSIBILITY_HORIZON_MS: u64 = 600_000;

/// Whether a shuttle can have got from one place to another in this time, forward or back, milliseconds: what cannot be is a wrong
/// position, or another vehicle's. After a while anything can: the one before may have been the wrong one.
pub fn is_plausible(from: Place, to: Place, apart_ms: i64) -> bool {
    if apart_ms.unsigned_abs() > PLAUSIBILITY_HORIZON_MS {
        return true;
    }
    #[expect(clippy::cast_precision_loss, reason = "a judgement about metres")]
    let seconds = apart_ms.unsigned_abs() as f64 / 1000.0;
    distance(from, to) <= POSITION_ERROR_M + MAX_SPEED * seconds
}

/// What an estimate rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = ArrivalBasis)]
pub enum Basis {
    /// The shuttle's own speed along the route in the last minutes.
    RecentSpeed,
    /// The route's typical speed: the shuttle stands, or has said too little.
    TypicalSpeed,
    /// The timetable: no shuttle's position can be used.
    Timetable,
}

/// A position's time in milliseconds, and its place.
pub type Fix = (i64, Place);

/// A way along the line that fixes show.
struct Track {
    /// Where it ends.
    here: Projection,
    /// Metres travelled along the line.
    travelled: f64,
    /// How long it took, milliseconds.
    span: i64,
    /// Whether all of it lay on the route.
    on_route: bool,
    /// Whether the shuttle was last seen to go against the line's direction: a line that is no loop is driven one way, and on its way
    /// back a shuttle comes to none of its stops.
    goes_back: bool,
}

impl Track {
    /// The shortest way that explains these fixes, which are in the order of time: where the line returns on its own way, it tells on
    /// which of the two the shuttle is. None without a fix.
    fn from_fixes(line: &Line, fixes: &[Fix]) -> Option<Self> {
        let ((first_at, first), (last_at, _)) = (fixes.first()?, fixes.last()?);
        let from = |start: Projection| {
            let span = last_at.saturating_sub(*first_at);
            let mut track = Self { here: start, travelled: 0.0, span, on_route: true, goes_back: false };
            let mut furthest = line.position(start);
            for (_, place) in fixes {
                let next = line.project(*place, track.here.along_m);
                track.on_route &= next.off_m <= OFF_ROUTE_M;
                track.travelled += line.step(track.here.along_m, next.along_m);
                track.here = next;
                // The turning point so far: the way that leads from there to here is longer than noise.
                let position = line.position(next);
                let is_turned = if track.goes_back { position > furthest + TURNED_M } else { position < furthest - TURNED_M };
                track.goes_back ^= is_turned && !line.is_loop;
                furthest = match (is_turned, track.goes_back) {
                    (true, _) => position,
                    (false, true) => furthest.min(position),
                    (false, false) => furthest.max(position),
                };
            }
            track
        };
        let (candidates, nearest) = line.near(*first);
        let mut ways = candidates.iter().take(MAX_PATHS).copied().map(from);
        let shortest = ways.next().map(|way| ways.fold(way, |best, way| if way.travelled + 1.0 < best.travelled { way } else { best }));
        Some(shortest.unwrap_or_else(|| from(nearest)))
    }

    /// Metres a second. None when it took too little time, when the shuttle stood or went back, or when no shuttle goes so fast.
    fn speed(&self) -> Option<f64> {
        if self.span < MIN_SPAN_MS || !self.on_route {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a span of minutes")]
        let speed = self.travelled * 1000.0 / self.span as f64;
        (MIN_SPEED..=MAX_SPEED).contains(&speed).then_some(speed)
    }
}

/// The fixes of the last minutes before the newest.
fn recent(fixes: &[Fix]) -> &[Fix] {
    let Some((newest, _)) = fixes.last() else { return fixes };
    let begins = fixes.iter().position(|(at, _)| newest.saturating_sub(*at) <= SPEED_WINDOW_MS).unwrap_or_default();
    fixes.get(begins..).unwrap_or_default()
}

/// Metres a second along the line between the oldest and the newest of these fixes, which are in the order of time. None when they span
/// too little, when the shuttle stood or went back, or when no shuttle goes so fast.
pub fn recent_speed(line: &Line, fixes: &[Fix]) -> Option<f64> {
    Track::from_fixes(line, recent(fixes))?.speed()
}

/// A shuttle's way to its stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Approach {
    /// Where it is along the line, metres: below 0 before its start and above its length past its end, if it is no loop.
    pub along_m: f64,
    /// Whether it goes against the direction of a line that is no loop: it then comes to no stop before it has turned.
    pub goes_back: bool,
    /// When it was there, milliseconds.
    pub at: i64,
    /// Metres a second.
    pub speed: f64,
    /// What the speed is.
    pub basis: Basis,
}

/// When and how far off a stop is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Metres to go.
    pub distance_m: f64,
    /// The arrival, milliseconds; never before `now`.
    pub at: i64,
    /// What it rests on.
    pub basis: Basis,
}

impl Approach {
    /// Of a shuttle's fixes in the order of time. None when there is none, when the newest is stale, or when it lies off the route.
    pub fn from_fixes(line: &Line, fixes: &[Fix], typical_kmh: f64, now: i64) -> Option<Self> {
        let (at, _) = *fixes.last()?;
        let track = Track::from_fixes(line, recent(fixes))?;
        if now.saturating_sub(at) > STALE_MS || track.here.off_m > OFF_ROUTE_M {
            return None;
        }
        let recent = track.speed();
        let speed = recent.unwrap_or((typical_kmh / 3.6).max(MIN_SPEED));
        let basis = if recent.is_some() { Basis::RecentSpeed } else { Basis::TypicalSpeed };
        Some(Self { along_m: line.position(track.here), goes_back: track.goes_back, at, speed, basis })
    }

    /// The arrival at a stop so far along the line. None when the line is no loop and the shuttle has passed the stop or goes back.
    pub fn arrival(&self, line: &Line, stop_m: f64, now: i64) -> Option<Estimate> {
        if self.goes_back {
            return None;
        }
        let distance_m = line.ahead(self.along_m, stop_m)?;
        #[expect(clippy::cast_possible_truncation, reason = "a route's length over at least a slow walk")]
        let travel = (distance_m / self.speed.max(MIN_SPEED) * 1000.0) as i64;
        Some(Estimate { distance_m, at: self.at.saturating_add(travel).max(now), basis: self.basis })
    }
}

#[cfg(test)]
#[path = "transit/tests.rs"]
mod tests;
