//! What every component needs at its edge: who is calling, what they sent, the database, the answer.
//!
//! A handler reads like its documentation: extract the caller ([`caller::Caller`]) and the validated request ([`input`],
//! [`request::Body`], [`page::Listing`]), call the rule in `domain`, make one write ([`db`]), answer with a type filled from rows ([`row`]).
//! What a handler refuses is a [`problem::Problem`]; [`serve`] turns it into a problem document with the request's id. [`api`] declares
//! the routes.

// The derives name this crate as components do.
extern crate self as kit;

pub mod accept;
pub mod actor;
pub mod allowance;
pub mod api;
pub mod assets;
pub mod body_limit;
pub mod caller;
pub mod client;
pub mod clock;
pub mod coding;
pub mod config;
pub mod cors;
pub mod db;
pub mod host;
pub mod http;
pub mod idempotency;
pub mod input;
pub mod kept;
pub mod key_value;
pub mod limit;
pub mod message;
pub mod migrate;
pub mod outbox;
pub mod page;
mod principal;
pub mod problem;
pub mod refunds;
pub mod representation;
pub mod request;
pub mod retention;
pub mod row;
pub mod scheduled;
pub mod security;
pub mod select;
pub mod serve;
pub mod sites;
pub mod spots;
pub mod system_alerts;
pub mod table;
pub mod tally;
mod text_enums;
pub mod ticket;
pub mod token;
pub mod trusted;

pub use problem::{Answer, Problem};

/// What the macros name.
#[doc(hidden)]
pub mod __private {
    pub use axum::Router;
    pub use axum::routing::MethodRouter;
    pub use const_format::concatcp;
    pub use domain::reservation::IMMEDIATE_START_MS;
    pub use pastey::paste;
    pub use utoipa::Path as UtoipaPath;
}
