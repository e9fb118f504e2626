//! Forecasts made in the past, and what came: the error of a forecast is measured, not assumed.

use super::model::{Ahead, Model};
use super::{DAY, Series, WEEK};

/// A forecast made in the past: from when, how far ahead it looked, and how far what came lay from it.
pub(super) struct Backtest {
    pub origin: i64,
    pub ahead: i64,
    pub error: f64,
    pub naive_error: f64,
    pub value: f64,
    pub actual: f64,
}

impl Backtest {
    /// Whether what came lay within these bounds.
    pub fn is_within(&self, (low, high): (f64, f64)) -> bool {
        low <= self.actual && self.actual <= high
    }

    /// Whether this tells anything of errors: that nobody comes while nobody is expected, as at night when the temple is closed, does not.
    pub fn tells(&self) -> bool {
        self.value >= 0.5 || self.actual >= 0.5
    }
}

/// The seasonal-naive forecast of `hour`, of what is known up to `origin`: the count of the same hour a week before, or a day before.
pub(super) fn naive(model: &Model, series: &Series, hour: i64, origin: i64) -> Option<f64> {
    let known = |days: i64| Some(model.history.days_before(hour, days)).filter(|then| *then <= origin).and_then(|then| series.at(then));
    known(WEEK / DAY).or_else(|| known(1))
}

/// The forecasts of one lead that were made after `from` and came true by `to`.
pub(super) fn backtest(model: &Model, series: &Series, ahead: &Ahead, lead: i64, from: i64, to: i64) -> Vec<Backtest> {
    let mut trials = Vec::with_capacity(usize::try_from(to.saturating_sub(from)).unwrap_or_default());
    for origin in from..to {
        let hour = origin.saturating_add(lead);
        let Some(actual) = series.at(hour).filter(|_| hour <= to) else { continue };
        if let (Some((value, ..)), Some(naive)) = (ahead.expected(origin, hour), naive(model, series, hour, origin)) {
            trials.push(Backtest { origin, ahead: lead, error: actual - value, naive_error: actual - naive, value, actual });
        }
    }
    trials
}
