//! How full spots were.

use charts::{Axis, Chart, LineSeries, Lines, Unit};
use domain::analytics::Period;
use http::HeaderMap;
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::input::Input;
use kit::request::{Now, Query};
use pictures::{Look, Picture, Png, Svg};

use super::grid::{Grid, Row};
use super::named::Names;
use super::places::{self, Wall};
use crate::occupancy::{Occupancy, OccupancyFigure, OccupancyFilters, figures};
use crate::sums::By;

/// Of which spots, and how the picture is to look.
#[derive(Input)]
pub struct OccupancyPicture {
    #[input(flatten)]
    filters: OccupancyFilters,
    #[input(flatten)]
    look: Look,
}

/// Draws how full spots were as SVG.
///
/// Sites are told apart, and within them what `by` says; without it nothing.
#[utoipa::path(get, path = "/api/analytics/charts/occupancy.svg")]
pub async fn svg(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<OccupancyPicture>) -> Answer<Picture<Svg>> {
    Picture::of(&chart(&asked.filters, now)?, &asked.look, &headers)
}

/// Draws how full spots were as PNG.
///
/// Sites are told apart, and within them what `by` says; without it nothing.
#[utoipa::path(get, path = "/api/analytics/charts/occupancy.png")]
pub async fn png(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<OccupancyPicture>) -> Answer<Picture<Png>> {
    Picture::of(&chart(&asked.filters, now)?, &asked.look, &headers)
}

fn chart(filters: &OccupancyFilters, now: i64) -> Answer<Chart> {
    let filters = OccupancyFilters { by: filters.by.or(Some(By::Site)), ..filters.clone() };
    let period = filters.period.unwrap_or(Period::Hour);
    let occupancy = figures(&filters, now)?;
    let places = places::of_ranges(&occupancy.ranges, period)?;
    let names = Names::load(&filters.scope)?;
    let is_one = filters.scope.site.is_some();
    let mut grid = Grid::default();
    for figure in &occupancy.items {
        let place = Wall::at(figure.start.0, time_zone(&occupancy, &figure.site), period);
        figure.occupancy_rate.into_iter().for_each(|rate| grid.insert(&name(figure, &names, is_one), place, rate));
    }
    let (rows, note) = grid.largest(&places);
    let is_alone = rows.len() == 1;
    let series = |row: Row| LineSeries { name: row.name, values: row.values, filled: is_alone, ..LineSeries::default() };
    let per = match period {
        Period::Quarter => "quarter of an hour",
        period => period.into_str(),
    };
    Ok(Chart::Lines(Lines {
        heading: names.heading(&format!("occupied spots, mean by {per}"), &occupancy.ranges, &[note]),
        places: places.iter().map(|place| place.label(period)).collect(),
        measure: Axis::new("Occupied, % of the spots whose state was known").unit(Unit::after(" %")),
        series: rows.into_iter().map(series).collect(),
        ..Lines::default()
    }))
}

fn time_zone<'a>(occupancy: &'a Occupancy, site: &str) -> &'a str {
    occupancy.ranges.iter().find(|range| range.site == site).map_or("UTC", |range| &range.time_zone)
}

/// By what a figure is told from others.
fn name(figure: &OccupancyFigure, names: &Names, is_one: bool) -> String {
    let site = (!is_one).then(|| names.of(&figure.site));
    let kind = figure.kind.map(|kind| kind.into_str().replace('_', " "));
    let parts: Vec<_> = [site, figure.zone.clone(), kind].into_iter().flatten().collect();
    if parts.is_empty() { "All spots".to_owned() } else { parts.join(", ") }
}
