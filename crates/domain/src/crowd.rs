//! How crowded a zone is: levels by share of capacity and by density, with hysteresis (docs/reference/crowd.md).
//!
//! A level is a step on a scale of three bounds. [`judge`] says where one reading lies; [`Scale::next`] says where the zone's level goes
//! from what it was: only as far as two readings in a row agree, or as one alone lies beyond a bound by [`MARGIN_PERCENT`] of it. All of it in
//! whole numbers: 0.8 · 1.05 in floating point is above 0.84, and a reading on a bound would not count.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::time::{MINUTE_MS, SECOND_MS};

/// Share of capacity from which a zone is moderate, high and critical, per cent.
pub const SHARE_BOUNDS_PERCENT: [i64; 3] = [30, 60, 80];
/// Density from which it is a warning and critical, persons in 10 m².
const DENSITY_BOUNDS_TENTHS: [i64; 2] = [35, 55];
/// How far beyond a bound, as a part of it, one reading alone must lie to change a level, per cent.
pub const MARGIN_PERCENT: i64 = 5;
/// The largest count that is taken from anybody.
pub const MAX_COUNT: i64 = 1_000_000;
/// A zone not counted for so long is shown as stale, milliseconds.
pub const STALE_MS: i64 = 10 * MINUTE_MS;

/// Counts are summed by stretches of this length for heat maps and forecasts, milliseconds.
pub const BUCKET_MS: i64 = 15 * MINUTE_MS;
/// The event feed reports a zone at most once in this time, milliseconds.
pub const PUBLISH_INTERVAL_MS: i64 = 5 * SECOND_MS;

/// How crowded, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = CrowdLevel)]
pub enum Level {
    /// Below 30 % of capacity.
    Low,
    /// From 30 %.
    Moderate,
    /// From 60 %.
    High,
    /// From 80 %.
    Critical,
}

/// How dense, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = CrowdDensity)]
pub enum Density {
    /// Below 3.5 persons/m².
    Normal,
    /// From 3.5 persons/m².
    Warning,
    /// From 5.5 persons/m².
    Critical,
}

impl Density {
    /// What it means for the zone as a whole: people crushed together are in danger however large the zone is said to be.
    pub const fn level(self) -> Level {
        match self {
            Self::Normal => Level::Low,
            Self::Warning => Level::High,
            Self::Critical => Level::Critical,
        }
    }
}

/// `count` of `of`, as it is: bounds are compared with it in whole numbers, so that a reading on a bound lies on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    count: i128,
    of: i128,
}

impl Ratio {
    /// Whether it is at least `bound / scale` with `percent` of 100 applied to the bound.
    fn reaches(self, bound: i64, scale: i64, percent: i64) -> bool {
        let scaled = self.count.saturating_mul(i128::from(scale) * 100);
        scaled >= self.of.saturating_mul(i128::from(bound) * i128::from(percent))
    }
}

/// The steps of a scale and their bounds, in order.
pub trait Scale: Copy + Ord {
    /// The step at which `value` lies when every bound is `percent` of itself.
    fn from_ratio(value: Ratio, percent: i64) -> Self;

    /// The step after a reading of `value`. `before` is the step so far with the one at which the reading before this one lay by itself;
    /// none at the first reading, which is taken as it is.
    fn next(before: Option<(Self, Self)>, value: Ratio) -> Self {
        let alone = Self::from_ratio(value, 100);
        let Some((step, previous)) = before else { return alone };
        // As far up as both readings reach or this one does with room to spare; as far down likewise. `up` is never above `down`.
        let up = previous.min(alone).max(Self::from_ratio(value, 100 + MARGIN_PERCENT));
        let down = previous.max(alone).min(Self::from_ratio(value, 100 - MARGIN_PERCENT));
        step.min(down).max(up)
    }
}

impl Scale for Level {
    fn from_ratio(value: Ratio, percent: i64) -> Self {
        let [moderate, high, critical] = SHARE_BOUNDS_PERCENT.map(|bound| value.reaches(bound, 100, percent));
        match (moderate, high, critical) {
            (_, _, true) => Self::Critical,
            (_, true, _) => Self::High,
            (true, ..) => Self::Moderate,
            _ => Self::Low,
        }
    }
}

impl Scale for Density {
    fn from_ratio(value: Ratio, percent: i64) -> Self {
        let [warning, critical] = DENSITY_BOUNDS_TENTHS.map(|bound| value.reaches(bound, 10, percent));
        match (warning, critical) {
            (_, true) => Self::Critical,
            (true, _) => Self::Warning,
            _ => Self::Normal,
        }
    }
}

/// What is known of a zone's size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Persons that it is meant for.
    pub capacity: Option<i64>,
    /// Its area, square metres.
    pub area_m2: Option<f64>,
}

/// Areas are compared to the square millimetre: `8.2` is meant as that decimal, not as the binary fraction nearest to it.
const PER_M2: f64 = 1_000_000.0;

impl Size {
    /// `count` as a part of the capacity; none when that is not known. A capacity of 0 is full with anybody in it.
    #[expect(clippy::cast_precision_loss, reason = "counts and capacities are far below 2^52")]
    pub fn share(&self, count: i64) -> Option<f64> {
        self.share_ratio(count).map(|ratio| ratio.count as f64 / ratio.of as f64)
    }

    /// Persons per square metre; none when the area is not known.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn density(&self, count: i64) -> Option<f64> {
        self.area_m2.filter(|area| *area > 0.0).map(|area| count as f64 / area)
    }

    fn share_ratio(&self, count: i64) -> Option<Ratio> {
        let ratio = |count: i64, of: i64| Ratio { count: count.into(), of: of.into() };
        self.capacity.map(|capacity| match (capacity, count) {
            (..=0, ..=0) => ratio(0, 1),
            (..=0, _) => ratio(1, 1),
            _ => ratio(count, capacity),
        })
    }

    fn density_ratio(&self, count: i64) -> Option<Ratio> {
        let area = self.area_m2.filter(|area| *area > 0.0)?;
        #[expect(clippy::cast_possible_truncation, reason = "`as` holds to the limits of the type")]
        let of = ((area * PER_M2).round() as i128).max(1);
        #[expect(clippy::cast_possible_truncation, reason = "a whole number")]
        let count = i128::from(count) * PER_M2 as i128;
        Some(Ratio { count, of })
    }
}

/// What is remembered of a zone between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// By share: the level, and where the newest reading lay by itself. None while the capacity is not known.
    pub share: Option<(Level, Level)>,
    /// By density, likewise. None while the area is not known.
    pub density: Option<(Density, Density)>,
}

impl State {
    /// The zone's level: the worse of the two. None when neither can be told.
    pub fn level(&self) -> Option<Level> {
        let share = self.share.map(|(level, _)| level);
        let density = self.density.map(|(density, _)| density.level());
        share.max(density)
    }

    /// The state after a reading of `count` persons.
    #[must_use]
    pub fn after(self, count: i64, size: &Size) -> Self {
        Self {
            share: size.share_ratio(count).map(|share| (Level::next(self.share, share), Level::from_ratio(share, 100))),
            density: size.density_ratio(count).map(|density| (Density::next(self.density, density), Density::from_ratio(density, 100))),
        }
    }
}

/// The level that a count would have by itself, without what was before: for forecasts. None when the size is not known.
pub fn judge(count: i64, size: &Size) -> Option<Level> {
    State::default().after(count, size).level()
}

#[cfg(test)]
#[path = "crowd/tests.rs"]
mod tests;
