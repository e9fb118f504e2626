//! How long something took, of many.

/// Durations, of which the middle and the nearly longest are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durations(Vec<i64>);

impl Durations {
    /// Adds one, milliseconds.
    pub fn add(&mut self, ms: i64) {
        self.0.push(ms);
    }

    /// How many there are.
    pub fn count(&self) -> i64 {
        i64::try_from(self.0.len()).unwrap_or(i64::MAX)
    }

    /// The median and the 95th percentile by nearest rank, seconds; none of nothing. The median of an even count is the mean of the two in
    /// the middle.
    #[expect(clippy::cast_precision_loss, reason = "durations are far below 2^53 milliseconds")]
    pub fn median_and_p95_seconds(mut self) -> Option<(f64, f64)> {
        self.0.sort_unstable();
        let count = self.0.len();
        let at = |rank: usize| self.0.get(rank.checked_sub(1)?).map(|ms| *ms as f64);
        let median = f64::midpoint(at(count.div_ceil(2))?, at(count / 2 + 1)?);
        let p95 = at(count.saturating_mul(95).div_ceil(100))?;
        Some((median / 1000.0, p95 / 1000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seconds: &[i64]) -> Option<(f64, f64)> {
        let mut durations = Durations::default();
        seconds.iter().for_each(|second| durations.add(second * 1000));
        durations.median_and_p95_seconds()
    }

    #[test]
    fn the_median_is_in_the_middle_and_p95_by_nearest_rank() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some((7.0, 7.0)));
        assert_eq!(of(&[30, 10]), Some((20.0, 30.0)));
        assert_eq!(of(&[10, 30, 20]), Some((20.0, 30.0)));
        let hundred: Vec<i64> = (1..=100).rev().collect();
        assert_eq!(of(&hundred), Some((50.5, 95.0)));
    }
}
