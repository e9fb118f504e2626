//! How full each zone is at each hour of the day: as data, and drawn.

mod chart;
mod model;

use axum::Json;
use axum::extract::Path;
use http::HeaderMap;
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::input::Input;
use kit::request::{Now, Query};
use pictures::{Form, Look, Picture, Png, Svg};

use model::{HeatMap, HeatMapFilters};

/// Of which zones and which time, and how the picture is to look.
#[derive(Input)]
pub struct HeatMapPicture {
    #[input(flatten)]
    filters: HeatMapFilters,
    #[input(flatten)]
    look: Look,
}

/// Returns the heat map of a temple as data.
///
/// The mean of the counts at each hour of the site's day, over the last seven days unless another span is given, at most 92 days.
#[utoipa::path(get, path = "/api/crowd/temple/{id}/heatmap")]
pub async fn json(
    _: Caller<Operator>,
    Now(now): Now,
    Path(site): Path<String>,
    Query(filters): Query<HeatMapFilters>,
) -> Answer<Json<HeatMap>> {
    HeatMap::load(&site, &filters, now).map(Json)
}

/// Draws the heat map of a temple as SVG.
#[utoipa::path(get, path = "/api/crowd/temple/{id}/heatmap.svg")]
pub async fn svg(
    _: Caller<Operator>,
    Now(now): Now,
    headers: HeaderMap,
    Path(site): Path<String>,
    Query(asked): Query<HeatMapPicture>,
) -> Answer<Picture<Svg>> {
    draw(&site, &asked, now, &headers)
}

/// Draws the heat map of a temple as PNG.
#[utoipa::path(get, path = "/api/crowd/temple/{id}/heatmap.png")]
pub async fn png(
    _: Caller<Operator>,
    Now(now): Now,
    headers: HeaderMap,
    Path(site): Path<String>,
    Query(asked): Query<HeatMapPicture>,
) -> Answer<Picture<Png>> {
    draw(&site, &asked, now, &headers)
}

fn draw<F: Form>(site: &str, asked: &HeatMapPicture, now: i64, headers: &HeaderMap) -> Answer<Picture<F>> {
    Picture::of(&chart::chart(&HeatMap::load(site, &asked.filters, now)?), &asked.look, headers)
}
