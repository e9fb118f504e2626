//! Reservations of parking spots: their states and who may move them, in one table (docs/reference/reservations.md).

use serde::{Deserialize, Serialize};
use strum::VariantArray as _;
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
pub const PAST_MS: i64 = 5 * MINUTE_MS;
/// A stay that begins within this "starts now": a spot on which somebody stands is not offered for it. Milliseconds.
pub const SOON_MS: i64 = 15 * MINUTE_MS;
/// So long before the start a car on the spot is taken for the driver's, milliseconds.
pub const EARLY_MS: i64 = 15 * MINUTE_MS;
/// A driver has left when the spot has been empty for so long, milliseconds: sensors err, and people move their car a little.
pub const LEFT_MS: i64 = 5 * MINUTE_MS;

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
    /// Whether it keeps others off its spot for its period; a pending one only until its hold ends.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::PendingPayment | Self::Confirmed | Self::Arrived)
    }
}

/// What happens to a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Move {
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
pub const TABLE: &[(Move, Status, Status, &[Actor])] = &[
    (Move::Pay, PendingPayment, Confirmed, &[Payment]),
    // A payment that came after the hold ended, while the spot was still free.
    (Move::Pay, Expired, Confirmed, &[Payment]),
    // The rest for a longer stay.
    (Move::Pay, Confirmed, Confirmed, &[Payment]),
    (Move::Pay, Arrived, Arrived, &[Payment]),
    (Move::Change, PendingPayment, PendingPayment, &[Owner, Operator]),
    (Move::Change, Confirmed, Confirmed, &[Owner, Operator]),
    (Move::Change, Arrived, Arrived, &[Owner, Operator]),
    (Move::Cancel, PendingPayment, Cancelled, &[Owner, Operator]),
    (Move::Cancel, Confirmed, Cancelled, &[Owner, Operator]),
    (Move::Expire, PendingPayment, Expired, &[Time]),
    (Move::Arrive, Confirmed, Arrived, &[Sensor, Operator]),
    (Move::Depart, Arrived, Completed, &[Sensor, Operator]),
    (Move::Depart, Overstayed, Completed, &[Sensor, Operator]),
    (Move::Overstay, Arrived, Overstayed, &[Time]),
    (Move::Miss, Confirmed, NoShow, &[Time]),
];

/// Where a move leads from a state; none when this actor may not make it.
pub fn transition(step: Move, from: Status, by: Actor) -> Option<Status> {
    let found = TABLE.iter().find(|(of, at, _, actors)| *of == step && *at == from && actors.contains(&by));
    found.map(|(_, _, to, _)| *to)
}

/// The states that this actor may make a move from.
pub fn sources(step: Move, by: Actor) -> Vec<Status> {
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
    }

    #[test]
    fn a_move_leads_to_one_state_and_has_somebody_to_make_it() {
        for (step, from, to, actors) in TABLE {
            assert!(!actors.is_empty());
            let same = TABLE.iter().filter(|(other, at, ..)| other == step && at == from).count();
            assert_eq!(same, 1, "{step:?} from {from:?}");
            for actor in *actors {
                assert_eq!(transition(*step, *from, *actor), Some(*to));
            }
        }
    }

    #[test]
    fn what_is_over_stays_over_save_for_a_late_payment() {
        for (step, from, ..) in TABLE {
            assert!(!matches!(from, Completed | Cancelled | NoShow), "{step:?} from {from:?}");
            assert!(*from != Expired || *step == Move::Pay);
        }
    }

    #[test]
    fn nobody_pays_by_their_own_word() {
        for actor in [Owner, Operator, Sensor, Time] {
            assert!(sources(Move::Pay, actor).is_empty());
        }
        assert_eq!(sources(Move::Cancel, Owner), [PendingPayment, Confirmed]);
        assert_eq!(sources(Move::Depart, Sensor), [Arrived, Overstayed]);
        assert!(sources(Move::Arrive, Owner).is_empty());
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
