//! Alerts: those that cameras and operators send, broadcasts to the public, and those that the system raises by itself
//! (docs/reference/rules.md#alerts). Also cameras, and what was sent about alerts and emergencies.
//!
//! The schema's triggers write history, audit, feed and outbox in the transaction of each change, so nothing here does.

mod active;
mod channels;
mod create;
mod messages;
mod model;
mod read;
mod request;
mod schedule;
mod transitions;
mod update;

use kit::api::Api;
use kit::{routes, scheduled};

use crate::schedule::Summary;

/// Every route of this component.
pub fn api() -> Api {
    Api::new("alerts", "Alerts, the cameras that raise some, and the messages that were sent about alerts and emergencies.")
        .routes(routes![
            read::list,
            create::create,
            active::list,
            active::of_temple,
            read::detail,
            read::history,
            update::update,
            update::delete,
            transitions::acknowledge,
            transitions::resolve,
            messages::list,
            messages::detail,
            messages::replay,
            messages::replay_all,
            channels::list,
            channels::test,
        ])
        .routes([scheduled::route::<Summary>()])
}

kit::component!(api, scheduled: scheduled::run::<Summary>);
