//! What time does to what was measured: it is summed up, and removed when it is old.

use kit::Problem;
use kit::scheduled::Work;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{occupancy, retention, rollups};

/// What the scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = TelemetryRun)]
pub struct Summary {
    /// Readings that were rolled up.
    rolled_up: i64,
    /// Stretches of five minutes that were rolled up again, for what came in late.
    corrected: usize,
    /// Quarters of an hour for which occupancy was summed up.
    occupancy_quarters: usize,
    /// Occupancy events that came in late and are in the sums now.
    late_occupancy: usize,
    /// Rows that were removed for their age.
    removed: usize,
}

impl Work for Summary {
    const COMPONENT: &'static str = "telemetry";

    const DUE: &'static [&'static str] = &[rollups::DUE, rollups::LATE, occupancy::DUE, occupancy::LATE, retention::DUE];

    async fn run(now: i64) -> Result<Self, Problem> {
        // Each also when another failed: they are of different tables.
        let occupancy = (|| Ok::<_, Problem>((occupancy::correct(now)?, occupancy::sum_up(now)?)))();
        let readings = (|| Ok::<_, Problem>((rollups::correct()?, rollups::roll_up(now)?)))();
        let removed = retention::run(now).await;
        let ((late_occupancy, occupancy_quarters), (corrected, rolled_up)) = (occupancy?, readings?);
        Ok(Self { rolled_up, corrected, occupancy_quarters, late_occupancy, removed: removed? })
    }
}
