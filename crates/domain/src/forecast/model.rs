//! How a forecast is put together: what is usual, the departures of late by their fitted weights, and the bookings.

use super::context::Context;
use super::fit::{PARTS, Row, Sums, dot};
use super::history::History;
use super::level::UsualBookings;
use super::{Basis, Parts, Series, WEEK};

/// Hours that weights are fitted on.
const FITTED: i64 = 12 * WEEK;
/// Weeks in which an hour must have been seen to be fitted on.
const MIN_WEEKS: f64 = 2.0;
/// An hour whose departure is so many usual ones, or that follows on one such, weighs less in the fit.
const OUTLIER_SPREADS: f64 = 6.0;
/// What the prior weight of bookings counts for, in hours that have more or fewer of them than usual.
const PRIOR_HOURS: f64 = 48.0;
/// More people than this for each one who booked is no effect of bookings.
const MAX_BOOKING_WEIGHT: f64 = 2.0;
/// How many of the parts are of the last hours; the others are of the last days.
const OF_HOURS: usize = 3;

/// What the parts ([`History::parts`]) weigh so many hours ahead, until the past has shown it: about as at the places of `bench/forecast`.
fn prior(lead: i64) -> Row {
    let fading = 0.7_f64.powi(i32::try_from(lead.max(1) - 1).unwrap_or(i32::MAX));
    [0.5 * fading, 0.05 * fading, 0.0, 0.3, 0.0, 0.3, 0.05]
}

/// How many more have booked each hour than usual, of those who had so many hours before.
struct BookedBeyond {
    lead: i64,
    usual: UsualBookings,
    /// Of the hours of the past from this one on.
    first: i64,
    past: Vec<f64>,
}

impl BookedBeyond {
    /// What is usual is learnt of the hours of the past that are counted. None where nobody ever books.
    fn new(history: &History, context: &Context, lead: i64) -> Option<Self> {
        let first = context.booked.known_from()?.max(history.first());
        let mut beyond = Self { lead, usual: UsualBookings::new(), first, past: Vec::new() };
        for hour in first..=history.end() {
            let (wall, special) = history.day(hour);
            let booked = context.booked.known(hour, lead);
            beyond.past.push(beyond.usual.at(wall, special).map_or(0.0, |usual| booked - usual));
            if history.hour(hour).is_some_and(|hour| hour.value.is_some()) {
                beyond.usual.learn(wall, special, booked);
            }
        }
        Some(beyond)
    }

    /// 0 where nothing is usual; of an hour to come by what is usual now.
    fn of(&self, history: &History, context: &Context, hour: i64) -> f64 {
        if hour <= history.end() {
            let index = hour.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
            return index.and_then(|index| self.past.get(index)).copied().unwrap_or_default();
        }
        let (wall, special) = history.day(hour);
        self.usual.at(wall, special).map_or(0.0, |usual| context.booked.known(hour, self.lead) - usual)
    }
}

/// The past, and how much of a booking beyond the usual is a person here.
pub(super) struct Model<'a> {
    context: &'a Context,
    pub history: History<'a>,
    booking_weight: f64,
}

impl<'a> Model<'a> {
    /// Of the hours up to `end`; bookings are weighed by those up to `until`.
    pub fn new(series: &Series, context: &'a Context, end: i64, until: i64) -> Self {
        let history = History::new(series, context, end, |_| 0.0);
        let mut model = Self { context, history, booking_weight: context.prior };
        let Some(beyond) = BookedBeyond::new(&model.history, context, 1) else { return model };
        // Least squares, drawn towards the prior as if that had been seen for two days of usual departures.
        let (mut xx, mut xy, mut seen) = (0.0, 0.0, 0.0);
        for (hour, x) in (beyond.first..=until).zip(&beyond.past) {
            if let Some(past) = model.history.hour(hour)
                && let (Some(value), Some(_), false) = (past.value, past.level.basis, *x == 0.0)
            {
                xx += x * x;
                xy += x * (value - past.level.root * past.level.root);
                seen += 1.0;
            }
        }
        if seen > 0.0 {
            let prior = PRIOR_HOURS * xx / seen;
            model.booking_weight = ((xy + prior * context.prior) / (xx + prior)).clamp(0.0, MAX_BOOKING_WEIGHT);
        }
        let weight = model.booking_weight;
        model.history = History::new(series, context, end, |hour| weight * beyond.of(&model.history, context, hour));
        model
    }

    /// Adds the hours between to the sums that the weights for this lead are fitted on; the latest twelve weeks of them at most.
    pub fn sum_up(&self, sums: &mut Sums, lead: i64, (after, to): (i64, i64)) {
        for hour in after.saturating_add(1).max(to.saturating_sub(FITTED)).max(self.history.first())..=to {
            let origin = hour.saturating_sub(lead);
            let (Some(past), Some(start)) = (self.history.hour(hour), self.history.hour(origin).filter(|start| !start.is_silent)) else {
                continue;
            };
            let Some(target) = past.departure.filter(|_| past.special.is_none() && !past.is_silent && past.level.weeks >= MIN_WEEKS) else {
                continue;
            };
            let spreads = |departure: Option<f64>, spread: f64| departure.unwrap_or_default().abs() / spread;
            let departed = spreads(past.departure, past.level.spread).max(spreads(start.departure, start.level.spread));
            let weight = if departed > OUTLIER_SPREADS { OUTLIER_SPREADS / departed } else { 1.0 };
            let row = self.history.parts(origin, hour, &(past.level, past.special));
            sums.add(&row, target, weight);
        }
    }

    /// For the hours so many after an origin, by prior weights.
    pub fn ahead(&'a self, lead: i64) -> Ahead<'a> {
        let prior = prior(lead);
        Ahead { model: self, weights: prior, prior, beyond: BookedBeyond::new(&self.history, self.context, lead) }
    }
}

/// Forecasts of one lead.
pub(super) struct Ahead<'a> {
    model: &'a Model<'a>,
    weights: Row,
    prior: Row,
    beyond: Option<BookedBeyond>,
}

impl Ahead<'_> {
    /// Weighs the parts as the hours that were summed up have shown.
    pub fn weigh(&mut self, sums: &Sums) {
        self.weights = sums.weights(&self.prior);
    }

    /// What is expected of `hour`, of what was known at `origin`; none where nothing is usual of it.
    pub fn expected(&self, origin: i64, hour: i64) -> Option<(f64, Basis, Parts)> {
        let history = &self.model.history;
        let usual = history.usual(hour);
        let (level, _) = usual;
        let basis = level.basis?;
        let row = history.parts(origin, hour, &usual);
        // While nobody is counted where many are usual, it is like no hour that weights are fitted on.
        let is_silent = history.hour(origin).is_some_and(|hour| hour.is_silent);
        let weights = if is_silent { &self.prior } else { &self.weights };
        let of = |parts: std::ops::Range<usize>| -> f64 {
            let part = std::array::from_fn::<f64, PARTS, _>(|index| {
                if parts.contains(&index) { row.get(index).copied().unwrap_or_default() } else { 0.0 }
            });
            dot(weights, &part)
        };
        let (hours, days) = (of(0..OF_HOURS), of(OF_HOURS..PARTS));
        let departed = (level.root + hours + days).max(0.0).powi(2);
        let by_calendar = level.root * level.root - level.ordinary * level.ordinary;
        // What both did to the root, as what each did to the count.
        let moved = departed - level.root * level.root;
        let share = if hours + days == 0.0 { 0.0 } else { moved / (hours + days) };
        let beyond = self.beyond.as_ref();
        let bookings = self.model.booking_weight * beyond.map_or(0.0, |beyond| beyond.of(history, self.model.context, hour));
        let value = (departed + bookings).max(0.0);
        let parts = Parts {
            usual: level.ordinary * level.ordinary,
            by_calendar,
            by_last_hours: hours * share,
            by_last_days: days * share,
            by_bookings: value - departed,
        };
        Some((value, basis, parts))
    }

    /// What so many people who book make.
    pub fn of_bookings(&self, people: f64) -> f64 {
        self.model.booking_weight * people
    }
}
