//! How readings are taken in: read, judged and stored, whichever door they come by. There are two, the HTTP routes of the component
//! `telemetry` and the messages of the component `mqtt`; a reading that one takes the other takes, and what one refuses the other refuses,
//! for the same reason (docs/reference/rules.md#telemetry).
//!
//! The hottest path of Gatehouse. A reading is one statement: `readings` refuses what is unknown or stored already, and triggers
//! keep the device's state, occupancy, alerts and the event feed (migrations/0005_telemetry.sql).

pub mod batch;
pub mod body;
pub mod bulk;
pub mod payload;
pub mod single;

use kit::Problem;
use kit::caller::Principal;

/// What was stored.
#[derive(Debug)]
pub struct Stored<T> {
    /// What the sender is told of it.
    pub answer: T,
    /// Whether it may have raised what cannot wait: the door wakes the dispatcher ([`kit::outbox`]).
    pub is_urgent: bool,
}

/// 404, or 401 when it is the caller's session that is not there any more.
pub fn no_device(caller: &Principal) -> Problem {
    caller.current().err().unwrap_or_else(|| Problem::not_found("active device"))
}

/// 403: the caller is a device, and this is another's data.
pub fn not_yours() -> Problem {
    Problem::forbidden("a device sends only its own data")
}
