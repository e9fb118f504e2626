//! What must not spoil the weeks after: sensors that die, closures, festivals that no calendar knew, gaps; and what the calendar and the clock
//! are for.

use super::tests::temple;
use super::*;
use crate::booking_slot::{Date, Zone};
use crate::time::HOUR_MS;

/// Hours of twenty weeks, and the day's forecast after them.
const HOURS: i64 = 20 * WEEK;

fn day_after(points: &[(i64, f64)], context: &Context) -> Vec<Point> {
    let horizon = |now| predict(&Series::from_points(points, 10_000), context, now, 24).points;
    horizon(HOURS - 1)
}

/// How far the forecast of the day after lies from what it would be without what happened, as a part of it.
fn harm(happened: impl Fn(i64, f64) -> Option<f64>) -> f64 {
    let usual = temple(HOURS, 10.0);
    let points: Vec<_> = usual.iter().filter_map(|(hour, value)| Some((*hour, happened(HOURS - hour, *value)?))).collect();
    let (spoilt, clean) = (day_after(&points, &Context::default()), day_after(&usual, &Context::default()));
    let off: f64 = spoilt.iter().zip(&clean).map(|(spoilt, clean)| (spoilt.value - clean.value).abs()).sum();
    off / clean.iter().map(|point| point.value).sum::<f64>()
}

/// How far it would lie if the hours of the last four weeks were averaged.
fn harm_of_means(happened: impl Fn(i64, f64) -> Option<f64>) -> f64 {
    let usual = temple(HOURS, 10.0);
    let mean_of = |hour: i64, change: &dyn Fn(i64, f64) -> Option<f64>| {
        let values = (1..=4).filter_map(|week| usual.get(usize::try_from(hour - week * WEEK).ok()?));
        mean(values.filter_map(|(hour, value)| change(HOURS - hour, *value)))
    };
    let hours = || HOURS..HOURS + 24;
    let off: f64 = hours().map(|hour| (mean_of(hour, &happened) - mean_of(hour, &|_, value| Some(value))).abs()).sum();
    off / hours().map(|hour| mean_of(hour, &|_, value| Some(value))).sum::<f64>()
}

/// An hour, by how long before the forecast it was, and what would have been counted: what was counted instead.
type Happened = fn(i64, f64) -> Option<f64>;

#[test]
fn what_went_wrong_does_not_spoil_the_weeks_after() {
    let kinds: [(&str, f64, Happened); 6] = [
        ("a sensor that was dead for ten days, until the day before yesterday", 0.06, |before, value| {
            Some(if (2 * DAY..12 * DAY).contains(&before) { 0.0 } else { value })
        }),
        ("a closure that nobody announced, a week ago", 0.04, |before, value| {
            Some(if (6 * DAY..7 * DAY).contains(&before) { 0.0 } else { value })
        }),
        ("a festival that no calendar knew, three times as full, a week ago", 0.15, |before, value| {
            Some(if (6 * DAY..7 * DAY).contains(&before) { 3.0 * value } else { value })
        }),
        ("a festival that no calendar knew, a month ago", 0.04, |before, value| {
            Some(if (27 * DAY..28 * DAY).contains(&before) { 3.0 * value } else { value })
        }),
        ("two weeks without a count", 0.04, |before, value| (!(3 * DAY..17 * DAY).contains(&before)).then_some(value)),
        ("every fifth hour lost", 0.05, |before, value| (before % 5 != 0).then_some(value)),
    ];
    for (what, most, happened) in kinds {
        let harm = harm(happened);
        assert!(harm < most, "{what}: {harm}");
    }
    // The same would be felt in a plain mean of the weeks before.
    for happened in [kinds[1].2, kinds[2].2, kinds[3].2] {
        assert!(harm_of_means(happened) > 0.2);
    }
}

#[test]
fn while_nobody_is_counted_few_are_expected_and_after_it_as_many_as_ever() {
    let silent_for = |hours: i64, until: i64| {
        let points: Vec<_> = temple(HOURS, 10.0);
        let silent = |hour: i64| (until - hours..until).contains(&hour);
        points.into_iter().map(|(hour, value)| (hour, if silent(hour) { 0.0 } else { value })).collect::<Vec<_>>()
    };
    let sum = |points: &[Point]| points.iter().map(|point| point.value).sum::<f64>();
    let usual = sum(&day_after(&temple(HOURS, 10.0), &Context::default()));
    let during = sum(&day_after(&silent_for(5 * DAY, HOURS), &Context::default()));
    let after = sum(&day_after(&silent_for(5 * DAY, HOURS - 8), &Context::default()));
    assert!(during < 0.4 * usual, "{during} of {usual}");
    assert!((after / usual - 1.0).abs() < 0.1, "{after} of {usual}");
}

#[test]
fn a_public_holiday_is_like_a_sunday_until_holidays_are_known() {
    // 1970 began on a Thursday; Sundays are the fullest here.
    let points: Vec<_> = temple(HOURS + 3 * DAY, 0.0).into_iter().map(|(hour, value)| (hour - 3 * DAY, value)).collect();
    let at = |hour: i64| points[usize::try_from(hour + 3 * DAY).unwrap()].1;
    let known = &points[..usize::try_from(HOURS + 3 * DAY).unwrap()];
    let day = HOURS / DAY;
    let of = |days: &[i64]| {
        let special = days.iter().flat_map(|day| (0..DAY).map(move |hour| (day * DAY + hour, Special::Holiday))).collect();
        day_after(known, &Context { special, ..Context::default() })
    };
    let noon = |points: &[Point]| points[12].value;
    let (sunday, thursday) = (at(3 * DAY + 12), at(12));
    assert!(sunday > 2.0 * thursday && (noon(&of(&[])) - thursday).abs() < 1.0);
    assert!((noon(&of(&[day])) / sunday - 1.0).abs() < 0.03, "{} {sunday}", noon(&of(&[day])));
    // Once two holidays were as their weekday, the next is taken to be so too.
    let again = noon(&of(&[day - 70, day - 35, day]));
    assert!((again - thursday).abs() < 0.1 * (sunday - thursday), "{again} {thursday} {sunday}");
}

#[test]
fn the_hours_of_a_day_stay_where_they_are_on_the_clock() {
    let zone = Zone::parse("Europe/Berlin").unwrap();
    // Clocks went back at 1:00 UTC on 26 October 2025; the forecast is of the Monday after.
    let monday = zone.hours_of(Date::parse("2025-10-27").unwrap()).start;
    let wall = |hour: i64| hour + zone.hours_ahead(hour * HOUR_MS);
    let open = |hour: i64| if (9..18).contains(&wall(hour).rem_euclid(DAY)) { 100.0 } else { 4.0 };
    let points: Vec<_> = (monday - HOURS..monday).map(|hour| (hour, open(hour))).collect();
    let of = |zone| predict(&Series::from_points(&points, 10_000), &Context { zone, ..Context::default() }, monday - 1, 24).points;
    let wrong = |points: &[Point]| points.iter().filter(|point| (point.value - open(point.hour)).abs() > 20.0).count();
    assert_eq!((wrong(&of(Some(zone))), wrong(&of(None))), (0, 2));
}

#[test]
fn a_value_is_the_sum_of_its_parts_and_they_say_why() {
    let sum = |parts: &Parts| parts.usual + parts.by_calendar + parts.by_last_hours + parts.by_last_days + parts.by_bookings;
    let mut points = temple(HOURS, 10.0);
    for (_, value) in points.iter_mut().rev().take(2) {
        *value += 40.0;
    }
    let first = day_after(&points, &Context::default())[0];
    assert!((sum(&first.parts) - first.value).abs() < 1e-9 && first.parts.by_last_hours > 0.1, "{first:?}");
    let special = (HOURS..HOURS + DAY).chain(HOURS - 2 * WEEK..HOURS - 2 * WEEK + DAY).map(|hour| (hour, Special::Closed)).collect();
    for (_, value) in points.iter_mut().rev().skip(usize::try_from(2 * WEEK - DAY).unwrap()).take(24) {
        *value = 0.0;
    }
    let closed = day_after(&points, &Context { special, ..Context::default() })[12];
    assert!((sum(&closed.parts) - closed.value).abs() < 1e-9 && closed.value < 0.1 * closed.parts.usual, "{closed:?}");
    assert!(closed.parts.by_calendar < -0.9 * closed.parts.usual && closed.basis == Basis::SpecialDay);
}
