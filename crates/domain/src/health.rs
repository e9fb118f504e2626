//! A device's health by the age of its last heartbeat (docs/reference/rules.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::time::SECOND_MS;

/// A heartbeat at most this old is healthy: 120 s, in milliseconds.
pub const HEALTHY_MS: i64 = 120 * SECOND_MS;
/// A heartbeat older than this is offline: 600 s, in milliseconds. Between the two it is a warning.
pub const OFFLINE_MS: i64 = 600 * SECOND_MS;
/// A device that has said that it leaves, or whose broker has said it, is taken as last heard of so long ago, milliseconds: a warning at once.
pub const LEFT_MS: i64 = HEALTHY_MS + 1;

/// How a device is, from best to worst; one that was never seen is `Unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = DeviceHealth)]
pub enum Health {
    /// Heard of within 120 s.
    Healthy,
    /// Heard of within 600 s.
    Warning,
    /// Silent for more than 600 s.
    Offline,
    /// Never heard of.
    Unknown,
}

impl Health {
    /// The states that silence still worsens. A device that is `Unknown` although it was heard of was put back in use and is not judged yet.
    pub const MONITORED: [Self; 3] = [Self::Healthy, Self::Warning, Self::Unknown];

    /// The health of a device whose last heartbeat was received so many milliseconds ago; `None` if never.
    ///
    /// A negative age, from a host's clock that was set back, counts as just now.
    pub const fn from_age(age_ms: Option<i64>) -> Self {
        match age_ms {
            None => Self::Unknown,
            Some(age) if age <= HEALTHY_MS => Self::Healthy,
            Some(age) if age <= OFFLINE_MS => Self::Warning,
            Some(_) => Self::Offline,
        }
    }

    /// The health at `now` of a device last heard of at `last_seen_at`, both in milliseconds.
    pub const fn at(last_seen_at: Option<i64>, now: i64) -> Self {
        match last_seen_at {
            None => Self::Unknown,
            Some(seen) => Self::from_age(Some(now.saturating_sub(seen))),
        }
    }

    /// From when on silence alone makes the health at `now` a worse one, milliseconds; `None` for never.
    pub const fn turns_at(last_seen_at: Option<i64>, now: i64) -> Option<i64> {
        match (last_seen_at, Self::at(last_seen_at, now)) {
            (Some(seen), Self::Healthy) => Some(seen.saturating_add(HEALTHY_MS + 1)),
            (Some(seen), Self::Warning) => Some(seen.saturating_add(OFFLINE_MS + 1)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn it_turns_after_120_and_600_seconds() {
        for (age_s, health) in [
            (-5, Health::Healthy),
            (0, Health::Healthy),
            (120, Health::Healthy),
            (121, Health::Warning),
            (600, Health::Warning),
            (601, Health::Offline),
        ] {
            assert_eq!(Health::from_age(Some(age_s * 1000)), health, "{age_s}");
        }
        assert_eq!(Health::from_age(Some(120_001)), Health::Warning);
        assert_eq!(Health::from_age(Some(LEFT_MS)), Health::Warning);
        assert_eq!(Health::from_age(Some(600_001)), Health::Offline);
        assert_eq!(Health::from_age(None), Health::Unknown);
        assert_eq!(Health::at(Some(i64::MIN), i64::MAX), Health::Offline);
        assert_eq!(Health::at(None, 0), Health::Unknown);
    }

    #[test]
    fn names_are_stable() {
        for health in Health::VARIANTS.iter().copied() {
            assert_eq!(health.into_str().parse(), Ok(health));
            assert_eq!(serde_json::to_string(&health).unwrap(), format!("\"{}\"", health.into_str()));
        }
    }

    proptest! {
        #[test]
        fn it_only_worsens_with_age(a in any::<i64>(), b in any::<i64>()) {
            let (younger, older) = (a.min(b), a.max(b));
            prop_assert!(Health::from_age(Some(younger)) <= Health::from_age(Some(older)));
        }

        #[test]
        fn it_turns_when_it_is_said_to(seen in 0..2 * OFFLINE_MS, now in 0..3 * OFFLINE_MS) {
            let health = Health::at(Some(seen), now);
            match Health::turns_at(Some(seen), now) {
                Some(turn) => {
                    prop_assert!(now < turn && Health::at(Some(seen), turn - 1) == health);
                    prop_assert!(Health::at(Some(seen), turn) > health);
                }
                None => prop_assert_eq!(health, Health::Offline),
            }
        }

        #[test]
        fn one_that_was_seen_is_never_unknown(seen in any::<i64>(), now in any::<i64>()) {
            prop_assert_ne!(Health::at(Some(seen), now), Health::Unknown);
        }
    }
}
