//! How the figures of a zone are given.

use domain::crowd::{Level, Size, judge};
use serde::Serialize;
use utoipa::ToSchema;

/// What a count means in a zone of this size.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct CrowdShare {
    /// Per cent, one decimal; null when the capacity is not known.
    pub percent_of_capacity: Option<f64>,
    /// Persons per square metre; null when the area is not known.
    pub density: Option<f64>,
}

impl CrowdShare {
    /// Of this many people.
    pub fn new(count: i64, size: &Size) -> Self {
        Self {
            percent_of_capacity: size.share(count).map(|share| rounded(share * 100.0, 1)),
            density: size.density(count).map(|density| rounded(density, 2)),
        }
    }
}

/// A figure with its share and its level.
#[derive(Debug, Serialize, ToSchema)]
pub struct CrowdFigure {
    #[serde(flatten)]
    share: CrowdShare,
    /// The level of this figure by itself, without what was before; null when the zone's size is not known.
    level: Option<Level>,
}

impl CrowdFigure {
    /// Of this many people.
    pub fn new(count: i64, size: &Size) -> Self {
        Self { share: CrowdShare::new(count, size), level: judge(count, size) }
    }
}

/// With so many decimals.
pub fn rounded(value: f64, decimals: i32) -> f64 {
    let shift = 10_f64.powi(decimals);
    (value * shift).round() / shift
}

/// The nearest whole number.
#[expect(clippy::cast_possible_truncation, reason = "counts are far below the limit, and `as` holds to it")]
pub fn nearest(value: f64) -> i64 {
    value.round() as i64
}

/// The nearest whole number of people.
pub fn people(value: f64) -> i64 {
    nearest(value).max(0)
}
