//! What reservations that are known ahead make of a forecast of occupied spots.

use crate::time::HOUR_MS;

/// Spots that are reserved in an hour, each in the mean of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reserved {
    /// As far as is known now.
    pub known: f64,
    /// Those of them whose driver is still to come: on the others somebody stands, which the history of the last hours tells.
    pub awaited: f64,
    /// In the same hour of the weeks before, of which a forecast by history knows already; none when no such week is known.
    pub usual: Option<f64>,
}

impl Reserved {
    /// How many of so many spots are taken, of which history alone expects so many to be occupied: those that are awaited beyond the usual
    /// come on top, and at least as many are taken as are reserved. Never fewer than history expects, nor more than there are.
    #[expect(clippy::cast_precision_loss, reason = "a count of spots")]
    pub fn taken(&self, spots: i64, occupied: f64) -> f64 {
        let beyond = (self.awaited - self.usual.unwrap_or_default()).max(0.0);
        // Of two numbers of which one is none, `max` and `min` give the other.
        (occupied.max(0.0) + beyond).max(self.known).min(spots.max(0) as f64)
    }
}

/// The hours since 1970 that a stay touches, each with the part of it that the stay takes.
pub fn hours_of_stay(from: i64, to: i64) -> impl Iterator<Item = (i64, f64)> {
    let hours = from.div_euclid(HOUR_MS)..to.saturating_add(HOUR_MS - 1).div_euclid(HOUR_MS);
    hours.map(move |hour| {
        let start = hour.saturating_mul(HOUR_MS);
        let within = to.min(start.saturating_add(HOUR_MS)).saturating_sub(from.max(start));
        #[expect(clippy::cast_precision_loss, reason = "a part of an hour")]
        let part = within as f64 / HOUR_MS as f64;
        (hour, part)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::analytics::FreeSpots;

    fn reserved(known: f64, awaited: f64, usual: Option<f64>) -> Reserved {
        Reserved { known, awaited, usual }
    }

    #[test]
    fn what_is_usual_is_known_to_history_and_what_is_beyond_comes_on_top() {
        assert_eq!(reserved(3.0, 3.0, Some(3.0)).taken(10, 5.0), 5.0, "as on every such day");
        assert_eq!(reserved(3.0, 3.0, Some(1.0)).taken(10, 5.0), 7.0, "two more than usual");
        assert_eq!(reserved(3.0, 3.0, Some(8.0)).taken(10, 5.0), 5.0, "others may yet reserve");
        assert_eq!(reserved(3.0, 3.0, None).taken(10, 5.0), 8.0, "history knows of none");
    }

    #[test]
    fn a_spot_that_is_reserved_is_not_free() {
        assert_eq!(reserved(6.0, 6.0, Some(6.0)).taken(10, 2.0), 6.0, "though few are expected");
        assert_eq!(reserved(6.0, 0.0, Some(0.0)).taken(10, 6.0), 6.0, "those who have come are seen");
        assert_eq!(reserved(12.0, 12.0, None).taken(10, 5.0), 10.0, "no more than there are");
        assert_eq!(reserved(0.0, 0.0, None).taken(10, 5.5), 5.5, "nothing is reserved");
    }

    #[test]
    fn a_stay_takes_a_part_of_its_first_and_its_last_hour() {
        let hours: Vec<_> = hours_of_stay(HOUR_MS / 2, 3 * HOUR_MS - HOUR_MS / 4).collect();
        assert_eq!(hours, [(0, 0.5), (1, 1.0), (2, 0.75)]);
        assert_eq!(hours_of_stay(HOUR_MS, 2 * HOUR_MS).collect::<Vec<_>>(), [(1, 1.0)]);
        assert_eq!(hours_of_stay(HOUR_MS + 60_000, HOUR_MS + 60_000).count(), 1, "of which it takes nothing");
        assert_eq!(hours_of_stay(2 * HOUR_MS, HOUR_MS).count(), 0);
    }

    /// Numbers as they come, and some that are none.
    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![8 => -10.0..2_000.0, 1 => any::<f64>()]
    }

    fn free(reserved: Reserved, spots: i64, occupied: f64) -> i64 {
        FreeSpots::new(spots, reserved.taken(spots, occupied), None).free
    }

    proptest! {
        #[test]
        fn no_more_are_free_than_there_are_and_never_less_than_none(
            spots in -5_i64..1_000, occupied in number(), known in number(), awaited in number(), usual in proptest::option::of(number()),
        ) {
            let reserved = reserved(known, awaited, usual);
            let taken = reserved.taken(spots, occupied);
            prop_assert!(0.0 <= taken && taken <= spots.max(0) as f64, "{taken}");
            prop_assert!((0..=spots.max(0)).contains(&free(reserved, spots, occupied)));
        }

        #[test]
        fn more_reservations_never_leave_more_free(
            spots in 0_i64..1_000, occupied in number(), known in 0.0..1_000.0, awaited in 0.0..1_000.0, more in 0.0..1_000.0, those in 0.0..=1.0,
            usual in proptest::option::of(0.0..1_000.0),
        ) {
            let fewer = free(reserved(known, awaited, usual), spots, occupied);
            prop_assert!(fewer <= free(reserved(0.0, 0.0, usual), spots, occupied));
            prop_assert!(free(reserved(known + more, awaited + more * those, usual), spots, occupied) <= fewer);
        }

        #[test]
        fn the_parts_of_a_stay_are_the_whole(from in 0_i64..10 * HOUR_MS, length in 0_i64..100 * HOUR_MS) {
            let sum: f64 = hours_of_stay(from, from + length).map(|(_, part)| part).sum();
            prop_assert!((sum - length as f64 / HOUR_MS as f64).abs() < 1e-9);
        }
    }
}
