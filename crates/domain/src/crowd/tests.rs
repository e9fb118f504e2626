use proptest::prelude::*;
use strum::VariantArray as _;

use super::*;

const HALL: Size = Size { capacity: Some(1000), area_m2: None };
const SQUARE: Size = Size { capacity: None, area_m2: Some(100.0) };

fn run(size: &Size, counts: &[i64]) -> Vec<Level> {
    let mut state = State::default();
    let step = |count: &i64| {
        state = state.after(*count, size);
        state.level().unwrap()
    };
    counts.iter().map(step).collect()
}

#[test]
fn the_first_reading_is_taken_as_it_is() {
    for (count, level) in [
        (0, Level::Low),
        (299, Level::Low),
        (300, Level::Moderate),
        (599, Level::Moderate),
        (600, Level::High),
        (799, Level::High),
        (800, Level::Critical),
        (2000, Level::Critical),
    ] {
        assert_eq!(judge(count, &HALL), Some(level), "{count}");
    }
    for (count, level) in [(349, Level::Low), (350, Level::High), (549, Level::High), (550, Level::Critical)] {
        assert_eq!(judge(count, &SQUARE), Some(level), "{count}");
    }
    assert_eq!(judge(5, &Size { capacity: None, area_m2: None }), None);
}

#[test]
fn a_level_changes_when_it_holds_for_two_readings() {
    use Level::{Critical, High, Low, Moderate};
    assert_eq!(run(&HALL, &[200, 305, 305]), [Low, Low, Moderate]);
    assert_eq!(run(&HALL, &[200, 305, 295, 305, 295]), [Low; 5]);
    assert_eq!(run(&HALL, &[305, 295, 295]), [Moderate, Moderate, Low]);
    // Or when one lies beyond by a twentieth.
    assert_eq!(run(&HALL, &[200, 315]), [Low, Moderate]);
    assert_eq!(run(&HALL, &[200, 314]), [Low, Low]);
    assert_eq!(run(&HALL, &[200, 900]), [Low, Critical]);
    assert_eq!(run(&HALL, &[200, 610, 810, 810]), [Low, Moderate, High, Critical]);
    assert_eq!(run(&HALL, &[900, 780, 790]), [Critical, Critical, High]);
    assert_eq!(run(&HALL, &[900, 100]), [Critical, Low]);
}

#[test]
fn the_worse_of_share_and_density_counts() {
    let both = Size { capacity: Some(10_000), area_m2: Some(100.0) };
    let state = State::default().after(400, &both);
    assert_eq!((state.share.unwrap().0, state.density.unwrap().0), (Level::Low, Density::Warning));
    assert_eq!(state.level(), Some(Level::High));
    assert_eq!(Size { capacity: Some(0), area_m2: None }.share(0), Some(0.0));
    assert_eq!(judge(1, &Size { capacity: Some(0), area_m2: None }), Some(Level::Critical));
}

#[test]
fn names_are_read_back() {
    for level in Level::VARIANTS.iter().copied() {
        assert_eq!(level.into_str().parse(), Ok(level));
    }
    for density in Density::VARIANTS.iter().copied() {
        assert_eq!(density.into_str().parse(), Ok(density));
    }
    assert!("High".parse::<Level>().is_err());
}

fn step() -> impl Strategy<Value = Level> {
    (0_usize..4).prop_map(|index| Level::VARIANTS[index])
}

/// A share that lies beyond a bound by so many ten thousandths of it.
fn beyond(bound: usize, by: i128) -> Ratio {
    Ratio { count: i128::from(SHARE_BOUNDS_PERCENT[bound]) * (10_000 + by), of: 1_000_000 }
}

/// The first whole count at which `count / of >= bound` with the margin, by rational arithmetic: the least `count` with
/// `count * denominator >= of * numerator`.
fn first(of: i128, numerator: i128, denominator: i128) -> i64 {
    i64::try_from((of * numerator + denominator - 1).div_euclid(denominator)).unwrap()
}

#[test]
fn a_reading_on_a_bound_with_its_margin_changes_the_level_at_each_bound() {
    use Level::{Critical, High, Low, Moderate};
    assert_eq!(run(&HALL, &[0, 315]), [Low, Moderate]);
    assert_eq!(run(&HALL, &[500, 630]), [Moderate, High]);
    assert_eq!(run(&HALL, &[700, 839]), [High, High]);
    assert_eq!(run(&HALL, &[700, 840]), [High, Critical]);
    // Downwards the margin is below the bound.
    assert_eq!(run(&HALL, &[900, 760]), [Critical, Critical]);
    assert_eq!(run(&HALL, &[900, 759]), [Critical, High]);
    // 5.5 · 1.05 = 5.775 persons/m², 3.5 · 1.05 = 3.675; an area is the decimal that was written.
    let plaza = Size { capacity: None, area_m2: Some(8.2) };
    assert_eq!(judge(first(82, 35, 100), &plaza), Some(High));
    assert_eq!(judge(first(82, 35, 100) - 1, &plaza), Some(Low));
    let yard = Size { capacity: None, area_m2: Some(1000.0) };
    assert_eq!(run(&yard, &[0, 3674, 0, 3675]), [Low, Low, Low, High]);
    assert_eq!(run(&yard, &[4000, 5774, 0, 5775]), [High, High, Low, Critical]);
}

proptest! {
    #[test]
    fn every_bound_is_where_rational_arithmetic_puts_it(capacity in 1_i64..=1_000_000, deci_area in 1_i64..=10_000_000) {
        let hall = Size { capacity: Some(capacity), area_m2: None };
        for (index, bound) in SHARE_BOUNDS_PERCENT.into_iter().enumerate() {
            let (below, above) = (Level::VARIANTS[index], Level::VARIANTS[index + 1]);
            let at = first(capacity.into(), bound.into(), 100);
            prop_assert!(judge(at, &hall) >= Some(above) && judge(at - 1, &hall) <= Some(below));
            let jump = first(capacity.into(), i128::from(bound) * 105, 10_000);
            let calm = State { share: Some((below, below)), density: None };
            prop_assert!(calm.after(jump, &hall).level() >= Some(above));
            prop_assert!(calm.after(jump - 1, &hall).level() <= Some(below));
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let square = Size { capacity: None, area_m2: Some(deci_area as f64 / 10.0) };
        for (index, bound) in DENSITY_BOUNDS_TENTHS.into_iter().enumerate() {
            let above = Density::VARIANTS[index + 1];
            let at = first(deci_area.into(), bound.into(), 100);
            let density = |count: i64| State::default().after(count, &square).density.unwrap().0;
            prop_assert!(density(at) >= above && density(at - 1) < above);
        }
    }

    #[test]
    fn noise_around_a_bound_that_never_holds_does_not_flap(
        bound in 0_usize..3, start in prop::bool::ANY, noise in prop::collection::vec(1..500_i128, 1..200),
    ) {
        let mut level = if start { Level::VARIANTS[bound + 1] } else { Level::VARIANTS[bound] };
        let mut previous = level;
        let first = level;
        for (index, noise) in noise.into_iter().enumerate() {
            let sign = if (index % 2 == 0) == start { -1 } else { 1 };
            let share = beyond(bound, sign * noise);
            level = Level::next(Some((level, previous)), share);
            previous = Level::from_ratio(share, 100);
            prop_assert_eq!(level, first);
        }
    }

    #[test]
    fn whatever_the_noise_within_the_margin_a_level_never_changes_twice_in_a_row(
        bound in 0_usize..3, noise in prop::collection::vec(-499..500_i128, 2..300),
    ) {
        let (mut state, mut changed) = (None, false);
        for noise in noise {
            let share = beyond(bound, noise);
            let level = Level::next(state, share);
            let changes = state.is_some_and(|(before, _)| before != level);
            prop_assert!(!(changes && changed));
            changed = changes;
            state = Some((level, Level::from_ratio(share, 100)));
        }
    }

    #[test]
    fn more_people_are_never_a_lower_level(
        level in step(), previous in step(), a in 0_i64..2000, b in 0_i64..2000, capacity in 0_i64..2000, area in 0.1..1000.0_f64,
    ) {
        let size = Size { capacity: Some(capacity), area_m2: Some(area) };
        let before = State { share: Some((level, previous)), density: None };
        let (few, many) = (a.min(b), a.max(b));
        prop_assert!(before.after(few, &size).level() <= before.after(many, &size).level());
        prop_assert!(judge(few, &size) <= judge(many, &size));
    }

    #[test]
    fn a_history_that_lies_above_another_never_ends_below_it(pairs in prop::collection::vec((0_i64..1500, 0_i64..500), 1..50)) {
        let (mut below, mut above) = (State::default(), State::default());
        for (count, more) in pairs {
            below = below.after(count, &HALL);
            above = above.after(count + more, &HALL);
            prop_assert!(below.level() <= above.level());
        }
    }

    #[test]
    fn a_reading_that_repeats_settles_the_level(level in step(), previous in step(), count in 0_i64..2000) {
        let settled = State { share: Some((level, previous)), density: None }.after(count, &HALL).after(count, &HALL);
        prop_assert_eq!(settled.level(), judge(count, &HALL));
    }

    #[test]
    fn no_count_or_size_panics(count: i64, capacity: Option<i64>, area: Option<f64>) {
        let size = Size { capacity, area_m2: area };
        State::default().after(count, &size).after(count, &size).level();
    }
}
