//! Which spots may be had for a stay, and which of them is best, as conditions of the statements that reserve and move.
//!
//! They are over `spot_presence s` and the parameters `?2`, now; `?3` and `?4`, the start and the end; and `?5`, the number of the
//! reservation that is moved, 0 for none. Times are milliseconds.

use const_format::formatcp;
use domain::reservation::{IMMEDIATE_START_MS, MAX_GAP_MS};
use domain::spot;

use crate::model::LIVE;

/// Whether the spot may be given to somebody: it is in service, and nobody stands on it if the stay starts now.
pub const USABLE: &str = formatcp!("{IN_SERVICE} and (?3 > ?2 + {IMMEDIATE_START_MS} or not s.is_occupied)");

/// Whether the spot is offered at all.
pub const IN_SERVICE: &str = formatcp!("s.status = '{}'", spot::Status::InService.into_str());

/// Whether no other reservation claims the spot during the stay.
pub const FREE: &str = "not exists (
        select 1 from spot_claims c
        where c.spot_id = s.spot_id and c.ends_at > ?3 and c.starts_at < ?4 and c.expires_at > ?2 and c.reservation_no <> ?5
    )";

/// The order, for `order by`: first the spot that leaves the least time unused around the stay, no more than a day on either side, so that
/// long gaps stay whole; of equals the first in the order of the plan.
pub const BEST_FIRST: &str = formatcp!(
    "min({MAX_GAP_MS}, ?3 - coalesce((
        select max(r.ends_at) from reservations r
        where r.spot_id = s.spot_id and r.status in {LIVE} and r.ends_at between ?3 - {MAX_GAP_MS} and ?3
    ), 0)) + min({MAX_GAP_MS}, coalesce((
        select min(r.starts_at) from reservations r where r.spot_id = s.spot_id and r.status in {LIVE} and r.ends_at > ?4
    ), ?4 + {MAX_GAP_MS}) - ?4), s.position, s.zone, s.spot_id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_of_claims_has_the_live_states() {
        let view = include_str!("../../../migrations/0022_money.sql");
        assert_eq!(view.matches(&format!("where likely(status in {LIVE})")).count(), 2);
    }
}
