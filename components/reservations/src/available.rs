//! Which spots may be had for a stay, and which of them is best, as conditions of the statements that reserve and move.
//!
//! They are over `spot_presence s` and the parameters `?2`, now; `?3` and `?4`, the start and the end; and `?5`, the number of the
//! reservation that is moved, 0 for none. Times are milliseconds.

use const_format::formatcp;
use domain::reservation::MAX_GAP_MS;

use crate::model::LIVE;

/// Whether the spot may be given to somebody.
pub const USABLE: &str = kit::spot_is_usable!(from: "?3", now: "?2");

/// Whether no other reservation claims the spot during the stay.
pub const FREE: &str = kit::spot_is_unclaimed!(spot: "s.spot_id", from: "?3", to: "?4", now: "?2", except: "?5");

/// The order, for `order by`: first the spot that leaves the least time unused around the stay, no more than a day on either side, so that
/// long gaps stay whole; of equals the first in the order of the plan. Those that keep a spot do not overlap: the last that is over before the
/// stay is the last that has begun, and the first after it the first that begins. Between a hold's end and the run that removes it, it may
/// overlap another: the fit is a little worse then, and nothing else.
pub const BEST_FIRST: &str = formatcp!(
    "min({MAX_GAP_MS}, ?3 - coalesce((
        select r.ends_at from reservations r indexed by reservations_live_by_spot
        where r.spot_id = s.spot_id and r.status in {LIVE} and r.starts_at < ?3 and r.ends_at <= ?3 order by r.starts_at desc limit 1
    ), 0)) + min({MAX_GAP_MS}, coalesce((
        select r.starts_at from reservations r indexed by reservations_live_by_spot
        where r.spot_id = s.spot_id and r.status in {LIVE} and r.starts_at >= ?4 order by r.starts_at limit 1
    ), ?4 + {MAX_GAP_MS}) - ?4), s.position, s.zone, s.spot_id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_of_claims_has_the_live_states() {
        let view = include_str!("../../../migrations/0027_money.sql");
        assert_eq!(view.matches(&format!("where likely(status in {LIVE})")).count(), 2);
    }
}
