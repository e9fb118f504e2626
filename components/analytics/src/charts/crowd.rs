//! How many people there were.

use charts::{Axis, Chart, LineSeries, Lines, Unit};
use domain::analytics::{Period, Span, rounded};
use http::HeaderMap;
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::input::Input;
use kit::request::{Now, Query};
use pictures::{Look, Picture, Png, Svg};

use super::grid::{Grid, Row};
use super::named::Names;
use super::places::{self, Wall};
use crate::people::people;
use crate::scope::{Days, Ranged, Scope, SiteRange};

/// How many hours are summed up by one statement.
const CHUNK: usize = 28 * 24;
/// The last week unless a range is given.
const DAYS: Days = Days { default: 7, most: 83 };
/// The series of the fullest quarters of each hour, of which the band is made.
const FULLEST: &str = "fullest";
const MEAN: &str = "Mean of the hour";

/// Of which sites, and how the picture is to look.
#[derive(Input)]
pub struct CrowdPicture {
    #[input(flatten)]
    scope: Scope,
    #[input(flatten)]
    look: Look,
}

/// Draws how many people there were in each hour as SVG.
#[utoipa::path(get, path = "/api/analytics/charts/crowd.svg")]
pub async fn svg(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<CrowdPicture>) -> Answer<Picture<Svg>> {
    Picture::of(&chart(&asked.scope, now)?, &asked.look, &headers)
}

/// Draws how many people there were in each hour as PNG.
#[utoipa::path(get, path = "/api/analytics/charts/crowd.png")]
pub async fn png(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<CrowdPicture>) -> Answer<Picture<Png>> {
    Picture::of(&chart(&asked.scope, now)?, &asked.look, &headers)
}

fn chart(scope: &Scope, now: i64) -> Answer<Chart> {
    let ranged = scope.ranges(now, DAYS)?;
    let ranges: Vec<SiteRange> = ranged.iter().map(SiteRange::from).collect();
    let places = places::of_ranges(&ranges, Period::Hour)?;
    let names = Names::load(scope)?;
    let is_one = scope.site.is_some();
    let mut grid = Grid::default();
    let mut fullest = Grid::default();
    for Ranged { site, span } in &ranged {
        let hours: Vec<Span> = Period::Hour.spans(*span, site.clock).collect();
        let name = if is_one { MEAN.to_owned() } else { names.of(&site.slug) };
        for hours in hours.chunks(CHUNK) {
            for found in people(&site.slug, scope.zone.as_deref(), hours)? {
                let Some(hour) = usize::try_from(found.span).ok().and_then(|index| hours.get(index)) else { continue };
                let place = Wall::at(hour.start, &site.time_zone, Period::Hour);
                grid.insert(&name, place, rounded(found.mean, 1));
                fullest.insert(FULLEST, place, rounded(found.peak, 1));
            }
        }
    }
    let (rows, note) = grid.largest(&places);
    let fullest = fullest.largest(&places).0.pop().filter(|_| is_one);
    let band = |row: &Row| {
        let fullest = fullest.as_ref().map(|fullest| fullest.values.as_slice()).unwrap_or_default();
        row.values.iter().zip(fullest).map(|(mean, fullest)| mean.zip(*fullest)).collect()
    };
    let series = |row: Row| LineSeries {
        band: band(&row),
        band_name: "up to the fullest quarter of an hour".to_owned(),
        name: row.name,
        values: row.values,
        ..LineSeries::default()
    };
    Ok(Chart::Lines(Lines {
        heading: names.heading("people by hour", &ranges, &[note]),
        places: places.iter().map(|place| place.label(Period::Hour)).collect(),
        measure: Axis::new("People in the zones that are counted").unit(Unit::whole()),
        series: rows.into_iter().map(series).collect(),
        ..Lines::default()
    }))
}
