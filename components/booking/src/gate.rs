//! Gates: letting pilgrims in and out, and how many are inside.

mod answers;
pub mod batch;
pub mod check_in;
pub mod exit;
pub mod inside;
pub mod overrule;
mod refused;
mod scans;
