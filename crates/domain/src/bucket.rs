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

/// How wide the buckets of an answer are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[derive(EnumString, IntoStaticStr, strum::VariantNames)]
pub enum BucketChoice {
    /// As fits the span: see [`BucketChoice::width`].
    #[strum(serialize = "auto")]
    Auto,
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

/// Spans up to so long are given by five minutes when nobody says otherwise, milliseconds.
const BY_FIVE_MINUTES_MS: i64 = 2 * DAY_MS;

/// And up to so long by the hour; longer ones by the day.
const BY_HOUR_MS: i64 = 31 * DAY_MS;

impl BucketChoice {
    /// How wide they are for a span of this length: on its own by five minutes up to two days, by the hour up to 31, else by the day.
    pub const fn width(self, span_ms: i64) -> BucketWidth {
        match self {
            Self::FiveMinutes => BucketWidth::FiveMinutes,
            Self::Hour => BucketWidth::Hour,
            Self::Day => BucketWidth::Day,
            Self::Auto if span_ms <= BY_FIVE_MINUTES_MS => BucketWidth::FiveMinutes,
            Self::Auto if span_ms <= BY_HOUR_MS => BucketWidth::Hour,
            Self::Auto => BucketWidth::Day,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_a_span_the_wider_its_buckets() {
        let auto = |span_ms| BucketChoice::Auto.width(span_ms);
        assert_eq!(auto(0), BucketWidth::FiveMinutes);
        assert_eq!(auto(BY_FIVE_MINUTES_MS + 1), BucketWidth::Hour);
        assert_eq!(auto(BY_HOUR_MS + 1), BucketWidth::Day);
        assert_eq!(BucketChoice::FiveMinutes.width(i64::MAX), BucketWidth::FiveMinutes);
    }
}
