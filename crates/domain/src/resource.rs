//! Resources in time: when one is busy and when it is free (docs/reference/resources.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// What people decide of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = ResourceStatus)]
pub enum Status {
    /// It can be sent or used.
    Available,
    /// It cannot, until somebody says otherwise.
    OutOfService,
}

/// What a resource is doing at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = ResourceState)]
pub enum State {
    /// Nothing: it is free.
    Available,
    /// It is at an emergency.
    Assigned,
    /// It is in a window of its maintenance calendar.
    Maintenance,
    /// People took it out of service.
    OutOfService,
}

/// Why a resource is busy for a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum BusyReason {
    /// It is at an emergency.
    Assigned,
    /// It is in maintenance.
    Maintenance,
    /// People took it out of service.
    OutOfService,
}

/// A half-open stretch of time, milliseconds: it includes its start and not its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// When it begins.
    pub from: i64,
    /// When it ends.
    pub to: i64,
}

impl Window {
    /// Whether two stretches have a moment in common.
    pub const fn overlaps(self, other: Self) -> bool {
        self.from < other.to && other.from < self.to
    }
}

/// The longest stretch of a calendar that is looked at, in days.
pub const MAX_WINDOW_DAYS: i64 = 92;

/// Whether this can be a resource's type: a lowercase word such as `ambulance` or `fire_engine`, 1 to 32 characters.
pub fn is_type(word: &str) -> bool {
    (1..=32).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// What of `whole` is free when these stretches are busy: sorted, apart, none of them empty. The busy ones may come in any order,
/// overlap, or reach out of `whole`.
pub fn free(whole: Window, busy: &[Window]) -> Vec<Window> {
    let mut busy: Vec<_> = busy.iter().copied().filter(|window| window.from < window.to && window.overlaps(whole)).collect();
    busy.sort_unstable();
    let mut free = Vec::new();
    let mut at = whole.from;
    for window in busy {
        if window.from > at {
            free.push(Window { from: at, to: window.from });
        }
        at = at.max(window.to);
    }
    if at < whole.to {
        free.push(Window { from: at, to: whole.to });
    }
    free
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn window(from: i64, to: i64) -> Window {
        Window { from, to }
    }

    #[test]
    fn what_touches_does_not_overlap() {
        assert!(!window(0, 10).overlaps(window(10, 20)));
        assert!(window(0, 11).overlaps(window(10, 20)));
        assert!(window(0, 100).overlaps(window(10, 20)));
    }

    #[test]
    fn the_gaps_are_free() {
        let whole = window(0, 100);
        assert_eq!(free(whole, &[]), [whole]);
        assert_eq!(free(whole, &[window(40, 60), window(10, 20)]), [window(0, 10), window(20, 40), window(60, 100)]);
        assert_eq!(free(whole, &[window(-10, 20), window(15, 30), window(90, 500)]), [window(30, 90)]);
        assert!(free(whole, &[window(-10, 200)]).is_empty());
        assert!(free(window(5, 5), &[]).is_empty());
        assert_eq!(free(whole, &[window(50, 50), window(60, 40)]), [whole]);
    }

    #[test]
    fn a_type_is_one_lowercase_word() {
        assert!(is_type("fire_engine"));
        for word in ["", "Ambulance", "two words", "x1", &"a".repeat(33)] {
            assert!(!is_type(word), "{word}");
        }
    }

    proptest! {
        #[test]
        fn each_moment_is_either_free_or_busy(busy in prop::collection::vec((-20_i64..120, 0_i64..40), 0..8)) {
            let whole = window(0, 100);
            let busy: Vec<_> = busy.into_iter().map(|(from, length)| window(from, from + length)).collect();
            let gaps = free(whole, &busy);
            for moment in 0..100 {
                let taken = busy.iter().any(|window| window.from <= moment && moment < window.to);
                let gap = gaps.iter().any(|window| window.from <= moment && moment < window.to);
                prop_assert_eq!(taken, !gap);
            }
            prop_assert!(gaps.windows(2).all(|pair| pair[0].to < pair[1].from));
        }

        #[test]
        fn no_time_panics(from: i64, to: i64, a: i64, b: i64) {
            free(window(from, to), &[window(a, b)]);
        }
    }
}
