//! Reservations of parking spots: their states and who may move them, in one table (docs/reference/reservations.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::time::{DAY_MS, MINUTE_MS};

/// How long an unpaid reservation holds its spot, milliseconds.
pub const HOLD_MS: i64 = 15 * MINUTE_MS;
/// The reservations that one driver may have at a time without having paid: holds, and what is free of charge. Staff, who reserve for
/// others, are not held to it.
pub const MAX_HOLDS: i64 = 20;
/// The shortest stay, milliseconds.
pub const MIN_STAY_MS: i64 = 15 * MINUTE_MS;
/// The longest stay, milliseconds.
pub const MAX_STAY_MS: i64 = 30 * DAY_MS;
/// How far ahead a stay may begin, milliseconds.
pub const HORIZON_MS: i64 = 120 * DAY_MS;
/// How far in the past a stay may begin: a driver's clock and their thinking take their time. Milliseconds.
pub const MAX_START_AGE_MS: i64 = 5 * MINUTE_MS;
/// A stay that begins within this "starts now": a spot on which somebody stands is not offered for it. Milliseconds.
pub const IMMEDIATE_START_MS: i64 = 15 * MINUTE_MS;
/// So long before the start a car on the spot is taken for the driver's, milliseconds.
pub const EARLY_ARRIVAL_MS: i64 = 15 * MINUTE_MS;
/// A driver has left when the spot has been empty for so long, milliseconds: sensors err, and people move their car a little.
pub const DEPARTURE_DELAY_MS: i64 = 5 * MINUTE_MS;

/// Of spots that are free for a stay the one with the smallest gaps around it is taken; a gap counts for no more than this, milliseconds.
pub const MAX_GAP_MS: i64 = DAY_MS;

/// What is wrong with the start of a stay, milliseconds, as seen at `now`: nothing, or the reason.
pub fn start_fault(start: i64, now: i64) -> Option<&'static str> {
    if start < now.saturating_sub(MAX_START_AGE_MS) {
        Some("is past: a stay may have begun 5 minutes ago at most")
    } else if start > now.saturating_add(HORIZON_MS) {
        Some("must be within 120 days")
    } else {
        None
    }
}

/// What is wrong with the end of a stay, milliseconds, that begins at `start`: nothing, or the reason.
pub fn end_fault(start: i64, end: i64) -> Option<&'static str> {
    let length = end.saturating_sub(start);
    if length < MIN_STAY_MS {
        Some("must come at least 15 minutes after the start")
    } else if length > MAX_STAY_MS {
        Some("must come within 30 days of the start")
    } else {
        None
    }
}

/// The state of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = ReservationStatus)]
pub enum Status {
    /// Holds its spot until it is paid or the hold ends.
    PendingPayment,
    /// Paid, or free of charge: the spot is kept.
    Confirmed,
    /// The driver is there.
    Arrived,
    /// The driver is there, past the end.
    Overstayed,
    /// The driver has left.
    Completed,
    /// Given back by the driver, or taken back by the site.
    Cancelled,
    /// Not paid in time.
    Expired,
    /// The driver never came.
    NoShow,
}

impl Status {
    /// The states that keep others off the spot ([`Self::is_live`]).
    pub const LIVE: [Self; 3] = [Self::PendingPayment, Self::Confirmed, Self::Arrived];
    /// The states in which the driver's vehicle is on the spot.
    pub const PRESENT: [Self; 2] = [Self::Arrived, Self::Overstayed];
    /// The states that the end of the stay changes: to no-show or overstayed.
    pub const ENDING: [Self; 2] = [Self::Confirmed, Self::Arrived];

    /// Whether it keeps others off its spot for its period; a pending one only until its hold ends.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::PendingPayment | Self::Confirmed | Self::Arrived)
    }
}

/// What happens to a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Its payment succeeded.
    Pay,
    /// Another period, spot or plate.
    Change,
    /// It is given back.
    Cancel,
    /// The hold ended.
    Expire,
    /// The driver came.
    Arrive,
    /// The driver left.
    Depart,
    /// Its end came while the driver was there.
    Overstay,
    /// Its end came and the driver did not.
    Miss,
}

/// Who moves a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The driver who made it.
    Owner,
    /// Staff.
    Operator,
    /// What Stripe says of its payment.
    Payment,
    /// The spot's sensor.
    Sensor,
    /// The scheduled run.
    Time,
}

use Actor::{Operator, Owner, Payment, Sensor, Time};
use Status::{Arrived, Cancelled, Completed, Confirmed, Expired, NoShow, Overstayed, PendingPayment};

/// Every move that there is: what, from where, to where, by whom. Nothing else is allowed.
pub const TRANSITIONS: &[(Event, Status, Status, &[Actor])] = &[
    (Event::Pay, PendingPayment, Confirmed, &[Payment]),
    // A payment that came after the hold ended, while the spot was still free.
    (Event::Pay, Expired, Confirmed, &[Payment]),
    // The rest for a longer stay.
    (Event::Pay, Confirmed, Confirmed, &[Payment]),
    (Event::Pay, Arrived, Arrived, &[Payment]),
    (Event::Change, PendingPayment, PendingPayment, &[Owner, Operator]),
    (Event::Change, Confirmed, Confirmed, &[Owner, Operator]),
    (Event::Change, Arrived, Arrived, &[Owner, Operator]),
    (Event::Cancel, PendingPayment, Cancelled, &[Owner, Operator]),
    (Event::Cancel, Confirmed, Cancelled, &[Owner, Operator]),
    (Event::Expire, PendingPayment, Expired, &[Time]),
    (Event::Arrive, Confirmed, Arrived, &[Sensor, Operator]),
    (Event::Depart, Arrived, Completed, &[Sensor, Operator]),
    (Event::Depart, Overstayed, Completed, &[Sensor, Operator]),
    (Event::Overstay, Arrived, Overstayed, &[Time]),
    (Event::Miss, Confirmed, NoShow, &[Time]),
];

/// Where a move leads from a state; none when this actor may not make it.
pub fn transition(step: Event, from: Status, by: Actor) -> Option<Status> {
    let found = TRANSITIONS.iter().find(|(of, at, _, actors)| *of == step && *at == from && actors.contains(&by));
    found.map(|(_, _, to, _)| *to)
}

/// The states that this actor may make a move from.
pub fn sources(step: Event, by: Actor) -> Vec<Status> {
    Status::VARIANTS.iter().copied().filter(|from| transition(step, *from, by).is_some()).collect()
}

/// A number plate as it is kept: capital letters and digits alone. None when it has fewer than 2 or more than 16 of them, or anything but
/// letters, digits, spaces, hyphens and dots.
pub fn plate(typed: &str) -> Option<String> {
    let mut plate = String::new();
    for c in typed.trim().chars() {
        if c.is_alphanumeric() {
            plate.extend(c.to_uppercase());
        } else if !matches!(c, ' ' | '-' | '.') {
            return None;
        }
    }
    (2..=16).contains(&plate.chars().count()).then_some(plate)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for status in Status::VARIANTS.iter().copied() {
            assert_eq!(status.into_str().parse(), Ok(status));
        }
        assert!("parked".parse::<Status>().is_err());
        assert!(Status::VARIANTS.iter().all(|status| status.is_live() == Status::LIVE.contains(status)));
    }

    #[test]
    fn a_move_leads_to_one_state_and_has_somebody_to_make_it() {
        for (step, from, to, actors) in TRANSITIONS {
            assert!(!actors.is_empty());
            let same = TRANSITIONS.iter().filter(|(other, at, ..)| other == step && at == from).count();
            assert_eq!(same, 1, "{step:?} from {from:?}");
            for actor in *actors {
                assert_eq!(transition(*step, *from, *actor), Some(*to));
            }
        }
    }

    #[test]
    fn what_is_over_stays_over_save_for_a_late_payment() {
        for (step, from, ..) in TRANSITIONS {
            assert!(!matches!(from, Completed | Cancelled | NoShow), "{step:?} from {from:?}");
            assert!(*from != Expired || *step == Event::Pay);
        }
    }

    #[test]
    fn nobody_pays_by_their_own_word() {
        for actor in [Owner, Operator, Sensor, Time] {
            assert!(sources(Event::Pay, actor).is_empty());
        }
        assert_eq!(sources(Event::Cancel, Owner), [PendingPayment, Confirmed]);
        assert_eq!(sources(Event::Depart, Sensor), [Arrived, Overstayed]);
        assert!(sources(Event::Arrive, Owner).is_empty());
    }

    #[test]
    fn a_stay_is_judged_at_its_bounds() {
        let now = 1_770_201_000_000;
        for (start, is_good) in [(-MAX_START_AGE_MS - 1, false), (-MAX_START_AGE_MS, true), (HORIZON_MS, true), (HORIZON_MS + 1, false)] {
            assert_eq!(start_fault(now + start, now).is_none(), is_good, "{start}");
        }
        for (length, is_good) in [(MIN_STAY_MS - 1, false), (MIN_STAY_MS, true), (MAX_STAY_MS, true), (MAX_STAY_MS + 1, false)] {
            assert_eq!(end_fault(now, now + length).is_none(), is_good, "{length}");
        }
        let (minutes, days) = (|ms: i64| format!("{} minutes", ms / MINUTE_MS), |ms: i64| format!("{} days", ms / DAY_MS));
        assert!(start_fault(0, now).is_some_and(|fault| fault.contains(&minutes(MAX_START_AGE_MS))));
        assert!(start_fault(i64::MAX, now).is_some_and(|fault| fault.contains(&days(HORIZON_MS))));
        assert!(end_fault(i64::MAX, i64::MIN).is_some_and(|fault| fault.contains(&minutes(MIN_STAY_MS))));
        assert!(end_fault(i64::MIN, i64::MAX).is_some_and(|fault| fault.contains(&days(MAX_STAY_MS))));
    }

    #[test]
    fn a_plate_is_known_however_it_is_typed() {
        assert_eq!(plate(" gj-01 ab.1234 ").as_deref(), Some("GJ01AB1234"));
        assert_eq!(plate("B-ÄX 1").as_deref(), Some("BÄX1"));
        for bad in ["", "A", "-- ", "ABC/12", "12345678901234567"] {
            assert_eq!(plate(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_plate_that_was_read_is_read_again(typed in ".{0,20}") {
            if let Some(read) = plate(&typed) {
                prop_assert!(read.chars().count() <= 16);
            }
        }
    }
}
