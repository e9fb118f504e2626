//! How many people came.

use charts::{Axis, Chart, LineSeries, Lines, Unit};
use http::HeaderMap;
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::input::Input;
use kit::request::{Now, Query};
use pictures::{Look, Picture, Png, Svg};

use super::grid::{Grid, Row};
use super::named::Names;
use super::places::{self, Wall};
use crate::footfall::{FootfallFigure, FootfallFilters, FootfallPeriod, figures};

/// Of which temples, and how the picture is to look.
#[derive(Input)]
pub struct FootfallPicture {
    #[input(flatten)]
    filters: FootfallFilters,
    #[input(flatten)]
    look: Look,
}

/// Draws how many people came to temples as SVG.
#[utoipa::path(get, path = "/api/analytics/charts/footfall.svg")]
pub async fn svg(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<FootfallPicture>) -> Answer<Picture<Svg>> {
    Picture::of(&chart(&asked.filters, now)?, &asked.look, &headers)
}

/// Draws how many people came to temples as PNG.
#[utoipa::path(get, path = "/api/analytics/charts/footfall.png")]
pub async fn png(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<FootfallPicture>) -> Answer<Picture<Png>> {
    Picture::of(&chart(&asked.filters, now)?, &asked.look, &headers)
}

const CAME: &str = "Let in";
const BOOKED: &str = "Booked";
const MEAN: &str = "Mean";
const MOST: &str = "Most in a quarter of an hour";

fn chart(filters: &FootfallFilters, now: i64) -> Answer<Chart> {
    let footfall = figures(filters, now)?;
    let names = Names::load(&filters.scope)?;
    let by = filters.period.unwrap_or(FootfallPeriod::Daily);
    let places = places::of_ranges(&footfall.ranges, by.period())?;
    let knows_bookings = footfall.items.iter().any(|figure| figure.booked > 0);
    let is_one = filters.scope.site.is_some();
    let mut grid = Grid::default();
    for figure in &footfall.items {
        add(&mut grid, figure, knows_bookings, if is_one { None } else { Some(names.of(&figure.site)) });
    }
    let (rows, note) = grid.largest(&places);
    let (what, unit_of) = if knows_bookings { ("people who came", "People") } else { ("people who were there", "People counted") };
    let per = match by {
        FootfallPeriod::Daily => "day",
        FootfallPeriod::Weekly => "week",
        FootfallPeriod::Monthly => "month",
    };
    let measure = if knows_bookings { format!("{unit_of} per {per}") } else { format!("{unit_of}, by {per}") };
    let is_filled = rows.len() <= 2;
    let series = |row: Row| LineSeries {
        filled: is_filled && matches!(row.name.as_str(), CAME | MEAN),
        dashed: is_one && row.name == BOOKED,
        name: row.name,
        values: row.values,
        ..LineSeries::default()
    };
    Ok(Chart::Lines(Lines {
        heading: names.heading(&format!("{what}, by {per}"), &footfall.ranges, &[note]),
        places: places.iter().map(|place| place.label(by.period())).collect(),
        measure: Axis::new(measure).unit(Unit::whole()),
        series: rows.into_iter().map(series).collect(),
        ..Lines::default()
    }))
}

/// Of one site what is known of it; of several each one's people.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn add(grid: &mut Grid, figure: &FootfallFigure, knows_bookings: bool, site: Option<String>) {
    let place = Wall::of(figure.date);
    match (site, knows_bookings) {
        (Some(site), true) => grid.insert(&site, place, figure.footfall as f64),
        (Some(site), false) => figure.mean_people.into_iter().for_each(|mean| grid.insert(&site, place, mean)),
        (None, true) => {
            grid.insert(CAME, place, figure.footfall as f64);
            grid.insert(BOOKED, place, figure.booked as f64);
        }
        (None, false) => {
            figure.mean_people.into_iter().for_each(|mean| grid.insert(MEAN, place, mean));
            figure.peak_people.into_iter().for_each(|peak| grid.insert(MOST, place, peak));
        }
    }
}
