//! Counts of the readings that were sent, by kind and response, and latencies.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

/// What is right or wrong with a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Good,
    Late,
    Duplicate,
    Surge,
    OutOfRange,
    Future,
    UnknownDevice,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Late => "late",
            Self::Duplicate => "duplicate",
            Self::Surge => "surge",
            Self::OutOfRange => "out of range",
            Self::Future => "future",
            Self::UnknownDevice => "unknown device",
        }
    }

    /// The statuses that the API documents for it. A device key may not send readings of an unknown device: 403.
    fn expected(self) -> &'static [u16] {
        match self {
            Self::Good | Self::Late | Self::Surge => &[201],
            Self::Duplicate => &[409],
            Self::OutOfRange | Self::Future => &[422],
            Self::UnknownDevice => &[404, 403],
        }
    }
}

/// The outcome of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Readings that were sent.
    pub sent: u64,
    /// Readings that were stored (201), the late ones among them.
    pub accepted: u64,
    /// Late readings that were stored.
    pub late: u64,
    /// Repeated readings that were refused (409).
    pub duplicate: u64,
    /// Bad readings that were refused, by what was wrong with them.
    pub refused: BTreeMap<&'static str, u64>,
    /// Responses that the API does not document, by kind of reading and status.
    pub unexpected: BTreeMap<String, u64>,
    /// Requests without a response.
    pub errors: u64,
    /// Over MQTT: readings that the broker has. What became of them is told later, and only of those that were refused.
    pub published: u64,
    /// Over MQTT: readings that were refused, by the reason that was told on `gatehouse/<device>/rejected`.
    pub refused_later: BTreeMap<String, u64>,
    /// The median latency.
    pub p50: Duration,
    /// The 95th percentile of the latency.
    pub p95: Duration,
    /// The 99th percentile of the latency.
    pub p99: Duration,
    /// Readings per second.
    pub rate: f64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "sent            {:>8}   ({:.1}/s)", self.sent, self.rate)?;
        if self.published > 0 {
            writeln!(f, "published       {:>8}   the broker has them", self.published)?;
            writeln!(f, "refused         {:>8}", self.refused_later.values().sum::<u64>())?;
            for (reason, count) in &self.refused_later {
                writeln!(f, "  {reason:<14}{count:>8}")?;
            }
            writeln!(f, "no answer       {:>8}", self.errors)?;
            return write!(f, "{}", Percentiles(self));
        }
        writeln!(f, "accepted        {:>8}   of them late {}", self.accepted, self.late)?;
        writeln!(f, "duplicate       {:>8}", self.duplicate)?;
        writeln!(f, "refused         {:>8}", self.refused.values().sum::<u64>())?;
        for (kind, count) in &self.refused {
            writeln!(f, "  {kind:<14}{count:>8}")?;
        }
        for (what, count) in &self.unexpected {
            writeln!(f, "unexpected      {count:>8}   {what}")?;
        }
        writeln!(f, "no answer       {:>8}", self.errors)?;
        write!(f, "{}", Percentiles(self))
    }
}

/// The line about the latency.
struct Percentiles<'a>(&'a Summary);

impl fmt::Display for Percentiles<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
        write!(f, "latency         p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms", ms(self.0.p50), ms(self.0.p95), ms(self.0.p99))
    }
}

/// Counts readings as their responses arrive.
#[derive(Default)]
pub(super) struct Stats(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    summary: Summary,
    latencies: Latencies,
    elapsed: Duration,
}

impl Stats {
    /// Counts a reading. `status` is `None` if there was no response.
    pub fn count(&self, kind: Kind, status: Option<u16>, took: Duration) {
        let mut counts = self.0.lock();
        let summary = &mut counts.summary;
        summary.sent += 1;
        let Some(status) = status else {
            summary.errors += 1;
            return;
        };
        if kind.expected().contains(&status) {
            match kind {
                Kind::Good | Kind::Surge => summary.accepted += 1,
                Kind::Late => {
                    summary.accepted += 1;
                    summary.late += 1;
                }
                Kind::Duplicate => summary.duplicate += 1,
                Kind::OutOfRange | Kind::Future | Kind::UnknownDevice => *summary.refused.entry(kind.name()).or_default() += 1,
            }
        } else {
            *summary.unexpected.entry(format!("{} answered {status}", kind.name())).or_default() += 1;
        }
        counts.latencies.record(took);
    }

    /// Counts a reading that was published over MQTT, or could not be.
    pub fn count_published(&self, is_published: bool, took: Duration) {
        let mut counts = self.0.lock();
        counts.summary.sent += 1;
        if is_published {
            counts.summary.published += 1;
            counts.latencies.record(took);
        } else {
            counts.summary.errors += 1;
        }
    }

    /// Counts readings that were published and are refused.
    pub fn refused_later(&self, reason: &str, readings: u64) {
        *self.0.lock().summary.refused_later.entry(reason.to_owned()).or_default() += readings;
    }

    /// Sets the duration of the run.
    pub fn finish(&self, elapsed: Duration) {
        self.0.lock().elapsed = elapsed;
    }

    /// One line for a progress bar.
    pub fn line(&self, elapsed: Duration) -> String {
        let counts = self.0.lock();
        let summary = &counts.summary;
        let unexpected: u64 = summary.unexpected.values().sum();
        if summary.published > 0 {
            let refused: u64 = summary.refused_later.values().sum();
            let rate = summary.sent as f64 / elapsed.as_secs_f64().max(0.001);
            return format!("{rate:.0}/s  published {}  refused {refused}  no answer {}", summary.published, summary.errors);
        }
        format!(
            "{:.0}/s  sent {}  accepted {}  duplicate {}  refused {}  unexpected {unexpected}  no answer {}",
            summary.sent as f64 / elapsed.as_secs_f64().max(0.001),
            summary.sent,
            summary.accepted,
            summary.duplicate,
            summary.refused.values().sum::<u64>(),
            summary.errors,
        )
    }

    pub fn summary(&self) -> Summary {
        let counts = self.0.lock();
        Summary {
            p50: counts.latencies.quantile(0.50),
            p95: counts.latencies.quantile(0.95),
            p99: counts.latencies.quantile(0.99),
            rate: counts.summary.sent as f64 / counts.elapsed.as_secs_f64().max(0.001),
            ..counts.summary.clone()
        }
    }
}

/// The longest latency that is told from longer ones.
const MAX_LATENCY: Duration = Duration::from_secs(600);

/// A histogram of latencies, in microseconds to two significant digits.
struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        let max = MAX_LATENCY.as_micros() as u64;
        Self(Histogram::new_with_bounds(1, max, 2).expect("the bounds are valid"))
    }
}

impl Latencies {
    fn record(&mut self, latency: Duration) {
        self.0.saturating_record(latency.as_micros() as u64);
    }

    fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_micros(self.0.value_at_quantile(quantile))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_their_step() {
        let mut latencies = Latencies::default();
        (1..=1_000).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        for (share, ms) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0)] {
            let found = latencies.quantile(share).as_secs_f64() * 1_000.0;
            assert!((found / ms - 1.0).abs() < 0.025, "{share}: {found}");
        }
        assert_eq!(Latencies::default().quantile(0.5), Duration::ZERO);
    }

    #[test]
    fn what_is_published_is_counted_apart_from_what_is_refused_of_it() {
        let stats = Stats::default();
        stats.count_published(true, Duration::from_millis(2));
        stats.count_published(true, Duration::from_millis(2));
        stats.count_published(false, Duration::from_millis(2));
        stats.refused_later("invalid", 1);
        let summary = stats.summary();
        assert_eq!((summary.sent, summary.published, summary.errors, summary.refused_later["invalid"]), (3, 2, 1, 1));
        let text = summary.to_string();
        assert!(text.contains("published              2") && text.contains("invalid") && text.contains("p99"), "{text}");
    }

    #[test]
    fn every_reading_is_counted_once() {
        let stats = Stats::default();
        for (kind, status) in [
            (Kind::Good, Some(201)),
            (Kind::Late, Some(201)),
            (Kind::Duplicate, Some(409)),
            (Kind::Future, Some(422)),
            (Kind::Good, Some(500)),
            (Kind::Good, None),
        ] {
            stats.count(kind, status, Duration::from_millis(2));
        }
        let summary = stats.summary();
        let refused: u64 = summary.refused.values().sum();
        let unexpected: u64 = summary.unexpected.values().sum();
        assert_eq!((summary.accepted, summary.late, summary.duplicate, refused, unexpected, summary.errors), (2, 1, 1, 1, 1, 1));
        assert_eq!(summary.sent, 6);
    }
}
