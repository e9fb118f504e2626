//! A route's stops as they are sent, and their places on its line.

use domain::transit::{Line, MAX_STOPS, OFF_ROUTE_M, Place};
use kit::input::{At, Code, Field, Input, Int, Number, SchemaRef, Schemas, Text, Value, array_of, reference};
use kit::problem::FieldErrors;

/// The longest ride, seconds.
const MAX_OFFSET_S: i64 = 86_400;

/// A stop of a route.
#[derive(Input)]
pub struct NewStop {
    /// Its code; a UUID unless it says otherwise.
    #[input(alias("stop_id"))]
    id: Option<Code>,
    /// The name that people read.
    name: Text<1, 100>,
    /// Degrees (WGS 84).
    #[input(alias("latitude"))]
    lat: Number<-90, 90>,
    /// Degrees (WGS 84).
    #[input(alias("longitude"))]
    lng: Number<-180, 180>,
    /// When it is reached by the timetable, seconds after the departure.
    offset_s: Option<Int<0, MAX_OFFSET_S>>,
}

/// Stops in the order of travel. One that was refused leaves its place empty, so that the others are judged too.
pub struct Stops(Vec<Option<NewStop>>);

impl Field for Stops {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let Some(values) = value.as_array().filter(|values| (1..=MAX_STOPS).contains(&values.len())) else {
            at.refuse(format!("must be a list of 1 to {MAX_STOPS} stops"));
            return None;
        };
        let stops = values.iter().enumerate().map(|(index, value)| at.element(index, |at| <NewStop as Field>::read(value, at)));
        Some(Self(stops.collect()))
    }

    fn schema(schemas: &mut Schemas) -> SchemaRef {
        array_of(reference::<NewStop>(schemas), 1, MAX_STOPS)
    }
}

/// A stop with its place on the route.
pub struct PlacedStop {
    /// None when it is to get a new one.
    pub id: Option<String>,
    pub name: String,
    pub place: Place,
    /// Metres along the route.
    pub along_m: f64,
    /// Timetable: seconds after the departure.
    pub offset_s: Option<i64>,
}

impl Stops {
    /// The stops on this line, or what is wrong with their places and their order.
    pub fn place(&self, line: &Line) -> Result<Vec<PlacedStop>, FieldErrors> {
        let mut errors = FieldErrors::new();
        let mut placed: Vec<PlacedStop> = Vec::with_capacity(self.0.len());
        for (index, stop) in self.0.iter().enumerate().filter_map(|(index, stop)| Some((index, stop.as_ref()?))) {
            let mut refuse = |field: &str, reason: String| errors.entry(format!("stops[{index}].{field}")).or_default().push(reason);
            let place = Place { lat: *stop.lat, lng: *stop.lng };
            // A stop lies after the one before it: where the line passes it twice, the order tells which time.
            let from = placed.last().map_or(0.0, |stop| stop.along_m);
            let here = line.project(place, from);
            if here.off_m > OFF_ROUTE_M {
                refuse("lat", format!("is more than {OFF_ROUTE_M} m from the route"));
                continue;
            }
            if here.along_m < from {
                refuse("lat", "lies before the stop before it".to_owned());
                continue;
            }
            let (id, offset_s) = (stop.id.as_deref().map(str::to_owned), stop.offset_s.map(|offset| *offset));
            let is_same = |other: &PlacedStop| id.as_ref().zip(other.id.as_ref()).is_some_and(|(id, other)| id.eq_ignore_ascii_case(other));
            if placed.iter().any(is_same) {
                refuse("id", "is another stop's".to_owned());
            }
            let before = placed.iter().rev().find_map(|stop| stop.offset_s);
            if offset_s.zip(before).is_some_and(|(offset, before)| offset < before) {
                refuse("offset_s", "is before the stop before it".to_owned());
            }
            placed.push(PlacedStop { id, name: stop.name.to_string(), place, along_m: here.along_m, offset_s });
        }
        if errors.is_empty() { Ok(placed) } else { Err(errors) }
    }
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::super::NewRoute;

    fn route(stops: &str) -> Result<NewRoute, Vec<String>> {
        let body = format!(r#"{{"temple_id": "a", "name": "a", "polyline": [[20, 70], {{"lat": 20.01, "lng": 70}}], "stops": {stops}}}"#);
        parse(body.as_bytes(), 0).map_err(|problem| problem.errors().keys().cloned().collect())
    }

    #[test]
    fn stops_lie_on_the_line_in_its_order() {
        let stops = r#"[{"id": "A", "name": "a", "lat": 20.001, "lng": 70, "offset_s": 0}, {"name": "b", "lat": 20.009, "lng": 70.0005, "offset_s": 120}]"#;
        let route_on_line = route(stops).unwrap();
        let placed = route_on_line.stops.place(&route_on_line.line().unwrap()).unwrap_or_default();
        assert_eq!(placed.iter().map(|stop| stop.along_m.round()).collect::<Vec<_>>(), [111.0, 1001.0]);
        let refused = |stops: &str| route(stops).err().unwrap_or_default();
        assert_eq!(
            refused(
                r#"[{"id": "A", "name": "a", "lat": 20.009, "lng": 70}, {"name": "", "lat": 20, "lng": 70}, {"name": "c", "lat": 21, "lng": 70}]"#
            ),
            ["stops[1].name", "stops[2].lat"]
        );
        assert_eq!(
            refused(
                r#"[{"id": "A", "name": "a", "lat": 20, "lng": 70, "offset_s": 9}, {"id": "a", "name": "b", "lat": 20, "lng": 70, "offset_s": 8}]"#
            ),
            ["stops[1].id", "stops[1].offset_s"]
        );
        assert_eq!(refused(r#"[{"name": "a", "lat": 20.009, "lng": 70}, {"name": "b", "lat": 20.001, "lng": 70}]"#), ["stops[1].lat"]);
        assert_eq!(refused("[]"), ["stops"]);
        assert_eq!(refused("7"), ["stops"]);
        assert_eq!(refused("[7]"), ["stops[0]"]);
    }
}
