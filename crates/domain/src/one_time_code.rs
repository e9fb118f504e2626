//! One-time codes, which prove that somebody reads the mail of an address (docs/reference/rules.md#accounts).

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

/// How long a code is good for, milliseconds.
pub const LIFETIME_MS: i64 = 10 * MINUTE_MS;

/// How many codes may be tried for one that was sent: with six digits, one guess in 200,000 finds it.
pub const MAX_TRIES: i64 = 5;

/// How many codes one account may ask for, and how many one address is sent, within [`WINDOW_MS`].
pub const MAX_SENT: i64 = 5;

/// Over which the codes that were sent are counted, milliseconds.
pub const WINDOW_MS: i64 = HOUR_MS;

/// How many codes for a forgotten password one address is sent within [`RESET_DAY_MS`]: who goes on guessing for a year finds one with a chance of
/// one in fifty, and its owner has had ten mails a day about it.
pub const MAX_RESETS: i64 = 10;

/// Over which they are counted, milliseconds.
pub const RESET_DAY_MS: i64 = DAY_MS;

/// How many codes for forgotten passwords may be asked for from one network within [`WINDOW_MS`], whomever they are for.
pub const MAX_RESETS_FROM_NETWORK: i64 = 100;

const CODES: u32 = 1_000_000;

/// The code that 32 random bits make: six digits, each of them as likely as another. None for the few numbers that would make some codes
/// likelier: draw again.
pub fn from_random(bits: u32) -> Option<String> {
    let unbiased = u32::MAX / CODES * CODES;
    (bits < unbiased).then(|| format!("{:06}", bits % CODES))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_has_six_digits(bits: u32) {
            if let Some(code) = from_random(bits) {
                prop_assert!(code.len() == 6 && code.bytes().all(|digit| digit.is_ascii_digit()));
            }
        }
    }

    #[test]
    fn no_code_is_likelier_than_another() {
        assert_eq!(from_random(7).as_deref(), Some("000007"));
        assert_eq!(from_random(4_293_999_999).as_deref(), Some("999999"));
        assert_eq!(from_random(4_294_000_000), None);
        assert_eq!(from_random(u32::MAX), None);
    }
}
