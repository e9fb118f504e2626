//! What a temple can send or use, with its maintenance calendar; past incidents; and the audit trail's read side
//! (docs/reference/resources.md).
//!
//! The schema's triggers write history and audit in the transaction of each change, so nothing here does.

mod audit_id;
mod availability;
mod event_logs;
mod event_logs_export;
mod incidents;
mod maintenance;
mod resources;
mod type_word;

use kit::api::Api;
use kit::routes;

/// Every route of this component.
pub fn api() -> Api {
    Api::new("resources", "Resources and when they are free, past incidents, and the audit trail.").routes(routes![
        resources::list,
        resources::create,
        availability::list,
        resources::read,
        resources::update,
        resources::delete,
        availability::of_resource,
        maintenance::list,
        maintenance::create,
        maintenance::update,
        maintenance::delete,
        incidents::list,
        incidents::create,
        incidents::read,
        incidents::update,
        incidents::delete,
        incidents::history,
        event_logs::list,
        event_logs::read,
        event_logs_export::read,
        event_logs_export::confirm,
    ])
}

kit::component!(api);
