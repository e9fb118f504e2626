//! What time does to lot counts: old ones are removed.

use const_format::concatcp;
use kit::db::{Database, Fetch as _};
use kit::retention::{self, DUE_OF, Rule};
use kit::scheduled::Work;
use kit::{Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// What the scheduled run did.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = ParkingRun)]
pub struct Summary {
    /// Old lot counts that were removed.
    removed: usize,
}

const DUE: &str = concatcp!(DUE_OF, "'parking'");

// Each lot's newest count stays. Lot by lot: the table's key finds the old ones without an index of time.

const OLD_COUNTS: &str = "select parking_lot from lots l
     where exists (select 1 from lot_counts c where c.parking_lot = l.parking_lot and c.at < min(?1, l.at)) limit ?2";

const REMOVE_COUNTS: &str =
    "delete from lot_counts where parking_lot = ?3 and at < min(?1, (select at from lots where parking_lot = ?3), coalesce(
         (select at from lot_counts where parking_lot = ?3 order by at limit 1 offset ?2), ?1
     )) returning 1";

const RULES: [Rule; 1] = [Rule { variable: "lot_counts_days", days: 400, keys: Some(OLD_COUNTS), remove: REMOVE_COUNTS }];

impl Work for Summary {
    const COMPONENT: &'static str = "parking";

    const DUE: &'static [&'static str] = &[DUE];

    async fn run(now: i64) -> Result<Self, Problem> {
        if !Database.exists(DUE, params![now])? {
            return Ok(Self::default());
        }
        let removed = retention::follow(&RULES, now).await?;
        if !removed.is_more {
            retention::rest(Self::COMPONENT, now)?;
        }
        Ok(Self { removed: removed.rows })
    }
}
