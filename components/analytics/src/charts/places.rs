//! The places of a time axis: moments by the sites' clocks, so that those of several sites lie on each other.

use charts::Label;
use domain::analytics::{Period, Span};
use domain::booking_slot::{Date, Zone};
use domain::time::{DAY_MS, MINUTE_MS};
use domain::transit_clock::offset_ms;
use kit::Problem;

use crate::scope::SiteRange;

/// The most places of an axis: no screen has room for more.
const MOST: usize = 2_000;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment by a site's clock: milliseconds since 1970-01-01 00:00 on its wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(i64);

impl Wall {
    /// Of this moment; of a period of days or longer, the beginning of the day.
    pub fn at(moment: i64, time_zone: &str, period: Period) -> Self {
        let wall = moment.saturating_add(offset_ms(time_zone, moment));
        match period {
            Period::Quarter | Period::Hour => Self(wall),
            Period::Day | Period::Week | Period::Month => Self(wall - wall.rem_euclid(DAY_MS)),
        }
    }

    /// Of the beginning of this day.
    pub fn of(date: Date) -> Self {
        Self(date.epoch_days().saturating_mul(DAY_MS))
    }

    fn date(self) -> Option<Date> {
        Date::from_epoch_days(self.0.div_euclid(DAY_MS))
    }

    fn time(self) -> String {
        let minutes = self.0.rem_euclid(DAY_MS) / MINUTE_MS;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// Its name on an axis of these periods. The beginnings of what is longer matter more.
    pub fn label(self, period: Period) -> Label {
        let Some(date) = self.date() else { return Label::new(self.time()) };
        let (year, month, day) = parts(date);
        let is_midnight = self.0.rem_euclid(DAY_MS) == 0;
        let of_day = format!("{day} {month}");
        match period {
            Period::Month => Label::new(format!("{month} {year}")).rank(u8::from(month == "Jan")),
            Period::Week => Label::new(of_day).full(format!("the week of {day} {month} {year}")).rank(u8::from(day <= 7)),
            Period::Day => Label::new(of_day).rank(if day == 1 { 2 } else { u8::from(date.weekday() == 1) }),
            Period::Quarter | Period::Hour if is_midnight => {
                Label::new(&of_day).full(format!("{of_day} 00:00")).rank(if day == 1 { 4 } else { 3 })
            }
            Period::Quarter | Period::Hour => {
                let time = self.time();
                let rank = match time.as_str() {
                    "12:00" => 2,
                    time if time.ends_with(":00") => 1,
                    _ => 0,
                };
                Label::new(&time).full(format!("{of_day} {time}")).rank(rank)
            }
        }
    }
}

/// Year, month and day.
fn parts(date: Date) -> (String, &'static str, u8) {
    let text = date.to_string();
    let mut parts = text.split('-');
    let year = parts.next().unwrap_or_default().to_owned();
    let mut number = || parts.next().and_then(|part| part.parse::<u8>().ok()).unwrap_or(1);
    let month = usize::from(number()).checked_sub(1).and_then(|month| MONTHS.get(month)).copied().unwrap_or("Jan");
    (year, month, number())
}

fn day(date: Date) -> String {
    let (year, month, day) = parts(date);
    format!("{day} {month} {year}")
}

/// All places of these ranges divided by this period, in order; 422 for more than an axis has room for.
pub fn of_ranges(ranges: &[SiteRange], period: Period) -> Result<Vec<Wall>, Problem> {
    let mut places = Vec::new();
    for range in ranges {
        let Some(zone) = Zone::parse(&range.time_zone) else { continue };
        let span = Span { start: range.from.0, end: range.to.0 };
        // Of a range that is too long no more is gone through than shows it.
        let starts = period.spans(span, zone).take(MOST.saturating_add(1));
        places.extend(starts.map(|span| Wall::at(span.start, &range.time_zone, period)));
        places.sort_unstable();
        places.dedup();
        if places.len() > MOST {
            return Err(Problem::invalid_field("from", format!("makes more than {MOST} points: ask for less time, or for longer periods")));
        }
    }
    Ok(places)
}

/// From when to when, and by which clocks: `1 Nov 2026 to 30 Nov 2026 (Asia/Kolkata)`.
pub fn said(ranges: &[SiteRange]) -> String {
    let wall = |moment: i64, range: &SiteRange| Zone::parse(&range.time_zone).map(|zone| zone.wall(moment));
    let first = ranges.iter().min_by_key(|range| range.from.0).and_then(|range| wall(range.from.0, range));
    let end = ranges.iter().max_by_key(|range| range.to.0);
    let last = end.and_then(|range| wall(range.to.0.saturating_sub(1), range).zip(wall(range.to.0, range)));
    let (Some((first, from)), Some(((last_day, _), (end_day, to)))) = (first, last) else { return String::new() };
    let from = if from == "00:00" { day(first) } else { format!("{} {from}", day(first)) };
    let to = if to == "00:00" { day(last_day) } else { format!("{} {to}", day(end_day)) };
    let mut zones: Vec<_> = ranges.iter().map(|range| range.time_zone.as_str()).collect();
    zones.sort_unstable();
    zones.dedup();
    let clock = if let [zone] = zones.as_slice() { (*zone).to_owned() } else { "each site's clock".to_owned() };
    format!("{from} to {to} ({clock})")
}

#[cfg(test)]
mod tests {
    use domain::time::HOUR_MS;
    use kit::input::Timestamp;

    use super::*;

    /// 2026-11-24T18:30:00Z, midnight in India.
    const MIDNIGHT: i64 = 1_795_545_000_000;

    fn range(days: i64, time_zone: &str) -> SiteRange {
        let (from, to) = (Timestamp(MIDNIGHT), Timestamp(MIDNIGHT + days * DAY_MS));
        SiteRange { site: "somnath".to_owned(), time_zone: time_zone.to_owned(), from, to }
    }

    #[test]
    fn places_are_named_by_the_clock_of_the_site() {
        let label = |moment: i64, period| Wall::at(moment, "Asia/Kolkata", period).label(period);
        let midnight = label(MIDNIGHT, Period::Hour);
        assert_eq!((midnight.text.as_str(), midnight.full.as_str(), midnight.rank), ("25 Nov", "25 Nov 00:00", 3));
        let hour = label(MIDNIGHT + 6 * HOUR_MS, Period::Hour);
        assert_eq!((hour.text.as_str(), hour.full.as_str(), hour.rank), ("06:00", "25 Nov 06:00", 1));
        assert_eq!(label(MIDNIGHT + HOUR_MS, Period::Day).text, "25 Nov");
        assert_eq!(label(MIDNIGHT, Period::Month).text, "Nov 2026");
        // A Monday.
        assert_eq!(label(MIDNIGHT + 5 * DAY_MS, Period::Day).rank, 1);
        assert_eq!(label(MIDNIGHT + 6 * DAY_MS, Period::Day).rank, 2);
    }

    #[test]
    fn sites_of_one_clock_share_their_places() {
        let ranges = [range(2, "Asia/Kolkata"), range(2, "Asia/Kolkata")];
        assert_eq!(of_ranges(&ranges, Period::Day).unwrap().len(), 2);
        assert_eq!(of_ranges(&ranges, Period::Hour).unwrap().len(), 48);
        assert_eq!(of_ranges(&[range(100, "Asia/Kolkata")], Period::Hour).unwrap_err().errors().len(), 1);
    }

    #[test]
    fn a_range_is_said_in_whole_days_where_it_is_of_whole_days() {
        assert_eq!(said(&[range(2, "Asia/Kolkata")]), "25 Nov 2026 to 26 Nov 2026 (Asia/Kolkata)");
        let both = [range(2, "Asia/Kolkata"), range(2, "UTC")];
        assert!(said(&both).ends_with("(each site's clock)"));
        assert_eq!(said(&[range(1, "UTC")]), "24 Nov 2026 18:30 to 25 Nov 2026 18:30 (UTC)");
        assert_eq!(said(&[]), "");
    }
}
