//! What a forecast of occupied spots says of those that are free.

/// How many spots of a number are likely to be free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeSpots {
    /// Expected.
    pub free: i64,
    /// The bounds of the interval; none while the forecast has none.
    pub interval: Option<(i64, i64)>,
}

impl FreeSpots {
    /// Of so many spots, of which so many are expected to be occupied, within an interval if there is one. No more are free than there are,
    /// and never less than none; bounds are whole numbers, outward, around what is expected.
    pub fn new(spots: i64, occupied: f64, interval: Option<(f64, f64)>) -> Self {
        let spots = spots.max(0);
        let left = |occupied: f64| spots.saturating_sub(whole(occupied)).clamp(0, spots);
        let free = left(occupied.round());
        Self { free, interval: interval.map(|(low, high)| (left(high.ceil()).min(free), left(low.floor()).max(free))) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "`as` holds to the limits, and takes what is no number for 0")]
fn whole(value: f64) -> i64 {
    value as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_occupied_is_free() {
        assert_eq!(FreeSpots::new(100, 30.4, Some((20.6, 40.2))), FreeSpots { free: 70, interval: Some((59, 80)) });
        assert_eq!(FreeSpots::new(10, 12.0, Some((9.0, 20.0))), FreeSpots { free: 0, interval: Some((0, 1)) });
        assert_eq!(FreeSpots::new(10, 2.0, None).interval, None);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_forecast_and_stays_within_the_spots(spots in 0_i64..10_000, occupied: f64, low: f64, high: f64) {
            let FreeSpots { free, interval } = FreeSpots::new(spots, occupied, Some((low, high)));
            let (lower, upper) = interval.unwrap();
            prop_assert!(0 <= lower && lower <= free && free <= upper && upper <= spots);
        }
    }
}
