//! A record that is being moved: what is asked for is taken out of it, and what is left is told as unmapped.

use crate::clock::Clock;
use crate::failure::Refusal;
use crate::value::{Fields, Old};

/// A record.
#[derive(Debug)]
pub struct Row {
    fields: Fields,
    clock: Clock,
}

type Read<T> = Result<Option<T>, Refusal>;

impl Row {
    /// A record.
    pub const fn new(fields: Fields, clock: Clock) -> Self {
        Self { fields, clock }
    }

    /// The fields that nobody has asked for and that say something.
    pub fn unmapped(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|(_, value)| !value.is_nothing()).map(|(name, _)| name.as_str())
    }

    /// Takes the first of these names that says something, and its name. Others of the names stay, to be told as unmapped.
    pub fn take(&mut self, names: &[&str]) -> Option<(String, Old)> {
        let at = names.iter().find_map(|name| self.fields.iter().position(|(field, value)| field == name && !value.is_nothing()))?;
        Some(self.fields.remove(at))
    }

    /// A text; a number is one, too.
    pub fn text(&mut self, names: &[&str]) -> Read<String> {
        let Some((name, value)) = self.take(names) else { return Ok(None) };
        text_of(&name, value).map(Some)
    }

    /// A text that has to be there.
    pub fn needed_text(&mut self, names: &[&str]) -> Result<String, Refusal> {
        self.text(names)?.ok_or_else(|| missing(names))
    }

    /// A whole number.
    pub fn int(&mut self, names: &[&str]) -> Read<i64> {
        let Some((name, value)) = self.take(names) else { return Ok(None) };
        let number = match &value {
            Old::Int(number) => Some(*number),
            Old::Text(text) => text.trim().parse().ok(),
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and within what both can say")]
            Old::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
            _ => None,
        };
        number.map(Some).ok_or_else(|| Refusal::of("bad_number", name))
    }

    /// A number.
    pub fn float(&mut self, names: &[&str]) -> Read<f64> {
        let Some((name, value)) = self.take(names) else { return Ok(None) };
        float_of(&value).map(Some).ok_or_else(|| Refusal::of("bad_number", name))
    }

    /// A number that has to be there.
    pub fn needed_float(&mut self, names: &[&str]) -> Result<f64, Refusal> {
        self.float(names)?.ok_or_else(|| missing(names))
    }

    /// Yes or no, as each format writes it.
    pub fn bool(&mut self, names: &[&str]) -> Read<bool> {
        let Some((name, value)) = self.take(names) else { return Ok(None) };
        match &value {
            Old::Bool(value) => Ok(Some(*value)),
            Old::Int(0) => Ok(Some(false)),
            Old::Int(1) => Ok(Some(true)),
            Old::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "t" | "true" | "1" | "yes" => Ok(Some(true)),
                "f" | "false" | "0" | "no" => Ok(Some(false)),
                _ => Err(Refusal::of("bad_boolean", name)),
            },
            _ => Err(Refusal::of("bad_boolean", name)),
        }
    }

    /// A moment, which may lie ahead.
    pub fn moment(&mut self, names: &[&str]) -> Read<i64> {
        let Some((name, value)) = self.take(names) else { return Ok(None) };
        self.clock.moment(&name, &value).map(Some)
    }

    /// A moment that has passed.
    pub fn past(&mut self, names: &[&str]) -> Read<i64> {
        let Some((name, value)) = self.take(names) else { return Ok(None) };
        self.clock.past(&name, &value).map(Some)
    }

    /// A moment that has passed, which has to be there.
    pub fn needed_past(&mut self, names: &[&str]) -> Result<i64, Refusal> {
        self.past(names)?.ok_or_else(|| missing(names))
    }

    /// When it was made; the present where that is not said.
    pub fn created(&mut self, names: &[&str]) -> Result<i64, Refusal> {
        Ok(self.past(names)?.unwrap_or(self.clock.now))
    }

    /// A list, also one that is a text of JSON.
    pub fn list(&mut self, names: &[&str]) -> Read<Vec<Old>> {
        let Some((name, value)) = self.take(names) else { return Ok(None) };
        let value = match value {
            Old::Text(text) => Old::from_json(serde_json::from_str(&text).map_err(|_| Refusal::of("bad_list", name.as_str()))?),
            other => other,
        };
        match value {
            Old::List(values) => Ok(Some(values)),
            _ => Err(Refusal::of("bad_list", name)),
        }
    }

    /// Latitude and longitude: two fields, or one of GeoJSON or of `lat` and `lng`. Null where neither is.
    pub fn position(&mut self) -> Read<(f64, f64)> {
        let (lat, lng) = (self.float(&["latitude", "lat"])?, self.float(&["longitude", "lng", "lon"])?);
        match (lat, lng) {
            (Some(lat), Some(lng)) => return Ok(Some((lat, lng))),
            (None, None) => {}
            _ => return Err(Refusal::of("bad_location", "one of latitude and longitude is missing")),
        }
        let Some(at) = self.fields.iter().position(|(name, value)| name == "location" && matches!(value, Old::Map(_) | Old::Text(_)))
        else {
            return Ok(None);
        };
        let parsed = match self.fields.get(at).map(|(_, value)| value) {
            Some(Old::Text(text)) => serde_json::from_str(text).map_or(Old::Null, Old::from_json),
            Some(other) => other.clone(),
            None => Old::Null,
        };
        // A place in words is somebody else's to take.
        let Old::Map(parts) = parsed else { return Ok(None) };
        self.fields.remove(at);
        let part = |names: &[&str]| parts.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value);
        if let Some(Old::List(pair)) = part(&["coordinates"]) {
            // GeoJSON puts the longitude first.
            let pair: Vec<f64> = pair.iter().filter_map(float_of).collect();
            let [lng, lat] = pair[..] else { return Err(Refusal::of("bad_location", "location.coordinates")) };
            return Ok(Some((lat, lng)));
        }
        match (part(&["lat", "latitude"]).and_then(float_of), part(&["lng", "longitude", "lon"]).and_then(float_of)) {
            (Some(lat), Some(lng)) => Ok(Some((lat, lng))),
            _ => Err(Refusal::of("bad_location", "location")),
        }
    }
}

/// What is refused where none of these names says anything.
pub fn missing(names: &[&str]) -> Refusal {
    Refusal::missing(names.first().copied().unwrap_or_default())
}

fn float_of(value: &Old) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "measurements have few digits")]
        Old::Int(number) => Some(*number as f64),
        Old::Float(number) => Some(*number),
        Old::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

/// A value as a text.
///
/// # Errors
/// For what holds more than one value, and for moments.
pub fn text_of(name: &str, value: Old) -> Result<String, Refusal> {
    match value {
        Old::Text(text) => Ok(text.trim().to_owned()),
        Old::Int(number) => Ok(number.to_string()),
        Old::Float(number) => Ok(number.to_string()),
        Old::Bool(value) => Ok(value.to_string()),
        _ => Err(Refusal::of("no_text", name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(fields: &[(&str, Old)]) -> Row {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Row::new(fields, Clock { zone: None, now: 1_800_000_000_000 })
    }

    #[test]
    fn what_nobody_asks_for_is_left() {
        let mut row = row(&[("a", Old::Int(1)), ("b", Old::Text("x".into())), ("c", Old::Null), ("d", Old::Text(" ".into()))]);
        assert_eq!(row.int(&["z", "a"]).unwrap(), Some(1));
        assert_eq!(row.text(&["c"]).unwrap(), None);
        assert_eq!(row.unmapped().collect::<Vec<_>>(), ["b"]);
        assert_eq!(row.needed_text(&["nothing"]).unwrap_err(), Refusal::missing("nothing"));
    }

    #[test]
    fn booleans_are_read_in_each_format_and_nothing_else_is() {
        for (value, is) in
            [(Old::Text("t".into()), true), (Old::Text("False".into()), false), (Old::Int(1), true), (Old::Bool(false), false)]
        {
            assert_eq!(row(&[("x", value)]).bool(&["x"]).unwrap(), Some(is));
        }
        assert!(row(&[("x", Old::Int(2))]).bool(&["x"]).is_err());
        assert!(row(&[("x", Old::Text("maybe".into()))]).bool(&["x"]).is_err());
        assert!(row(&[("x", Old::Float(1.5))]).int(&["x"]).is_err());
        assert!(row(&[("x", Old::Float(f64::NAN))]).float(&["x"]).is_err());
    }

    #[test]
    fn positions_are_read_in_their_three_forms() {
        let map = |fields: &[(&str, Old)]| Old::Map(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect());
        let (lat, lng) = (Old::Float(20.5), Old::Float(70.5));
        let point = Old::List(vec![lng.clone(), lat.clone()]);
        for fields in [
            vec![("latitude", lat.clone()), ("longitude", lng.clone())],
            vec![("location", map(&[("lat", lat.clone()), ("lng", lng.clone())]))],
            vec![("location", map(&[("type", Old::Text("Point".into())), ("coordinates", point)]))],
            vec![("location", Old::Text(r#"{"lat": 20.5, "lng": 70.5}"#.into()))],
        ] {
            assert_eq!(row(&fields).position().unwrap(), Some((20.5, 70.5)), "{fields:?}");
        }
        let mut words = row(&[("location", Old::Text("Gate 2".into()))]);
        assert_eq!(words.position().unwrap(), None);
        assert_eq!(words.text(&["location"]).unwrap().as_deref(), Some("Gate 2"));
        assert!(row(&[("location", map(&[("lat", lat)]))]).position().is_err());
    }
}
