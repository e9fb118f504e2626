//! How crowded a temple's zones are: counts come in, levels, history, a heat map and forecasts go out (docs/reference/crowd.md).
//!
//! A count is stored with the zone's new state in one transaction; which level follows is said by `domain::crowd`. Triggers keep the sums by
//! quarter of an hour, the event feed and the alerts (migrations/0009_crowd.sql).

mod bulk;
mod calendar;
mod current;
mod figures;
mod heatmap;
mod history;
mod predictions;
mod schedule;
mod single;
mod span;
mod temple;
mod update;
mod zone_state;

use kit::api::Api;
use kit::{routes, scheduled};

use crate::schedule::Summary;

/// The routes.
pub fn api() -> Api {
    Api::new("crowd", "How crowded temples are, have been and will be.")
        .routes(routes![
            update::update,
            current::current,
            history::history,
            predictions::predictions,
            heatmap::json,
            heatmap::svg,
            heatmap::png
        ])
        .routes([scheduled::route::<Summary>()])
        .alias("/api/crowd/temple/{id}/heatmap.json", routes![heatmap::json])
}

kit::component!(api, scheduled: scheduled::run::<Summary>);
