//! How a person reads the console.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// A language that the console speaks, by its BCP 47 tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Language {
    /// English.
    En,
    /// Hindi.
    Hi,
    /// Gujarati.
    Gu,
}

/// How the hours of a day are written, in the words of Unicode's `hc` (and of `Intl`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum HourCycle {
    /// 4:05 pm.
    H12,
    /// 16:05.
    H23,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written_and_are_those_of_the_schema() {
        let schema = include_str!("../../../migrations/0057_console.sql");
        let words = |words: &[&str]| words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
        assert!(Language::VARIANTS.iter().all(|language| language.into_str().parse() == Ok(*language)));
        assert!(HourCycle::VARIANTS.iter().all(|cycle| cycle.into_str().parse() == Ok(*cycle)));
        assert!(schema.contains(&format!("check (language in ({}))", words(<Language as strum::VariantNames>::VARIANTS))));
        assert!(schema.contains(&format!("check (hour_cycle in ({}))", words(<HourCycle as strum::VariantNames>::VARIANTS))));
    }
}
