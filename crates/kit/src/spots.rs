//! What a spot is now, and whether it may be had for a stay, as conditions in SQL. They stand inside the statements that read or write. Whoever
//! keeps what they were answered makes it from the topics `Spots`, `Reservations` and `Places`, until the next moment of a claim.
//!
//! In each of them `s` is the row of the spot. Times are milliseconds.

use const_format::concatcp;
use domain::overview::SpotState;
use domain::spot::Status;

use crate::db::{Executor, Fetch as _};
use crate::{Problem, params};

/// `spots s` with what each is by the word of administrators and sensors, `p.state`, which triggers write down.
pub const SPOTS_WITH_STATE: &str = "spots s join spot_states p on p.spot_id = s.spot_id";

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
pub const IS_FREE: &str = concatcp!("p.state = '", SpotState::Free.into_str(), "' and not ", IS_CLAIMED);

/// The state of a spot of [`SPOTS_WITH_STATE`] now, which is `?1`, as [`SpotState::from_flags`] has it: out of service beats occupied beats
/// reserved, which a claim makes it too, beats free.
pub const STATE: &str =
    concatcp!("iif(p.state = '", SpotState::Free.into_str(), "' and ", IS_CLAIMED, ", '", SpotState::Reserved.into_str(), "', p.state)");

/// How many spots of each zone are in each state now, which is `?1`: a table with `site`, `zone` and the states. The counts are those that triggers
/// keep, save that free spots which a reservation claims are reserved: few are under way at a time, so that they are found once, rather than
/// asked for by each spot.
pub const ZONE_COUNTS: &str = concatcp!(
    "(select n.site, n.zone, n.free - coalesce(k.spots, 0) as free, n.occupied, n.reserved + coalesce(k.spots, 0) as reserved, n.out_of_service
      from zone_counts n left join (
          select p.site, p.zone, count(*) as spots from spot_states p
          where p.state = '",
    SpotState::Free.into_str(),
    "' and p.spot_id in (select c.spot_id from spot_claims c where ",
    crate::claim_counts!(now: "?1"),
    ") group by p.site, p.zone
      ) k on k.site = n.site and k.zone = n.zone)"
);

/// The first moment after `now` at which a reservation begins or ceases to claim a spot by the clock alone; none when none does.
pub fn next_claim_moment(db: &dyn Executor, now: i64) -> Result<Option<i64>, Problem> {
    db.fetch_scalar("select at from spot_claim_moments where at > ? order by at limit 1", params![now])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_writes_down_what_a_spot_is_in_the_same_words() {
        let schema = include_str!("../../../migrations/0036_spot_counts.sql");
        let [free, occupied, reserved, closed] =
            [SpotState::Free, SpotState::Occupied, SpotState::Reserved, SpotState::OutOfService].map(|state| state.into_str());
        assert!(schema.contains(&format!("check (state in ('{free}', '{occupied}', '{reserved}', '{closed}'))")));
        let rule = format!(
            "when s.status = '{}' then '{closed}'\n        when t.occupied = 1 then '{occupied}'\n        when s.status = '{}' then \
             '{reserved}'\n        else '{free}' end",
            Status::OutOfService.into_str(),
            Status::Reserved.into_str()
        );
        assert!(schema.contains(&rule), "{rule}");
    }

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
