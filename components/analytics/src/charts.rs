//! The analyses as pictures (docs/reference/charts.md): each a file that turns the figures of an analysis into a chart, under the filters of
//! its analysis, with two routes, `.svg` and `.png`.

pub mod crowd;
pub mod emergencies;
pub mod footfall;
mod grid;
mod named;
pub mod occupancy;
pub mod peak_hours;
mod places;
pub mod revenue;

use kit::api::Api;
use kit::routes;

/// With the routes of the pictures.
pub fn routes(api: Api) -> Api {
    api.routes(routes![footfall::svg, footfall::png, occupancy::svg, occupancy::png, peak_hours::svg, peak_hours::png]).routes(routes![
        emergencies::svg,
        emergencies::png,
        crowd::svg,
        crowd::png,
        revenue::svg,
        revenue::png
    ])
}
