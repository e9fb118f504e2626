//! What the statements of this component share: the words of the domain, and expressions about a slot.

use const_format::{concatcp, formatcp};
use domain::booking::Status;

pub const CANCELLED: &str = Status::Cancelled.into_str();
pub const CHECKED_IN: &str = Status::CheckedIn.into_str();
pub const CONFIRMED: &str = Status::Confirmed.into_str();
pub const EXITED: &str = Status::Exited.into_str();
pub const EXPIRED: &str = Status::Expired.into_str();
pub const NO_SHOW: &str = Status::NoShow.into_str();
pub const REVOKED: &str = Status::Revoked.into_str();
pub const WAITLISTED: &str = Status::Waitlisted.into_str();

/// The states whose parties take places, as an SQL list.
pub const LIVE: &str = {
    const WORDS: [&str; 4] = {
        let [a, b, c, d] = Status::LIVE;
        [a.into_str(), b.into_str(), c.into_str(), d.into_str()]
    };
    concatcp!("('", WORDS[0], "', '", WORDS[1], "', '", WORDS[2], "', '", WORDS[3], "')")
};

/// The states that the pilgrim or the temple can cancel, as an SQL list.
pub const CANCELLABLE: &str = {
    const WORDS: [&str; 2] = two_words(Status::CANCELLABLE);
    concatcp!("('", WORDS[0], "', '", WORDS[1], "')")
};

/// The states that a scan at the gate can check in, as an SQL list.
pub const ADMISSIBLE: &str = {
    const WORDS: [&str; 2] = two_words(Status::ADMISSIBLE);
    concatcp!("('", WORDS[0], "', '", WORDS[1], "')")
};

const fn two_words([a, b]: [Status; 2]) -> [&'static str; 2] {
    [a.into_str(), b.into_str()]
}

/// How many people the slot `s (site, date, slot)` may hold: what its date says, else what its weekday offers, else 0.
pub const CAPACITY: &str = "coalesce(
    (select capacity from slot_day_slots where site = s.site and date = s.date and slot = s.slot),
    (select capacity from slot_templates where site = s.site and weekday = (strftime('%w', s.date) + 6) % 7 + 1 and slot = s.slot
        and not exists (select 1 from slot_days where site = s.site and date = s.date)),
    0)";

/// The people who have places in the slot `s (site, date, slot)`.
pub const BOOKED: &str = formatcp!(
    "(select coalesce(sum(party_size), 0) from bookings where site = s.site and date = s.date and slot = s.slot and status in {LIVE})"
);

#[cfg(test)]
mod tests {
    use super::*;

    /// The trigger that moves the waitlist up gives places by the same rule.
    #[test]
    fn the_schema_counts_the_same_states_as_live() {
        let schema = include_str!("../../../migrations/0008_booking.sql");
        assert!(schema.contains(&format!("and status in {LIVE})")), "{LIVE}");
    }
}
