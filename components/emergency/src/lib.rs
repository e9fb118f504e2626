//! Emergencies: reported by anyone who is signed in, taken in hand by operators, with the nearest resource that is free
//! (docs/reference/emergencies.md).
//!
//! The schema's triggers write history, audit, feed and outbox in the transaction of each change, so nothing here does.

mod assign;
mod import;
mod model;
mod origin;
mod read;
mod report;
mod stats;
mod suggestions;
mod tolerant;
mod transitions;
mod unstored;

use kit::api::Api;
use kit::routes;

/// Every route of this component.
pub fn api() -> Api {
    Api::new("emergency", "Emergencies, from the report to the end, and which resource goes to them.").routes(routes![
        read::list,
        report::create,
        import::create,
        read::active,
        read::of_temple,
        stats::of_temple,
        read::detail,
        transitions::acknowledge,
        transitions::in_progress,
        transitions::resolve,
        transitions::false_alarm,
        transitions::cancel,
        suggestions::list,
        assign::assign,
        assign::release,
    ])
}

kit::component!(api);
