//! Buckets of time that measurements are summed up by.

use strum::{EnumString, IntoStaticStr};

use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

/// How much time a bucket holds. Buckets begin at whole multiples of their width in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[derive(EnumString, IntoStaticStr, strum::VariantNames)]
pub enum BucketWidth {
    /// Five minutes.
    #[strum(serialize = "5m")]
    FiveMinutes,
    /// An hour.
    #[strum(serialize = "1h")]
    Hour,
    /// A day.
    #[strum(serialize = "1d")]
    Day,
}

impl BucketWidth {
    /// Milliseconds.
    pub const fn ms(self) -> i64 {
        match self {
            Self::FiveMinutes => 5 * MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }
}
