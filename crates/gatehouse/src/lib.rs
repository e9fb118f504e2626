//! Gatehouse's native program: an embedded host for the application's components, and the commands around it.
//!
//! The host is Spin's own engine with just the interfaces that the application imports; where Spin refuses something, it does.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod app;
mod body;
mod clock;
mod collect;
mod component;
mod components;
mod cron;
mod engine;
mod guest;
mod http;
mod kv;
mod limit;
pub mod manifest;
mod memory;
mod outbound;
mod problem;
pub mod secrets;
pub mod seed;
pub mod simulate;
mod sqlite;
mod stdio;
pub mod tls;
mod turn;
pub mod up;
mod variables;
mod wit;

pub use app::{App, Builder};
pub use clock::Clock;
