//! Occupancy of spots summed up by quarter of an hour, from what their sensors said (docs/reference/retention.md#occupancy).

use std::collections::BTreeMap;
use std::ops::{Add, Sub};

use crate::time::{DAY_MS, MINUTE_MS};

/// A quarter of an hour, milliseconds: every time zone's hours are made of these. Quarters begin at whole multiples in UTC.
pub const QUARTER_MS: i64 = 15 * MINUTE_MS;

/// How long a quarter is waited for after its end, milliseconds: what comes in later is a correction.
pub const GRACE_MS: i64 = 5 * MINUTE_MS;

/// What came in later than so many milliseconds after it was corrects nothing.
pub const CORRECTED_MS: i64 = 100 * DAY_MS;

/// The start of the quarter that a moment is in.
pub const fn quarter(at: i64) -> i64 {
    at - at.rem_euclid(QUARTER_MS)
}

/// Up to where quarters are summed up at `now`.
pub const fn target(now: i64) -> i64 {
    quarter(now - GRACE_MS)
}

/// What a sensor said of its spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: i64,
    /// Whether it is taken from then on.
    pub is_occupied: bool,
}

/// The sums of a quarter; of a correction, what is to be added to them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Milliseconds that spots were taken.
    pub occupied_ms: i64,
    /// Milliseconds that the state of spots was known.
    pub known_ms: i64,
    /// Free spots that were taken.
    pub arrivals: i64,
    /// Taken spots that became free.
    pub departures: i64,
}

impl Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            occupied_ms: self.occupied_ms + other.occupied_ms,
            known_ms: self.known_ms + other.known_ms,
            arrivals: self.arrivals + other.arrivals,
            departures: self.departures + other.departures,
        }
    }
}

impl Sub for Sums {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            occupied_ms: self.occupied_ms - other.occupied_ms,
            known_ms: self.known_ms - other.known_ms,
            arrivals: self.arrivals - other.arrivals,
            departures: self.departures - other.departures,
        }
    }
}

/// Sums by the starts of their quarters.
pub type Quarters = BTreeMap<i64, Sums>;

/// What one spot adds to each quarter from `from` to `to`, which does not belong to it: `before` is what was known of it at `from`, and
/// `said` what its sensor said since, in the order of time.
pub fn by_quarter(before: Option<bool>, said: impl IntoIterator<Item = Said>, from: i64, to: i64) -> Quarters {
    let mut quarters = Quarters::new();
    let (mut state, mut since) = (before, from);
    for Said { at, is_occupied } in said {
        if at >= to {
            break;
        }
        let at = at.max(since);
        last(&mut quarters, state, since, at);
        let sums = quarters.entry(quarter(at)).or_default();
        match state {
            Some(false) if is_occupied => sums.arrivals += 1,
            Some(true) if !is_occupied => sums.departures += 1,
            _ => {}
        }
        (state, since) = (Some(is_occupied), at);
    }
    last(&mut quarters, state, since, to);
    quarters.retain(|_, sums| *sums != Sums::default());
    quarters
}

/// A state that lasts from one moment to another.
fn last(quarters: &mut Quarters, state: Option<bool>, from: i64, to: i64) {
    let Some(is_occupied) = state else { return };
    let mut from = from;
    while from < to {
        let start = quarter(from);
        let end = to.min(start + QUARTER_MS);
        let sums = quarters.entry(start).or_default();
        sums.known_ms += end - from;
        if is_occupied {
            sums.occupied_ms += end - from;
        }
        from = end;
    }
}

/// What is to be added to sums that were made without what came in late. Of `said` each says whether it came in late.
pub fn correction(before: Option<bool>, said: &[(Said, bool)], from: i64, to: i64) -> Quarters {
    let without = by_quarter(before, said.iter().filter(|(_, is_late)| !is_late).map(|(said, _)| *said), from, to);
    let mut corrected = by_quarter(before, said.iter().map(|(said, _)| *said), from, to);
    for (start, sums) in without {
        let entry = corrected.entry(start).or_default();
        *entry = *entry - sums;
    }
    corrected.retain(|_, sums| *sums != Sums::default());
    corrected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(at: i64, is_occupied: bool) -> Said {
        Said { at, is_occupied }
    }

    #[test]
    fn a_stay_counts_in_each_quarter_that_it_touches() {
        let quarters = by_quarter(
            None,
            [said(QUARTER_MS - 60_000, false), said(QUARTER_MS + 1_000, true), said(2 * QUARTER_MS, false)],
            0,
            3 * QUARTER_MS,
        );
        let sums = |occupied_ms, known_ms, arrivals, departures| Sums { occupied_ms, known_ms, arrivals, departures };
        assert_eq!(quarters[&0], sums(0, 60_000, 0, 0));
        assert_eq!(quarters[&QUARTER_MS], sums(QUARTER_MS - 1_000, QUARTER_MS, 1, 0));
        assert_eq!(quarters[&(2 * QUARTER_MS)], sums(0, QUARTER_MS, 0, 1));
    }

    #[test]
    fn what_is_said_first_or_again_is_no_arrival() {
        let quarters = by_quarter(None, [said(0, true), said(10, true)], 0, 100);
        assert_eq!(quarters[&0], Sums { occupied_ms: 100, known_ms: 100, arrivals: 0, departures: 0 });
        assert!(by_quarter(None, [], 0, QUARTER_MS).is_empty(), "nothing is known");
    }

    #[test]
    fn a_quarter_is_summed_up_some_minutes_after_its_end() {
        assert_eq!(target(2 * QUARTER_MS + GRACE_MS - 1), QUARTER_MS);
        assert_eq!(target(2 * QUARTER_MS + GRACE_MS), 2 * QUARTER_MS);
    }

    fn history() -> impl Strategy<Value = Vec<(Said, bool)>> {
        proptest::collection::btree_map(0..20 * QUARTER_MS, any::<(bool, bool)>(), 0..40)
            .prop_map(|all| all.into_iter().map(|(at, (is_occupied, is_late))| (said(at, is_occupied), is_late)).collect())
    }

    fn merge(mut a: Quarters, b: Quarters) -> Quarters {
        for (start, sums) in b {
            let entry = a.entry(start).or_default();
            *entry = *entry + sums;
        }
        a.retain(|_, sums| *sums != Sums::default());
        a
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_it_is_cut(history in history(), before in any::<Option<bool>>(), cut in 0..20 * QUARTER_MS) {
            let all: Vec<_> = history.iter().map(|(said, _)| *said).collect();
            let (first, second): (Vec<Said>, Vec<Said>) = all.iter().copied().partition(|said| said.at < cut);
            let at_cut = first.last().map(|said| said.is_occupied).or(before);
            let halves = merge(by_quarter(before, first, 0, cut), by_quarter(at_cut, second, cut, 20 * QUARTER_MS));
            prop_assert_eq!(halves, by_quarter(before, all, 0, 20 * QUARTER_MS));
        }

        #[test]
        fn sums_and_their_correction_are_the_sums_of_all(history in history(), before in any::<Option<bool>>()) {
            let on_time = history.iter().filter(|(_, is_late)| !is_late).map(|(said, _)| *said);
            let to = 20 * QUARTER_MS;
            let corrected = merge(by_quarter(before, on_time, 0, to), correction(before, &history, 0, to));
            prop_assert_eq!(corrected, by_quarter(before, history.iter().map(|(said, _)| *said), 0, to));
        }

        #[test]
        fn no_quarter_holds_more_than_itself(history in history(), before in any::<Option<bool>>()) {
            for (start, sums) in by_quarter(before, history.iter().map(|(said, _)| *said), 0, 20 * QUARTER_MS) {
                prop_assert_eq!(start % QUARTER_MS, 0);
                prop_assert!(0 <= sums.occupied_ms && sums.occupied_ms <= sums.known_ms && sums.known_ms <= QUARTER_MS);
                prop_assert!((sums.arrivals - sums.departures).abs() <= 1);
            }
        }
    }
}
