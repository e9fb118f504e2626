//! Lines with stops and a timetable.

pub mod read;
mod request;
pub mod write;
