//! Intervals of forecasts, by adaptive conformal prediction: quantiles of past errors, at a level that follows how many outcomes the
//! intervals have missed of late (Gibbs and Candès, "Adaptive Conformal Inference Under Distribution Shift", 2021).
//!
//! Errors of one lead are compared over hours of all sizes by dividing each by the error that is usual for a forecast of its size. Days that
//! are fuller or emptier as a whole make errors that go together, so that a fixed quantile of some weeks holds too much or too little of the
//! next; the adapted level does not.

use super::COVERAGE;
use super::backtest::Backtest;

/// Fewer past errors than this make no interval.
pub(super) const MIN_ERRORS: usize = 24;
/// How far one outcome moves the level.
const STEP: f64 = 0.05;
/// How much wider than all past errors an interval is for each unit of the level below 0.
const BEYOND: f64 = 2.0;
/// What a usual error, of which there is none at first, is taken to be: so many errors of this part of the value.
const PRIOR_ERRORS: f64 = 12.0;
const PRIOR_PART: f64 = 0.1;
/// The smallest error that is told apart, people.
const LEAST_ERROR: f64 = 0.25;

/// The usual size of an error, a line over the size of the forecast: nights are surer than noons.
#[derive(Clone, Copy, Debug, Default)]
struct Spread {
    weight: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Spread {
    fn add(&mut self, value: f64, error: f64, weight: f64) {
        let (x, y) = (value, error.abs());
        self.weight += weight;
        self.x += weight * x;
        self.y += weight * y;
        self.xx += weight * x * x;
        self.xy += weight * x * y;
    }

    /// Of a forecast of this size. Above 0.
    fn at(&self, value: f64) -> f64 {
        if self.weight <= 0.0 {
            return LEAST_ERROR;
        }
        let (x, y) = (self.x / self.weight, self.y / self.weight);
        let (variance, covariance) = (self.xx / self.weight - x * x, self.xy / self.weight - x * y);
        // Neither falls the line with the size, nor is it below 0 at 0.
        let steepest = if x > 0.0 { y / x } else { 0.0 };
        let slope = if variance > 0.0 { (covariance / variance).clamp(0.0, steepest) } else { 0.0 };
        let usual = y + slope * (value - x);
        usual.max(0.1 * y).max(LEAST_ERROR)
    }
}

/// Makes intervals of forecasts of one lead, and learns of what came.
#[derive(Clone, Debug)]
pub(super) struct Calibration {
    /// Past errors by their usual size, in ascending order.
    scores: Vec<f64>,
    spread: Spread,
    /// The part of outcomes that the next interval is made to miss.
    level: f64,
}

impl Calibration {
    pub fn new() -> Self {
        Self { scores: Vec::new(), spread: Spread::default(), level: 1.0 - COVERAGE }
    }

    /// The bounds around a forecast in whole people, which hold it; none while there are too few errors.
    pub fn interval(&self, value: f64) -> Option<(f64, f64)> {
        let (low, high) = self.quantiles()?;
        let spread = self.spread.at(value);
        Some(((value + low * spread).max(0.0).floor(), (value + high * spread).ceil()))
    }

    /// The scores between which an outcome lies in all but `level` of cases, at or around 0.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places in a short list")]
    fn quantiles(&self) -> Option<(f64, f64)> {
        let count = self.scores.len();
        if count < MIN_ERRORS {
            return None;
        }
        // The next error is as likely to fall between any two of the past ones as beyond either end: the k-th smallest of n has k of
        // n + 1 below it.
        let all = self.level.max(0.0) * (count + 1) as f64;
        let below = self.scores.partition_point(|score| *score < 0.0) as f64;
        let above = (count - self.scores.partition_point(|score| *score <= 0.0)) as f64;
        // A half each; where a forecast has erred to one side only, it is itself the bound, and the other side has the rest.
        let low = (all / 2.0).max(all - above).min(below);
        let high = (all - low).min(above);
        let place = |tail: f64| (tail.max(1.0) as usize - 1).min(count - 1);
        let lower = self.scores.get(place(low)).copied()?;
        let upper = self.scores.iter().rev().nth(place(high)).copied()?;
        // Below 0 no past error was great enough.
        let beyond = 1.0 + BEYOND * (-self.level).max(0.0);
        Some((lower.min(0.0) * beyond, upper.max(0.0) * beyond))
    }

    /// Learns how far what came lay from the forecast, and whether the interval that was made for it held it.
    pub fn learn(&mut self, trial: &Backtest, interval: Option<(f64, f64)>) {
        if !trial.tells() {
            return;
        }
        if self.spread.weight <= 0.0 {
            self.spread.add(trial.value, trial.value * PRIOR_PART, PRIOR_ERRORS);
        }
        let score = trial.error / self.spread.at(trial.value);
        if score.is_finite() {
            self.scores.insert(self.scores.partition_point(|other| *other < score), score);
            self.spread.add(trial.value, trial.error, 1.0);
        }
        if let Some(interval) = interval {
            let missed = if trial.is_within(interval) { 0.0 } else { 1.0 };
            self.level = (self.level + STEP * (1.0 - COVERAGE - missed)).clamp(-1.0, 1.0);
        }
    }
}

/// Goes through the forecasts of one lead in the order of their origins: the interval of each is made of those whose outcome was known
/// then. Returns these, and what is learnt of all.
pub(super) fn calibrate(trials: &[Backtest]) -> (Vec<Option<(f64, f64)>>, Calibration) {
    let mut calibration = Calibration::new();
    let mut intervals: Vec<Option<(f64, f64)>> = Vec::with_capacity(trials.len());
    let mut known = trials.iter().peekable();
    let mut learnt = 0;
    for trial in trials {
        while let Some(past) = known.next_if(|past| past.origin.saturating_add(past.ahead) <= trial.origin) {
            calibration.learn(past, intervals.get(learnt).copied().flatten());
            learnt += 1;
        }
        intervals.push(calibration.interval(trial.value));
    }
    for past in known {
        calibration.learn(past, intervals.get(learnt).copied().flatten());
        learnt += 1;
    }
    (intervals, calibration)
}
