//! Sites: what kinds there are (docs/reference/glossary.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// The most lots whose free spots are counted by name. Each is a row of a public list, and may raise an alert.
pub const MAX_LOTS: usize = 1_000;

/// The kind of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = SiteKind)]
pub enum Kind {
    /// Spots for cars.
    CarPark,
    /// Slots to book, and people to count.
    Temple,
    /// Several buildings.
    Campus,
}
