//! What a spot is now, and whether it may be had for a stay, as conditions in SQL. They stand inside the statements that read or write.
//!
//! In each of them `s` is the row of the spot. Times are milliseconds.

use const_format::concatcp;
use domain::overview::SpotState;
use domain::spot::Status;

/// `spots s` with the state `t` of the one active device that stands on each; both look-ups go through unique keys.
pub const SPOTS_WITH_STATE: &str =
    "spots s left join devices d on d.spot_id = s.spot_id and d.is_active = 1 left join device_state t on t.device_id = d.id";

/// Whether a claim `c` of the view `spot_claims` counts, as the view's comment has it: for a stay from `from` to `to`, as seen at `now`, or for
/// the moment `now` itself. The arguments are pieces of SQL.
#[macro_export]
macro_rules! claim_counts {
    (from: $from:literal, to: $to:literal, now: $now:literal) => {
        concat!("c.ends_at > ", $from, " and c.starts_at < ", $to, " and c.expires_at > ", $now)
    };
    (now: $now:literal) => {
        concat!("c.starts_at <= ", $now, " and c.ends_at > ", $now, " and c.expires_at > ", $now)
    };
}

/// Whether no reservation but `except`, by its number, claims a spot from `from` to `to`, as seen at `now`. The arguments are pieces of SQL.
#[macro_export]
macro_rules! spot_is_unclaimed {
    (spot: $spot:literal, from: $from:literal, to: $to:literal, now: $now:literal, except: $except:literal) => {
        concat!(
            "not exists (select 1 from spot_claims c where c.spot_id = ",
            $spot,
            " and ",
            $crate::claim_counts!(from: $from, to: $to, now: $now),
            " and c.reservation_no <> ",
            $except,
            ")"
        )
    };
}

/// Whether a spot `s` of the view `spot_presence` may be given to somebody for a stay from `from` on, as seen at `now`: it is in service, and
/// nobody stands on it if the stay starts now. The arguments are pieces of SQL.
#[macro_export]
macro_rules! spot_is_usable {
    (from: $from:literal, now: $now:literal) => {
        $crate::__private::concatcp!(
            $crate::spots::IS_IN_SERVICE,
            " and (",
            $from,
            " > ",
            $now,
            " + ",
            $crate::__private::IMMEDIATE_START_MS,
            " or not s.is_occupied)"
        )
    };
}

/// Whether the spot is offered at all.
pub const IS_IN_SERVICE: &str = concatcp!("s.status = '", Status::InService.into_str(), "'");

/// Whether a reservation claims the spot now, which is `?1`.
const IS_CLAIMED: &str =
    concatcp!("exists (select 1 from spot_claims c where c.spot_id = s.spot_id and ", crate::claim_counts!(now: "?1"), ")");

/// Whether anyone may park on a spot of [`SPOTS_WITH_STATE`] now, which is `?1`.
pub const IS_FREE: &str = concatcp!(IS_IN_SERVICE, " and t.occupied is not 1 and not ", IS_CLAIMED);

/// The state of a spot of [`SPOTS_WITH_STATE`] now, which is `?1`, as [`SpotState::from_flags`] has it: out of service beats occupied beats
/// reserved beats free.
pub const STATE: &str = concatcp!(
    "case when s.status = '",
    Status::OutOfService.into_str(),
    "' then '",
    SpotState::OutOfService.into_str(),
    "' when t.occupied = 1 then '",
    SpotState::Occupied.into_str(),
    "' when s.status = '",
    Status::Reserved.into_str(),
    "' or ",
    IS_CLAIMED,
    " then '",
    SpotState::Reserved.into_str(),
    "' else '",
    SpotState::Free.into_str(),
    "' end"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conditions_name_what_they_were_given() {
        assert_eq!(
            crate::spot_is_unclaimed!(spot: "s.spot_id", from: "?3", to: "?4", now: "?2", except: "?5"),
            "not exists (select 1 from spot_claims c where c.spot_id = s.spot_id and c.ends_at > ?3 and c.starts_at < ?4 \
             and c.expires_at > ?2 and c.reservation_no <> ?5)"
        );
        assert_eq!(
            crate::spot_is_usable!(from: "?3", now: "?2"),
            format!("{IS_IN_SERVICE} and (?3 > ?2 + {} or not s.is_occupied)", domain::reservation::IMMEDIATE_START_MS)
        );
    }
}
