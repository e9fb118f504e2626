//! Bookings: their states, and what a gate says to a scan (docs/reference/rules.md).

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

use crate::booking_slot::{Date, Zone};
use crate::time::MINUTE_MS;

/// The people that one booking may be for.
pub const MAX_PARTY: i64 = 10;
/// The bookings that may wait for one slot.
pub const MAX_WAITING: i64 = 500;
/// How long before its slot begins a gate lets a pilgrim in, milliseconds.
pub const EARLY_ENTRY_MS: i64 = 30 * MINUTE_MS;
/// Who has not been seen to leave so long after their slot's end is taken to have left, milliseconds.
pub const AUTO_EXIT_MS: i64 = 6 * 60 * MINUTE_MS;

/// The number of the last ticket that one booking may have.
pub const MAX_TICKET: i64 = 255;

/// The state of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = BookingStatus)]
pub enum Status {
    /// Waits for places.
    Waitlisted,
    /// Has its places.
    Confirmed,
    /// Is inside.
    CheckedIn,
    /// Was inside.
    Exited,
    /// Given back by the pilgrim.
    Cancelled,
    /// Taken back by the temple.
    Revoked,
    /// Did not come.
    NoShow,
    /// Waited in vain.
    Expired,
}

impl Status {
    /// The states whose parties take places ([`Self::is_live`]).
    pub const LIVE: [Self; 4] = [Self::Confirmed, Self::CheckedIn, Self::Exited, Self::NoShow];
    /// The states that count against the bookings that one person may have of a slot.
    pub const HELD: [Self; 5] = [Self::Waitlisted, Self::Confirmed, Self::CheckedIn, Self::Exited, Self::NoShow];
    /// The states that a pilgrim or the temple can cancel.
    pub const CANCELLABLE: [Self; 2] = [Self::Confirmed, Self::Waitlisted];
    /// The states that a scan at the gate can check in.
    pub const ADMISSIBLE: [Self; 2] = [Self::Confirmed, Self::NoShow];

    /// Whether its party takes places of its slot.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Confirmed | Self::CheckedIn | Self::Exited | Self::NoShow)
    }

    /// Whether it has a ticket that a gate may still see.
    pub const fn has_ticket(self) -> bool {
        matches!(self, Self::Confirmed | Self::CheckedIn)
    }
}

/// Why a gate does not let someone in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[derive(EnumString, IntoStaticStr, VariantArray, strum::VariantNames, ToSchema)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
#[schema(as = GateRefusal)]
pub enum Refusal {
    /// The ticket was not signed by us, was altered, or is another booking's.
    BadSignature,
    /// The booking is another temple's.
    WrongTemple,
    /// The temple took it back, or a newer ticket took this one's place.
    Revoked,
    /// The pilgrim gave it back.
    Cancelled,
    /// It never got places.
    NotConfirmed,
    /// It was used.
    AlreadyCheckedIn,
    /// It is another day's.
    WrongDay,
    /// Its slot is yet to come.
    TooEarly,
    /// Its slot is over.
    TooLate,
}

impl Refusal {
    /// The sentence for the gate, of a booking that nothing more is known of; [`Self::explain`] names its slot and its check-in.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::BadSignature => "the ticket is not genuine, or belongs to another booking",
            Self::WrongTemple => "the booking is for another temple",
            Self::Revoked => "the ticket was revoked",
            Self::Cancelled => "the booking was cancelled",
            Self::NotConfirmed => "the booking never got places",
            Self::AlreadyCheckedIn => "the booking was checked in already",
            Self::WrongDay => "the booking is for another day",
            Self::TooEarly => "the slot has not begun yet",
            Self::TooLate => "the slot is over",
        }
    }
}

/// A booking, as far as a gate asks.
#[derive(Clone, Copy, Debug)]
pub struct Booked<'a> {
    /// Its temple.
    pub site: &'a str,
    /// Its day, by the temple's clock.
    pub date: Date,
    /// When its slot begins, milliseconds.
    pub starts_at: i64,
    /// When its slot is over, milliseconds.
    pub ends_at: i64,
    /// Its state.
    pub status: Status,
    /// The number of its newest ticket.
    pub ticket: i64,
}

/// A scan at a gate.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// The gate's temple.
    pub site: &'a str,
    /// The temple's time zone.
    pub zone: Zone,
    /// When, milliseconds.
    pub at: i64,
    /// The number of the ticket that was shown, which is genuine; none when a code was typed.
    pub ticket: Option<i64>,
}

/// Whether the gate lets them in.
///
/// A pilgrim comes in from 30 minutes before the slot begins until it is over. A no-show may come in by a scan that was made in time and
/// uploaded later.
pub fn admit(booked: &Booked<'_>, scan: &Scan<'_>) -> Result<(), Refusal> {
    if booked.site != scan.site {
        return Err(Refusal::WrongTemple);
    }
    match booked.status {
        Status::Revoked => return Err(Refusal::Revoked),
        Status::Cancelled => return Err(Refusal::Cancelled),
        Status::Waitlisted | Status::Expired => return Err(Refusal::NotConfirmed),
        _ if scan.ticket.is_some_and(|ticket| ticket != booked.ticket) => return Err(Refusal::Revoked),
        Status::CheckedIn | Status::Exited => return Err(Refusal::AlreadyCheckedIn),
        Status::Confirmed | Status::NoShow => {}
    }
    let opens = booked.starts_at.saturating_sub(EARLY_ENTRY_MS);
    if (opens..=booked.ends_at).contains(&scan.at) {
        return Ok(());
    }
    if Date::at(scan.at, scan.zone) != booked.date {
        return Err(Refusal::WrongDay);
    }
    Err(if scan.at < opens { Refusal::TooEarly } else { Refusal::TooLate })
}

/// Whether an operator may let them in although the gate refused them for this.
///
/// What the clock or the ticket says may be set aside, for a booking that has places. Places that were given back or never given are others',
/// who comes in twice is counted twice, and at another temple it is the wrong count.
pub fn may_overrule(refusal: Refusal, status: Status) -> bool {
    let is_of_clock_or_ticket =
        matches!(refusal, Refusal::TooEarly | Refusal::TooLate | Refusal::WrongDay | Refusal::Revoked | Refusal::BadSignature);
    is_of_clock_or_ticket && Status::ADMISSIBLE.contains(&status)
}

/// How full a slot is, in a word.
pub const fn fullness(capacity: i64, booked: i64) -> &'static str {
    match capacity - booked {
        ..=0 => "full",
        left if left * 5 <= capacity => "filling",
        _ => "available",
    }
}

/// The characters of a booking code: no letter that is taken for a digit or for another letter.
const CODE_ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// A booking code, such as `K7P2-9QXM`, from 8 random bytes.
pub fn code(random: [u8; 8]) -> String {
    let mut code = String::with_capacity(9);
    for (at, byte) in random.into_iter().enumerate() {
        if at == 4 {
            code.push('-');
        }
        code.push(char::from(CODE_ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'2')));
    }
    code
}

/// A code as it was typed: any case, with or without the hyphen. None when it cannot be one.
pub fn parse_code(typed: &str) -> Option<String> {
    let mut plain = String::with_capacity(9);
    for c in typed.trim().chars().filter(|c| !matches!(c, '-' | ' ')) {
        if plain.len() == 4 {
            plain.push('-');
        }
        let c = u8::try_from(c.to_ascii_uppercase()).ok().filter(|c| CODE_ALPHABET.contains(c))?;
        plain.push(char::from(c));
        if plain.len() > 9 {
            return None;
        }
    }
    (plain.len() == 9).then_some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray as _;

    use super::*;
    use crate::booking_slot::Slot;
    use crate::time::{DAY_MS, HOUR_MS};

    fn zone() -> Zone {
        Zone::parse("Asia/Kolkata").unwrap()
    }

    fn booked(status: Status) -> Booked<'static> {
        let date = Date::parse("2026-02-05").unwrap();
        let (starts_at, ends_at) = Slot::parse("06:00-07:00").unwrap().moments(date, zone()).unwrap();
        Booked { site: "somnath", date, starts_at, ends_at, status, ticket: 1 }
    }

    fn scan(plus_ms: i64) -> Scan<'static> {
        Scan { site: "somnath", zone: zone(), at: booked(Status::Confirmed).starts_at + plus_ms, ticket: Some(1) }
    }

    #[test]
    fn a_pilgrim_in_time_comes_in() {
        for plus in [-EARLY_ENTRY_MS, 0, HOUR_MS] {
            assert_eq!(admit(&booked(Status::Confirmed), &scan(plus)), Ok(()));
            assert_eq!(admit(&booked(Status::NoShow), &scan(plus)), Ok(()));
        }
        assert_eq!(admit(&booked(Status::Confirmed), &Scan { ticket: None, ..scan(0) }), Ok(()));
    }

    #[test]
    fn every_refusal_has_its_reason() {
        let confirmed = booked(Status::Confirmed);
        for (booked, scan, reason) in [
            (confirmed, scan(-EARLY_ENTRY_MS - 1), Refusal::TooEarly),
            (confirmed, scan(HOUR_MS + 1), Refusal::TooLate),
            (confirmed, scan(-DAY_MS), Refusal::WrongDay),
            (confirmed, scan(DAY_MS), Refusal::WrongDay),
            (confirmed, Scan { site: "dwarka", ..scan(0) }, Refusal::WrongTemple),
            (confirmed, Scan { ticket: Some(2), ..scan(0) }, Refusal::Revoked),
            (booked(Status::Revoked), scan(0), Refusal::Revoked),
            (booked(Status::Cancelled), scan(0), Refusal::Cancelled),
            (booked(Status::Waitlisted), scan(0), Refusal::NotConfirmed),
            (booked(Status::Expired), scan(0), Refusal::NotConfirmed),
            (booked(Status::CheckedIn), scan(0), Refusal::AlreadyCheckedIn),
            (booked(Status::Exited), scan(0), Refusal::AlreadyCheckedIn),
        ] {
            assert_eq!(admit(&booked, &scan), Err(reason), "{booked:?} {scan:?}");
        }
    }

    #[test]
    fn only_the_clock_and_the_ticket_are_overruled() {
        let confirmed = booked(Status::Confirmed);
        let overruled = |booked: &Booked<'_>, scan: &Scan<'_>| may_overrule(admit(booked, scan).unwrap_err(), booked.status);
        for scan in [scan(-EARLY_ENTRY_MS - 1), scan(HOUR_MS + 1), scan(DAY_MS), Scan { ticket: Some(2), ..scan(0) }] {
            assert!(overruled(&confirmed, &scan) && overruled(&booked(Status::NoShow), &scan), "{scan:?}");
        }
        assert!(!overruled(&confirmed, &Scan { site: "dwarka", ..scan(0) }));
        for status in [Status::Revoked, Status::Cancelled, Status::Waitlisted, Status::Expired, Status::CheckedIn, Status::Exited] {
            assert!(!overruled(&booked(status), &scan(0)), "{status:?}");
            assert!(!Refusal::VARIANTS.iter().any(|refusal| may_overrule(*refusal, status)));
        }
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for status in Status::VARIANTS.iter().copied() {
            assert_eq!(status.into_str().parse(), Ok(status));
            assert_eq!(status.is_live(), Status::LIVE.contains(&status));
        }
        for refusal in Refusal::VARIANTS.iter().copied() {
            assert_eq!(refusal.into_str().parse(), Ok(refusal));
        }
    }

    #[test]
    fn a_slot_fills_up() {
        assert_eq!(fullness(100, 0), "available");
        assert_eq!(fullness(100, 79), "available");
        assert_eq!(fullness(100, 80), "filling");
        assert_eq!(fullness(100, 100), "full");
        assert_eq!(fullness(0, 0), "full");
    }

    #[test]
    fn a_typed_code_is_understood() {
        assert_eq!(parse_code(" k7p29qxm ").as_deref(), Some("K7P2-9QXM"));
        assert_eq!(parse_code("K7P2-9QXM").as_deref(), Some("K7P2-9QXM"));
        for typed in ["", "K7P2-9QX", "K7P2-9QXMM", "K7P2-9QX0", "K7P2-9QXé", "01950000-0000-7000-8000-000000000000"] {
            assert_eq!(parse_code(typed), None, "{typed}");
        }
    }

    proptest! {
        #[test]
        fn every_code_is_read_again(random: [u8; 8]) {
            let code = code(random);
            prop_assert_eq!(parse_code(&code.to_lowercase()), Some(code));
        }

        #[test]
        fn one_moment_has_one_answer(at: i64, index in 0..8_usize, ticket in prop::option::of(0..3_i64)) {
            let booked = booked(Status::VARIANTS[index]);
            let answer = admit(&booked, &Scan { at, ticket, ..scan(0) });
            if answer.is_ok() {
                prop_assert!(booked.status.is_live() && at >= booked.starts_at - EARLY_ENTRY_MS && at <= booked.ends_at);
                prop_assert!(ticket.is_none_or(|ticket| ticket == 1));
            }
        }
    }
}
