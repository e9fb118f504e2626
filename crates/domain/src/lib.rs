//! The rules of Gatehouse: pure functions over plain types.
//!
//! Nothing here reads a clock, opens a socket or draws a random number: the time and the jitter come in as
//! arguments, so that a test can stand at any moment. Times are integer milliseconds in UTC since 1970, durations
//! are milliseconds, electrical values are volts, amperes and watts. The rules and
//! their numbers are described in docs/reference/rules.md.
//!
//! No function panics, whatever it is given.

#![expect(missing_docs, reason = "strum derives `into_str` without a doc comment; everything written here has one")]

pub mod alert;
pub mod alert_group;
pub mod allowance;
pub mod analytics;
pub mod anomaly;
pub mod booking;
pub mod booking_gate;
pub mod booking_offer;
pub mod booking_slot;
pub mod booking_ticket;
pub mod bucket;
pub mod camera;
pub mod client_address;
pub mod crowd;
pub mod currency;
pub mod device_code;
pub mod dispatch;
pub mod email;
pub mod emergency;
pub mod forecast;
pub mod geo;
pub mod health;
pub mod login;
pub mod mail;
pub mod mail_template;
pub mod mqtt;
pub mod occupancy;
pub mod one_time_code;
pub mod overview;
pub mod password;
pub mod payment;
pub mod phone;
pub mod preference;
pub mod reading;
pub mod refresh;
pub mod refund;
pub mod reservation;
pub mod resource;
pub mod retention;
pub mod role;
pub mod rollup;
pub mod schedule;
pub mod search;
pub mod site;
pub mod spot;
pub mod tariff;
pub mod time;
pub mod transit;
pub mod transit_clock;
pub mod tz;
pub mod watch;
pub mod webhook;

/// What is wrong with an input: each bad field with one reason, all of them at once (docs/reference/rules.md).
///
/// A field may occur twice, with two reasons.
pub type FieldErrors = Vec<(&'static str, String)>;
