//! Natural keys: device codes, spot ids, and the slugs of sites and zones (docs/reference/rules.md).

/// The longest natural key, in characters.
pub const MAX_LEN: usize = 64;

/// What a valid device code or spot id looks like, for an error's text.
pub const CODE_RULE: &str = "must be 1 to 64 characters of A–Z, a–z, 0–9, '-', '_' and '.'";

/// What a valid slug looks like, for an error's text.
pub const SLUG_RULE: &str = "must be 1 to 64 lowercase letters, digits and hyphens";

/// Whether this can be a device's code, such as `PARK-B1-S005`: 1–64 characters of A–Z a–z 0–9 `-` `_` `.`.
///
/// `.` and `..` alone are refused: as a path segment they would name another resource.
pub fn is_device_code(code: &str) -> bool {
    is_key(code, |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) && code != "." && code != ".."
}

/// Whether this can be a spot's id, such as `B1-S005`: the same rule as a device's code.
pub fn is_spot_id(id: &str) -> bool {
    is_device_code(id)
}

/// Whether this can be the code of something new that is read under a path where `words`, in small letters, lead elsewhere: none of them, in
/// any case of its letters.
pub fn is_new_code(code: &str, words: &[&str]) -> bool {
    is_device_code(code) && !words.iter().any(|word| word.eq_ignore_ascii_case(code))
}

/// Whether this can be a site's or a zone's slug, such as `city-centre`: 1–64 lowercase letters, digits and hyphens.
pub fn is_slug(slug: &str) -> bool {
    is_key(slug, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_key(key: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !key.is_empty() && key.len() <= MAX_LEN && key.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_one_to_sixty_four_of_the_allowed_characters() {
        for code in ["PARK-B1-S005", "a", "x_1.2", &"A".repeat(64)] {
            assert!(is_device_code(code), "{code}");
            assert!(is_spot_id(code), "{code}");
        }
        for code in ["", ".", "..", "a b", "a/b", "a\n", "é", "a%2f", &"A".repeat(65)] {
            assert!(!is_device_code(code), "{code}");
            assert!(!is_spot_id(code), "{code}");
        }
    }

    #[test]
    fn slugs_are_lower_case() {
        for slug in ["somnath", "city-centre", "b1", "7"] {
            assert!(is_slug(slug), "{slug}");
        }
        for slug in ["", "City", "a_b", "a.b", "a b", "ß", &"a".repeat(65)] {
            assert!(!is_slug(slug), "{slug}");
        }
    }
}
