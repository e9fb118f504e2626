//! Routes as they are sent.

mod stops;

use domain::transit::{Line, MAX_POINTS, Place};
use domain::transit_clock::parse_departure;
use kit::db;
use kit::input::{At, Code, Field, Input, Location, Number, SchemaRef, Schemas, Slug, Text, Value, any_of_schemas, array_of, pattern};
use kit::problem::FieldErrors;
use utoipa::openapi::schema::{ArrayBuilder, ArrayItems};

pub use stops::PlacedStop;
use stops::Stops;

/// The most departures of a day.
const MAX_DEPARTURES: usize = 500;
/// A new route.
#[derive(Input)]
#[input(
    check,
    example = r#"{
    "temple_id": "somnath", "name": "Bypass car park to temple", "polyline": [[20.8957, 70.3990], [20.8914, 70.4021], [20.8886, 70.4024]],
    "typical_kmh": 24, "departures": ["06:00", "18:30"],
    "stops": [{"name": "Car park", "lat": 20.8957, "lng": 70.3990, "offset_s": 0}, {"name": "Temple", "lat": 20.8886, "lng": 70.4024, "offset_s": 180}]
}"#
)]
pub struct NewRoute {
    /// Its code; a UUID unless it says otherwise.
    #[input(alias("route_id"))]
    pub id: Option<Code>,
    /// The temple's slug.
    #[input(alias("site"))]
    pub temple_id: Slug,
    /// The name that people read.
    pub name: Text<1, 100>,
    /// In the direction of travel.
    pub polyline: Polyline,
    /// In the order of travel: each within 300 m of the line, and not before the one before it.
    pub stops: Stops,
    /// Whether it ends where it begins. False unless it says otherwise.
    pub is_loop: Option<bool>,
    /// 20 unless it says otherwise.
    pub typical_kmh: Option<Number<1, 150>>,
    /// Times of the site's clock, daily, from the first stop.
    #[input(default)]
    pub departures: Departures,
}

/// A change of a route: what is not sent stays. A new `polyline` needs its `stops` with it; a list of stops replaces the one before.
#[derive(Input)]
#[input(read_only("length_m", "created_at", "updated_at"))]
#[input(check, example = r#"{"name": "Night line", "departures": ["21:00", "22:00"]}"#)]
pub struct RouteChange {
    /// May be repeated, and cannot be changed.
    #[input(rename = "id", alias("route_id"))]
    _id: Option<Code>,
    /// May be repeated, and cannot be changed.
    #[input(rename = "temple_id", alias("site"))]
    _temple_id: Option<Slug>,
    /// The name that people read.
    pub name: Option<Text<1, 100>>,
    /// In the direction of travel; needs `stops` with it.
    pub polyline: Option<Polyline>,
    /// In the order of travel: each within 300 m of the line, and not before the one before it.
    pub stops: Option<Stops>,
    /// Changes only with the polyline.
    pub is_loop: Option<bool>,
    /// How fast shuttles are on it, kilometres per hour.
    pub typical_kmh: Option<Number<1, 150>>,
    /// Times of the site's clock, daily, from the first stop.
    pub departures: Option<Departures>,
    /// False takes it out of service.
    pub is_active: Option<bool>,
}

impl NewRoute {
    /// The line that its polyline is.
    pub fn line(&self) -> Option<Line> {
        self.polyline.line(self.is_loop.unwrap_or_default())
    }

    fn check(&self, at: &mut At<'_>) {
        if let Some(line) = self.line() {
            refuse_all(self.stops.place(&line).err(), at);
        }
    }
}

impl RouteChange {
    fn check(&self, at: &mut At<'_>) {
        at.check_field(self.polyline.is_none() || self.stops.is_some(), "stops", "must be sent with a new polyline");
    }

    /// The line after the change of a route, and its stops on it, if they change; refuses what does not fit the route as it is.
    pub fn check_against(&self, stored: &Line, was_loop: bool, at: &mut At<'_>) {
        at.check_field(
            self.is_loop.is_none_or(|is_loop| is_loop == was_loop) || self.polyline.is_some(),
            "is_loop",
            "changes only with the polyline",
        );
        if let Some(stops) = &self.stops {
            refuse_all(stops.place(&self.line(was_loop).unwrap_or_else(|| stored.clone())).err(), at);
        }
    }

    /// The new line, if there is one.
    pub fn line(&self, was_loop: bool) -> Option<Line> {
        self.polyline.as_ref()?.line(self.is_loop.unwrap_or(was_loop))
    }
}

fn refuse_all(errors: Option<FieldErrors>, at: &mut At<'_>) {
    for (field, reasons) in errors.into_iter().flatten() {
        reasons.into_iter().for_each(|reason| at.refuse_field(&field, reason));
    }
}

/// At least two points that are not all the same.
pub struct Polyline(Vec<Place>);

impl Polyline {
    /// The line through its points.
    pub fn line(&self, is_loop: bool) -> Option<Line> {
        Line::new(self.0.clone(), is_loop)
    }
}

/// `[latitude, longitude]` or an object with `lat` and `lng`.
fn read_point(value: &Value) -> Option<Place> {
    let (lat, lng) = match value.as_array().map(Vec::as_slice) {
        Some([lat, lng]) => (lat.as_f64()?, lng.as_f64()?),
        Some(_) => return None,
        None => {
            let number = |name: &str, long: &str| value.get(name).or_else(|| value.get(long)).and_then(Value::as_f64);
            (number("lat", "latitude")?, number("lng", "longitude")?)
        }
    };
    (domain::geo::is_latitude(lat) && domain::geo::is_longitude(lng)).then_some(Place { lat, lng })
}

impl Field for Polyline {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let points: Option<Vec<Place>> = value.as_array().and_then(|points| points.iter().map(read_point).collect());
        let points = points.filter(|points| (2..=MAX_POINTS).contains(&points.len()));
        let polyline = points.map(Self).filter(|polyline| polyline.line(false).is_some());
        if polyline.is_none() {
            at.refuse(format!("must be 2 to {MAX_POINTS} points [latitude, longitude] that are not all the same"));
        }
        polyline
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        let pair = [Number::<-90, 90>::schema(schemas), Number::<-180, 180>::schema(schemas)];
        let pair = ArrayBuilder::new().prefix_items(pair).items(ArrayItems::False).min_items(Some(2)).max_items(Some(2));
        array_of(any_of_schemas([pair.into(), <Location as Field>::schema(schemas)]), 2, MAX_POINTS)
    }
}

/// As it is stored: `[[latitude, longitude], …]`.
impl From<&Polyline> for db::Value {
    fn from(polyline: &Polyline) -> Self {
        let points: Vec<Value> = polyline.0.iter().map(|place| Value::from(vec![place.lat, place.lng])).collect();
        Self::Text(Value::from(points).to_string())
    }
}

/// Times of the day, in order, each once.
#[derive(Default)]
pub struct Departures(Vec<String>);

impl Field for Departures {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let read = |value: &Value| value.as_str().map(str::trim).filter(|text| parse_departure(text).is_some()).map(str::to_owned);
        let times: Option<Vec<String>> =
            value.as_array().filter(|times| times.len() <= MAX_DEPARTURES).and_then(|times| times.iter().map(read).collect());
        let Some(mut times) = times else {
            at.refuse(format!("must be at most {MAX_DEPARTURES} times of the day such as 06:30"));
            return None;
        };
        times.sort_unstable();
        times.dedup();
        Some(Self(times))
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        array_of(pattern("^([01][0-9]|2[0-3]):[0-5][0-9]$").into(), 0, MAX_DEPARTURES)
    }
}

impl From<&Departures> for db::Value {
    fn from(departures: &Departures) -> Self {
        Self::Text(Value::from(departures.0.clone()).to_string())
    }
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    #[test]
    fn departures_are_sorted_and_each_is_kept_once() {
        let change: RouteChange = parse(br#"{"departures": ["22:00", "21:00", "22:00"]}"#, 0).unwrap();
        assert_eq!(change.departures.unwrap().0, ["21:00", "22:00"]);
        assert!(parse::<RouteChange>(br#"{"departures": ["6:00"]}"#, 0).is_err());
    }

    #[test]
    fn examples_are_taken() {
        assert!(parse::<NewRoute>(NewRoute::example().unwrap().as_bytes(), 0).is_ok());
        assert!(parse::<RouteChange>(RouteChange::example().unwrap().as_bytes(), 0).is_ok());
    }
}
