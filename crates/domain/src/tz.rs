//! Names of time zones.

/// Whether this has the shape of an IANA zone name, such as `Asia/Kolkata`, `UTC` or `America/Argentina/Buenos_Aires`.
///
/// Only the shape is judged: one to three parts, each of a letter and then letters, digits, `_`, `+` and `-`, at most 64
/// characters in all. Whether the zone exists is known to who has the zone data.
pub fn is_zone_name(name: &str) -> bool {
    name.len() <= 64 && name.split('/').count() <= 3 && name.split('/').all(is_part)
}

fn is_part(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_alphabetic())
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_by_their_shape() {
        for name in ["UTC", "Asia/Kolkata", "Etc/GMT+5", "America/Port-au-Prince", "America/Argentina/Buenos_Aires"] {
            assert!(is_zone_name(name), "{name}");
        }
        for name in ["", "/", "Asia/", "+05:30", "Asia/Kol kata", "../etc", "a/b/c/d"] {
            assert!(!is_zone_name(name), "{name}");
        }
        assert!(!is_zone_name(&"A".repeat(65)));
    }
}
