//! Whether a camera is there: judged by several tries in a row, so that one that was lost says nothing.

use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;

/// Tries in a row that fail before a camera is offline.
pub const FAILURES: i64 = 3;

/// Tries in a row that succeed before one that was offline is back.
pub const SUCCESSES: i64 = 2;

/// Whether a camera is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, EnumString, IntoStaticStr, VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = CctvPresence)]
pub enum Presence {
    /// It has not been tried often enough.
    #[default]
    Unknown,
    /// It has pictures.
    Online,
    /// It has none.
    Offline,
}

/// What the last tries have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// What follows from them.
    pub presence: Presence,
    /// How many of the last ones came to the same as the last, which is `was_good`.
    pub in_a_row: i64,
    /// Whether the last one was good.
    pub was_good: bool,
}

impl Tries {
    /// With one more.
    #[must_use]
    pub fn with(self, is_good: bool) -> Self {
        let in_a_row = if self.was_good == is_good { self.in_a_row.saturating_add(1) } else { 1 };
        let presence = match (is_good, self.presence) {
            (true, Presence::Offline) if in_a_row < SUCCESSES => Presence::Offline,
            (true, _) => Presence::Online,
            (false, current) if in_a_row < FAILURES => current,
            (false, _) => Presence::Offline,
        };
        Self { presence, in_a_row, was_good: is_good }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(tries: &str) -> Presence {
        tries.chars().fold(Tries::default(), |tries, one| tries.with(one == '+')).presence
    }

    #[test]
    fn one_try_that_is_lost_says_nothing() {
        for (tries, presence) in [
            ("", Presence::Unknown),
            ("+", Presence::Online),
            ("--", Presence::Unknown),
            ("---", Presence::Offline),
            ("+--+--+", Presence::Online),
            ("+---", Presence::Offline),
            ("+---+", Presence::Offline),
            ("+---+-+", Presence::Offline),
            ("+---++", Presence::Online),
        ] {
            assert_eq!(after(tries), presence, "{tries}");
        }
    }
}
