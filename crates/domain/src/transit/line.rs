//! A route's line on the ground: metres along it, and how far off it a place lies.

/// Metres in a degree of latitude.
pub(super) const DEGREE_M: f64 = 111_194.926_644_558_74;

/// A stop so little behind the shuttle is where it is, metres.
const AT_STOP_M: f64 = 25.0;

/// On a loop, a position so little behind the one before is noise and not almost a whole round, metres.
const NOISE_M: f64 = 150.0;

/// A place, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Latitude.
    pub lat: f64,
    /// Longitude.
    pub lng: f64,
}

/// `to` as seen from `from`: metres east and north. The short way across the date line.
fn offset(from: Place, to: Place) -> (f64, f64) {
    let mut east = to.lng - from.lng;
    if east > 180.0 {
        east -= 360.0;
    } else if east < -180.0 {
        east += 360.0;
    }
    let narrow = ((from.lat + to.lat) / 2.0).to_radians().cos();
    (east * narrow * DEGREE_M, (to.lat - from.lat) * DEGREE_M)
}

/// Metres between two near places.
pub fn distance(from: Place, to: Place) -> f64 {
    let (east, north) = offset(from, to);
    east.hypot(north)
}

/// Where a place lies by a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Projection {
    /// Metres from the line's start, along it, to its point nearest to the place.
    pub along_m: f64,
    /// Metres from there to the place.
    pub off_m: f64,
}

/// A route's line, in the direction of travel.
#[derive(Clone, Debug)]
pub struct Line {
    points: Vec<Place>,
    /// Metres from the start to each point.
    along: Vec<f64>,
    /// Whether it ends where it begins.
    pub(super) is_loop: bool,
}

impl Line {
    /// Of at least two points that are not all the same. A loop ends where it begins, whether or not its last point says so.
    pub fn new(mut points: Vec<Place>, is_loop: bool) -> Option<Self> {
        if is_loop
            && let (Some(first), Some(last)) = (points.first().copied(), points.last().copied())
            && first != last
        {
            points.push(first);
        }
        let mut along = Vec::with_capacity(points.len());
        let mut total = 0.0;
        let mut before = None;
        for point in &points {
            if let Some(before) = before {
                total += distance(before, *point);
            }
            along.push(total);
            before = Some(*point);
        }
        (points.len() >= 2 && total.is_finite() && total > 0.0).then_some(Self { points, along, is_loop })
    }

    /// Metres from its start to its end.
    pub fn length(&self) -> f64 {
        self.along.last().copied().unwrap_or_default()
    }

    /// The line's nearest point. Where the line comes near the place more than once, the first at or after `from_m` metres that is about as
    /// near as the nearest: a line that crosses itself or returns on its own way.
    pub fn project(&self, place: Place, from_m: f64) -> Projection {
        let (candidates, nearest) = self.near(place);
        let later = candidates.iter().filter(|candidate| candidate.along_m >= from_m - AT_STOP_M);
        later.min_by(|a, b| (a.along_m).total_cmp(&b.along_m)).copied().unwrap_or(nearest)
    }

    /// Each of the line's segments' points that are about as near to the place as the nearest, and the nearest.
    pub(super) fn near(&self, place: Place) -> (Vec<Projection>, Projection) {
        let mut nearest = Projection { along_m: 0.0, off_m: f64::INFINITY };
        let mut candidates = Vec::with_capacity(self.points.len());
        for ((start, end), along) in self.points.iter().zip(self.points.iter().skip(1)).zip(&self.along) {
            let ((ex, ey), (px, py)) = (offset(*start, *end), offset(*start, place));
            let squared = ex * ex + ey * ey;
            let part = if squared > 0.0 { ((px * ex + py * ey) / squared).clamp(0.0, 1.0) } else { 0.0 };
            let off_m = (px - part * ex).hypot(py - part * ey);
            let candidate = Projection { along_m: along + part * squared.sqrt(), off_m };
            if off_m < nearest.off_m {
                nearest = candidate;
            }
            candidates.push(candidate);
        }
        candidates.retain(|candidate| candidate.off_m <= nearest.off_m + 15.0);
        (candidates, nearest)
    }

    /// Metres to go from one place along the line to another; none when it lies behind and the line is no loop.
    pub fn ahead(&self, from_m: f64, to_m: f64) -> Option<f64> {
        let metres = to_m - from_m;
        if metres >= -AT_STOP_M { Some(metres.max(0.0)) } else { self.is_loop.then(|| metres + self.length()) }
    }

    /// Where a place counts along the line, metres. Beyond an end of a line that is no loop it counts as further on by its distance to that
    /// end, so that a shuttle that drives on from the last stop is past it and not still there.
    pub(super) fn position(&self, projection: Projection) -> f64 {
        let beyond = (projection.off_m - AT_STOP_M).max(0.0);
        if self.is_loop {
            projection.along_m
        } else if self.length() - projection.along_m <= AT_STOP_M {
            projection.along_m + beyond
        } else if projection.along_m <= AT_STOP_M {
            projection.along_m - beyond
        } else {
            projection.along_m
        }
    }

    /// Metres travelled from one fix to the next: a fix that is a little behind is noise and no way travelled.
    pub(super) fn step(&self, from_m: f64, to_m: f64) -> f64 {
        let back = from_m - to_m;
        if (0.0..=NOISE_M).contains(&back) && back < self.length() / 2.0 { 0.0 } else { self.ahead(from_m, to_m).unwrap_or(0.0) }
    }
}
