//! Which hours of the day are the fullest.

use domain::analytics::{HourOfWeek, Period, Span, percent, rounded};
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::input::{Input, Int, Timestamp};
use kit::request::{Now, Query};
use kit::table::{Format, Table, Tabular};
use kit::table_row;
use serde::Serialize;
use utoipa::ToSchema;

use crate::people::people;
use crate::scope::{Days, Ranged, Scope, SiteRange};
use crate::sums::{By, sums};

/// How many hours are summed up by one statement.
const CHUNK: usize = 28 * 24;
/// The hours of a day.
const HOURS: usize = 24;

/// Of which sites, and of which days.
#[derive(Clone, Input)]
pub struct PeakHourFilters {
    #[input(flatten)]
    pub scope: Scope,
    /// Only this day of the week, from 1, Monday, to 7, Sunday.
    pub weekday: Option<Int<1, 7>>,
}

/// Which hours of the day are the fullest.
#[derive(Serialize, ToSchema)]
pub struct PeakHours {
    /// When this was worked out.
    pub generated_at: Timestamp,
    /// The range of each site.
    pub ranges: Vec<SiteRange>,
    /// The hours of the day, by each site's clock. Those of which nothing is known are left out.
    pub items: Vec<PeakHour>,
}

/// An hour of the day, in the mean of the days.
#[derive(Debug, Serialize, ToSchema)]
pub struct PeakHour {
    /// The site's slug.
    pub site: String,
    /// From 0 to 23.
    pub hour: i64,
    /// Mean people in the zones that are counted; null when nobody was counted.
    pub people: Option<f64>,
    /// The most people in a quarter of an hour; null when nobody was counted.
    pub peak_people: Option<f64>,
    /// Mean occupied spots; null when nothing is known of spots.
    pub occupied: Option<f64>,
    /// Those occupied of those whose state was known, per cent; null when nothing is known of spots.
    pub occupancy_rate: Option<f64>,
    /// Vehicles that came, in the mean of the days; null when nothing is known of spots.
    pub arrivals: Option<f64>,
    /// How many hours this is the mean of.
    pub sample_hours: i64,
    /// 1 for the fullest hour of the site: by people where they are counted, else by occupied spots.
    pub rank: i64,
}

table_row!(PeakHour { site, hour, people, peak_people, occupied, occupancy_rate, arrivals, sample_hours, rank });

impl Tabular for PeakHours {
    type Row = PeakHour;
    const NAME: &'static str = "peak-hours";

    fn into_rows(self) -> Vec<PeakHour> {
        self.items
    }
}

/// Ranks the hours of the day by how full they are.
///
/// Of the last four weeks unless a range is given, at most 92 days.
#[utoipa::path(get, path = "/api/analytics/peak-hours")]
pub async fn peak_hours(
    _: Caller<Operator>,
    Now(now): Now,
    format: Format,
    Query(filters): Query<PeakHourFilters>,
) -> Answer<Table<PeakHours>> {
    Table::of(format, figures(&filters, now)?)
}

/// The hours of the day of a range.
pub(crate) fn figures(filters: &PeakHourFilters, now: i64) -> Answer<PeakHours> {
    let ranges = filters.scope.ranges_of_zones(now, Days { default: 28, most: 92 })?;
    let mut items = Vec::new();
    for ranged in &ranges {
        items.extend(of_site(ranged, filters)?);
    }
    Ok(PeakHours { generated_at: Timestamp(now), ranges: ranges.iter().map(SiteRange::from).collect(), items })
}

#[derive(Clone, Default)]
struct Sum {
    people_hours: i64,
    people: f64,
    peak_people: f64,
    spot_hours: i64,
    occupied: f64,
    known: f64,
    arrivals: i64,
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn mean(sum: f64, count: i64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}

fn of_site(Ranged { site, span }: &Ranged, filters: &PeakHourFilters) -> Answer<Vec<PeakHour>> {
    let zone = filters.scope.zone.as_deref();
    let wanted = |span: &Span| {
        let place = HourOfWeek::of(span.start, site.clock);
        filters.weekday.is_none_or(|weekday| *weekday == place.weekday)
    };
    let hours: Vec<Span> = Period::Hour.spans(*span, site.clock).filter(wanted).collect();
    let mut sums_by_hour = vec![Sum::default(); HOURS];
    for hours in hours.chunks(CHUNK) {
        let place = |index: i64| {
            let span = usize::try_from(index).ok().and_then(|index| hours.get(index))?;
            usize::try_from(HourOfWeek::of(span.start, site.clock).hour).ok()
        };
        for found in people(&site.slug, zone, hours)? {
            if let Some(sum) = place(found.span).and_then(|hour| sums_by_hour.get_mut(hour)) {
                sum.people_hours += 1;
                sum.people += found.mean;
                sum.peak_people = sum.peak_people.max(found.peak);
            }
        }
        for found in sums(&site.slug, zone, None, By::Site, hours)? {
            if let Some(sum) = place(found.span).and_then(|hour| sums_by_hour.get_mut(hour)) {
                sum.spot_hours += 1;
                sum.occupied += found.occupied;
                sum.known += found.known;
                sum.arrivals += found.arrivals;
            }
        }
    }
    Ok(ranked(&site.slug, &sums_by_hour))
}

/// The hours of which anything is known, in the order of the day, each with its rank.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn ranked(site: &str, sums: &[Sum]) -> Vec<PeakHour> {
    let is_counted = sums.iter().any(|sum| sum.people_hours > 0);
    let fullness = |sum: &Sum| if is_counted { mean(sum.people, sum.people_hours) } else { mean(sum.occupied, sum.spot_hours) };
    let hour = |(hour, sum): (usize, &Sum)| {
        let own = fullness(sum).unwrap_or_default();
        let fuller = sums.iter().filter(|other| fullness(other).is_some_and(|other| other > own)).count();
        PeakHour {
            site: site.to_owned(),
            hour: i64::try_from(hour).unwrap_or_default(),
            people: mean(sum.people, sum.people_hours).map(|people| rounded(people, 1)),
            peak_people: (sum.people_hours > 0).then(|| rounded(sum.peak_people, 1)),
            occupied: mean(sum.occupied, sum.spot_hours).map(|occupied| rounded(occupied, 2)),
            occupancy_rate: percent(sum.occupied, sum.known),
            arrivals: mean(sum.arrivals as f64, sum.spot_hours).map(|arrivals| rounded(arrivals, 2)),
            sample_hours: sum.people_hours.max(sum.spot_hours),
            rank: i64::try_from(fuller).unwrap_or_default() + 1,
        }
    };
    sums.iter().enumerate().filter(|(_, sum)| sum.people_hours > 0 || sum.spot_hours > 0).map(hour).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_hour_is_the_first_and_equals_share_a_rank() {
        let of = |people: f64| Sum { people_hours: 2, people, ..Sum::default() };
        let sums = [of(10.0), of(30.0), Sum::default(), of(10.0), of(4.0)];
        let ranks: Vec<_> = ranked("somnath", &sums).iter().map(|hour| (hour.hour, hour.rank)).collect();
        assert_eq!(ranks, [(0, 2), (1, 1), (3, 2), (4, 4)]);
        assert_eq!(ranked("somnath", &sums)[1].people, Some(15.0));
        assert_eq!(ranked("somnath", &sums)[1].occupied, None);
    }
}
