use proptest::prelude::*;

use super::*;
use crate::booking_slot::Zone;

/// Weeks of a temple: mornings and evenings, fuller at the end of the week, with noise that repeats nothing.
pub(super) fn temple(hours: i64, noise: f64) -> Vec<(i64, f64)> {
    let mut seed = 1_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        #[expect(clippy::cast_precision_loss, reason = "a test's noise")]
        let unit = (seed >> 33) as f64 / (1_u64 << 31) as f64;
        unit - 0.5
    };
    let value = |hour: i64| {
        let day: f64 = [60.0, 65.0, 60.0, 62.0, 70.0, 120.0, 140.0][usize::try_from(hour / 24 % 7).unwrap()];
        let of_day: f64 = [0.1, 0.1, 0.1, 0.2, 0.5, 0.9, 1.0, 1.0, 0.8, 0.7, 0.6, 0.5][usize::try_from(hour % 24 / 2).unwrap()];
        day * of_day
    };
    (0..hours).map(|hour| (hour, value(hour) + noise * random())).collect()
}

fn predicted(points: &[(i64, f64)], now: i64, horizon: usize) -> Forecast {
    predict(&Series::from_points(points, 10_000), &Context::default(), now, horizon)
}

#[test]
fn a_pattern_of_weeks_is_found_and_beats_the_naive_forecast() {
    let forecast = predicted(&temple(6 * WEEK, 30.0), 6 * WEEK - 1, 6);
    assert_eq!(forecast.basis, Some(Basis::Week));
    assert_eq!(forecast.points.len(), 6);
    let truth = temple(7 * WEEK, 0.0);
    for point in &forecast.points {
        let (_, actual) = truth[usize::try_from(point.hour).unwrap()];
        assert!((point.value - actual).abs() < 30.0, "{point:?} {actual}");
        let (low, high) = point.interval.expect("errors are known");
        assert!(low <= point.value && point.value <= high);
    }
    let accuracy = forecast.accuracy.expect("a week was held out");
    assert!(accuracy.mae < accuracy.naive_mae, "{accuracy:?}");
    assert!(accuracy.skill().unwrap() > 0.1, "{accuracy:?}");
    let coverage = accuracy.coverage.unwrap();
    assert!((0.65..=0.95).contains(&coverage), "{coverage}");
}

#[test]
fn a_day_that_is_fuller_than_usual_stays_so_for_a_while() {
    let mut points = temple(5 * WEEK, 0.0);
    for (_, value) in points.iter_mut().rev().take(3) {
        *value += 50.0;
    }
    let usual = predicted(&temple(5 * WEEK, 0.0), 5 * WEEK - 1, 6);
    let fuller = predicted(&points, 5 * WEEK - 1, 6);
    let lift: Vec<f64> = usual.points.iter().zip(&fuller.points).map(|(usual, fuller)| fuller.value - usual.value).collect();
    assert!(lift[0] > 12.0, "{lift:?}");
    assert!(lift.is_sorted_by(|a, b| a > b) && lift[5] < 15.0, "{lift:?}");
}

#[test]
fn little_history_is_said_to_be_little() {
    assert_eq!(predicted(&[], 0, 6), Forecast { basis: None, points: Vec::new(), accuracy: None });
    let one = predicted(&[(100, 7.0)], 100, 2);
    assert_eq!((one.basis, one.accuracy), (Some(Basis::LastValue), None));
    assert!(one.points.iter().all(|point| (point.value - 7.0).abs() < 1e-9 && point.interval.is_none()));
    let days = predicted(&temple(3 * DAY, 1.0), 3 * DAY - 1, 6);
    assert_eq!(days.basis, Some(Basis::Day));
    // A counter that has been silent for days still has its weekly pattern.
    assert_eq!(predicted(&temple(4 * WEEK, 1.0), 4 * WEEK + 2 * DAY, 3).basis, Some(Basis::Week));
}

#[test]
fn what_comes_after_an_origin_does_not_change_what_was_forecast_there() {
    let points = temple(4 * WEEK, 20.0);
    let series = Series::from_points(&points, 10_000);
    let cut = Series::from_points(&points[..usize::try_from(3 * WEEK + 1).unwrap()], 10_000);
    let origin = 3 * WEEK;
    let context = Context::default();
    let (whole, cut_off) = (Model::new(&series, &context, points.len() as i64 - 1, origin), Model::new(&cut, &context, origin, origin));
    for lead in 1..=24 {
        let mut sums = [Sums::default(); 2];
        whole.sum_up(&mut sums[0], lead, (0, origin));
        cut_off.sum_up(&mut sums[1], lead, (0, origin));
        let of = |model: &Model, sums: &Sums| {
            let mut ahead = model.ahead(lead);
            ahead.weigh(sums);
            ahead.expected(origin, origin + lead)
        };
        let expected = of(&whole, &sums[0]);
        assert_eq!(expected, of(&cut_off, &sums[1]));
        assert!(expected.is_some());
        let naive = |model: &Model, series: &Series| backtest::naive(model, series, origin + lead, origin);
        assert_eq!(naive(&whole, &series), naive(&cut_off, &cut));
    }
}

/// Each hour's bookings, made the day before: `extra` more at each hour that `more` holds for.
fn bookings(hours: i64, extra: f64, more: impl Fn(i64) -> bool) -> Booked {
    let points: Vec<_> = (0..hours).map(|hour| (hour, 24, 40.0 + if more(hour) { extra } else { 0.0 })).collect();
    Booked::from_bookings(&points)
}

#[test]
fn more_bookings_than_usual_are_more_people() {
    let now = 5 * WEEK - 1;
    let points = temple(5 * WEEK, 0.0);
    let series = Series::from_points(&points, 10_000);
    let forecast = |booked: Booked| predict(&series, &Context { booked, prior: 0.25, ..Context::default() }, now, 6);
    let usual = forecast(bookings(6 * WEEK, 0.0, |_| false));
    let full = forecast(bookings(6 * WEEK, 80.0, |hour| hour == now + 3));
    for (usual, full) in usual.points.iter().zip(&full.points) {
        let more = if full.hour == now + 3 { 20.0 } else { 0.0 };
        assert!((full.value - usual.value - more).abs() < 1e-6 && (full.parts.by_bookings - more).abs() < 1e-6, "{full:?}");
        assert!(usual.parts.by_bookings.abs() < 1e-6);
    }
    // The first that anybody makes are more than usual too.
    let first = forecast(Booked::from_bookings(&[(now + 2, 24, 80.0)]));
    assert!((first.points[1].parts.by_bookings - 20.0).abs() < 1e-6 && first.points[0].parts.by_bookings == 0.0);
    // Without any history the bookings of the hour are compared with those of now.
    let context = Context { booked: bookings(110, 80.0, |hour| hour > 100), prior: 0.25, ..Context::default() };
    let little = predict(&Series::from_points(&[(100, 50.0)], 10), &context, 100, 1);
    assert!((little.points[0].value - 70.0).abs() < 1e-6 && little.basis == Some(Basis::LastValue));
}

#[test]
fn the_weight_of_bookings_is_learnt_and_makes_the_forecast_better() {
    let often = |hour: i64| hour * 7919 % 11 < 3;
    let mut points = temple(6 * WEEK, 4.0);
    for (hour, value) in &mut points {
        *value += if often(*hour) { 0.7 * 60.0 } else { 0.0 };
    }
    let series = Series::from_points(&points, 10_000);
    let booked = bookings(7 * WEEK, 60.0, often);
    let knowing = predict(&series, &Context { booked, prior: 0.1, ..Context::default() }, 6 * WEEK - 1, 6);
    let blind = predict(&series, &Context::default(), 6 * WEEK - 1, 6);
    let (knowing, blind) = (knowing.accuracy.unwrap(), blind.accuracy.unwrap());
    assert!(knowing.mae < 0.5 * blind.mae && knowing.mae < 0.5 * knowing.naive_mae, "{knowing:?} {blind:?}");
}

#[test]
fn what_was_booked_too_late_is_not_known() {
    let booked = Booked::from_bookings(&[(10, 0, 3.0), (10, 5, 4.0), (10, 99, 5.0), (12, 1, f64::NAN)]);
    assert_eq!([0, 1, 5, 6, 25, 99].map(|ahead| booked.known(10, ahead)), [12.0, 9.0, 9.0, 5.0, 5.0, 5.0]);
    assert_eq!((booked.known(9, 0), booked.known(i64::MIN, 0), booked.known(i64::MAX, i64::MIN)), (0.0, 0.0, 0.0));
    assert!(
        Booked::from_bookings(&[]).is_empty() && Booked::from_bookings(&[(i64::MIN, 0, 1.0), (i64::MAX, 0, 1.0)]).known(i64::MAX, 0) > 0.0
    );
}

#[test]
fn festivals_follow_festivals_and_spoil_no_ordinary_day() {
    // A festival a week ago, twice as full; the day to come is ordinary, then it is a festival too.
    let festival = 4 * WEEK..4 * WEEK + DAY;
    let mut points = temple(5 * WEEK, 0.0);
    for (hour, value) in &mut points {
        *value *= if festival.contains(hour) { 3.0 } else { 1.0 };
    }
    let series = Series::from_points(&points, 10_000);
    let of = |days: &[i64]| {
        let special = days.iter().flat_map(|day| (0..DAY).map(move |hour| (day * DAY + hour, Special::Festival))).collect();
        predict(&series, &Context { special, ..Context::default() }, 5 * WEEK - 1, 24)
    };
    let (ordinary, again) = (of(&[28]), of(&[28, 35]));
    assert_eq!((ordinary.basis, again.basis), (Some(Basis::Week), Some(Basis::SpecialDay)));
    let (truth, plain) = (temple(6 * WEEK, 0.0), predicted(&temple(5 * WEEK, 0.0), 5 * WEEK - 1, 24));
    for ((ordinary, plain), again) in ordinary.points.iter().zip(&plain.points).zip(&again.points) {
        let (_, value) = truth[usize::try_from(ordinary.hour).unwrap()];
        assert!((ordinary.value - plain.value).abs() < 0.1 * value + 1.0, "{ordinary:?} {plain:?}");
        assert!((again.value - 3.0 * value).abs() < 0.3 * value + 1.0, "{again:?} {value}");
    }
    // The first of its kind is taken as its weekday.
    assert_eq!(of(&[35]).basis, Some(Basis::Week));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_series_panics_and_no_forecast_is_below_zero(
        points in prop::collection::vec((any::<i64>(), any::<f64>()), 0..20),
        near in prop::collection::vec((0_i64..200, -1e6..1e6_f64), 0..200),
        now: i64, horizon in 0_usize..100, booked in prop::collection::vec((0_i64..250, any::<i64>(), 0.0..1e6_f64), 0..100),
        days in prop::collection::vec((0_i64..10, 0_usize..3), 0..4), is_local: bool,
    ) {
        let kinds = [Special::Closed, Special::Festival, Special::Holiday];
        let special = days.iter().flat_map(|(day, kind)| (0..DAY).map(move |hour| (day * DAY + hour, kinds[*kind]))).collect();
        let zone = Zone::parse("Pacific/Auckland").filter(|_| is_local);
        let context = Context { special, booked: Booked::from_bookings(&booked), prior: 0.3, zone };
        for (points, now) in [(points, now), (near, 199)] {
            let forecast = predict(&Series::from_points(&points, 10_000), &context, now, horizon);
            for point in forecast.points {
                prop_assert!(point.value.is_finite() && point.value >= 0.0, "{point:?}");
                let Parts { usual, by_calendar, by_last_hours, by_last_days, by_bookings } = point.parts;
                let sum = usual + by_calendar + by_last_hours + by_last_days + by_bookings;
                prop_assert!((sum - point.value).abs() <= 1e-6 * (usual + sum.abs() + by_bookings.abs()).max(1.0), "{point:?}");
                if let Some((low, high)) = point.interval {
                    prop_assert!(0.0 <= low && low <= point.value && point.value <= high);
                }
            }
        }
    }
}
