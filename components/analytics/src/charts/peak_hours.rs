//! Which hours are the fullest.

use std::collections::BTreeMap;

use charts::{Axis, Cell, Chart, ColourScale, HeatMap, HeatRow, Label, Unit};
use domain::analytics::{HourOfWeek, Period, Span};
use domain::booking_slot::Zone;
use http::HeaderMap;
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::input::Input;
use kit::request::{Now, Query};
use pictures::{Look, Picture, Png, Svg};

use super::named::Names;
use crate::peak_hours::{PeakHour, PeakHourFilters, PeakHours, figures};
use crate::people::people;
use crate::scope::SiteRange;
use crate::sums::{By, sums};

/// How many hours are summed up by one statement.
const CHUNK: usize = 28 * 24;
/// The most sites of one picture.
const MOST_SITES: usize = 40;
const HOURS: i64 = 24;

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Of which sites and days, and how the picture is to look. Of one site the hours of each day of the week; of several the hours of each.
#[derive(Input)]
pub struct PeakHoursPicture {
    #[input(flatten)]
    filters: PeakHourFilters,
    #[input(flatten)]
    look: Look,
}

/// Draws which hours are the fullest as SVG.
#[utoipa::path(get, path = "/api/analytics/charts/peak-hours.svg")]
pub async fn svg(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<PeakHoursPicture>) -> Answer<Picture<Svg>> {
    Picture::of(&chart(&asked.filters, now)?, &asked.look, &headers)
}

/// Draws which hours are the fullest as PNG.
#[utoipa::path(get, path = "/api/analytics/charts/peak-hours.png")]
pub async fn png(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<PeakHoursPicture>) -> Answer<Picture<Png>> {
    Picture::of(&chart(&asked.filters, now)?, &asked.look, &headers)
}

fn chart(filters: &PeakHourFilters, now: i64) -> Answer<Chart> {
    let peak_hours = figures(filters, now)?;
    let names = Names::load(&filters.scope)?;
    let has_people = peak_hours.items.iter().any(|hour| hour.people.is_some());
    let rows = match (filters.scope.site.is_some(), peak_hours.ranges.first()) {
        (true, Some(range)) => weekdays(filters, range, has_people)?,
        _ => sites(&peak_hours, &names, has_people),
    };
    let mut clocks: Vec<_> = peak_hours.ranges.iter().map(|range| range.time_zone.as_str()).collect();
    clocks.sort_unstable();
    clocks.dedup();
    let clock = if let [clock] = clocks.as_slice() { *clock } else { "each site's clock" };
    let (what, measure) = if has_people { ("people by hour", "Mean people") } else { ("occupied spots by hour", "Mean occupied spots") };
    let what = if filters.scope.site.is_some() { format!("{what} and weekday") } else { what.to_owned() };
    Ok(Chart::HeatMap(HeatMap {
        heading: names.heading(&what, &peak_hours.ranges, &[]),
        across: Axis::new(format!("Hour of the day ({clock})")),
        columns: (0..HOURS).map(|hour| Label::new(format!("{hour:02}")).rank(u8::from(hour % 6 == 0))).collect(),
        rows,
        scale: ColourScale { measure: Axis::new(measure).unit(Unit::whole()), ..ColourScale::default() },
        unknown: "not counted".to_owned(),
    }))
}

fn row(name: String, value: impl Fn(i64) -> Option<f64>) -> HeatRow {
    HeatRow { name, cells: (0..HOURS).map(|hour| Cell { value: value(hour), figure: None }).collect() }
}

/// A row for each site of which anything is known.
fn sites(peak_hours: &PeakHours, names: &Names, has_people: bool) -> Vec<HeatRow> {
    let mut by_site: BTreeMap<&str, BTreeMap<i64, &PeakHour>> = BTreeMap::new();
    for hour in &peak_hours.items {
        by_site.entry(&hour.site).or_default().insert(hour.hour, hour);
    }
    let figure = |hour: &&PeakHour| if has_people { hour.people } else { hour.occupied };
    let known = by_site.into_iter().filter(|(_, hours)| hours.values().any(|hour| figure(hour).is_some()));
    known.take(MOST_SITES).map(|(site, hours)| row(names.of(site), |hour| hours.get(&hour).and_then(figure))).collect()
}

/// A row for each day of the week that is asked for, in the mean of the days of the range.
fn weekdays(filters: &PeakHourFilters, range: &SiteRange, has_people: bool) -> Answer<Vec<HeatRow>> {
    let Some(clock) = Zone::parse(&range.time_zone) else { return Ok(Vec::new()) };
    let zone = filters.scope.zone.as_deref();
    let hours: Vec<Span> = Period::Hour.spans(Span { start: range.from.0, end: range.to.0 }, clock).collect();
    let mut means: BTreeMap<(i64, i64), (f64, f64)> = BTreeMap::new();
    for hours in hours.chunks(CHUNK) {
        let found: Vec<(i64, f64)> = if has_people {
            people(&range.site, zone, hours)?.into_iter().map(|found| (found.span, found.mean)).collect()
        } else {
            sums(&range.site, zone, None, By::Site, hours)?.into_iter().map(|found| (found.span, found.occupied)).collect()
        };
        for (index, value) in found {
            let Some(span) = usize::try_from(index).ok().and_then(|index| hours.get(index)) else { continue };
            let place = HourOfWeek::of(span.start, clock);
            let (sum, count) = means.entry((place.weekday, place.hour)).or_default();
            (*sum, *count) = (*sum + value, *count + 1.0);
        }
    }
    let wanted = (1..).zip(WEEKDAYS).filter(|(weekday, _)| filters.weekday.is_none_or(|only| *only == *weekday));
    let mean = |weekday: i64, hour: i64| means.get(&(weekday, hour)).map(|(sum, count)| sum / count);
    Ok(wanted.map(|(weekday, name)| row(name.to_owned(), |hour| mean(weekday, hour))).collect())
}
