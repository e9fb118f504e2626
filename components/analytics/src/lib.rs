//! What happened over time: how full, how many people, how soon help came, what was paid, how well devices worked; and what the next day brings
//! (docs/reference/analytics.md).
//!
//! Each analysis is a module with a function that gives typed figures for a range; its route, its tables and the charts are made of these.

use kit::api::Api;

/// The routes.
pub fn api() -> Api {
    Api::new("analytics", "How sites have been used over time, and forecasts of free spots.")
}

kit::component!(api);
