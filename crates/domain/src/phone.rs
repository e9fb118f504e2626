//! Phone numbers, in the shape of E.164.

/// Takes spaces, dots, hyphens and brackets out of a number, and turns a leading `00` into `+`.
///
/// Accepted are `+` and 8–15 digits that do not begin with 0, or, for clients that know no country code, 6–15 digits alone.
///
/// # Errors
/// The reason, for a validation error.
pub fn normalise(number: &str) -> Result<String, &'static str> {
    const RULE: &str = "must be a phone number such as +919876543210";
    let mut compact = String::with_capacity(16);
    for c in number.trim().chars() {
        match c {
            ' ' | '-' | '.' | '(' | ')' => {}
            '+' if compact.is_empty() => compact.push(c),
            '0'..='9' if compact.len() < 18 => compact.push(c),
            _ => return Err(RULE),
        }
    }
    if let Some(rest) = compact.strip_prefix("00") {
        compact = format!("+{rest}");
    }
    let valid = match compact.strip_prefix('+') {
        Some(digits) => (8..=15).contains(&digits.len()) && !digits.starts_with('0'),
        None => (6..=15).contains(&compact.len()),
    };
    if valid { Ok(compact) } else { Err(RULE) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn punctuation_goes_and_the_prefix_is_one() {
        for (number, normal) in
            [("+91 98765 43210", "+919876543210"), ("0091-98765-43210", "+919876543210"), (" (020) 7946.0958 ", "02079460958")]
        {
            assert_eq!(normalise(number).as_deref(), Ok(normal));
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for number in ["", "+", "12345", "+1234567", "+0123456789", "call me", "9+8765432", "+1234567890123456", "१२३४५६७८९"]
        {
            assert!(normalise(number).is_err(), "{number}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_as_it_is(number in "[+0-9 ().-]{0,24}") {
            if let Ok(normal) = normalise(&number) {
                prop_assert_eq!(normalise(&normal), Ok(normal));
            }
        }

        #[test]
        fn no_text_panics(number in ".*") {
            let _ = normalise(&number);
        }
    }
}
