//! How much one person, or one address, may ask of the application: generous, so that nobody who means well meets it
//! (docs/reference/rules.md#limits). Each can be set by a variable; 0 is no limit.

use crate::time::{HOUR_MS, MINUTE_MS};

/// Accounts that may be registered from one address within [`REGISTRATION_WINDOW_MS`].
pub const REGISTRATIONS: i64 = 200;
/// Over which registrations are counted: an hour, in milliseconds.
pub const REGISTRATION_WINDOW_MS: i64 = HOUR_MS;

/// Bookings, waitlists among them, that one person may make within [`WINDOW_MS`]; and as many reservations.
pub const PER_WINDOW: i64 = 60;
/// Over which bookings and reservations are counted: a minute, in milliseconds.
pub const WINDOW_MS: i64 = MINUTE_MS;
/// Bookings that one person may have ahead, waitlists among them; and as many reservations.
pub const LIVE: i64 = 100;
