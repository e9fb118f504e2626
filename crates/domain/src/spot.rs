//! Parking spots: what kinds there are, and whether they are offered (docs/reference/glossary.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::device_code::is_new_code;

/// Words that stand in a path where a spot's id may stand: a spot of that name could not be read. In small letters.
pub const RESERVED_IDS: [&str; 1] = ["available"];

/// What a new spot's id looks like, for an error's text.
pub const NEW_ID_RULE: &str = "must be 1 to 64 characters of A–Z, a–z, 0–9, '-', '_' and '.', and not 'available'";

/// Whether a new spot may have this id: one of [`RESERVED_IDS`] is refused, in any case of its letters.
pub fn is_new_id(id: &str) -> bool {
    is_new_code(id, &RESERVED_IDS)
}

/// The kind of a spot: what it is reserved and priced by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = SpotKind)]
pub enum Kind {
    /// For any car.
    #[default]
    Standard,
    /// For people with a disability.
    Accessible,
    /// With a charger.
    Ev,
    /// For motorcycles and scooters.
    TwoWheeler,
    /// For guests of the site.
    Vip,
}

/// Whether a spot is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = SpotStatus)]
pub enum Status {
    /// Anyone may park there and reserve it.
    InService,
    /// Kept by the site.
    Reserved,
    /// Closed.
    OutOfService,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spot_is_named_like_a_segment_of_a_path() {
        for good in ["B1-S005", "availability", "a"] {
            assert!(is_new_id(good), "{good}");
        }
        for bad in ["available", "AVAILABLE", "Available", "..", "a b"] {
            assert!(!is_new_id(bad), "{bad}");
        }
        assert!(RESERVED_IDS.iter().all(|word| NEW_ID_RULE.contains(word)));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        assert!(Kind::VARIANTS.iter().all(|kind| kind.into_str().parse() == Ok(*kind)));
        assert!(Status::VARIANTS.iter().all(|status| status.into_str().parse() == Ok(*status)));
    }
}
