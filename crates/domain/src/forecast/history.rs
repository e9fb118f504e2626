//! The past of a series as a forecast sees it: what was usual of each hour then, and how far what came departed from it.

use super::context::{Context, Special};
use super::fit::{PARTS, Row};
use super::level::{Level, Levels};
use super::{DAY, Series, WEEK};

/// A place at which at least so many are usual is silent when nobody is counted for so many hours: closed, or its sensor is dead.
const SILENT_LEVEL: f64 = 10.0;
const SILENT_HOURS: u32 = 3;
/// Beyond so many usual ones a departure tells the days after no more.
const MOST_SPREADS: f64 = 6.0;
/// What the same hour of a day before weighs of that of the day after it.
const DAY_DECAY: f64 = 0.8;

/// An hour of the past.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hour {
    /// What was counted.
    pub value: Option<f64>,
    /// What was usual, as it was known before.
    pub level: Level,
    /// How far the root of the count, less what bookings beyond the usual had added, lay above the usual one.
    pub departure: Option<f64>,
    /// Whether nobody was counted for hours where many are usual.
    pub is_silent: bool,
    /// What kind of day it was.
    pub special: Option<Special>,
    /// The clock's hours ahead of UTC.
    ahead: i64,
    /// The departure as later days see it: of ordinary hours only, and bounded.
    kept: Option<f64>,
    /// The mean departure of the last six hours of a day of this kind.
    six: f64,
    /// What the days before told of this hour ([`History::days_tell`]), but for silent hours.
    days: [f64; 2],
    /// Sums of departures and of usual roots up to here: of all hours, and of those that are kept.
    sums: [Sums; 2],
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    departure: f64,
    root: f64,
}

/// The past of a series.
pub(super) struct History<'a> {
    context: &'a Context,
    first: i64,
    hours: Vec<Hour>,
    levels: Levels,
}

impl<'a> History<'a> {
    /// Of the hours up to `end`, and of what bookings beyond the usual had added to each.
    pub fn new(series: &Series, context: &'a Context, end: i64, by_bookings: impl Fn(i64) -> f64) -> Self {
        let first = series.first();
        let mut history = Self { context, first, hours: Vec::new(), levels: Levels::new() };
        let (mut sums, mut zeros) = ([Sums::default(); 2], 0);
        for hour in first..=end {
            let (value, special, ahead) = (series.at(hour), context.special(hour), context.hours_ahead(hour));
            let wall = hour.saturating_add(ahead);
            let level = history.levels.at(wall, special);
            let root = value.map(|value| (value - by_bookings(hour)).max(0.0).sqrt());
            zeros = match value.filter(|_| special != Some(Special::Closed)) {
                Some(value) if value <= 0.0 => zeros + u32::from(level.root * level.root >= SILENT_LEVEL),
                Some(_) => 0,
                None => zeros,
            };
            let is_silent = zeros >= SILENT_HOURS;
            if let Some(root) = root.filter(|_| !is_silent) {
                history.levels.learn(wall, special, root);
            }
            let departure = root.filter(|_| level.basis.is_some()).map(|root| root - level.root);
            let most = MOST_SPREADS * level.spread;
            let kept = departure.filter(|_| !is_silent && special.is_none()).map(|departure| departure.clamp(-most, most));
            for (sum, departure) in sums.iter_mut().zip([departure, kept]) {
                if let Some(departure) = departure {
                    sum.departure += departure;
                    sum.root += level.root;
                }
            }
            let mut this = Hour { value, level, departure, is_silent, special, ahead, kept, sums, ..Hour::default() };
            let last = history.hours.iter().rev().take(5).chain([&this]);
            this.six = mean(last.filter(|hour| hour.special == special).filter_map(|hour| Some((hour.departure?, 1.0))));
            history.hours.push(this);
            let days = history.days_tell(hour, false);
            if let Some(this) = history.hours.last_mut() {
                this.days = days;
            }
        }
        history
    }

    /// The oldest hour.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// The newest hour.
    pub fn end(&self) -> i64 {
        self.first.saturating_add(i64::try_from(self.hours.len()).unwrap_or(i64::MAX)).saturating_sub(1)
    }

    /// The hour by the clock on the wall, and of what kind its day is.
    pub fn day(&self, hour: i64) -> (i64, Option<Special>) {
        let past = self.hour(hour).map(|past| (past.ahead, past.special));
        let (ahead, special) = past.unwrap_or_else(|| (self.context.hours_ahead(hour), self.context.special(hour)));
        (hour.saturating_add(ahead), special)
    }

    /// None outside of the past.
    pub fn hour(&self, hour: i64) -> Option<&Hour> {
        self.hours.get(usize::try_from(hour.checked_sub(self.first)?).ok()?)
    }

    /// What is usual of an hour, and of what kind its day is: as it was known before it, or for an hour to come as it is known now.
    pub fn usual(&self, hour: i64) -> (Level, Option<Special>) {
        if let Some(past) = self.hour(hour) {
            return (past.level, past.special);
        }
        let (wall, special) = self.day(hour);
        (self.levels.at(wall, special), special)
    }

    /// The hour so many days before, by the clock on the wall.
    pub fn days_before(&self, hour: i64, days: i64) -> i64 {
        let before = hour.saturating_sub(days.saturating_mul(DAY));
        let Some(past) = self.hour(before) else { return before };
        let ahead = self.hour(hour).map_or_else(|| self.context.hours_ahead(hour), |hour| hour.ahead);
        before.saturating_add(ahead - past.ahead)
    }

    /// What the past up to `origin` tells of how far `hour`, of which this is usual, will depart.
    ///
    /// The parts are, in roots: the departure of the last hour; of the one before; the mean of the last six hours; the departure of the last
    /// day and of the last week, each as a share of what was usual then, times what is usual of the hour; the mean of the same hour of the
    /// seven days before, newer ones weighing more; that of the week before.
    pub fn parts(&self, origin: i64, hour: i64, (level, special): &(Level, Option<Special>)) -> Row {
        let Some(start) = self.hour(origin) else { return Row::default() };
        // Festivals tell nothing of the ordinary hours after them, nor these of a festival.
        let is_alike = |hour: &&Hour| hour.special == *special;
        let before = self.hour(origin.saturating_sub(1)).filter(is_alike).and_then(|hour| hour.departure);
        let [last, before, six] = match is_alike(&start) {
            true => [start.departure.unwrap_or_default(), before.unwrap_or_default(), start.six],
            false => [0.0; 3],
        };
        // While nobody is counted where many are usual, all departures tell of what comes; after that, those of silent hours tell nothing.
        let which = usize::from(!start.is_silent);
        let share = |hours: i64| {
            let sums = |hour: Option<&Hour>| hour.and_then(|hour| hour.sums.get(which)).copied().unwrap_or_default();
            let (to, from) = (sums(Some(start)), sums(self.hour(origin.saturating_sub(hours))));
            let usual = to.root - from.root;
            if usual > 0.0 { (to.departure - from.departure) / usual } else { 0.0 }
        };
        let past = self.hour(hour).filter(|_| !start.is_silent).map(|hour| hour.days);
        let [days, week] = past.unwrap_or_else(|| self.days_tell(hour, start.is_silent));
        let parts: [f64; PARTS] = [last, before, six, share(DAY) * level.root, share(WEEK) * level.root, days, week];
        parts
    }

    /// The departures of the same hour of the seven days before, and of the week before: of all hours, or of those that are kept.
    fn days_tell(&self, hour: i64, all: bool) -> [f64; 2] {
        let departure = |days: i64| {
            // When a clock goes forward, a day before is but 23 hours.
            let past = self.hour(self.days_before(hour, days).min(hour.saturating_sub(DAY)))?;
            if all { past.departure } else { past.kept }
        };
        let mut weight = 1.0;
        let days = (1..=7).filter_map(|days| {
            let this = weight;
            weight *= DAY_DECAY;
            departure(days).map(|departure| (departure, this))
        });
        [mean(days), departure(7).unwrap_or_default()]
    }
}

/// The weighted mean; 0 of nothing.
fn mean(values: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, weights) = values.fold((0.0, 0.0), |(sum, weights), (value, weight)| (sum + value * weight, weights + weight));
    if weights > 0.0 { sum / weights } else { 0.0 }
}
