//! Forecasts of hourly series: what is usual of the hour, how far the last hours and days departed from it, what the calendar and the bookings
//! add, with an interval and with the error measured on held-out hours against the seasonal-naive forecast (docs/reference/forecasts.md).
//!
//! - What is usual ([`level`]): a level for each hour of the week that follows what came, newer weeks more, outliers bounded. Festivals,
//!   closures and public holidays ([`Special`]) are kept apart and follow their own kind.
//! - Departures ([`history`]): of the last hours, of the last day and week, of the same hour in the days before.
//! - Their weights ([`fit`], [`model`]): for each lead by least squares on the last weeks, drawn towards what holds elsewhere.
//! - Bookings of the hour beyond the usual ([`Booked`]), weighed as the past has shown.
//! - Intervals ([`interval`]): conformal, of the errors of the last weeks.
//!
//! Each number of a forecast is a sum of named parts ([`Parts`]). A rolling origin over the past measures what it would have been worth: each
//! forecast there is made of what was known at its origin, with weights of hours before those held out.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

mod backtest;
mod context;
mod fit;
mod history;
mod interval;
mod level;
mod model;
mod series;

use backtest::{Backtest, backtest};
pub use context::{Booked, Context, MAX_LEAD, Special};
use fit::Sums;
use model::Model;
pub use series::Series;

/// Hours in a day.
const DAY: i64 = 24;
/// Hours in a week.
const WEEK: i64 = 7 * DAY;
/// The furthest hour that is forecast.
pub const MAX_HORIZON: usize = 24;
/// The days of history that a forecast gains from: a year of holidays, and the weeks before it that tell what was usual then. With 42 days
/// the error is a tenth greater, with 84 a twentieth, with 182 a fortieth (`bench/forecast/run --days`).
pub const HISTORY_DAYS: i64 = 400;
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
    /// What it is the sum of.
    pub parts: Parts,
}

/// What a value is the sum of. Each may be negative but the first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// What is usual of the hour of the week.
    pub usual: f64,
    /// What the day's being a festival, a closure or a holiday adds.
    pub by_calendar: f64,
    /// What the departure of the last hours from the usual adds.
    pub by_last_hours: f64,
    /// What the departure of the last days adds.
    pub by_last_days: f64,
    /// What bookings beyond the usual add.
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
    /// The mean absolute scaled error: as a part of the naive forecast's on the same hours. None when that one never erred.
    pub fn mase(&self) -> Option<f64> {
        (self.naive_mae > 0.0).then(|| self.mae / self.naive_mae)
    }

    /// The part of the naive forecast's error that is avoided; below 0 when the naive one is better. None when that one never erred.
    pub fn skill(&self) -> Option<f64> {
        self.mase().map(|mase| 1.0 - mase)
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
    let model = Model::new(series, context, end, split);

    let mut measured = Measured::default();
    let mut of_leads = Vec::new();
    for lead in 1..=leads {
        let mut sums = Sums::default();
        model.sum_up(&mut sums, lead, (series.first(), split));
        let mut ahead = model.ahead(lead);
        ahead.weigh(&sums);
        let trials = backtest(&model, series, &ahead, lead, end.saturating_sub(CALIBRATED).max(series.first()), end);
        let (intervals, calibration) = interval::calibrate(&trials);
        if lead <= horizon {
            measured.add(trials.iter().zip(intervals).filter(|(trial, _)| trial.origin >= split));
        }
        model.sum_up(&mut sums, lead, (split, end));
        ahead.weigh(&sums);
        of_leads.push((ahead, calibration));
    }

    let mut forecast = Forecast { basis: None, points: Vec::new(), accuracy: measured.accuracy() };
    for ahead in 1..=horizon {
        let hour = now.saturating_add(ahead);
        let lead = hour.saturating_sub(end).clamp(1, leads);
        let Some((of_lead, calibration)) = usize::try_from(lead - 1).ok().and_then(|index| of_leads.get(index)) else { continue };
        let point = match of_lead.expected(end, hour) {
            Some((value, basis, parts)) => Point { hour, value, interval: calibration.interval(value), basis, parts },
            None => {
                // Nothing is usual yet: as it is now, and who has booked more than for now.
                let newest = series.at(end).unwrap_or_default().max(0.0);
                let more = context.booked.known(hour, ahead) - context.booked.known(end, 0);
                let value = (newest + of_lead.of_bookings(more)).max(0.0);
                let parts = Parts { usual: newest, by_bookings: value - newest, ..Parts::default() };
                Point { hour, value, interval: None, basis: Basis::LastValue, parts }
            }
        };
        // The forecast is as weak as its weakest hour.
        forecast.basis = forecast.basis.max(Some(point.basis));
        forecast.points.push(point);
    }
    forecast
}

/// The sums of the errors on held-out hours.
#[derive(Default)]
struct Measured {
    errors: Vec<(f64, f64)>,
    hits: Vec<f64>,
}

impl Measured {
    fn add<'a>(&mut self, trials: impl Iterator<Item = (&'a Backtest, Option<(f64, f64)>)>) {
        for (trial, interval) in trials {
            self.errors.push((trial.error.abs(), trial.naive_error.abs()));
            if let (Some(interval), true) = (interval, trial.tells()) {
                self.hits.push(f64::from(u8::from(trial.is_within(interval))));
            }
        }
    }

    fn accuracy(&self) -> Option<Accuracy> {
        (self.errors.len() >= MIN_HELD_OUT).then(|| Accuracy {
            forecasts: self.errors.len(),
            mae: mean(self.errors.iter().map(|(error, _)| *error)),
            naive_mae: mean(self.errors.iter().map(|(_, naive)| *naive)),
            coverage: (!self.hits.is_empty()).then(|| mean(self.hits.iter().copied())),
        })
    }
}

#[cfg(test)]
#[path = "forecast/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "forecast/hardship_tests.rs"]
mod hardship_tests;

#[cfg(test)]
#[path = "forecast/coverage_tests.rs"]
mod coverage_tests;
