//! Delivery of messages: retries, throttling and the escalation ladder (docs/reference/dispatch.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::time::{DAY_MS, HOUR_MS, SECOND_MS};

/// The topics of messages that tell of an emergency: it was reported, or nobody has acknowledged it.
pub const EMERGENCY_TOPICS: [&str; 2] = ["emergency.reported", "emergency.escalated"];

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum MessageState {
    /// It is sent when it is due.
    Queued,
    /// A run has it in hand, for as long as its lease lasts.
    Sending,
    /// The receiver has it.
    Sent,
    /// A dead letter: it is not tried again unless an admin replays it.
    Dead,
}

/// How an attempt to deliver a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum DeliveryOutcome {
    /// The receiver has it.
    Sent,
    /// It is tried again.
    Retry,
    /// It was the last attempt.
    Dead,
}

/// The first pause after a failure, in milliseconds; each further one is twice as long.
pub const BACKOFF_BASE_MS: i64 = 5 * SECOND_MS;
/// The longest pause between two attempts, in milliseconds.
pub const BACKOFF_CAP_MS: i64 = HOUR_MS;
/// A message that could not be delivered for so long, in milliseconds, becomes a dead letter.
pub const MAX_AGE_MS: i64 = DAY_MS;
/// How long one run owns a message that it took, in milliseconds. Longer than any attempt may last.
pub const LEASE_MS: i64 = 60 * SECOND_MS;
/// Messages that one contact gets within a minute.
pub const CONTACT_PER_MINUTE: u32 = 20;
/// Messages that one contact gets within a minute, counting the urgent ones.
pub const URGENT_PER_MINUTE: u32 = 60;

/// The pause after the `attempt`-th failure (from 1), in milliseconds.
///
/// Half of it is fixed and half scaled by `jitter` (0 to 1, drawn by the caller), so that messages which failed together do not come
/// back together, and none comes back at once. A jitter out of range is taken as the nearest in range.
pub fn backoff_ms(attempt: u32, jitter: f64) -> i64 {
    // 2^20 × 5 s is far above the cap and far below an overflow.
    let doublings = attempt.saturating_sub(1).min(20);
    let full = (BACKOFF_BASE_MS << doublings).min(BACKOFF_CAP_MS);
    let half = full / 2;
    let jitter = if jitter.is_nan() { 0.0 } else { jitter.clamp(0.0, 1.0) };
    half + ((full - half) as f64 * jitter) as i64
}

/// What a receiver's HTTP status says about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 2xx: it has it.
    Delivered,
    /// It may take it later.
    Retry,
    /// It will never take it: the address, the key or the message is wrong.
    Refused,
}

/// What an HTTP status means for a delivery.
///
/// 4xx is final, save for 408, 425 and 429, which ask to come again, and 409, which a receiver that knows idempotency keys gives
/// while it still works on the first attempt. 3xx is final too: a redirect is not followed, for it would
/// carry a signed message to a host that no one configured.
pub const fn classify(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Delivered,
        408 | 409 | 425 | 429 => Outcome::Retry,
        300..=499 => Outcome::Refused,
        _ => Outcome::Retry,
    }
}

/// What becomes of a message after a failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again at this time, in milliseconds.
    Retry {
        /// When the next attempt is due.
        at: i64,
    },
    /// A dead letter, which an admin can see and replay.
    Dead {
        /// Why, for the delivery's history.
        reason: &'static str,
    },
}

/// Decides what follows a failed attempt.
///
/// `first_at` is when the message was first due, `attempt` counts this failure (from 1), `retry_after_ms` is what the
/// receiver asked for. A pause that would pass the message's 24 hours is cut so that one last attempt falls on their end; a
/// receiver that asks for a longer pause than that gets none.
pub fn after_failure(first_at: i64, attempt: u32, now: i64, jitter: f64, retryable: bool, retry_after_ms: Option<i64>) -> Next {
    if !retryable {
        return Next::Dead { reason: "the receiver refused it for good" };
    }
    let end = first_at.saturating_add(MAX_AGE_MS);
    if now >= end {
        return Next::Dead { reason: "not delivered within 24 hours" };
    }
    let asked = now.saturating_add(retry_after_ms.unwrap_or(0).max(0));
    if asked > end {
        return Next::Dead { reason: "the receiver asked to wait past the message's 24 hours" };
    }
    let due = now.saturating_add(backoff_ms(attempt, jitter)).min(end);
    Next::Retry { at: due.max(asked) }
}

/// Whether a contact must be spared for now: `true` means wait, `false` means send.
///
/// `sent_last_minute` counts all that the contact got within the last 60 s. Urgent messages (an emergency, a critical
/// alert) pass the ordinary bound, up to a larger one that keeps a storm from making the phone useless.
pub const fn throttle(sent_last_minute: u32, urgent: bool) -> bool {
    sent_last_minute >= if urgent { URGENT_PER_MINUTE } else { CONTACT_PER_MINUTE }
}

/// The rung of the escalation ladder that something not acknowledged has reached: 0 when raised, one more each `every_ms`,
/// at most `levels`.
///
/// An `every_ms` of 0 or less switches escalation off.
pub fn escalation_level(raised_at: i64, now: i64, every_ms: i64, levels: u32) -> u32 {
    if every_ms <= 0 {
        return 0;
    }
    let steps = now.saturating_sub(raised_at).max(0) / every_ms;
    u32::try_from(steps).unwrap_or(u32::MAX).min(levels)
}

/// When the next rung is reached, in milliseconds; `None` at the top or where escalation is off.
pub fn next_escalation_at(raised_at: i64, now: i64, every_ms: i64, levels: u32) -> Option<i64> {
    let level = escalation_level(raised_at, now, every_ms, levels);
    (every_ms > 0 && level < levels).then(|| raised_at.saturating_add(every_ms.saturating_mul(i64::from(level) + 1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        assert_eq!(backoff_ms(1, 0.0), 2_500);
        assert_eq!(backoff_ms(1, 1.0), 5_000);
        assert_eq!(backoff_ms(2, 1.0), 10_000);
        assert_eq!(backoff_ms(40, 1.0), BACKOFF_CAP_MS);
        assert_eq!(backoff_ms(u32::MAX, 0.0), BACKOFF_CAP_MS / 2);
        assert_eq!(backoff_ms(0, f64::NAN), 2_500);
    }

    #[test]
    fn a_refusal_is_told_from_a_bad_day() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(classify(status), Outcome::Delivered, "{status}");
        }
        for status in [408, 409, 425, 429, 500, 502, 503, 504, 0, 100, 999] {
            assert_eq!(classify(status), Outcome::Retry, "{status}");
        }
        for status in [301, 307, 400, 401, 403, 404, 410, 413, 422, 451] {
            assert_eq!(classify(status), Outcome::Refused, "{status}");
        }
    }

    #[test]
    fn a_refused_message_dies_at_once_and_a_late_one_after_a_day() {
        assert!(matches!(after_failure(0, 1, 10, 0.5, false, None), Next::Dead { .. }));
        assert!(matches!(after_failure(0, 50, MAX_AGE_MS, 0.5, true, None), Next::Dead { .. }));
        assert_eq!(after_failure(0, 50, MAX_AGE_MS - 1, 0.5, true, None), Next::Retry { at: MAX_AGE_MS });
    }

    #[test]
    fn what_a_receiver_asks_for_is_heeded() {
        assert_eq!(after_failure(0, 1, 1_000, 0.0, true, Some(60_000)), Next::Retry { at: 61_000 });
        assert_eq!(after_failure(0, 1, 1_000, 0.0, true, Some(1)), Next::Retry { at: 3_500 });
        assert!(matches!(after_failure(0, 1, 1_000, 0.0, true, Some(MAX_AGE_MS)), Next::Dead { .. }));
    }

    #[test]
    fn urgent_messages_have_the_larger_bound() {
        assert!(!throttle(19, false));
        assert!(throttle(20, false));
        assert!(!throttle(20, true));
        assert!(!throttle(59, true));
        assert!(throttle(60, true));
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
            let pause = backoff_ms(attempt, jitter);
            prop_assert!((BACKOFF_BASE_MS / 2..=BACKOFF_CAP_MS).contains(&pause));
        }

        #[test]
        fn a_later_pause_is_no_shorter(attempt in 1_u32..40, a in 0.0..=1.0, b in 0.0..=1.0) {
            prop_assert!(backoff_ms(attempt, a) <= backoff_ms(attempt + 1, a));
            // Up to the cap, the longest pause is no longer than the shortest of the next attempt.
            if (BACKOFF_BASE_MS << attempt) <= BACKOFF_CAP_MS {
                prop_assert!(backoff_ms(attempt, a) <= backoff_ms(attempt + 1, b));
            }
        }

        #[test]
        fn a_retry_lies_ahead_and_within_the_day(
            first_at in 0..1_000_000_i64, attempt: u32, age in 0..2 * MAX_AGE_MS, jitter in 0.0..1.0,
            asked in prop::option::of(any::<i64>()),
        ) {
            let now = first_at + age;
            if let Next::Retry { at } = after_failure(first_at, attempt, now, jitter, true, asked) {
                prop_assert!(at > now && at <= first_at + MAX_AGE_MS);
            }
        }

        #[test]
        fn every_message_ends(jitter in 0.0..1.0) {
            let (mut now, mut attempt) = (0, 0);
            loop {
                attempt += 1;
                prop_assert!(attempt < 200);
                match after_failure(0, attempt, now, jitter, true, None) {
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
}
