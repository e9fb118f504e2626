//! Places on the earth: WGS 84, in degrees.

use crate::FieldErrors;

/// Whether this is a latitude: −90 to 90 degrees, finite.
pub fn is_latitude(degrees: f64) -> bool {
    (-90.0..=90.0).contains(&degrees)
}

/// Whether this is a longitude: −180 to 180 degrees, finite.
pub fn is_longitude(degrees: f64) -> bool {
    (-180.0..=180.0).contains(&degrees)
}

/// Judges a pair of coordinates, naming `lat` and `lng` in `errors`.
pub fn check(lat: f64, lng: f64, errors: &mut FieldErrors) {
    if !is_latitude(lat) {
        errors.push(("lat", "must be between -90 and 90".to_owned()));
    }
    if !is_longitude(lng) {
        errors.push(("lng", "must be between -180 and 180".to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_poles_and_the_date_line_are_on_the_earth() {
        let mut errors = FieldErrors::new();
        check(90.0, -180.0, &mut errors);
        check(20.888, 70.401, &mut errors);
        assert!(errors.is_empty());
        check(90.1, 180.1, &mut errors);
        check(f64::NAN, f64::INFINITY, &mut errors);
        let fields: Vec<_> = errors.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["lat", "lng", "lat", "lng"]);
    }
}
