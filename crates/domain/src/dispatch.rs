//! Delivery of messages: who goes first, retries, throttling and the escalation ladder (docs/reference/dispatch.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::mail;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// The topics of messages that tell of an emergency: it was reported, or nobody has acknowledged it.
pub const EMERGENCY_TOPICS: [&str; 2] = ["emergency.reported", "emergency.escalated"];
/// The topics of messages that tell of a critical alert: it was raised, or nobody has acknowledged it.
pub const ALERT_TOPICS: [&str; 3] = ["alert.critical", "device.offline", "alert.escalated"];
/// The topics of messages that tell of the end of what those of before have told of.
pub const ENDED_TOPICS: [&str; 2] = ["alert.resolved", "emergency.resolved"];

/// How far ahead a stored time may lie of where a clock that only runs forward could have put it, milliseconds. What lies further ahead was
/// stored before the clock was set back, and is taken as now.
pub const CLOCK_TOLERANCE_MS: i64 = 5 * SECOND_MS;

/// Who goes first, from least to most. Each has an allowance of its own with each contact, so that none is kept waiting by the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// It can wait for the scheduled run: a booking, the end of a trouble.
    Ordinary,
    /// A critical alert that Gatehouse raised by itself.
    Machine,
    /// A critical alert that a person raised.
    Person,
    /// An emergency, or a step of its escalation.
    Emergency,
}

impl Priority {
    /// Of a message with this topic. `is_urgent` is what its cause says, `by_machine` whether Gatehouse raised it by itself.
    pub fn of(topic: &str, is_urgent: bool, by_machine: bool) -> Self {
        if EMERGENCY_TOPICS.contains(&topic) {
            Self::Emergency
        } else if !is_urgent {
            Self::Ordinary
        } else if by_machine {
            Self::Machine
        } else {
            Self::Person
        }
    }

    /// As it is stored, from 0.
    pub const fn rank(self) -> i64 {
        self as i64
    }

    /// Of what was stored; what is unknown is the nearest.
    pub const fn from_rank(rank: i64) -> Self {
        match rank {
            i64::MIN..=0 => Self::Ordinary,
            1 => Self::Machine,
            2 => Self::Person,
            _ => Self::Emergency,
        }
    }

    /// Whether it cannot wait for the scheduled run.
    pub const fn is_urgent(self) -> bool {
        !matches!(self, Self::Ordinary)
    }

    /// Messages of this priority that one person's contact gets within a minute.
    pub const fn per_minute(self) -> u32 {
        match self {
            Self::Ordinary | Self::Machine => CONTACT_PER_MINUTE,
            Self::Person | Self::Emergency => URGENT_PER_MINUTE,
        }
    }

    /// The longest pause between two attempts, milliseconds.
    pub const fn longest_pause_ms(self) -> i64 {
        match self {
            Self::Ordinary => BACKOFF_CAP_MS,
            Self::Machine | Self::Person => CRITICAL_PAUSE_CAP_MS,
            Self::Emergency => EMERGENCY_PAUSE_CAP_MS,
        }
    }

    /// How much of a pause that a receiver asks for is granted, milliseconds: what cannot wait does not wait for hours.
    pub const fn granted_pause_ms(self, asked_ms: i64) -> i64 {
        let asked = if asked_ms < 0 { 0 } else { asked_ms };
        if self.is_urgent() && asked > self.longest_pause_ms() { self.longest_pause_ms() } else { asked }
    }
}

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
    /// What it tells was no longer true, or had been told by a later message, before it was sent: `last_error` says which.
    Dropped,
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
/// The longest pause between two attempts, in milliseconds, of what can wait.
pub const BACKOFF_CAP_MS: i64 = HOUR_MS;
/// The same of a critical alert, whatever its receiver asks for.
pub const CRITICAL_PAUSE_CAP_MS: i64 = 5 * MINUTE_MS;
/// The same of an emergency, whatever its receiver asks for.
pub const EMERGENCY_PAUSE_CAP_MS: i64 = 30 * SECOND_MS;
/// A message that could not be delivered for so long, in milliseconds, becomes a dead letter.
pub const MAX_AGE_MS: i64 = DAY_MS;
/// How long one run owns a message that it took, in milliseconds. Longer than any attempt may last, and no longer than that needs: what a run
/// had in hand when it died waits for it.
pub const LEASE_MS: i64 = 20 * SECOND_MS;
/// Messages that one person's contact gets within a minute: of what can wait, and once more of what Gatehouse raised by itself.
pub const CONTACT_PER_MINUTE: u32 = 20;
/// Messages that one person's contact gets within a minute of critical alerts raised by people, and once more of emergencies.
pub const URGENT_PER_MINUTE: u32 = 60;

/// The pause after the `attempt`-th failure (from 1), in milliseconds, at most `longest_ms`.
///
/// Half of it is fixed and half scaled by `jitter` (0 to 1, drawn by the caller), so that messages which failed together do not come
/// back together, and none comes back at once. A jitter out of range is taken as the nearest in range.
pub fn backoff_ms(attempt: u32, jitter: f64, longest_ms: i64) -> i64 {
    // 2^20 × 5 s is far above the cap and far below an overflow.
    let doublings = attempt.saturating_sub(1).min(20);
    let full = (BACKOFF_BASE_MS << doublings).min(longest_ms);
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
/// while it still works on the first attempt. A redirect is not followed, for it would carry a signed message to a host that no one
/// configured. One that keeps the method ([`is_moved`]) comes from a receiver that is there and has moved: it is tried again, so that there is
/// time to configure where it is now. Any other 3xx, which would have the message fetched instead of sent, is final.
pub const fn classify(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Delivered,
        _ if is_moved(status) => Outcome::Retry,
        408 | 409 | 425 | 429 => Outcome::Retry,
        300..=499 => Outcome::Refused,
        _ => Outcome::Retry,
    }
}

/// Whether a status says that the same request is to be sent elsewhere: 307 and 308 (RFC 9110 §15.4.8, §15.4.9).
pub const fn is_moved(status: u16) -> bool {
    matches!(status, 307 | 308)
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
/// receiver asked for, of which what is urgent grants only so much ([`Priority::granted_pause_ms`]). A pause that would pass the message's
/// 24 hours is cut so that one last attempt falls on their end; a receiver that asks for a longer pause than that gets none.
pub fn after_failure(
    priority: Priority,
    first_at: i64,
    attempt: u32,
    now: i64,
    jitter: f64,
    retryable: bool,
    retry_after_ms: Option<i64>,
) -> Next {
    if !retryable {
        return Next::Dead { reason: "the receiver refused it for good" };
    }
    let end = first_at.saturating_add(MAX_AGE_MS);
    if now >= end {
        return Next::Dead { reason: "not delivered within 24 hours" };
    }
    let asked = now.saturating_add(priority.granted_pause_ms(retry_after_ms.unwrap_or(0)));
    if asked > end {
        if priority.is_urgent() {
            return Next::Retry { at: end };
        }
        return Next::Dead { reason: "the receiver asked to wait past the message's 24 hours" };
    }
    let due = now.saturating_add(backoff_ms(attempt, jitter, priority.longest_pause_ms())).min(end);
    Next::Retry { at: due.max(asked) }
}

/// Whether a person's contact must be spared for now: `true` means wait, `false` means send.
///
/// `sent_last_minute` counts what the contact got of this priority within the last 60 s. What is urgent has a larger bound, which keeps a
/// storm from making the phone useless.
pub const fn throttle(sent_last_minute: u32, priority: Priority) -> bool {
    sent_last_minute >= priority.per_minute()
}

/// Why what a message tells is no longer true, by the present state of its cause; `None` while it is. The state is the status of the alert,
/// emergency, booking, reservation or mail, and `None` when there is none any more.
///
/// An event that has no state, such as a refund, stays true, and so does the end of something.
pub fn untrue(topic: &str, status: Option<&str>) -> Option<&'static str> {
    match (topic, status) {
        ("alert.critical" | "device.offline" | "alert.escalated", None) => Some("the alert was deleted before it was told"),
        ("alert.critical" | "device.offline" | "alert.escalated", Some("resolved")) => Some("the alert had ended before it was told"),
        ("alert.escalated", Some(status)) if status != "active" => Some("the alert was acknowledged before it was told"),
        ("emergency.reported", Some("reported" | "acknowledged" | "in_progress")) => None,
        ("emergency.escalated", Some("reported")) => None,
        ("emergency.escalated", Some("acknowledged" | "in_progress")) => Some("the emergency was acknowledged before it was told"),
        ("emergency.reported" | "emergency.escalated", _) => Some("the emergency had ended before it was told"),
        ("booking.confirmed" | "booking.promoted", Some("cancelled" | "revoked" | "waitlisted" | "expired"))
        | ("booking.waitlisted", Some("confirmed" | "checked_in" | "exited" | "no_show" | "cancelled" | "revoked" | "expired"))
        | ("reservation.confirmed", Some("cancelled" | "expired")) => Some("it had changed before it was told; a later message says so"),
        (mail::TOPIC, Some("suppressed")) => Some("its address was put on the suppression list before it was sent"),
        _ => None,
    }
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
mod tests;
