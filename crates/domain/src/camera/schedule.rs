//! When a camera is recorded, by the clock of its site.
//!
//! A camera is recorded whenever that clock shows a time of a schedule: what the clocks show twice when they go back is recorded twice, and what
//! they leap over is not there. Windows include their beginning and not their end.

use chrono::{DateTime, Offset as _, TimeZone as _};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::booking_slot::{DAY_MINUTES, Date, Zone};
use crate::time::{DAY_MS, HOUR_MS, MAX_MS, MINUTE_MS, SECOND_MS};

/// How far ahead two schedules are compared, days: a year and a day, so that each day of each is met.
pub const COMPARED_DAYS: i64 = 366;

/// How often a schedule comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, EnumString, IntoStaticStr, VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = CctvScheduleType)]
pub enum Kind {
    /// One stretch of time.
    Once,
    /// Every day.
    Daily,
    /// On some days of the week.
    Weekly,
    /// All the time.
    Continuous,
}

/// A schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How often it comes.
    pub kind: Kind,
    /// When it begins, minutes since midnight; of no meaning where it is continuous.
    pub from: u16,
    /// When it ends, minutes since midnight, at most 1440; where it is not after `from`, on the next day.
    pub until: u16,
    /// The first day on which it begins; all days before have none. Of `once`, its day.
    pub first: Option<Date>,
    /// The last day on which it begins. Of `once`, the day on which it ends.
    pub last: Option<Date>,
    /// Of `weekly`: the days on which it begins; bit 0 is Monday.
    pub days: i64,
}

/// A stretch of time: from its beginning to before its end, milliseconds.
pub type Span = (i64, i64);

/// Why a schedule cannot be: the field, and what is wrong with it.
pub type Fault = (&'static str, &'static str);

impl Schedule {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<Fault> {
        if self.first.zip(self.last).is_some_and(|(first, last)| last < first) {
            return Some(("end_date", "must not be before start_date"));
        }
        match self.kind {
            Kind::Once if self.first.is_none() => Some(("start_date", "is required for a schedule that comes once")),
            Kind::Once if self.last.is_some() && self.last == self.first && self.until <= self.from => {
                Some(("end_time", "must be after start_time on the same day"))
            }
            Kind::Weekly if self.days == 0 => Some(("days_of_week", "is required for a weekly schedule")),
            Kind::Daily | Kind::Weekly if self.from == self.until => {
                Some(("end_time", "must differ from start_time; for whole days write 00:00 to 24:00"))
            }
            Kind::Continuous => None,
            _ if self.from >= DAY_MINUTES => Some(("start_time", "must be before 24:00")),
            _ => None,
        }
    }

    /// Whether one begins on this day.
    fn begins_on(&self, date: Date) -> bool {
        let is_in = self.first.is_none_or(|first| date >= first) && self.last.is_none_or(|last| date <= last);
        match self.kind {
            Kind::Once => self.first == Some(date),
            Kind::Weekly => is_in && self.days & (1 << (date.weekday() - 1)) != 0,
            Kind::Daily | Kind::Continuous => is_in,
        }
    }

    /// The stretch that begins on this day, by the wall of the site: milliseconds of a clock that knows no zone.
    fn wall_span(&self, date: Date) -> Span {
        let midnight = date.epoch_days() * DAY_MS;
        let at = |minute: u16| i64::from(minute) * MINUTE_MS;
        match self.kind {
            Kind::Continuous => (midnight, midnight + DAY_MS),
            Kind::Once if self.last.is_some() => {
                (midnight + at(self.from), self.last.unwrap_or(date).epoch_days() * DAY_MS + at(self.until))
            }
            _ => {
                let next = if self.until <= self.from { DAY_MS } else { 0 };
                (midnight + at(self.from), midnight + next + at(self.until))
            }
        }
    }

    fn wall_spans(&self, from: i64, to: i64) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut day = match (self.kind, self.first) {
            // Once comes on one day, which may be long ago or far off.
            (Kind::Once, Some(first)) => first.epoch_days(),
            // One that goes over midnight began the day before.
            _ => from.div_euclid(DAY_MS) - 1,
        };
        let end = if self.kind == Kind::Once { day } else { to.div_euclid(DAY_MS) };
        while day <= end {
            if let Some(date) = Date::from_epoch_days(day)
                && self.begins_on(date)
            {
                spans.push(self.wall_span(date));
            }
            day += 1;
        }
        spans
    }
}

/// When these schedules say that there is a recording, between two moments: stretches that neither touch nor overlap, in their order.
pub fn spans(schedules: &[Schedule], zone: Zone, from: i64, to: i64) -> Vec<Span> {
    let (from, to) = (from.clamp(0, MAX_MS - 2 * DAY_MS), to.clamp(0, MAX_MS - 2 * DAY_MS));
    let mut found = Vec::new();
    for (start, end, offset) in offsets(zone, from, to) {
        for schedule in schedules {
            for (wall_start, wall_end) in schedule.wall_spans(start + offset, end + offset) {
                let span = ((wall_start - offset).max(start), (wall_end - offset).min(end));
                if span.0 < span.1 {
                    found.push(span);
                }
            }
        }
    }
    merged(found)
}

/// Whether these schedules say that there is a recording at this moment.
pub fn is_due(schedules: &[Schedule], zone: Zone, at: i64) -> bool {
    !spans(schedules, zone, at, at + 1).is_empty()
}

/// The stretches in their order, those that touch as one.
pub fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for (start, end) in spans {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

/// What of `wanted` is not in `had`; both in their order and apart.
pub fn missing(wanted: &[Span], had: &[Span]) -> Vec<Span> {
    let mut missing = Vec::new();
    for (start, end) in wanted {
        let mut at = *start;
        for (had_start, had_end) in had.iter().filter(|(had_start, had_end)| had_end > start && had_start < end) {
            if *had_start > at {
                missing.push((at, *had_start));
            }
            at = at.max(*had_end);
        }
        if at < *end {
            missing.push((at, *end));
        }
    }
    missing
}

/// The first moment from `from` on, within [`COMPARED_DAYS`], at which both say that there is a recording.
pub fn first_overlap(one: &Schedule, other: &Schedule, zone: Zone, from: i64) -> Option<i64> {
    let to = from.saturating_add(COMPARED_DAYS * DAY_MS);
    let (ones, others) = (spans(&[*one], zone, from, to), spans(&[*other], zone, from, to));
    let (mut left, mut right) = (ones.iter().peekable(), others.iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let start = a.0.max(b.0);
        if start < a.1.min(b.1) {
            return Some(start);
        }
        if a.1 <= b.1 {
            left.next()
        } else {
            right.next()
        };
    }
    None
}

/// How far the clocks of a zone are ahead of UTC, in stretches between two moments in which that stays the same: beginning, end, milliseconds ahead.
fn offsets(zone: Zone, from: i64, to: i64) -> Vec<(i64, i64, i64)> {
    let offset = |at: i64| {
        let at = DateTime::from_timestamp_millis(at).unwrap_or_default();
        i64::from(zone.tz().offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()) * SECOND_MS
    };
    // No zone changes twice within this.
    const STEP: i64 = 6 * HOUR_MS;
    let mut stretches = Vec::new();
    let (mut start, mut current) = (from, offset(from));
    let mut at = from;
    while at < to {
        let next = (at + STEP).min(to);
        let later = offset(next);
        if later != current {
            let (mut low, mut high) = (at, next);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if offset(middle) == current { low = middle } else { high = middle }
            }
            stretches.push((start, high, current));
            (start, current) = (high, later);
        }
        at = next;
    }
    if start < to {
        stretches.push((start, to, current));
    }
    stretches
}

#[cfg(test)]
mod tests;
