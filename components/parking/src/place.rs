//! What the routes share: the state of a spot in SQL, and why a place is refused.

use kit::{Problem, db, params};

/// A spot's state as an SQL expression over `spots s` and `device_state t`, in the words of `domain::overview::SpotState`: out of
/// service beats occupied beats reserved beats free. `$now` is the parameter of the time.
macro_rules! spot_state {
    ($now:literal) => {
        concat!(
            "case when s.status = 'out_of_service' then 'out_of_service' when t.occupied = 1 then 'occupied' \
             when s.status = 'reserved' or ",
            kit::spot_is_kept!("s.spot_id", $now),
            " then 'reserved' else 'free' end"
        )
    };
}

/// `spots s` with the state `t` of the one active device that stands on each; both lookups go through unique keys.
macro_rules! spots_with_state {
    () => {
        "spots s left join devices d on d.spot_id = s.spot_id and d.is_active = 1 left join device_state t on t.device_id = d.id"
    };
}

pub(crate) use {spot_state, spots_with_state};

/// Which of the two a body named wrongly: 422 for `site` when there is no such site, else for `zone`.
pub fn unknown_zone(site_exists: bool) -> Problem {
    if site_exists { Problem::invalid_field("zone", "is not a zone of this site") } else { Problem::invalid_field("site", "is not a site") }
}

/// Whether there is a site of this slug.
pub fn site_exists(site: &str) -> Result<bool, Problem> {
    Ok(!db::run("select 1 from sites where slug = ?", params![site])?.is_empty())
}
