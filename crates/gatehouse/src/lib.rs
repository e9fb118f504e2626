//! Gatehouse's native program: an embedded host for the application's components, and the commands around it.
//!
//! The host is built on Wasmtime, as Spin is, with just the interfaces that the application imports. What Spin refuses, it refuses.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod allocator;
mod answers;
mod app;
pub mod backup;
mod bindings;
mod body;
mod body_limit;
mod builder;
mod clock;
mod compile_cache;
mod component;
mod component_build;
mod cron;
mod descriptors;
mod engine;
mod faults;
mod file;
pub mod gateway;
mod guest_body;
mod http_types;
mod instance_state;
mod key_value;
mod linker;
pub mod manifest;
mod memory;
mod mqtt;
mod outbound;
mod private_files;
mod problem;
mod refusal_io;
mod request_body;
mod response_buffer;
mod router;
pub mod secrets;
pub mod seed;
mod self_waking;
mod server;
pub mod simulate;
mod sqlite;
pub mod state_lock;
mod stdio;
pub mod tls;
mod traces;
pub mod up;
mod variables;
mod welcome;
mod whole_message;

pub use app::App;
pub use builder::Builder;
pub use clock::Clock;
pub use faults::Faults;
pub use sqlite::{RemoteConnection, RemoteDatabase, RemoteRows};
pub use traces::Options as TraceOptions;
