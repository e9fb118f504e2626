//! What happened over time: how full, how many people, how soon help came, what was paid, how well devices worked; and what the next day brings
//! (docs/reference/analytics.md).
//!
//! Each analysis is a module with a function, `figures`, that gives typed figures of a range; its route, its tables and the charts are made of
//! these.

mod calendar;
mod charts;
mod devices;
mod emergencies;
mod footfall;
mod holidays;
mod occupancy;
mod peak_hours;
mod people;
mod predictions;
mod present;
mod reserved;
mod revenue;
mod scope;
mod sums;
mod trends;

use kit::api::Api;
use kit::routes;

/// The routes.
pub fn api() -> Api {
    charts::routes(tables(Api::new("analytics", "How sites have been used over time, and forecasts of free spots."))).routes(routes![
        holidays::list,
        holidays::read,
        holidays::replace,
        holidays::delete
    ])
}

/// The analyses, each also under its name with the suffix of a table.
fn tables(api: Api) -> Api {
    macro_rules! tables {
        ($api:expr, $($module:ident::$handler:ident at $path:literal),+ $(,)?) => {{
            let api = $api;
            $(
                let api = api
                    .routes(routes![$module::$handler])
                    .alias(concat!($path, ".csv"), routes![$module::$handler])
                    .alias(concat!($path, ".ndjson"), routes![$module::$handler]);
            )+
            api
        }};
    }
    tables!(
        api,
        occupancy::occupancy at "/api/analytics/occupancy",
        trends::trends at "/api/analytics/trends",
        predictions::predictions at "/api/analytics/predictions",
        footfall::footfall at "/api/analytics/footfall",
        peak_hours::peak_hours at "/api/analytics/peak-hours",
        emergencies::emergencies at "/api/analytics/emergencies",
        revenue::revenue at "/api/analytics/revenue",
        devices::devices at "/api/analytics/devices",
    )
}

kit::component!(api);
