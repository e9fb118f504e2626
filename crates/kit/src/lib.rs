//! What every component needs at its edge: who is calling, what they sent, the database, the answer.
//!
//! A handler reads like the contract: extract the caller ([`caller::Caller`]), check the body ([`fields::Fields`]), call the rule in
//! `domain`, make one write ([`db`]), answer. What a handler refuses is a [`problem::Problem`]; [`serve`] turns it into a problem
//! document with the request's id.

pub mod assets;
pub mod caller;
pub mod config;
pub mod cors;
pub mod db;
pub mod fields;
pub mod host;
pub mod idempotency;
pub mod limit;
pub mod migrate;
pub mod outbox;
pub mod page;
pub mod problem;
pub mod request;
pub mod select;
pub mod serve;
pub mod spots;
pub mod token;
pub mod trusted;

pub use problem::{Answer, Problem};
