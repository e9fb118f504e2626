//! What the statements of this component share: the words of the domain, and expressions about a slot.

use const_format::{concatcp, formatcp};
use domain::booking::Status;
use domain::booking_offer::DEFAULT_PER_PERSON;

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

/// The states that count against the bookings that one person may have of a slot, as an SQL list.
pub const HELD: &str = {
    const WORDS: [&str; 5] = {
        let [a, b, c, d, e] = Status::HELD;
        [a.into_str(), b.into_str(), c.into_str(), d.into_str(), e.into_str()]
    };
    concatcp!("('", WORDS[0], "', '", WORDS[1], "', '", WORDS[2], "', '", WORDS[3], "', '", WORDS[4], "')")
};

/// A column of the slot `s (site, date, slot)`: what its date says, else what its weekday offers, else the default.
macro_rules! offered {
    ($column:literal, $otherwise:expr) => {
        concatcp!(
            "coalesce(
    (select ",
            $column,
            " from slot_day_slots where site = s.site and date = s.date and slot = s.slot),
    (select ",
            $column,
            " from slot_templates where site = s.site and weekday = (strftime('%w', s.date) + 6) % 7 + 1 and slot = s.slot
        and not exists (select 1 from slot_days where site = s.site and date = s.date)),
    ",
            $otherwise,
            ")"
        )
    };
}

/// How many people the slot `s (site, date, slot)` may hold; 0 when it is not offered.
pub const CAPACITY: &str = offered!("capacity", "0");

/// How many bookings of the slot `s (site, date, slot)` one person may have.
pub const PER_PERSON: &str = offered!("bookings_per_person", DEFAULT_PER_PERSON);

/// The people who have places in the slot `s (site, date, slot)`.
pub const BOOKED: &str = formatcp!(
    "(select coalesce(sum(party_size), 0) from bookings where site = s.site and date = s.date and slot = s.slot and status in {LIVE})"
);

#[cfg(test)]
mod tests {
    use domain::booking_offer::{EARLIEST_CLOSE_MINUTES, LATEST_CLOSE_MINUTES, MAX_PER_PERSON};

    use super::*;

    #[test]
    fn the_schema_bounds_the_terms_of_a_slot_as_the_rules_do() {
        let schema = include_str!("../../../migrations/0028_booking_terms.sql");
        let per_person = format!("default {DEFAULT_PER_PERSON} check (bookings_per_person between 1 and {MAX_PER_PERSON})");
        let closes = format!("check (closes_after_minutes between {EARLIEST_CLOSE_MINUTES} and {LATEST_CLOSE_MINUTES})");
        assert_eq!((schema.matches(&per_person).count(), schema.matches(&closes).count()), (2, 2));
    }

    /// The trigger that moves the waitlist up gives places by the same rule.
    #[test]
    fn the_schema_counts_the_same_states_as_live() {
        let schema = include_str!("../../../migrations/0008_booking.sql");
        assert!(schema.contains(&format!("and status in {LIVE})")), "{LIVE}");
    }
}
