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

/// The earth's mean radius in metres (IUGG).
const EARTH_M: f64 = 6_371_008.8;

/// The great-circle distance of two places, latitude and longitude each, in metres, by the haversine formula. Off by at most 0.6 %,
/// since the earth is no sphere. NaN when a coordinate is.
pub fn distance_m(a: (f64, f64), b: (f64, f64)) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin();
    let (lat, lng) = (half(b.0 - a.0), half(b.1 - a.1));
    let h = lat * lat + a.0.to_radians().cos() * b.0.to_radians().cos() * lng * lng;
    2.0 * EARTH_M * h.clamp(0.0, 1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn distances_are_those_of_the_atlas() {
        let (somnath, dwarka) = ((20.8880, 70.4013), (22.2376, 68.9674));
        let distance = distance_m(somnath, dwarka);
        assert!((distance - 211_000.0).abs() < 1_000.0, "{distance}");
        // A degree of latitude.
        assert!((distance_m((0.0, 0.0), (1.0, 0.0)) - 111_195.0).abs() < 1.0);
        // Across the date line it is not around the world.
        assert!(distance_m((0.0, 179.9), (0.0, -179.9)) < 23_000.0);
        assert!(distance_m((f64::NAN, 0.0), (0.0, 0.0)).is_nan());
    }

    proptest! {
        #[test]
        fn a_distance_is_symmetric_and_bounded(a in (-90.0..=90.0, -180.0..=180.0), b in (-90.0..=90.0, -180.0..=180.0)) {
            let distance = distance_m(a, b);
            prop_assert!((0.0..=std::f64::consts::PI * EARTH_M).contains(&distance));
            prop_assert!((distance - distance_m(b, a)).abs() < 1e-3);
        }
    }

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
