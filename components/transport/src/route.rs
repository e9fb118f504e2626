//! A route as it is sent and as it is stored.

use domain::transit::{Line, MAX_POINTS, MAX_STOPS, OFF_ROUTE_M, Place};
use domain::transit_clock::parse_departure;
use kit::Problem;
use kit::fields::Fields;
use serde_json::Value;

/// The most departures of a day.
const MAX_DEPARTURES: usize = 500;
/// The longest ride, seconds.
const MAX_OFFSET_S: i64 = 86_400;

/// A stop of a route.
pub struct Stop {
    pub id: String,
    pub name: String,
    pub place: Place,
    /// Metres along the route.
    pub along_m: f64,
    /// Timetable: seconds after the departure.
    pub offset_s: Option<i64>,
}

/// `[latitude, longitude]` or an object with `lat` and `lng`.
fn place(value: &Value) -> Option<Place> {
    let (lat, lng) = match value {
        Value::Array(pair) => match pair.as_slice() {
            [lat, lng] => (lat.as_f64()?, lng.as_f64()?),
            _ => return None,
        },
        Value::Object(object) => {
            let of = |name: &str, long: &str| object.get(name).or_else(|| object.get(long)).and_then(Value::as_f64);
            (of("lat", "latitude")?, of("lng", "longitude")?)
        }
        _ => return None,
    };
    (domain::geo::is_latitude(lat) && domain::geo::is_longitude(lng)).then_some(Place { lat, lng })
}

/// Reads a stored polyline. None when it is none, which the routes never store.
pub fn line(polyline: &str, is_loop: bool) -> Option<Line> {
    let value: Value = serde_json::from_str(polyline).ok()?;
    Line::new(value.as_array()?.iter().map(place).collect::<Option<_>>()?, is_loop)
}

/// As it is stored: `[[latitude, longitude], …]`.
fn written(places: &[Place]) -> String {
    Value::from(places.iter().map(|place| Value::from(vec![place.lat, place.lng])).collect::<Vec<_>>()).to_string()
}

/// Reads `polyline`: the line and how it is stored; none when it was not sent or is refused.
pub fn polyline(fields: &mut Fields, is_loop: bool) -> Option<(Line, String)> {
    let value = fields.take("polyline").filter(|value| !value.is_null())?;
    let places: Option<Vec<Place>> = value.as_array().and_then(|points| points.iter().map(place).collect());
    let line = places.filter(|places| (2..=MAX_POINTS).contains(&places.len())).and_then(|places| {
        let text = written(&places);
        Some((Line::new(places, is_loop)?, text))
    });
    if line.is_none() {
        fields.refuse("polyline", format!("must be 2 to {MAX_POINTS} points [latitude, longitude] that are not all the same"));
    }
    line
}

/// Reads `departures`, sorted, as it is stored; none when it was not sent or is refused.
pub fn departures(fields: &mut Fields) -> Option<String> {
    let mut departures = fields.opt_texts("departures", MAX_DEPARTURES)?;
    if departures.iter().any(|text| parse_departure(text).is_none()) {
        fields.refuse("departures", "must be times of the day such as 06:30");
        return None;
    }
    departures.sort_unstable();
    departures.dedup();
    Some(Value::from(departures).to_string())
}

/// The minutes of the day of stored departures.
pub fn minutes(departures: &str) -> Vec<i64> {
    let texts: Vec<String> = serde_json::from_str(departures).unwrap_or_default();
    texts.iter().filter_map(|text| parse_departure(text)).collect()
}

/// Reads `stops` in the order of travel, each on the line: `{id?, name, lat, lng, offset_s?}`. None when it was not sent or is refused.
pub fn stops(fields: &mut Fields, line: Option<&Line>, now: i64) -> Result<Option<Vec<Stop>>, Problem> {
    let Some(value) = fields.take("stops").filter(|value| !value.is_null()) else { return Ok(None) };
    let Value::Array(values) = value else {
        fields.refuse("stops", "must be a list of stops");
        return Ok(None);
    };
    if !(1..=MAX_STOPS).contains(&values.len()) {
        fields.refuse("stops", format!("must have 1 to {MAX_STOPS} stops"));
        return Ok(None);
    }
    let mut stops: Vec<Stop> = Vec::with_capacity(values.len());
    let before = fields.errors().len();
    for (index, value) in values.into_iter().enumerate() {
        let path = |field: &str| format!("stops[{index}].{field}");
        let Some(place) = place(&value) else {
            fields.refuse(&path("lat"), "needs lat from -90 to 90 and lng from -180 to 180");
            continue;
        };
        let mut stop = match Fields::of(value) {
            Ok(stop) => stop,
            Err(_) => continue,
        };
        let id = crate::list::id(&mut stop, "id", "stop_id", now)?;
        let name = stop.text("name", 1..=100);
        let offset_s = stop.opt_int("offset_s", 0..=MAX_OFFSET_S);
        for (field, reasons) in stop.errors() {
            reasons.iter().for_each(|reason| fields.refuse(&path(field), reason));
        }
        // A stop lies after the one before it: where the line passes it twice, the order tells which time.
        let from = stops.last().map_or(0.0, |stop| stop.along_m);
        let along_m = match line.map(|line| line.project(place, from)) {
            Some(here) if here.off_m > OFF_ROUTE_M => {
                fields.refuse(&path("lat"), format!("is more than {OFF_ROUTE_M} m from the route"));
                continue;
            }
            Some(here) if here.along_m < from => {
                fields.refuse(&path("lat"), "lies before the stop before it");
                continue;
            }
            Some(here) => here.along_m,
            None => 0.0,
        };
        if stops.iter().any(|other| other.id.eq_ignore_ascii_case(&id)) {
            fields.refuse(&path("id"), "is another stop's");
        }
        if let (Some(offset), Some(last)) = (offset_s, stops.iter().rev().find_map(|stop| stop.offset_s))
            && offset < last
        {
            fields.refuse(&path("offset_s"), "is before the stop before it");
        }
        stops.push(Stop { id, name, place, along_m, offset_s });
    }
    Ok((fields.errors().len() == before).then_some(stops))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(stops_json: &str) -> (Option<Vec<Stop>>, Vec<String>) {
        let body = format!(r#"{{"polyline": [[20, 70], [20.01, 70]], "stops": {stops_json}}}"#);
        let mut fields = Fields::parse(body.as_bytes()).unwrap();
        let (line, _) = polyline(&mut fields, false).unwrap();
        let stops = stops(&mut fields, Some(&line), 0).unwrap();
        (stops, fields.errors().keys().cloned().collect())
    }

    #[test]
    fn stops_lie_on_the_line_in_its_order() {
        let (stops, errors) = read(
            r#"[{"id": "A", "name": "a", "lat": 20.001, "lng": 70, "offset_s": 0}, {"id": "B", "name": "b", "lat": 20.009, "lng": 70.0005, "offset_s": 120}]"#,
        );
        assert!(errors.is_empty(), "{errors:?}");
        let along: Vec<_> = stops.unwrap().iter().map(|stop| stop.along_m.round()).collect();
        assert_eq!(along, [111.0, 1001.0]);
        let (_, errors) = read(r#"[{"id": "A", "name": "a", "lat": 20.009, "lng": 70}, {"id": "a", "name": "", "lat": 21, "lng": 70}]"#);
        assert_eq!(errors, ["stops[1].lat", "stops[1].name"]);
        assert_eq!(read("[]").1, ["stops"]);
        assert_eq!(read("7").1, ["stops"]);
        assert_eq!(read("[7]").1, ["stops[0].lat"]);
    }
}
