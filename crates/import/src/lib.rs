//! Moving in: the data of the five replaced systems, out of their dumps or their servers, into the database file of an installation
//! (docs/reference/import.md).
//!
//! Readers give old records; each is mapped to rows here and written in batches, each of which is one transaction together with the mapping from
//! old to new ids. A run that is killed is run again: what was written is found. Nothing is guessed: what cannot be told is refused and reported.

#![expect(missing_docs, reason = "strum derives `into_str` without a doc comment; everything written here has one")]

mod clock;
mod context;
mod entities;
mod failure;
mod options;
mod readers;
mod report;
mod row;
mod run;
mod source;
mod store;
#[cfg(test)]
mod tests;
mod value;

pub use options::{Amounts, Args};
pub use report::{Moved, Reason, Report};
pub use run::run;
pub use source::{Entity, Source};
