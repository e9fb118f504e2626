//! How full each zone is at each hour of the day: as data, and drawn.

mod canvas;
mod chart;
mod model;
mod palette;
mod raster;

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::request::{Now, Query};

use canvas::Canvas;
use model::{HeatMap, HeatMapFilters};

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
#[utoipa::path(
    get,
    path = "/api/crowd/temple/{id}/heatmap.svg",
    responses((status = 200, description = "The drawing.", content_type = "image/svg+xml", body = String))
)]
pub async fn svg(_: Caller<Operator>, Now(now): Now, Path(site): Path<String>, Query(filters): Query<HeatMapFilters>) -> Answer<Response> {
    Ok(([(CONTENT_TYPE, "image/svg+xml")], draw(&HeatMap::load(&site, &filters, now)?)).into_response())
}

fn draw(map: &HeatMap) -> String {
    let mut canvas = Canvas::new(chart::size(map));
    chart::draw(map, &mut canvas);
    canvas.finish()
}

/// Draws the heat map of a temple as PNG.
#[utoipa::path(
    get,
    path = "/api/crowd/temple/{id}/heatmap.png",
    responses((status = 200, description = "The drawing.", content_type = "image/png", body = String))
)]
pub async fn png(_: Caller<Operator>, Now(now): Now, Path(site): Path<String>, Query(filters): Query<HeatMapFilters>) -> Answer<Response> {
    let picture = raster::png(&draw(&HeatMap::load(&site, &filters, now)?))?;
    Ok(([(CONTENT_TYPE, "image/png")], picture).into_response())
}
