//! Parking spots: what kinds there are, and whether they are offered (docs/reference/glossary.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

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
    fn words_are_read_as_they_are_written() {
        assert!(Kind::VARIANTS.iter().all(|kind| kind.into_str().parse() == Ok(*kind)));
        assert!(Status::VARIANTS.iter().all(|status| status.into_str().parse() == Ok(*status)));
    }
}
