//! Shuttles of Somnath: two routes with their stops and timetables, and the position of each shuttle at a time.

use serde_json::{Value, json};

use super::api::Api;
use super::pattern::{DAY_MS, HOUR_MS, LOCAL_OFFSET_MS, rfc3339};

/// The temple that they serve.
const SITE: &str = "somnath";
/// How long a shuttle waits at each stop, in seconds.
const DWELL_S: f64 = 25.0;
/// Metres in a degree of latitude.
const DEGREE_M: f64 = 111_194.9;

/// A circular route.
struct Route {
    id: &'static str,
    name: &'static str,
    kmh: f64,
    /// Minutes from one departure to the next.
    every_min: usize,
    points: &'static [Point],
}

/// Latitude, longitude, and the name and code of a stop where there is one.
type Point = (f64, f64, Option<(&'static str, &'static str)>);

const ROUTES: [Route; 2] = [
    Route {
        id: "SOM-1",
        name: "Veraval station to Somnath temple",
        kmh: 24.0,
        every_min: 15,
        points: &[
            (20.9155, 70.3632, Some(("VERAVAL", "Veraval station"))),
            (20.9122, 70.3681, None),
            (20.9098, 70.3741, Some(("BHALKA", "Bhalka Tirth"))),
            (20.9083, 70.3812, None),
            (20.9061, 70.3872, Some(("STATION", "Somnath station"))),
            (20.9012, 70.3939, None),
            (20.8957, 70.3990, Some(("CARPARK", "Bypass car park"))),
            (20.8914, 70.4021, None),
            (20.8886, 70.4024, Some(("TEMPLE", "Temple gate"))),
            (20.8893, 70.3963, None),
            (20.8929, 70.3885, Some(("BEACH", "Beach road"))),
            (20.8986, 70.3792, None),
            (20.9047, 70.3709, Some(("HARBOUR", "Fishing harbour"))),
            (20.9104, 70.3647, None),
        ],
    },
    Route {
        id: "SOM-2",
        name: "Temple to Triveni Sangam",
        kmh: 18.0,
        every_min: 10,
        points: &[
            (20.8886, 70.4028, Some(("GATE", "East gate"))),
            (20.8897, 70.4074, None),
            (20.8891, 70.4123, Some(("GOLOK", "Golok Dham"))),
            (20.8878, 70.4160, None),
            (20.8860, 70.4188, Some(("TRIVENI", "Triveni Sangam"))),
            (20.8841, 70.4152, None),
            (20.8846, 70.4101, Some(("SURYA", "Surya temple"))),
            (20.8863, 70.4057, None),
        ],
    },
];

/// A vehicle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shuttle {
    /// Its code.
    pub id: &'static str,
    name: &'static str,
    plate: &'static str,
    capacity: i64,
    round: usize,
    /// The part of the round by which it runs ahead of the timetable's first.
    phase: f64,
}

/// Every vehicle.
pub(crate) const SHUTTLES: [Shuttle; 6] = [
    Shuttle { id: "SH-101", name: "Shuttle 101", plate: "GJ32T4101", capacity: 32, round: 0, phase: 0.0 },
    Shuttle { id: "SH-102", name: "Shuttle 102", plate: "GJ32T4102", capacity: 32, round: 0, phase: 0.27 },
    Shuttle { id: "SH-103", name: "Shuttle 103", plate: "GJ32T4103", capacity: 24, round: 0, phase: 0.52 },
    Shuttle { id: "SH-104", name: "Shuttle 104", plate: "GJ32T4104", capacity: 32, round: 0, phase: 0.78 },
    Shuttle { id: "SH-201", name: "E-rickshaw 201", plate: "GJ32E0201", capacity: 12, round: 1, phase: 0.1 },
    Shuttle { id: "SH-202", name: "E-rickshaw 202", plate: "GJ32E0202", capacity: 12, round: 1, phase: 0.6 },
];

/// Metres east and north.
fn offset(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    ((to.1 - from.1) * from.0.to_radians().cos() * DEGREE_M, (to.0 - from.0) * DEGREE_M)
}

impl Route {
    fn legs(&self) -> impl Iterator<Item = ((f64, f64), (f64, f64), bool)> + '_ {
        let next = self.points.iter().cycle().skip(1);
        self.points.iter().zip(next).map(|(from, to)| ((from.0, from.1), (to.0, to.1), from.2.is_some()))
    }

    fn leg_s(&self, from: (f64, f64), to: (f64, f64)) -> f64 {
        let (east, north) = offset(from, to);
        east.hypot(north) / (self.kmh / 3.6)
    }

    /// Seconds of a whole round, the stands at stops included.
    fn cycle_s(&self) -> f64 {
        self.legs().map(|(from, to, stop)| self.leg_s(from, to) + if stop { DWELL_S } else { 0.0 }).sum()
    }

    fn body(&self) -> Value {
        let mut offset_s = 0.0;
        let mut stops = Vec::new();
        for (point, (from, to, stop)) in self.points.iter().zip(self.legs()) {
            if let Some((code, name)) = point.2 {
                stops.push(json!({
                    "id": format!("{}-{code}", self.id), "name": name, "lat": point.0, "lng": point.1, "offset_s": offset_s as i64,
                }));
            }
            offset_s += self.leg_s(from, to) + if stop { DWELL_S } else { 0.0 };
        }
        let polyline: Vec<_> = self.points.iter().map(|point| [point.0, point.1]).collect();
        let departures: Vec<String> =
            (5 * 60..=22 * 60_usize).step_by(self.every_min).map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60)).collect();
        json!({
            "id": self.id, "temple_id": SITE, "name": self.name, "polyline": polyline, "is_loop": true, "typical_kmh": self.kmh,
            "departures": departures, "stops": stops,
        })
    }
}

impl Shuttle {
    fn route(&self) -> &'static Route {
        if self.round == 0 { &ROUTES[0] } else { &ROUTES[1] }
    }

    fn body(&self) -> Value {
        json!({
            "id": self.id, "temple_id": SITE, "name": self.name, "plate": self.plate, "capacity": self.capacity, "route_id": self.route().id,
        })
    }

    /// Its position report at this time.
    pub fn position(&self, at_ms: i64) -> Value {
        let route = self.route();
        let cycle = route.cycle_s();
        let elapsed = at_ms as f64 / 1000.0 + self.phase * cycle;
        let mut left = elapsed.rem_euclid(cycle);
        let mut ride = (elapsed / cycle) as i64;
        let mut here = route.legs().next().map_or((0.0, 0.0), |(from, ..)| from);
        let (mut speed_kmh, mut heading) = (0.0, 0.0);
        for (from, to, stop) in route.legs() {
            // The number of passengers changes at each stop.
            ride = ride.wrapping_mul(31).wrapping_add(i64::from(stop));
            let (east, north) = offset(from, to);
            heading = east.atan2(north).to_degrees().rem_euclid(360.0);
            here = from;
            let dwell = if stop { DWELL_S } else { 0.0 };
            if left < dwell {
                break;
            }
            left -= dwell;
            let leg = route.leg_s(from, to);
            if left < leg {
                let part = left / leg;
                here = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
                speed_kmh = route.kmh;
                break;
            }
            left -= leg;
        }
        let decimals = |value: f64, steps: f64| (value * steps).round() / steps;
        json!({
            "lat": decimals(here.0, 1e6), "lng": decimals(here.1, 1e6), "speed_kmh": speed_kmh, "heading": decimals(heading, 10.0),
            "passengers": self.passengers(ride, at_ms), "timestamp": rfc3339(at_ms),
        })
    }

    /// The number of passengers: higher at the hours of the aarti.
    fn passengers(&self, ride: i64, at_ms: i64) -> i64 {
        let hour = (at_ms + LOCAL_OFFSET_MS).rem_euclid(DAY_MS) as f64 / HOUR_MS as f64;
        let bump = |centre: f64, width: f64| (-((hour - centre) / width).powi(2) / 2.0).exp();
        let full = 0.15 + 0.5 * bump(7.0, 1.8) + 0.45 * bump(12.0, 2.2) + 0.6 * bump(18.8, 2.0);
        let noise = fastrand::Rng::with_seed(ride.cast_unsigned() ^ self.capacity.cast_unsigned()).f64();
        ((self.capacity as f64 * (full * (0.55 + 0.7 * noise)).min(1.0)).round() as i64).clamp(0, self.capacity)
    }
}

/// Creates routes and shuttles, and sends positions. Returns how many routes and shuttles were new.
pub(super) async fn create(admin: &Api) -> anyhow::Result<(usize, usize)> {
    let (mut routes, mut shuttles) = (0, 0);
    for route in &ROUTES {
        routes += usize::from(admin.create("/api/transport/routes", &route.body()).await?);
    }
    for shuttle in &SHUTTLES {
        if !admin.create("/api/transport/shuttles", &shuttle.body()).await? {
            continue;
        }
        shuttles += 1;
        // A speed is computed from several positions.
        for ago_ms in [40_000, 20_000, 0] {
            admin.create(&format!("/api/transport/shuttles/{}/location", shuttle.id), &shuttle.position(admin.now_ms() - ago_ms)).await?;
        }
    }
    Ok((routes, shuttles))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_770_201_000_000;

    fn place(position: &Value) -> (f64, f64) {
        (position["lat"].as_f64().unwrap(), position["lng"].as_f64().unwrap())
    }

    #[test]
    fn a_shuttle_moves_without_leaps_and_never_carries_more_than_it_holds() {
        for shuttle in &SHUTTLES {
            for step in 0..400 {
                let (one, next) = (shuttle.position(NOW + step * 10_000), shuttle.position(NOW + step * 10_000 + 10_000));
                let (east, north) = offset(place(&one), place(&next));
                assert!(east.hypot(north) <= 10.0 * 24.0 / 3.6 + 1.0, "{one} {next}");
                assert!((0..=shuttle.capacity).contains(&one["passengers"].as_i64().unwrap()));
            }
        }
    }

    #[test]
    fn a_shuttle_returns_to_the_start_of_its_route() {
        for (route, shuttle) in [(&ROUTES[0], &SHUTTLES[0]), (&ROUTES[1], &SHUTTLES[4])] {
            let cycle_ms = (route.cycle_s() * 1000.0) as i64;
            let (east, north) = offset(place(&shuttle.position(NOW)), place(&shuttle.position(NOW + cycle_ms)));
            assert!(east.hypot(north) < 5.0);
            assert!((300.0..3_600.0).contains(&route.cycle_s()), "{}", route.cycle_s());
        }
    }
}
