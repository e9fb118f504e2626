//! Names of time zones.

use crate::booking_slot::Zone;

/// Whether this is a zone of the IANA database, such as `Asia/Kolkata`, `UTC` or `America/Argentina/Buenos_Aires`: one whose rules are known
/// here, so that prices and slots can be told by its clock.
pub fn is_zone_name(name: &str) -> bool {
    Zone::parse(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_database() {
        for name in ["UTC", "Asia/Kolkata", "Etc/GMT+5", "America/Port-au-Prince", "America/Argentina/Buenos_Aires"] {
            assert!(is_zone_name(name), "{name}");
        }
        for name in ["", "/", "Asia/", "+05:30", "Asia/Kol kata", "../etc", "Mars/Phobos", "asia/kolkata", "Asia/Bombay"] {
            assert!(!is_zone_name(name), "{name}");
        }
    }
}
