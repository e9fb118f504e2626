//! What is usual of an hour: a level for each hour of the week, that follows what came, newer weeks more than older ones.
//!
//! Levels are kept on the scale of square roots, on which the chance in counts is about as large at noon as at night. An outcome moves a
//! level by no more than a few usual errors, so that neither a festival that no calendar knew nor a sensor that died spoils the weeks after;
//! where it has come to stay, the level follows within weeks, and the last days' departure ([`super::history`]) at once.

use super::context::{KINDS, Special};
use super::{Basis, DAY, WEEK};

/// What an outcome moves the level of its hour by, of its departure; more while there are few.
const WEEK_GAIN: f64 = 0.06;
/// The same for the level of an hour of any day, which stands in where a week is not yet known.
const DAY_GAIN: f64 = 0.25;
/// What the day's level counts for beside the week's, in weeks.
const DAY_WEEKS: f64 = 0.5;
/// Departures beyond so many usual ones move no level further.
const MOST_SPREADS: f64 = 3.0;
/// How fast the usual departure follows.
const SPREAD_GAIN: f64 = 0.1;
/// The least usual departure: about that of counts by chance alone, whose roots depart by half of one.
const LEAST_SPREAD: f64 = 0.3;
/// What it counts for, in days of its kind, that a special day is as its weekday.
const ORDINARY_DAYS: f64 = 0.1;
/// The most that an hour of a special day is taken to be above its usual, in roots.
const MOST_SHARE: f64 = 10.0;
/// The hour of the week, as hours since 1970 are counted, at which Sunday begins: 1970 began on a Thursday.
const SUNDAY: i64 = 3 * DAY;

/// What is usual of an hour.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Level {
    /// The root of what is expected.
    pub root: f64,
    /// The same, were it a day like any other.
    pub ordinary: f64,
    /// How far the root usually departs.
    pub spread: f64,
    /// Weeks in which its hour was seen.
    pub weeks: f64,
    /// What it rests on.
    pub basis: Option<Basis>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    root: f64,
    spread: f64,
    seen: f64,
}

impl Slot {
    fn learn(&mut self, root: f64, least_gain: f64, usual_spread: f64) {
        if self.seen <= 0.0 {
            *self = Self { root, spread: 0.0, seen: 1.0 };
            return;
        }
        if self.spread <= 0.0 {
            self.spread = usual_spread;
        }
        let most = MOST_SPREADS * self.spread.max(LEAST_SPREAD);
        let departure = (root - self.root).clamp(-most, most);
        self.spread += SPREAD_GAIN * (departure.abs() - self.spread);
        self.root += departure * least_gain.max(1.0 / (self.seen + 1.0));
        self.seen += 1.0;
    }
}

/// How the days of one kind were, by hour: sums of products of their roots and of what would have been usual.
type Shares = [(f64, f64, f64); DAY as usize];

/// The levels after all hours that were learnt.
#[derive(Clone, Debug)]
pub(super) struct Levels {
    week: [Slot; WEEK as usize],
    day: [Slot; DAY as usize],
    special: [Shares; KINDS],
    /// The usual departure of all hours.
    spread: f64,
    learnt: f64,
}

fn slot(wall: i64, season: i64) -> usize {
    usize::try_from(wall.rem_euclid(season)).unwrap_or_default()
}

impl Levels {
    pub fn new() -> Self {
        Self {
            week: [Slot::default(); WEEK as usize],
            day: [Slot::default(); DAY as usize],
            special: [[(0.0, 0.0, 0.0); DAY as usize]; KINDS],
            spread: 0.0,
            learnt: 0.0,
        }
    }

    /// What is usual of an hour, by the clock on the wall.
    pub fn at(&self, wall: i64, special: Option<Special>) -> Level {
        let mut level = match special {
            // A public holiday is more like a Sunday than like its weekday.
            Some(Special::Holiday) => {
                let sunday = self.of_week(SUNDAY + wall.rem_euclid(DAY));
                if sunday.basis == Some(Basis::Week) { sunday } else { self.of_week(wall) }
            }
            _ => self.of_week(wall),
        };
        if let Some((products, squares, days)) = self.shares(wall, special)
            && days > 0.0
            && level.basis.is_some()
        {
            let ordinary = ORDINARY_DAYS * squares / days;
            let share = if squares > 0.0 { (products + ordinary) / (squares + ordinary) } else { 1.0 };
            level.root *= share.clamp(0.0, MOST_SHARE);
            level.basis = Some(Basis::SpecialDay);
        }
        level
    }

    fn of_week(&self, wall: i64) -> Level {
        let week = self.week.get(slot(wall, WEEK)).copied().unwrap_or_default();
        let day = self.day.get(slot(wall, DAY)).copied().unwrap_or_default();
        let (root, basis) = match (week.seen > 0.0, day.seen > 0.0) {
            (true, true) => ((week.root * week.seen + day.root * DAY_WEEKS) / (week.seen + DAY_WEEKS), Some(Basis::Week)),
            (true, false) => (week.root, Some(Basis::Week)),
            (false, true) => (day.root, Some(Basis::Day)),
            (false, false) => (0.0, None),
        };
        let spread = if week.spread > 0.0 { week.spread } else { self.spread };
        Level { root, ordinary: root, spread: spread.max(LEAST_SPREAD), weeks: week.seen, basis }
    }

    fn shares(&self, wall: i64, special: Option<Special>) -> Option<(f64, f64, f64)> {
        self.special.get(special? as usize)?.get(slot(wall, DAY)).copied()
    }

    /// Learns what came. Of special days only how such days are: the level of ordinary ones is left as it was.
    pub fn learn(&mut self, wall: i64, special: Option<Special>, root: f64) {
        if let Some(kind) = special {
            let usual = self.at(wall, special).ordinary;
            if let Some((products, squares, days)) = self.special.get_mut(kind as usize).and_then(|shares| shares.get_mut(slot(wall, DAY)))
            {
                *products += root * usual;
                *squares += usual * usual;
                *days += 1.0;
            }
            return;
        }
        let level = self.of_week(wall);
        if level.weeks > 0.0 {
            let departure = (root - level.root).abs();
            let departure = if self.learnt > 0.0 { departure.min(MOST_SPREADS * self.spread.max(LEAST_SPREAD)) } else { departure };
            self.learnt += 1.0;
            self.spread += (departure - self.spread) / self.learnt.min(200.0);
        }
        let spread = self.spread;
        if let Some(week) = self.week.get_mut(slot(wall, WEEK)) {
            week.learn(root, WEEK_GAIN, spread);
        }
        if let Some(day) = self.day.get_mut(slot(wall, DAY)) {
            day.learn(root, DAY_GAIN, spread);
        }
    }
}

/// What is usual of bookings, by the same weeks: a plain mean that follows, since nothing in them is by chance or broken.
#[derive(Clone, Debug)]
pub(super) struct UsualBookings {
    week: [Mean; WEEK as usize],
    day: [Mean; DAY as usize],
    special: [[Mean; DAY as usize]; KINDS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    people: f64,
    seen: f64,
}

impl UsualBookings {
    pub fn new() -> Self {
        Self {
            week: [Mean::default(); WEEK as usize],
            day: [Mean::default(); DAY as usize],
            special: [[Mean::default(); DAY as usize]; KINDS],
        }
    }

    /// None where nothing is usual yet.
    pub fn at(&self, wall: i64, special: Option<Special>) -> Option<f64> {
        let special = special.and_then(|kind| self.special.get(kind as usize)?.get(slot(wall, DAY)));
        let (week, day) = (self.week.get(slot(wall, WEEK)), self.day.get(slot(wall, DAY)));
        [special, week, day].into_iter().flatten().find(|mean| mean.seen > 0.0).map(|mean| mean.people)
    }

    pub fn learn(&mut self, wall: i64, special: Option<Special>, people: f64) {
        let follow = |mean: Option<&mut Mean>, least: f64| {
            if let Some(mean) = mean {
                mean.seen += 1.0;
                mean.people += (people - mean.people) * least.max(1.0 / mean.seen);
            }
        };
        match special {
            Some(kind) => follow(self.special.get_mut(kind as usize).and_then(|hours| hours.get_mut(slot(wall, DAY))), WEEK_GAIN),
            None => {
                follow(self.week.get_mut(slot(wall, WEEK)), WEEK_GAIN);
                follow(self.day.get_mut(slot(wall, DAY)), DAY_GAIN);
            }
        }
    }
}
