use proptest::prelude::*;

use super::*;

fn pause(attempt: u32, jitter: f64) -> i64 {
    backoff_ms(attempt, jitter, BACKOFF_CAP_MS)
}

const ALL: [Priority; 4] = [Priority::Ordinary, Priority::Machine, Priority::Person, Priority::Emergency];

#[test]
fn an_emergency_goes_before_what_people_and_what_machines_raise() {
    assert!(ALL.is_sorted());
    assert_eq!(Priority::of("emergency.escalated", true, false), Priority::Emergency);
    assert_eq!(Priority::of("alert.critical", true, false), Priority::Person);
    assert_eq!(Priority::of("device.offline", true, true), Priority::Machine);
    assert_eq!(Priority::of("alert.resolved", false, true), Priority::Ordinary);
    for priority in ALL {
        assert_eq!(Priority::from_rank(priority.rank()), priority);
    }
}

#[test]
fn what_cannot_wait_grants_no_receiver_hours() {
    let retry = |priority| after_failure(priority, 0, 1, 1_000, 0.0, true, Some(7_200_000));
    assert_eq!(retry(Priority::Emergency), Next::Retry { at: 31_000 });
    assert_eq!(retry(Priority::Person), Next::Retry { at: 301_000 });
    assert_eq!(retry(Priority::Ordinary), Next::Retry { at: 7_201_000 });
    assert_eq!(after_failure(Priority::Emergency, 0, 30, 1_000, 1.0, true, None), Next::Retry { at: 31_000 });
    assert_eq!(after_failure(Priority::Emergency, 0, 9, MAX_AGE_MS - 1, 1.0, true, Some(i64::MAX)), Next::Retry { at: MAX_AGE_MS });
}

#[test]
fn what_has_ended_or_changed_is_not_told() {
    let told = |topic, status| untrue(topic, status).is_none();
    assert!(told("alert.critical", Some("active")) && told("device.offline", Some("acknowledged")));
    assert!(!told("device.offline", Some("resolved")) && !told("alert.critical", None));
    assert!(told("alert.escalated", Some("active")) && !told("alert.escalated", Some("acknowledged")));
    assert!(told("emergency.reported", Some("in_progress")) && !told("emergency.reported", Some("resolved")));
    assert!(told("emergency.escalated", Some("reported")) && !told("emergency.escalated", Some("acknowledged")));
    assert!(!told("emergency.reported", Some("false_alarm")), "whatever ends it");
    assert!(told("booking.confirmed", Some("checked_in")) && !told("booking.confirmed", Some("cancelled")));
    assert!(!told("booking.waitlisted", Some("confirmed")) && told("booking.cancelled", Some("cancelled")));
    assert!(told("reservation.confirmed", Some("arrived")) && !told("reservation.confirmed", Some("cancelled")));
    for topic in ENDED_TOPICS {
        assert!(told(topic, Some("resolved")) && told(topic, None));
    }
    assert!(told("payment.refunded", None));
}

#[test]
fn pauses_double_up_to_an_hour() {
    assert_eq!(pause(1, 0.0), 2_500);
    assert_eq!(pause(1, 1.0), 5_000);
    assert_eq!(pause(2, 1.0), 10_000);
    assert_eq!(pause(40, 1.0), BACKOFF_CAP_MS);
    assert_eq!(pause(u32::MAX, 0.0), BACKOFF_CAP_MS / 2);
    assert_eq!(pause(0, f64::NAN), 2_500);
}

#[test]
fn a_refusal_is_told_from_a_bad_day() {
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(classify(status), Outcome::Delivered, "{status}");
    }
    for status in [307, 308, 408, 409, 425, 429, 500, 502, 503, 504, 0, 100, 999] {
        assert_eq!(classify(status), Outcome::Retry, "{status}");
    }
    for status in [300, 301, 302, 303, 304, 400, 401, 403, 404, 410, 413, 422, 451] {
        assert_eq!(classify(status), Outcome::Refused, "{status}");
    }
}

#[test]
fn a_refused_message_dies_at_once_and_a_late_one_after_a_day() {
    assert!(matches!(after_failure(Priority::Ordinary, 0, 1, 10, 0.5, false, None), Next::Dead { .. }));
    assert!(matches!(after_failure(Priority::Ordinary, 0, 50, MAX_AGE_MS, 0.5, true, None), Next::Dead { .. }));
    assert_eq!(after_failure(Priority::Ordinary, 0, 50, MAX_AGE_MS - 1, 0.5, true, None), Next::Retry { at: MAX_AGE_MS });
}

#[test]
fn what_a_receiver_asks_for_is_heeded() {
    assert_eq!(after_failure(Priority::Ordinary, 0, 1, 1_000, 0.0, true, Some(60_000)), Next::Retry { at: 61_000 });
    assert_eq!(after_failure(Priority::Ordinary, 0, 1, 1_000, 0.0, true, Some(1)), Next::Retry { at: 3_500 });
    assert!(matches!(after_failure(Priority::Ordinary, 0, 1, 1_000, 0.0, true, Some(MAX_AGE_MS)), Next::Dead { .. }));
}

#[test]
fn urgent_messages_have_the_larger_bound() {
    for priority in [Priority::Ordinary, Priority::Machine] {
        assert!(!throttle(19, priority) && throttle(20, priority));
    }
    for priority in [Priority::Person, Priority::Emergency] {
        assert!(!throttle(59, priority) && throttle(60, priority));
    }
}

#[test]
fn the_ladder_is_climbed_rung_by_rung() {
    let level = |now| escalation_level(1_000, now, 300_000, 3);
    assert_eq!(level(0), 0);
    assert_eq!(level(300_999), 0);
    assert_eq!(level(301_000), 1);
    assert_eq!(level(901_000), 3);
    assert_eq!(level(i64::MAX), 3);
    let next = |now| next_escalation_at(1_000, now, 300_000, 3);
    assert_eq!(next(1_000), Some(301_000));
    assert_eq!(next(301_000), Some(601_000));
    assert_eq!(next(901_000), None);
    assert_eq!(next_escalation_at(0, 5, 0, 3), None);
    assert_eq!(escalation_level(0, 5, 0, 3), 0);
}

proptest! {
    #[test]
    fn a_pause_is_bounded(attempt: u32, jitter in prop::num::f64::ANY) {
        let pause = pause(attempt, jitter);
        prop_assert!((BACKOFF_BASE_MS / 2..=BACKOFF_CAP_MS).contains(&pause));
    }

    #[test]
    fn a_later_pause_is_no_shorter(attempt in 1_u32..40, a in 0.0..=1.0, b in 0.0..=1.0) {
        prop_assert!(pause(attempt, a) <= pause(attempt + 1, a));
        // Up to the cap, the longest pause is no longer than the shortest of the next attempt.
        if (BACKOFF_BASE_MS << attempt) <= BACKOFF_CAP_MS {
            prop_assert!(pause(attempt, a) <= pause(attempt + 1, b));
        }
    }

    #[test]
    fn a_retry_lies_ahead_and_within_the_day(
        first_at in 0..1_000_000_i64, attempt: u32, age in 0..2 * MAX_AGE_MS, jitter in 0.0..1.0,
        asked in prop::option::of(any::<i64>()),
    ) {
        let now = first_at + age;
        if let Next::Retry { at } = after_failure(Priority::Ordinary, first_at, attempt, now, jitter, true, asked) {
            prop_assert!(at > now && at <= first_at + MAX_AGE_MS);
        }
    }

    #[test]
    fn every_message_ends(jitter in 0.0..1.0) {
        let (mut now, mut attempt) = (0, 0);
        loop {
            attempt += 1;
            prop_assert!(attempt < 200);
            match after_failure(Priority::Ordinary, 0, attempt, now, jitter, true, None) {
                Next::Retry { at } => now = at,
                Next::Dead { .. } => break,
            }
        }
        prop_assert_eq!(now, MAX_AGE_MS);
    }

    #[test]
    fn the_next_rung_is_one_higher(raised in 0..1_000_000_i64, waited in 0..10_000_000_i64, every in 1..1_000_000_i64, levels in 0..20_u32) {
        let now = raised + waited;
        let level = escalation_level(raised, now, every, levels);
        prop_assert!(level <= levels);
        match next_escalation_at(raised, now, every, levels) {
            Some(at) => {
                prop_assert!(at > now);
                prop_assert_eq!(escalation_level(raised, at, every, levels), level + 1);
            }
            None => prop_assert_eq!(level, levels),
        }
    }

    #[test]
    fn no_ladder_panics(raised: i64, now: i64, every: i64, levels: u32) {
        escalation_level(raised, now, every, levels);
        next_escalation_at(raised, now, every, levels);
    }
}
