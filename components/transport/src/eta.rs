//! An expected arrival, as answers give it.

use domain::transit::{Basis, Estimate};
use kit::input::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// When a shuttle is expected at a stop.
#[derive(Serialize, ToSchema)]
pub struct Eta {
    /// When it is expected there.
    pub eta: Timestamp,
    /// Seconds from now.
    pub in_s: i64,
    /// Metres to go; null when it is the timetable's.
    pub distance_m: Option<i64>,
    /// What it rests on.
    pub basis: Basis,
}

impl Eta {
    /// By a shuttle's position.
    pub fn estimated(estimate: &Estimate, now: i64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "metres along a route")]
        let metres = estimate.distance_m.round() as i64;
        Self::new(estimate.at, now, Some(metres), estimate.basis)
    }

    /// By the timetable.
    pub fn scheduled(at: i64, now: i64) -> Self {
        Self::new(at, now, None, Basis::Timetable)
    }

    fn new(at: i64, now: i64, distance_m: Option<i64>, basis: Basis) -> Self {
        Self { eta: Timestamp(at), in_s: at.saturating_sub(now) / 1000, distance_m, basis }
    }
}
