//! What is refused for good: counted, told to the device, and once a minute to the log.

use domain::mqtt::{Rejection, Topic};
use domain::time::MINUTE_MS;
use kit::db::{Database, Fetch as _};
use kit::input::Timestamp;
use kit::problem::FieldErrors;
use kit::row::FromRow;
use kit::tally::{self, Tally};
use kit::{Problem, host, params};
use serde::Serialize;

use crate::publisher;

/// How much of a refused message its device gets back, bytes. What is published stays below the 10 KiB that clients of Spin send at most.
const MAX_QUOTED: usize = 1024;

/// How many refused readings of a batch are named.
const MAX_PARTS: usize = 20;

/// A message, or readings in it, that would be refused again.
#[derive(Debug)]
pub struct Rejected {
    reason: Rejection,
    detail: String,
    errors: FieldErrors,
    parts: Vec<tally::Rejection>,
    count: i64,
}

/// What the device is told on `gatehouse/<device>/rejected`.
#[derive(Serialize)]
struct Notice<'a> {
    reason: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "FieldErrors::is_empty")]
    errors: &'a FieldErrors,
    #[serde(skip_serializing_if = "<[tally::Rejection]>::is_empty")]
    readings: &'a [tally::Rejection],
    rejected: i64,
    topic: &'a str,
    payload: &'a str,
    received_at: Timestamp,
}

#[derive(FromRow)]
struct Counted {
    count: i64,
    is_due: bool,
}

/// `?2` more, and whether a line of the log is due: the last is older than `?4`, or of a clock that was set back since.
const COUNT: &str = "insert into mqtt_rejections (reason, count, counted_at, told_at) values (?1, ?2, ?3, ?3)
     on conflict (reason) do update set count = mqtt_rejections.count + excluded.count, counted_at = excluded.counted_at,
        told_at = iif(mqtt_rejections.told_at between ?3 - ?4 + 1 and ?3, mqtt_rejections.told_at, ?3)
     returning count, told_at = ?3 as is_due";

impl Rejected {
    /// A whole message.
    pub fn new(reason: Rejection, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), errors: FieldErrors::new(), parts: Vec::new(), count: 1 }
    }

    /// A whole message, for what a route would have answered.
    pub fn by_problem(reason: Rejection, problem: &Problem) -> Self {
        Self { errors: problem.errors().clone(), ..Self::new(reason, problem.detail()) }
    }

    /// The refused readings of a batch, if there are any.
    pub fn of_batch(tally: &Tally) -> Option<Self> {
        let count = i64::try_from(tally.rejected()).unwrap_or(i64::MAX);
        let parts: Vec<_> = tally.rejections().iter().take(MAX_PARTS).cloned().collect();
        let detail = "readings of the batch are refused; the others are stored";
        (count > 0).then(|| Self { parts, count, ..Self::new(Rejection::InBatch, detail) })
    }

    /// Counts it and tells it. What cannot be counted is for later.
    pub async fn tell(self, topic: &str, parsed: Option<&Topic<'_>>, message: &[u8], now: i64) -> Result<(), Problem> {
        let reason = self.reason.into_str();
        let counted: Option<Counted> = Database.fetch_optional(COUNT, params![reason, self.count, now, MINUTE_MS])?;
        if let Some(Counted { count, .. }) = counted.filter(|counted| counted.is_due) {
            let fields =
                serde_json::json!({ "reason": reason, "detail": self.detail, "errors": self.errors, "topic": topic, "count": count });
            host::log("warn", "mqtt message rejected", fields);
        }
        let Some(parsed) = parsed else { return Ok(()) };
        let notice = Notice {
            reason,
            detail: &self.detail,
            errors: &self.errors,
            readings: &self.parts,
            rejected: self.count,
            topic,
            payload: &quoted(message),
            received_at: Timestamp(now),
        };
        publisher::publish(parsed.rejected(), serde_json::to_vec(&notice).map_err(Problem::internal)?).await;
        Ok(())
    }
}

/// The beginning of the message as text.
fn quoted(message: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(message.get(..MAX_QUOTED).unwrap_or(message)).into_owned();
    text.truncate(text.floor_char_boundary(MAX_QUOTED));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_bounded_text() {
        assert_eq!(quoted(b"abc"), "abc");
        assert_eq!(quoted(&[b'x'; 5_000]).len(), MAX_QUOTED);
        assert!(quoted(&[0xff; 5_000]).len() <= MAX_QUOTED);
    }

    #[test]
    fn a_batch_without_refusals_is_none() {
        let mut tally = Tally::default();
        tally.accepted = 2;
        assert!(Rejected::of_batch(&tally).is_none());
        (0..30).for_each(|index| tally.reject(index, "there is no such active device"));
        let rejected = Rejected::of_batch(&tally).unwrap();
        assert_eq!((rejected.count, rejected.parts.len()), (30, MAX_PARTS));
    }
}
