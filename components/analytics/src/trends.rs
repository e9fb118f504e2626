//! What is usual of each hour of the week, and how weeks compare.

use std::collections::{BTreeMap, BTreeSet};

use domain::analytics::{HourOfWeek, MAX_DAYS, Period, Span, change_percent, percent, rounded};
use domain::booking_slot::Date;
use domain::spot::Kind;
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::input::{Input, Timestamp};
use kit::request::{Now, Query};
use kit::table::{Format, Table, Tabular};
use kit::table_row;
use serde::Serialize;
use utoipa::ToSchema;

use crate::scope::{Days, Ranged, Scope, SiteRange};
use crate::sums::{By, SpanSum, sums};

/// How many hours are summed up by one statement.
const CHUNK: usize = 28 * 24;

/// Of which spots.
#[derive(Clone, Input)]
pub struct TrendFilters {
    #[input(flatten)]
    pub scope: Scope,
    /// Only spots of this kind.
    pub kind: Option<Kind>,
}

/// What is usual of each hour of the week, and how weeks compare.
#[derive(Serialize, ToSchema)]
pub struct Trends {
    /// When this was worked out.
    pub generated_at: Timestamp,
    /// The range of each site.
    pub ranges: Vec<SiteRange>,
    /// The hours of the week, by each site's clock. Those of which nothing is known are left out.
    pub items: Vec<UsualHour>,
    /// The weeks of the range, in order.
    pub weeks: Vec<WeekFigure>,
}

/// What is usual of an hour of the week.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsualHour {
    /// The site's slug.
    pub site: String,
    /// From 1, Monday, to 7, Sunday.
    pub weekday: i64,
    /// From 0 to 23.
    pub hour: i64,
    /// Mean occupied spots.
    pub occupied: f64,
    /// Those occupied of those whose state was known, per cent.
    pub occupancy_rate: Option<f64>,
    /// Vehicles that came, in the mean of the days.
    pub arrivals: f64,
    /// Vehicles that left, in the mean of the days.
    pub departures: f64,
    /// How many days this is the mean of.
    pub sample_days: i64,
}

table_row!(UsualHour { site, weekday, hour, occupied, occupancy_rate, arrivals, departures, sample_days });

/// A week, and how it compares with the one before.
#[derive(Debug, Serialize, ToSchema)]
pub struct WeekFigure {
    /// The site's slug.
    pub site: String,
    /// Its Monday.
    pub week: Date,
    /// Mean occupied spots of its hours.
    pub occupied: f64,
    /// Those occupied of those whose state was known, per cent.
    pub occupancy_rate: Option<f64>,
    /// Vehicles that came.
    pub arrivals: i64,
    /// Vehicles that left.
    pub departures: i64,
    /// How many of its hours are known.
    pub sample_hours: i64,
    /// By how much per cent `occupied` differs from the week before, of the hours that are known of both; null when there are none.
    pub change_percent: Option<f64>,
    /// How many hours are known of both.
    pub compared_hours: i64,
}

impl Tabular for Trends {
    type Row = UsualHour;
    const NAME: &'static str = "trends";

    fn into_rows(self) -> Vec<UsualHour> {
        self.items
    }
}

/// What is usual of each hour of the week, and how weeks compare.
///
/// Of the last eight weeks unless a range is given. CSV and NDJSON have the hours of the week.
#[utoipa::path(get, path = "/api/analytics/trends")]
pub async fn trends(_: Caller<Operator>, Now(now): Now, format: Format, Query(filters): Query<TrendFilters>) -> Answer<Table<Trends>> {
    Table::of(format, figures(&filters, now)?)
}

/// The trends of a range.
pub(crate) fn figures(filters: &TrendFilters, now: i64) -> Answer<Trends> {
    let ranges = filters.scope.ranges_of_zones(now, Days { default: 56, most: MAX_DAYS })?;
    let (mut items, mut weeks) = (Vec::new(), Vec::new());
    for ranged in &ranges {
        let site = SiteTrends::of(ranged, filters)?;
        items.extend(site.hours());
        weeks.extend(site.weeks());
    }
    Ok(Trends { generated_at: Timestamp(now), ranges: ranges.iter().map(SiteRange::from).collect(), items, weeks })
}

#[derive(Default)]
struct Sum {
    hours: i64,
    occupied: f64,
    known: f64,
    arrivals: i64,
    departures: i64,
    days: BTreeSet<Date>,
}

impl Sum {
    fn add(&mut self, sum: &SpanSum, date: Date) {
        self.hours += 1;
        self.occupied += sum.occupied;
        self.known += sum.known;
        self.arrivals += sum.arrivals;
        self.departures += sum.departures;
        self.days.insert(date);
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn mean(value: f64, count: i64) -> f64 {
        rounded(value / count.max(1) as f64, 2)
    }
}

#[derive(Default)]
struct Week {
    sum: Sum,
    /// Mean occupied spots by the hour of the week; the hour that is there twice counts once, with its second half.
    by_hour: BTreeMap<HourOfWeek, f64>,
}

struct SiteTrends<'a> {
    site: &'a str,
    by_hour: BTreeMap<HourOfWeek, Sum>,
    by_week: BTreeMap<Date, Week>,
}

impl<'a> SiteTrends<'a> {
    fn of(Ranged { site, span }: &'a Ranged, filters: &TrendFilters) -> Answer<Self> {
        let mut trends = Self { site: &site.slug, by_hour: BTreeMap::new(), by_week: BTreeMap::new() };
        let hours: Vec<Span> = Period::Hour.spans(*span, site.clock).collect();
        for hours in hours.chunks(CHUNK) {
            for sum in sums(&site.slug, filters.scope.zone.as_deref(), filters.kind, By::Site, hours)? {
                let Some(hour) = usize::try_from(sum.span).ok().and_then(|index| hours.get(index)) else { continue };
                let (date, place) = (Date::at(hour.start, site.clock), HourOfWeek::of(hour.start, site.clock));
                trends.by_hour.entry(place).or_default().add(&sum, date);
                let week = trends.by_week.entry(Date::at(Period::Week.start_of(hour.start, site.clock), site.clock)).or_default();
                week.by_hour.insert(place, sum.occupied);
                week.sum.add(&sum, date);
            }
        }
        Ok(trends)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    fn hours(&self) -> impl Iterator<Item = UsualHour> {
        self.by_hour.iter().map(|(HourOfWeek { weekday, hour }, sum)| {
            let days = i64::try_from(sum.days.len()).unwrap_or(i64::MAX);
            UsualHour {
                site: self.site.to_owned(),
                weekday: *weekday,
                hour: *hour,
                occupied: Sum::mean(sum.occupied, sum.hours),
                occupancy_rate: percent(sum.occupied, sum.known),
                arrivals: Sum::mean(sum.arrivals as f64, days),
                departures: Sum::mean(sum.departures as f64, days),
                sample_days: days,
            }
        })
    }

    fn weeks(&self) -> impl Iterator<Item = WeekFigure> {
        self.by_week.iter().map(|(monday, week)| {
            let before = Date::from_epoch_days(monday.epoch_days() - 7).and_then(|before| self.by_week.get(&before));
            let of_both = week.by_hour.iter().filter_map(|(hour, now)| Some((*before?.by_hour.get(hour)?, *now)));
            let (compared, was, is) = of_both.fold((0, 0.0, 0.0), |(count, was, is), (before, now)| (count + 1, was + before, is + now));
            WeekFigure {
                site: self.site.to_owned(),
                week: *monday,
                occupied: Sum::mean(week.sum.occupied, week.sum.hours),
                occupancy_rate: percent(week.sum.occupied, week.sum.known),
                arrivals: week.sum.arrivals,
                departures: week.sum.departures,
                sample_hours: week.sum.hours,
                change_percent: change_percent(was, is),
                compared_hours: compared,
            }
        })
    }
}
