//! Scheduled work that no other component owns, and the dispatcher: device health, anomalies, escalation, delivery of messages, clean-up
//! (docs/reference/rules.md#scheduled-work, docs/reference/dispatch.md).
//!
//! This component alone holds the providers' secrets.

mod anomalies;
mod cause;
mod channels;
mod cleanup;
mod delivery;
mod dispatch;
mod drain_lease;
mod escalation;
mod expand;
mod health;
mod intake;
mod integrity;
mod queue;
mod settings;
mod setup;
mod setup_of_channels;
mod storage;
mod tick;
mod unstored;
mod urgent_watch;
mod wake;
mod watch;

use kit::api::Api;
use kit::routes;

/// The routes.
pub fn api() -> Api {
    Api::new("heartbeat", "The scheduled run and the dispatcher, for schedulers that know `tick_secret`.").routes(routes![
        tick::tick,
        wake::dispatch,
        setup_of_channels::channels,
        unstored::unstored,
        setup::demo_done
    ])
}

kit::component!(api, cron: tick::event);
