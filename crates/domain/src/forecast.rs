//! Forecasts of hourly series: the pattern of the week and of the day, brought to the present level, with an interval and with the
//! error measured on held-out hours against the seasonal-naive forecast (docs/reference/crowd.md).
//!
//! The pattern of an hour is the mean of the same hour in weeks and days before, newer ones weighing more; festivals and closures are
//! kept apart and follow their own kind ([`Special`]). To it comes what the bookings of that hour are above or below their own pattern
//! ([`Booked`]), weighed as the past has shown, and the part of the last hours' departure from all this that is expected to last.
//!
//! Only the weight of bookings is fitted, on hours before those held out, so that a rolling origin over the past measures what the
//! forecast would have been worth: each forecast there is made of what was known at its origin.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

mod context;
mod interval;

pub use context::{Booked, Context, MAX_LEAD, Special};

/// Hours in a day.
const DAY: i64 = 24;
/// Hours in a week.
const WEEK: i64 = 7 * DAY;
/// The furthest hour that is forecast.
pub const MAX_HORIZON: usize = 24;
/// Weeks and days that make the pattern.
const WEEKS: i64 = 4;
const DAYS: i64 = 7;
/// What an older week and an older day weigh of the one after it.
const WEEK_DECAY: f64 = 0.8;
const DAY_DECAY: f64 = 0.8;
/// The part of a departure from the pattern that is no chance, and what is left of it each hour.
const RESIDUAL_SHARE: f64 = 0.6;
const PERSISTENCE: f64 = 0.85;
/// What the days weigh beside the weeks, where there are both: little, since the days of a week differ.
const DAY_WEIGHT: f64 = 0.1;
/// How far back days of the same kind are looked for, where a day is special.
const SPECIAL_DAYS: i64 = 42;
/// What the prior weight of bookings counts for, in hours that have more or fewer of them than usual.
const PRIOR_HOURS: f64 = 48.0;
/// More people than this for each one who booked is no effect of bookings.
const MAX_BOOKING_WEIGHT: f64 = 2.0;
/// How many past hours tell the present level.
const RECENT: i64 = 3;
/// The part of outcomes that an interval is meant to hold.
pub const COVERAGE: f64 = 0.8;
/// Hours that are held out to measure the error: a week, or as much as there is, but not less than [`MIN_HELD_OUT`].
const HELD_OUT: i64 = WEEK;
/// Hours whose errors make intervals.
const CALIBRATED: i64 = 4 * WEEK;
/// The furthest lead whose errors are known; further ones are taken to be as good.
const MAX_LEAD_HOURS: i64 = MAX_HORIZON as i64;
/// Fewer forecasts than this measure nothing.
const MIN_HELD_OUT: usize = 24;

/// An hourly series without beginning or end: the value of hours that are known.
#[derive(Clone, Debug, Default)]
pub struct Series {
    first: i64,
    values: Vec<Option<f64>>,
}

impl Series {
    /// From (hour since 1970, value) in any order; what lies more than `most` hours before the newest is left out, as is what is not
    /// finite.
    pub fn from_points(points: &[(i64, f64)], most: usize) -> Self {
        let known = || points.iter().filter(|(_, value)| value.is_finite());
        let Some(last) = known().map(|(hour, _)| *hour).max() else { return Self::default() };
        let reach = i64::try_from(most).unwrap_or(i64::MAX).min(100_000);
        let oldest = last.saturating_sub(reach);
        let Some(first) = known().map(|(hour, _)| *hour).filter(|hour| *hour > oldest || *hour == last).min() else {
            return Self::default();
        };
        let length = usize::try_from(last.saturating_sub(first)).unwrap_or_default().saturating_add(1);
        let mut series = Self { first, values: vec![None; length] };
        for (hour, value) in known() {
            let index = hour.checked_sub(first).and_then(|index| usize::try_from(index).ok());
            if let Some(slot) = index.and_then(|index| series.values.get_mut(index)) {
                *slot = Some(*value);
            }
        }
        series
    }

    fn at(&self, hour: i64) -> Option<f64> {
        let index = usize::try_from(hour.checked_sub(self.first)?).ok()?;
        self.values.get(index).copied().flatten()
    }

    /// The newest hour that is known.
    pub fn last(&self) -> Option<i64> {
        let length = i64::try_from(self.values.len()).ok()?;
        (length > 0).then(|| self.first.saturating_add(length - 1))
    }
}

/// What a forecast is made of, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = ForecastBasis)]
pub enum Basis {
    /// The same hours of days before that were festivals too, or closures.
    SpecialDay,
    /// The same hours of weeks and days before.
    Week,
    /// The same hours of days before: there is less than a week of history.
    Day,
    /// The newest value: there is less than a day of history.
    LastValue,
}

/// One hour ahead of now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Hours since 1970.
    pub hour: i64,
    /// The value expected.
    pub value: f64,
    /// An interval meant to hold [`COVERAGE`] of outcomes; none while there is too little history to know the errors.
    pub interval: Option<(f64, f64)>,
    /// What it rests on.
    pub basis: Basis,
    /// The part of the value that bookings beyond the usual add or, below 0, take away.
    pub by_bookings: f64,
}

/// How good forecasts like this one were on held-out hours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// Forecasts that were compared with what came.
    pub forecasts: usize,
    /// Their mean absolute error.
    pub mae: f64,
    /// That of the seasonal-naive forecast of the same hours: what it was a week before, or a day before.
    pub naive_mae: f64,
    /// The part of outcomes that lay in intervals which were made of older errors only; none where there were none.
    pub coverage: Option<f64>,
}

impl Accuracy {
    /// The part of the naive forecast's error that is avoided; below 0 when the naive one is better. None when that one never erred.
    pub fn skill(&self) -> Option<f64> {
        (self.naive_mae > 0.0).then(|| 1.0 - self.mae / self.naive_mae)
    }
}

/// A forecast and what is known of its worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// None when nothing is known at all; then there are no points.
    pub basis: Option<Basis>,
    /// The hours ahead, in order.
    pub points: Vec<Point>,
    /// None when there is too little history to hold any out.
    pub accuracy: Option<Accuracy>,
}

/// The pattern of `hour`, of what `at` knows up to `origin`.
fn pattern(at: impl Fn(i64) -> Option<f64>, context: &Context, hour: i64, origin: i64) -> Option<(f64, Basis)> {
    let mean = |season: i64, count: i64, decay: f64, kind: Option<Special>| {
        let (mut sum, mut weights, mut weight) = (0.0, 0.0, 1.0);
        for back in 1..=count {
            let then = hour.saturating_sub(season * back);
            if then <= origin
                && context.special(then) == kind
                && let Some(value) = at(then)
            {
                sum += weight * value;
                weights += weight;
            }
            weight *= decay;
        }
        (weights > 0.0).then(|| sum / weights)
    };
    if let Some(kind) = context.special(hour)
        && let Some(value) = mean(DAY, SPECIAL_DAYS, 1.0, Some(kind))
    {
        return Some((value, Basis::SpecialDay));
    }
    let (weeks, days) = (mean(WEEK, WEEKS, WEEK_DECAY, None), mean(DAY, DAYS, DAY_DECAY, None));
    match (weeks, days) {
        (Some(weeks), Some(days)) => Some((weeks * (1.0 - DAY_WEIGHT) + days * DAY_WEIGHT, Basis::Week)),
        (Some(weeks), None) => Some((weeks, Basis::Week)),
        (None, Some(days)) => Some((days, Basis::Day)),
        (None, None) => None,
    }
}

/// A series, what else is known of its hours, and how much of a booking beyond the usual is a person here.
struct Model<'a> {
    series: &'a Series,
    context: &'a Context,
    weight: f64,
}

impl<'a> Model<'a> {
    /// Fitted on hours up to `until`.
    fn fitted(series: &'a Series, context: &'a Context, until: i64) -> Self {
        let mut model = Self { series, context, weight: context.prior };
        if context.booked.is_empty() {
            return model;
        }
        // Least squares, drawn towards the prior as if that had been seen for two days of usual departures.
        let (mut xx, mut xy, mut seen) = (0.0, 0.0, 0.0);
        for hour in series.first..=until {
            let before = hour.saturating_sub(1);
            let (x, y) = (model.booked_beyond(hour, 1, before), series.at(hour).zip(model.usual(hour, before)));
            if let (true, Some((value, (usual, _)))) = (x != 0.0, y) {
                xx += x * x;
                xy += x * (value - usual);
                seen += 1.0;
            }
        }
        if seen > 0.0 {
            let prior = PRIOR_HOURS * xx / seen;
            model.weight = ((xy + prior * context.prior) / (xx + prior)).clamp(0.0, MAX_BOOKING_WEIGHT);
        }
        model
    }

    fn usual(&self, hour: i64, origin: i64) -> Option<(f64, Basis)> {
        pattern(|hour| self.series.at(hour), self.context, hour, origin)
    }

    /// How many more have booked `hour` than usual, of those who had `ahead` hours before; 0 where nothing is usual.
    fn booked_beyond(&self, hour: i64, ahead: i64, origin: i64) -> f64 {
        if self.context.booked.is_empty() {
            return 0.0;
        }
        let booked = |hour: i64| self.context.booked.known(hour, ahead);
        // The pattern of the same hours as that of the counts.
        let usual = pattern(|hour| self.series.at(hour).map(|_| booked(hour)), self.context, hour, origin);
        usual.map_or(0.0, |(usual, _)| booked(hour) - usual)
    }

    /// How far the last hours up to `origin` lay above what was usual and booked.
    fn departure(&self, origin: i64) -> f64 {
        let (mut sum, mut weights, mut weight) = (0.0, 0.0, 1.0);
        for back in 0..RECENT {
            let hour = origin.saturating_sub(back);
            let before = hour.saturating_sub(1);
            if let (Some(value), Some((usual, _))) = (self.series.at(hour), self.usual(hour, before)) {
                sum += weight * (value - usual - self.weight * self.booked_beyond(hour, 1, before));
                weights += weight;
            }
            weight *= 0.5;
        }
        if weights > 0.0 { sum / weights } else { 0.0 }
    }

    /// What is expected `ahead` hours after `origin`, of what is known up to `origin`: the value, what it rests on, and the bookings'
    /// part in it.
    fn expected(&self, origin: i64, departure: f64, ahead: i64) -> Option<(f64, Basis, f64)> {
        let hour = origin.saturating_add(ahead);
        let (usual, basis) = self.usual(hour, origin)?;
        let by_bookings = self.weight * self.booked_beyond(hour, ahead, origin);
        let lasting = RESIDUAL_SHARE * PERSISTENCE.powi(i32::try_from(ahead).unwrap_or(i32::MAX));
        Some(((usual + by_bookings + departure * lasting).max(0.0), basis, by_bookings))
    }
}

/// The seasonal-naive forecast of `hour`, of what is known up to `origin`.
fn naive(series: &Series, hour: i64, origin: i64) -> Option<f64> {
    let known = |season: i64| Some(hour.saturating_sub(season)).filter(|then| *then <= origin).and_then(|then| series.at(then));
    known(WEEK).or_else(|| known(DAY))
}

/// A forecast made in the past: from when, how far ahead it looked, and how far what came lay from it.
struct Backtest {
    origin: i64,
    ahead: i64,
    error: f64,
    naive_error: f64,
    value: f64,
    actual: f64,
}

impl Backtest {
    /// Whether what came lay within these bounds.
    fn is_within(&self, (low, high): (f64, f64)) -> bool {
        low <= self.actual && self.actual <= high
    }

    /// Whether this tells anything of errors: that nobody comes while nobody is expected, as at night when the temple is closed, does not.
    fn tells(&self) -> bool {
        self.value >= 0.5 || self.actual >= 0.5
    }
}

fn backtest(model: &Model, horizon: i64, from: i64, to: i64) -> Vec<Backtest> {
    let mut backtest = Vec::new();
    for origin in from..to {
        let departure = model.departure(origin);
        for ahead in 1..=horizon {
            let hour = origin.saturating_add(ahead);
            let (Some(actual), Some((value, ..)), Some(naive)) =
                (model.series.at(hour), model.expected(origin, departure, ahead), naive(model.series, hour, origin))
            else {
                continue;
            };
            backtest.push(Backtest { origin, ahead, error: actual - value, naive_error: actual - naive, value, actual });
        }
    }
    backtest
}

#[expect(clippy::cast_precision_loss, reason = "a count of some thousands")]
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// Forecasts the hours after `now` (hours since 1970), at most [`MAX_HORIZON`]; what is known of `now` itself counts. Values are taken
/// to be never below 0.
pub fn predict(series: &Series, context: &Context, now: i64, horizon: usize) -> Forecast {
    let horizon = i64::try_from(horizon.clamp(1, MAX_HORIZON)).unwrap_or(1);
    let Some(last) = series.last() else {
        return Forecast { basis: None, points: Vec::new(), accuracy: None };
    };
    let end = last.min(now);
    let split = end.saturating_sub(HELD_OUT);
    // From the newest known hour, which is `now` unless the counter has been silent.
    let silent = now.saturating_sub(end);
    let leads = horizon.saturating_add(silent).min(MAX_LEAD_HOURS);
    let model = Model::fitted(series, context, split);
    let trials = backtest(&model, leads, end.saturating_sub(CALIBRATED).max(series.first), end);
    let mut hits = Vec::new();
    let mut calibrations = Vec::new();
    for lead in 1..=leads {
        let of_lead: Vec<&Backtest> = trials.iter().filter(|trial| trial.ahead == lead).collect();
        let (intervals, calibration) = interval::calibrate(&of_lead);
        let held_out = of_lead.iter().zip(intervals).filter(|(trial, _)| lead <= horizon && trial.origin >= split && trial.tells());
        hits.extend(held_out.filter_map(|(trial, interval)| Some(f64::from(u8::from(trial.is_within(interval?))))));
        calibrations.push(calibration);
    }
    let held_out: Vec<&Backtest> = trials.iter().filter(|trial| trial.origin >= split && trial.ahead <= horizon).collect();
    let accuracy = (held_out.len() >= MIN_HELD_OUT).then(|| Accuracy {
        forecasts: held_out.len(),
        mae: mean(held_out.iter().map(|trial| trial.error.abs())),
        naive_mae: mean(held_out.iter().map(|trial| trial.naive_error.abs())),
        coverage: (!hits.is_empty()).then(|| mean(hits.iter().copied())),
    });

    let model = Model::fitted(series, context, end);
    let departure = model.departure(end);
    let newest = series.at(last).unwrap_or_default().max(0.0);
    let mut basis = None;
    let mut points = Vec::new();
    for ahead in 1..=horizon {
        let hour = now.saturating_add(ahead);
        let distance = hour.saturating_sub(end);
        let point = match model.expected(end, departure, distance) {
            Some((value, basis, by_bookings)) => {
                let calibration = usize::try_from(distance.min(leads) - 1).ok().and_then(|index| calibrations.get(index));
                let interval = calibration.and_then(|calibration| calibration.interval(value));
                Point { hour, value, interval, basis, by_bookings }
            }
            None => {
                // Nothing is usual yet: as it is now, and who has booked more than for now.
                let more = context.booked.known(hour, ahead) - context.booked.known(last, 0);
                let value = (newest + model.weight * more).max(0.0);
                Point { hour, value, interval: None, basis: Basis::LastValue, by_bookings: value - newest }
            }
        };
        // The forecast is as weak as its weakest hour.
        basis = basis.max(Some(point.basis));
        points.push(point);
    }
    Forecast { basis, points, accuracy }
}

#[cfg(test)]
#[path = "forecast/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "forecast/coverage_tests.rs"]
mod coverage_tests;
