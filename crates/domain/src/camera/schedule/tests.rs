use proptest::prelude::*;

use super::*;
use crate::booking_slot::parse_minute;

fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn at(text: &str) -> i64 {
    crate::time::parse_rfc3339(text).unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn schedule(kind: Kind, from: &str, until: &str) -> Schedule {
    Schedule { kind, from: parse_minute(from).unwrap(), until: parse_minute(until).unwrap(), first: None, last: None, days: 127 }
}

/// Whether there is a recording in the minute that begins now, told by what the wall shows and by nothing else.
fn naive(schedule: &Schedule, zone: Zone, moment: i64) -> bool {
    let (today, time) = zone.wall(moment);
    let minute = parse_minute(&time).unwrap();
    let yesterday = Date::from_epoch_days(today.epoch_days() - 1).unwrap();
    let within = |date: Date| schedule.first.is_none_or(|first| first <= date) && schedule.last.is_none_or(|last| date <= last);
    let has = |date: Date| within(date) && (schedule.kind != Kind::Weekly || schedule.days & (1 << (date.weekday() - 1)) != 0);
    let Schedule { from, until, .. } = *schedule;
    match (schedule.kind, schedule.first, schedule.last) {
        (Kind::Continuous, ..) => within(today),
        (Kind::Once, Some(first), Some(last)) => (today, minute) >= (first, from) && (today < last || (today == last && minute < until)),
        (Kind::Once, Some(first), None) if from < until => today == first && (from..until).contains(&minute),
        (Kind::Once, Some(first), None) => (today == first && minute >= from) || (yesterday == first && minute < until),
        (Kind::Once, None, _) => false,
        _ if from < until => has(today) && (from..until).contains(&minute),
        _ => (has(today) && minute >= from) || (has(yesterday) && minute < until),
    }
}

/// Zones whose clocks change by an hour, by half of one, in the south, at midnight, and never.
const ZONES: [&str; 6] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Kolkata"];

fn any_date() -> impl Strategy<Value = Date> {
    (0..365_i64).prop_map(|day| Date::from_epoch_days(date("2026-01-01").epoch_days() + day).unwrap())
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let kinds = prop_oneof![Just(Kind::Once), Just(Kind::Daily), Just(Kind::Weekly), Just(Kind::Continuous)];
    (kinds, 0..DAY_MINUTES, 1..=DAY_MINUTES, prop::option::of(any_date()), prop::option::of(0..40_i64), 1..128_i64)
        .prop_map(|(kind, from, until, first, length, days)| {
            let last = first.zip(length).and_then(|(first, length)| Date::from_epoch_days(first.epoch_days() + length));
            Schedule { kind, from, until, first, last, days }
        })
        .prop_filter("one that can be", |schedule| schedule.fault().is_none())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_schedules_say_in_any_minute_of_a_year_what_the_wall_says(
        schedules in prop::collection::vec(any_schedule(), 1..5), name in prop::sample::select(&ZONES[..]),
    ) {
        let zone = zone(name);
        let (from, to) = (at("2025-12-31T00:00:00Z"), at("2027-01-02T00:00:00Z"));
        let mut spans = spans(&schedules, zone, from, to).into_iter().peekable();
        let mut moment = from;
        while moment < to {
            while spans.next_if(|(_, end)| *end <= moment).is_some() {}
            let is_due = spans.peek().is_some_and(|(start, _)| *start <= moment);
            let expected = schedules.iter().any(|schedule| naive(schedule, zone, moment));
            prop_assert_eq!(is_due, expected, "{} in {}: {:?}", crate::time::format_rfc3339(moment), name, schedules);
            moment += MINUTE_MS;
        }
    }

    #[test]
    fn a_moment_is_due_exactly_when_it_is_in_a_span(schedules in prop::collection::vec(any_schedule(), 1..4), minutes in 0..527_040_i64, name in prop::sample::select(&ZONES[..])) {
        let (zone, moment) = (zone(name), at("2026-01-01T00:00:00Z") + minutes * MINUTE_MS);
        prop_assert_eq!(is_due(&schedules, zone, moment), schedules.iter().any(|schedule| naive(schedule, zone, moment)));
    }

    #[test]
    fn what_is_missing_and_what_is_had_are_all_that_is_wanted(wanted in spans_of(), had in spans_of()) {
        let gaps = missing(&wanted, &had);
        for moment in 0..200 {
            let is_in = |spans: &[Span]| spans.iter().any(|(start, end)| (*start..*end).contains(&moment));
            prop_assert_eq!(is_in(&gaps), is_in(&wanted) && !is_in(&had), "{}", moment);
        }
        prop_assert!(gaps.iter().all(|(start, end)| start < end));
    }

    #[test]
    fn two_overlap_when_both_are_due_at_one_moment(one in any_schedule(), other in any_schedule(), name in prop::sample::select(&ZONES[..])) {
        let (zone, from) = (zone(name), at("2026-01-01T00:00:00Z"));
        match first_overlap(&one, &other, zone, from) {
            Some(moment) => prop_assert!(is_due(&[one], zone, moment) && is_due(&[other], zone, moment)),
            None => {
                let to = from + COMPARED_DAYS * DAY_MS;
                let (ones, others) = (spans(&[one], zone, from, to), spans(&[other], zone, from, to));
                prop_assert!(ones.iter().all(|a| others.iter().all(|b| a.1 <= b.0 || b.1 <= a.0)));
            }
        }
    }

    #[test]
    fn nothing_panics(schedule in any_schedule(), from: i64, length in 0..1_000_000_000_i64) {
        let _ = spans(&[schedule], zone("Europe/Berlin"), from, from.saturating_add(length));
    }
}

fn spans_of() -> impl Strategy<Value = Vec<Span>> {
    prop::collection::vec((0..200_i64, 1..40_i64).prop_map(|(start, length)| (start, start + length)), 0..6).prop_map(merged)
}

#[test]
fn a_night_goes_over_midnight_and_both_changes_of_the_clocks() {
    let berlin = zone("Europe/Berlin");
    let night = schedule(Kind::Daily, "22:00", "06:00");
    let of = |from, to| spans(&[night], berlin, at(from), at(to));
    assert_eq!(of("2026-02-04T12:00:00Z", "2026-02-05T12:00:00Z"), [(at("2026-02-04T21:00:00Z"), at("2026-02-05T05:00:00Z"))]);
    // 02:00 to 03:00 is not there: seven hours; and twice: nine.
    assert_eq!(of("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"), [(at("2026-03-28T21:00:00Z"), at("2026-03-29T04:00:00Z"))]);
    assert_eq!(of("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"), [(at("2026-10-24T20:00:00Z"), at("2026-10-25T05:00:00Z"))]);
    // An end that is shown twice ends twice.
    let early = schedule(Kind::Daily, "22:00", "02:30");
    let twice = spans(&[early], berlin, at("2026-10-24T12:00:00Z"), at("2026-10-25T12:00:00Z"));
    assert_eq!(twice, [(at("2026-10-24T20:00:00Z"), at("2026-10-25T00:30:00Z")), (at("2026-10-25T01:00:00Z"), at("2026-10-25T01:30:00Z"))]);
}

#[test]
fn a_schedule_that_cannot_be_says_why() {
    let once = schedule(Kind::Once, "08:00", "10:00");
    assert_eq!(once.fault().map(|fault| fault.0), Some("start_date"));
    let once = Schedule { first: Some(date("2026-02-05")), ..once };
    assert_eq!(once.fault(), None);
    assert_eq!(Schedule { last: Some(date("2026-02-04")), ..once }.fault().map(|fault| fault.0), Some("end_date"));
    let backwards = Schedule { from: 600, until: 480, last: once.first, ..once };
    assert_eq!(backwards.fault().map(|fault| fault.0), Some("end_time"));
    assert_eq!(schedule(Kind::Daily, "08:00", "08:00").fault().map(|fault| fault.0), Some("end_time"));
    assert_eq!(Schedule { days: 0, ..schedule(Kind::Weekly, "08:00", "10:00") }.fault().map(|fault| fault.0), Some("days_of_week"));
    assert_eq!(schedule(Kind::Daily, "24:00", "10:00").fault().map(|fault| fault.0), Some("start_time"));
    assert_eq!(schedule(Kind::Continuous, "00:00", "00:00").fault(), None);
}

#[test]
fn whole_days_that_touch_are_one_stretch() {
    let kolkata = zone("Asia/Kolkata");
    let (from, to) = (at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z"));
    for always in
        [schedule(Kind::Continuous, "00:00", "00:00"), schedule(Kind::Daily, "00:00", "24:00"), schedule(Kind::Weekly, "00:00", "24:00")]
    {
        assert_eq!(spans(&[always], kolkata, from, to), [(from, to)]);
    }
}
