//! Roll-ups of readings: min, sum, max, count and energy by five minutes, an hour and a day (docs/reference/retention.md#readings).
//!
//! The energy between two readings of a device that follow each other is that of the trapezoid between them, and none when they are too far
//! apart. It counts where the later one is. So the sums of a span are those of its parts, whatever the parts are.

use serde::Serialize;
use utoipa::ToSchema;

use crate::bucket::BucketWidth;
use crate::health::OFFLINE_MS;
use crate::time::{HOUR_MS, MINUTE_MS};

/// Readings of a device that are further apart than this have a gap between them of which nothing is known, milliseconds: the device was
/// offline.
pub const GAP_MS: i64 = OFFLINE_MS;

/// How long five minutes are waited for after their end, milliseconds: what comes in later is a correction.
pub const GRACE_MS: i64 = 5 * MINUTE_MS;

/// Five minutes, the finest roll-up, milliseconds.
pub const FINEST_MS: i64 = BucketWidth::FiveMinutes.ms();

/// The start of the bucket of this width that a moment is in.
pub const fn floor(at: i64, width_ms: i64) -> i64 {
    at - at.rem_euclid(width_ms)
}

/// The first start of a bucket of this width that is not before a moment.
pub const fn ceil(at: i64, width_ms: i64) -> i64 {
    let start = floor(at, width_ms);
    if start == at { at } else { start + width_ms }
}

/// Up to where readings are rolled up at `now`.
pub const fn target(now: i64) -> i64 {
    floor(now - GRACE_MS, FINEST_MS)
}

/// What a device drew at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// When.
    pub at: i64,
    /// Watts.
    pub power_w: f64,
}

/// The energy between two readings that follow each other, watt-hours.
#[expect(clippy::cast_precision_loss, reason = "a gap's milliseconds are few")]
pub fn energy_wh(before: Option<Draw>, draw: Draw) -> f64 {
    match before {
        Some(before) if draw.at - before.at <= GAP_MS => {
            (draw.power_w + before.power_w) / 2.0 * (draw.at - before.at) as f64 / HOUR_MS as f64
        }
        _ => 0.0,
    }
}

/// The smallest, the sum and the largest of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The smallest.
    pub min: f64,
    /// The sum.
    pub sum: f64,
    /// The largest.
    pub max: f64,
}

impl Figures {
    /// Of one value.
    pub const fn of(value: f64) -> Self {
        Self { min: value, sum: value, max: value }
    }

    /// Of the values of both.
    #[must_use]
    pub const fn merge(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), sum: self.sum + other.sum, max: self.max.max(other.max) }
    }
}

/// What a span of time holds of one quantity, and its energy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rollup {
    /// How many readings.
    pub count: i64,
    /// Of the power, watts; none when there are no readings.
    pub power_w: Option<Figures>,
    /// Watt-hours.
    pub energy_wh: f64,
}

impl Rollup {
    /// Of these readings in the order of time, which follow `before`.
    pub fn of(before: Option<Draw>, draws: &[Draw]) -> Self {
        let mut before = before;
        let mut rollup = Self::default();
        for draw in draws {
            rollup = rollup.merge(Self { count: 1, power_w: Some(Figures::of(draw.power_w)), energy_wh: energy_wh(before, *draw) });
            before = Some(*draw);
        }
        rollup
    }

    /// Of two spans together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        let power_w = match (self.power_w, other.power_w) {
            (Some(one), Some(two)) => Some(one.merge(two)),
            (one, two) => one.or(two),
        };
        Self { count: self.count + other.count, power_w, energy_wh: self.energy_wh + other.energy_wh }
    }
}

/// What an answer was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ReadingLevel)]
pub enum Level {
    /// The readings themselves.
    #[serde(rename = "raw")]
    Raw,
    /// Roll-ups of five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// Roll-ups of an hour.
    #[serde(rename = "1h")]
    Hour,
    /// Roll-ups of a day.
    #[serde(rename = "1d")]
    Day,
}

impl Level {
    const fn of(width: BucketWidth) -> Self {
        match width {
            BucketWidth::FiveMinutes => Self::FiveMinutes,
            BucketWidth::Hour => Self::Hour,
            BucketWidth::Day => Self::Day,
        }
    }
}

/// What there is of a device, milliseconds. Days are whole ones in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Before this day roll-ups of days are all that is left.
    pub hours_from: i64,
    /// Before this day there are no roll-ups of five minutes.
    pub five_minutes_from: i64,
    /// Before this day there are no readings.
    pub raw_from: i64,
    /// Before this moment all is rolled up, and nothing has come in since.
    pub rolled_up_to: i64,
}

/// A part of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is made from.
    pub level: Level,
    /// How wide its buckets are, milliseconds.
    pub width_ms: i64,
    /// Its first moment.
    pub from: i64,
    /// Its end, which does not belong to it.
    pub to: i64,
}

/// From what the buckets of this width are made that hold the moments from `from` to `to`, both included: parts that follow each other, in the
/// order of time. Where readings are there, each bucket is exactly what its readings within the span give. Where they are gone, a bucket at the
/// span's edge is given whole, and one of a wider roll-up where that is all there is.
pub fn parts(width: BucketWidth, from: i64, to: i64, kept: &Kept) -> Vec<Part> {
    let width_ms = width.ms();
    let end = to.saturating_add(1);
    let mut parts = Vec::with_capacity(4);
    let hours_from = kept.hours_from;
    let five_minutes_from = kept.five_minutes_from.max(hours_from);
    let raw_from = kept.raw_from.max(five_minutes_from);
    let mut begins = i64::MIN;
    for (finest, until) in [(BucketWidth::Day, hours_from), (BucketWidth::Hour, five_minutes_from), (BucketWidth::FiveMinutes, raw_from)] {
        let widest = if finest.ms() > width_ms { finest } else { width };
        push(&mut parts, Level::of(widest), widest.ms(), floor(from, widest.ms()).max(begins), end.min(until));
        begins = begins.max(until);
    }
    let from = from.max(raw_from);
    let whole_from = ceil(from, width_ms);
    let whole_to = floor(end.min(kept.rolled_up_to), width_ms);
    if whole_from < whole_to {
        push(&mut parts, Level::Raw, width_ms, from, whole_from);
        push(&mut parts, Level::of(width), width_ms, whole_from, whole_to);
        push(&mut parts, Level::Raw, width_ms, whole_to, end);
    } else {
        push(&mut parts, Level::Raw, width_ms, from, end);
    }
    parts
}

fn push(parts: &mut Vec<Part>, level: Level, width_ms: i64, from: i64, to: i64) {
    if from < to {
        parts.push(Part { level, width_ms, from, to });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::DAY_MS;

    fn draw(at: i64, power_w: f64) -> Draw {
        Draw { at, power_w }
    }

    #[test]
    fn energy_is_that_of_the_trapezoids_without_the_gaps() {
        let minute = MINUTE_MS;
        let day = [draw(0, 600.0), draw(minute, 600.0), draw(2 * minute, 1200.0), draw(2 * minute + GAP_MS + 1, 900.0)];
        let rollup = Rollup::of(None, &day);
        assert!((rollup.energy_wh - 25.0).abs() < 1e-9, "10 Wh and 15 Wh: {rollup:?}");
        assert_eq!(rollup.count, 4);
        assert!(energy_wh(Some(draw(0, 60.0)), draw(GAP_MS, 60.0)) > 9.9, "the longest that is no gap");
        assert!(energy_wh(Some(draw(0, 60.0)), draw(60_000, -60.0)).abs() < 1e-12, "what is fed back is taken off");
    }

    #[test]
    fn what_is_not_rolled_up_yet_is_read_from_readings() {
        let hour = HOUR_MS;
        let kept = Kept { rolled_up_to: 10 * hour + FINEST_MS, ..Kept::default() };
        let parts = parts(BucketWidth::Hour, 2 * hour + 1, 11 * hour, &kept);
        let raw = |from, to| Part { level: Level::Raw, width_ms: hour, from, to };
        let rolled = Part { level: Level::Hour, width_ms: hour, from: 3 * hour, to: 10 * hour };
        assert_eq!(parts, [raw(2 * hour + 1, 3 * hour), rolled, raw(10 * hour, 11 * hour + 1)]);
    }

    #[test]
    fn the_finest_level_that_is_left_answers() {
        let day = DAY_MS;
        let kept = Kept { hours_from: 10 * day, five_minutes_from: 20 * day, raw_from: 30 * day, rolled_up_to: 40 * day };
        let levels =
            |width| -> Vec<_> { parts(width, 9 * day + 5, 41 * day, &kept).iter().map(|part| (part.level, part.from / day)).collect() };
        use Level::{Day, FiveMinutes, Hour, Raw};
        assert_eq!(levels(BucketWidth::FiveMinutes), [(Day, 9), (Hour, 10), (FiveMinutes, 20), (FiveMinutes, 30), (Raw, 40)]);
        assert_eq!(levels(BucketWidth::Hour), [(Day, 9), (Hour, 10), (Hour, 20), (Hour, 30), (Raw, 40)]);
        assert_eq!(levels(BucketWidth::Day), [(Day, 9), (Day, 10), (Day, 20), (Day, 30), (Raw, 40)]);
    }

    #[test]
    fn five_minutes_are_rolled_up_some_minutes_after_their_end() {
        assert_eq!(target(3 * FINEST_MS + GRACE_MS - 1), 2 * FINEST_MS);
        assert_eq!(target(3 * FINEST_MS + GRACE_MS), 3 * FINEST_MS);
    }

    fn draws() -> impl Strategy<Value = Vec<Draw>> {
        // Whole watts and steps of a minute that is a sixtieth of an hour in halves: sums are exact, and so compared exactly.
        proptest::collection::btree_map(0..400_i64, -8..8_i32, 0..60)
            .prop_map(|all| all.into_iter().map(|(minute, watts)| draw(minute * HOUR_MS / 64, f64::from(watts))).collect())
    }

    proptest! {
        #[test]
        fn roll_ups_of_parts_are_the_roll_up_of_all(draws in draws(), cuts in proptest::collection::vec(0..60_usize, 2)) {
            let (mut first, mut second) = (cuts[0].min(draws.len()), cuts[1].min(draws.len()));
            if first > second {
                std::mem::swap(&mut first, &mut second);
            }
            let before = |index: usize| index.checked_sub(1).map(|before| draws[before]);
            let [a, b, c] = [(0, first), (first, second), (second, draws.len())].map(|(from, to)| Rollup::of(before(from), &draws[from..to]));
            let all = Rollup::of(None, &draws);
            prop_assert_eq!(a.merge(b).merge(c), all);
            prop_assert_eq!(a.merge(b.merge(c)), all);
            prop_assert_eq!(Rollup::default().merge(all), all);
        }

        #[test]
        fn each_moment_is_in_one_part(
            width in prop_oneof![Just(BucketWidth::FiveMinutes), Just(BucketWidth::Hour), Just(BucketWidth::Day)],
            days in [0..20_i64, 0..20_i64, 0..20_i64],
            rolled_up_to in 0..30 * DAY_MS,
            from in 0..30 * DAY_MS,
            length in 0..10 * DAY_MS,
        ) {
            let [mut hours, mut five, mut raw] = days;
            if hours > five { std::mem::swap(&mut hours, &mut five); }
            if five > raw { std::mem::swap(&mut five, &mut raw); }
            if hours > five { std::mem::swap(&mut hours, &mut five); }
            let kept = Kept {
                hours_from: hours * DAY_MS,
                five_minutes_from: five * DAY_MS,
                raw_from: raw * DAY_MS,
                rolled_up_to: rolled_up_to.max(raw * DAY_MS),
            };
            let to = from + length;
            let parts = parts(width, from, to, &kept);
            let first = parts.first().expect("a part");
            prop_assert!(first.from <= from && from < first.from + first.width_ms.max(1));
            prop_assert_eq!(parts.last().expect("a part").to, to + 1);
            for pair in parts.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
                prop_assert_eq!(pair[0].to % pair[0].width_ms, 0, "no bucket is in two parts");
            }
            for part in &parts {
                if part.level == Level::Raw {
                    prop_assert!(part.from >= kept.raw_from);
                } else {
                    prop_assert_eq!(part.from % part.width_ms, 0);
                    prop_assert!(part.from < kept.raw_from || part.to <= kept.rolled_up_to);
                }
            }
        }
    }
}
