//! The state of a spot in SQL, in the words of [`SpotState`]. In each of these texts `s` is the row of `spots` and `?1` is the present time.

use const_format::concatcp;
use domain::overview::SpotState;
use domain::spot::Status;

/// `spots s` with the state `t` of the one active device that stands on each; both look-ups go through unique keys.
pub const SPOTS_WITH_STATE: &str =
    "spots s left join devices d on d.spot_id = s.spot_id and d.is_active = 1 left join device_state t on t.device_id = d.id";

/// Whether a reservation claims the spot now.
const IS_CLAIMED: &str =
    "exists (select 1 from spot_claims c where c.spot_id = s.spot_id and c.starts_at <= ?1 and c.ends_at > ?1 and c.expires_at > ?1)";

/// Whether anyone may park on a spot of [`SPOTS_WITH_STATE`].
pub const IS_FREE: &str = concatcp!("s.status = '", Status::InService.into_str(), "' and t.occupied is not 1 and not ", IS_CLAIMED);

/// The state of a spot of [`SPOTS_WITH_STATE`], as [`SpotState::from_flags`] has it: out of service beats occupied beats reserved beats free.
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
