//! What beside the counts tells of an hour: the clock, the calendar, and who has booked.

use std::collections::HashMap;

use serde::Serialize;
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

use crate::booking_slot::Zone;
use crate::time::HOUR_MS;

/// The furthest ahead that bookings are told apart by when they were made, hours.
pub const MAX_LEAD: usize = 25;
/// The most hours that bookings are kept of: the history's and those ahead.
const MAX_HOURS: i64 = 2_400;

/// A day that is not as its weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[derive(EnumString, IntoStaticStr, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = ForecastSpecialDay)]
pub enum Special {
    /// The temple is closed.
    Closed,
    /// A festival, with slots of its own.
    Festival,
    /// A public holiday: like a Sunday, until such days have shown what they are like.
    Holiday,
}

/// How many kinds of special days there are.
pub(super) const KINDS: usize = 3;

/// What is known of hours beside the counts.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The hours of special days.
    pub special: HashMap<i64, Special>,
    /// Who has booked.
    pub booked: Booked,
    /// How many people more one person more who has booked is taken to make, before the past has shown it.
    pub prior: f64,
    /// By whose clocks people live: the hours of a day stay where they are on the clock when it changes. None: those of UTC.
    pub zone: Option<Zone>,
}

impl Context {
    /// What kind of special day the hour belongs to, if any.
    pub fn special(&self, hour: i64) -> Option<Special> {
        if self.special.is_empty() { None } else { self.special.get(&hour).copied() }
    }

    /// How many hours the clocks are ahead of UTC.
    pub(super) fn hours_ahead(&self, hour: i64) -> i64 {
        let middle = hour.saturating_mul(HOUR_MS).saturating_add(HOUR_MS / 2);
        self.zone.map_or(0, |zone| zone.hours_ahead(middle))
    }
}

/// How many people have booked each hour, as it was known so many hours ahead: what was booked later is no help to a forecast.
#[derive(Clone, Debug, Default)]
pub struct Booked {
    first: i64,
    /// By hour: people who had booked at least so many hours ahead.
    known: Vec<[f64; MAX_LEAD + 1]>,
}

impl Booked {
    /// Of (hour, how many hours before it was booked, people). What is not finite is left out.
    pub fn from_bookings(bookings: &[(i64, i64, f64)]) -> Self {
        let finite = || bookings.iter().filter(|(.., people)| people.is_finite());
        let Some(last) = finite().map(|(hour, ..)| *hour).max() else { return Self::default() };
        let oldest = last.saturating_sub(MAX_HOURS);
        let Some(first) = finite().map(|(hour, ..)| *hour).filter(|hour| *hour >= oldest).min() else { return Self::default() };
        let length = usize::try_from(last.saturating_sub(first)).unwrap_or_default().saturating_add(1);
        let mut booked = Self { first, known: vec![[0.0; MAX_LEAD + 1]; length] };
        for (hour, lead, people) in finite() {
            let lead = usize::try_from((*lead).max(0)).unwrap_or(MAX_LEAD).min(MAX_LEAD);
            if let Some(known) = booked.index(*hour).and_then(|index| booked.known.get_mut(index)) {
                known.iter_mut().take(lead + 1).for_each(|sum| *sum += people);
            }
        }
        booked
    }

    /// Whether nobody has.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The first hour of which it is known who has booked, if anybody has.
    pub(super) fn known_from(&self) -> Option<i64> {
        let length = i64::try_from(self.known.len()).ok().filter(|length| *length > 0)?;
        Some(self.first.saturating_add(length - 1).saturating_sub(MAX_HOURS))
    }

    /// People who have booked `hour` at least so many hours ahead.
    pub fn known(&self, hour: i64, ahead: i64) -> f64 {
        let ahead = usize::try_from(ahead.max(0)).unwrap_or(MAX_LEAD).min(MAX_LEAD);
        let known = self.index(hour).and_then(|index| self.known.get(index)).and_then(|known| known.get(ahead));
        known.copied().unwrap_or_default()
    }

    fn index(&self, hour: i64) -> Option<usize> {
        usize::try_from(hour.checked_sub(self.first)?).ok()
    }
}
