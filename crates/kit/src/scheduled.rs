//! Scheduled work: each component does that of its own tables.
//!
//! A component with scheduled work exports the cron event (`kit::component!(api, scheduled: run)`), has a `[[trigger.cron]]` in the manifest,
//! and answers POST `/internal/tick/NAME` with the same, for platforms without a cron trigger: there POST `/internal/tick` of the component
//! `heartbeat` asks each of [`COMPONENTS`] for its run. Two runs at once do each thing once: each step's condition stands in its statement.

/// The components with scheduled work, beside `heartbeat`; a test compares them with the manifest.
pub const COMPONENTS: [&str; 7] = ["alerts", "auth", "booking", "crowd", "payments", "reservations", "transport"];
