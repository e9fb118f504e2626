//! The gateway: the application's event feed as WebSocket (`/ws/alerts/`) and Socket.IO 4 (`/socket.io/`), which components cannot speak.
//!
//! It follows the feed as any client does, over HTTP, and so stands in front of any base URL. See docs/guide/clients.md for what clients may say
//! and get.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod catch_up;
mod client;
mod event;
mod feed;
mod follow;
mod gateway;
mod http_client;
mod hub;
mod limits;
mod metrics;
mod refusal;
mod request;
mod room;
mod socket_io;
mod upgrade;
mod upstream;
mod websocket;
mod woken;

pub use gateway::{Gateway, Settings};
pub use http_client::http_client;
pub use limits::{Limits, at_least_one};
pub use refusal::Refusal;
