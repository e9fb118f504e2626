//! Anomalies: each raised once, with hysteresis, and resolved by itself when it ends (docs/reference/rules.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::alert::Severity;
use crate::health::Health;
use crate::reading::{Flags, POWER_CLEAR, POWER_RAISE, VOLTAGE_CLEAR, VOLTAGE_RAISE};
use crate::time::MINUTE_MS;

/// Fewer free spots than this raise `low_spots`, where a site sets no threshold of its own.
pub const DEFAULT_LOW_SPOTS: i64 = 5;
/// The span over which a spot's changes are counted: five minutes, in milliseconds.
pub const FLAP_WINDOW_MS: i64 = 5 * MINUTE_MS;
/// More changes than this within [`FLAP_WINDOW_MS`] raise `spot_flapping`.
pub const FLAP_RAISE: i64 = 10;
/// At most this many changes within [`FLAP_WINDOW_MS`] clear `spot_flapping`.
pub const FLAP_CLEAR: i64 = 5;

/// What can be out of the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = AnomalyKind)]
pub enum Kind {
    /// A lot has fewer free spots than its threshold.
    LowSpots,
    /// A device draws more than 1,500 W.
    HighPower,
    /// A device's voltage is outside 100–300 V.
    VoltageOutOfRange,
    /// A device has been silent for more than 120 s.
    DeviceWarning,
    /// A device has been silent for more than 600 s.
    DeviceOffline,
    /// A spot changed more than 10 times in 5 minutes.
    SpotFlapping,
    /// Devices were not watched for a while, see [`crate::watch`].
    MonitoringGap,
}

impl Kind {
    /// How grave the alert is: what may harm people or blinds the system is critical.
    pub const fn severity(self) -> Severity {
        match self {
            Self::VoltageOutOfRange | Self::DeviceOffline => Severity::Critical,
            Self::LowSpots | Self::HighPower | Self::DeviceWarning | Self::SpotFlapping | Self::MonitoringGap => Severity::Warning,
        }
    }

    /// The anomaly that a device of this health has, if any. One never seen has none: it may not be fitted yet.
    pub const fn from_health(health: Health) -> Option<Self> {
        match health {
            Health::Warning => Some(Self::DeviceWarning),
            Health::Offline => Some(Self::DeviceOffline),
            Health::Healthy | Health::Unknown => None,
        }
    }
}

/// What an observation does to an anomaly. Raising what is raised and clearing what is clear change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// It has begun.
    Raise,
    /// It is over.
    Clear,
    /// Between the two bounds: it stays as it is.
    Hold,
}

impl Change {
    /// Whether the anomaly is active after this change, given whether it was before.
    pub const fn apply(self, active: bool) -> bool {
        match self {
            Self::Raise => true,
            Self::Clear => false,
            Self::Hold => active,
        }
    }
}

/// The free spots at which `low_spots` clears: a fifth above the threshold, and at least one spot.
pub const fn low_spots_clear_at(threshold: i64) -> i64 {
    let fifth = threshold / 5 + (threshold % 5 > 0) as i64;
    threshold.saturating_add(if fifth > 1 { fifth } else { 1 })
}

/// Judges a lot's free spots against its threshold. A threshold of 0 or less switches the rule off.
///
/// In a lot with hardly more spots than the threshold use [`low_spots_in_lot`]: the bound at which this one clears may
/// lie above all that the lot has.
pub const fn low_spots(free: i64, threshold: i64) -> Change {
    low_spots_in_lot(free, i64::MAX, threshold)
}

/// As [`low_spots`], in a lot of `total` spots: a lot that is wholly free again clears too, unless that is still fewer
/// than the threshold.
pub const fn low_spots_in_lot(free: i64, total: i64, threshold: i64) -> Change {
    if threshold <= 0 {
        Change::Clear
    } else if free < threshold {
        Change::Raise
    } else if free >= low_spots_clear_at(threshold) || free >= total {
        Change::Clear
    } else {
        Change::Hold
    }
}

/// Judges how often a spot changed within the last [`FLAP_WINDOW_MS`].
pub const fn flapping(changes: i64) -> Change {
    if changes > FLAP_RAISE {
        Change::Raise
    } else if changes <= FLAP_CLEAR {
        Change::Clear
    } else {
        Change::Hold
    }
}

/// What a reading's flags do to `high_power`.
pub const fn power(flags: Flags) -> Change {
    change(flags, POWER_RAISE, POWER_CLEAR)
}

/// What a reading's flags do to `voltage_out_of_range`.
pub const fn voltage(flags: Flags) -> Change {
    change(flags, VOLTAGE_RAISE, VOLTAGE_CLEAR)
}

const fn change(flags: Flags, raise: Flags, clear: Flags) -> Change {
    if flags & raise != 0 {
        Change::Raise
    } else if flags & clear != 0 {
        Change::Clear
    } else {
        Change::Hold
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn low_spots_raises_below_the_threshold_and_clears_a_fifth_above() {
        assert_eq!(low_spots(4, 5), Change::Raise);
        assert_eq!(low_spots(5, 5), Change::Hold);
        assert_eq!(low_spots(6, 5), Change::Clear);
        assert_eq!(low_spots(23, 20), Change::Hold);
        assert_eq!(low_spots(24, 20), Change::Clear);
        assert_eq!(low_spots_clear_at(21), 26);
        assert_eq!(low_spots(0, 0), Change::Clear);
    }

    #[test]
    fn a_small_lot_clears_when_it_is_empty() {
        assert_eq!(low_spots(5, 5), Change::Hold);
        assert_eq!(low_spots_in_lot(5, 5, 5), Change::Clear);
        assert_eq!(low_spots_in_lot(3, 3, 5), Change::Raise);
    }

    #[test]
    fn flapping_raises_above_ten_and_clears_at_five() {
        assert_eq!(flapping(11), Change::Raise);
        assert_eq!(flapping(10), Change::Hold);
        assert_eq!(flapping(6), Change::Hold);
        assert_eq!(flapping(5), Change::Clear);
    }

    #[test]
    fn kinds_have_stable_names_and_severities() {
        let expected = [
            ("low_spots", "warning"),
            ("high_power", "warning"),
            ("voltage_out_of_range", "critical"),
            ("device_warning", "warning"),
            ("device_offline", "critical"),
            ("spot_flapping", "warning"),
            ("monitoring_gap", "warning"),
        ];
        for (kind, (name, severity)) in Kind::VARIANTS.iter().zip(expected) {
            assert_eq!(kind.into_str(), name);
            assert_eq!(kind.severity().into_str(), severity);
            assert_eq!(name.parse(), Ok(*kind));
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{name}\""));
        }
    }

    #[test]
    fn a_device_never_seen_raises_nothing() {
        assert_eq!(Kind::from_health(Health::Unknown), None);
        assert_eq!(Kind::from_health(Health::Healthy), None);
        assert_eq!(Kind::from_health(Health::Warning), Some(Kind::DeviceWarning));
        assert_eq!(Kind::from_health(Health::Offline), Some(Kind::DeviceOffline));
    }

    proptest! {
        #[test]
        fn free_spots_that_raise_are_fewer_than_those_that_clear(
            a in any::<i64>(), b in any::<i64>(), total in any::<i64>(), threshold in 1_i64..,
        ) {
            if low_spots_in_lot(a, total, threshold) == Change::Raise
                && low_spots_in_lot(b, total, threshold) == Change::Clear
            {
                prop_assert!(a < b);
            }
        }

        #[test]
        fn changes_between_the_bounds_never_flap(threshold in 1_i64..1000, active: bool) {
            for free in threshold..low_spots_clear_at(threshold) {
                prop_assert_eq!(low_spots(free, threshold).apply(active), active);
            }
        }

        #[test]
        fn flags_never_raise_and_clear(flags in 0_i64..64) {
            prop_assert!(power(flags) != Change::Raise || flags & POWER_RAISE != 0);
            prop_assert!(voltage(flags) != Change::Clear || flags & VOLTAGE_RAISE == 0);
        }
    }
}
