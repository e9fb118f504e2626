//! What a gate is told of a scan that it asks about: whether it was asked before, and why nobody is let in (docs/reference/tickets.md).

use crate::booking::{EARLY_ENTRY_MS, Refusal};
use crate::booking_slot::{Date, Zone};

/// What a scan was of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scanned<'a> {
    /// The id of the booking that it led to, by the booking's id, its code or the ticket; none when it led to none.
    pub booking: Option<&'a str>,
    /// The ticket's text; none when only an id or a code was given.
    pub ticket: Option<&'a str>,
}

impl Scanned<'_> {
    /// Whether two questions with one nonce are about the same scan, whichever of them came first: a gate that asked online by the booking's
    /// id and uploads the scan later by its code or its ticket asks the same.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self.ticket, other.ticket) {
            (Some(one), Some(two)) => one == two && (self.booking == other.booking || self.booking.is_none() || other.booking.is_none()),
            _ => self.booking.is_some() && self.booking == other.booking,
        }
    }
}

/// What is known of a booking that is refused.
#[derive(Clone, Copy, Debug)]
pub struct RefusedBooking<'a> {
    /// Its temple's slug.
    pub site: &'a str,
    /// The time zone of the gate's temple.
    pub zone: Zone,
    /// Its day.
    pub date: Date,
    /// Its slot, `06:00-07:00`.
    pub slot: &'a str,
    /// When its slot begins, milliseconds.
    pub starts_at: i64,
    /// When it came in before, milliseconds.
    pub checked_in_at: Option<i64>,
    /// The gate that it came in by.
    pub gate: Option<&'a str>,
}

impl Refusal {
    /// The sentence for the gate, with the slot's time, and the time and the gate of an earlier check-in, by the temple's clock.
    pub fn explain(self, booking: &RefusedBooking<'_>) -> String {
        let detail = self.detail();
        let slot = format!("{} on {}", booking.slot, booking.date);
        match self {
            Self::BadSignature => detail.to_owned(),
            Self::WrongTemple => format!("{detail}: {}, {slot}", booking.site),
            Self::TooEarly => {
                let (_, opens) = booking.zone.wall(booking.starts_at.saturating_sub(EARLY_ENTRY_MS));
                format!("{detail}: it is {slot}, and the gate opens at {opens}")
            }
            Self::AlreadyCheckedIn => match booking.checked_in_at {
                Some(at) => {
                    let (date, clock) = booking.zone.wall(at);
                    let gate = booking.gate.map(|gate| format!(" at gate {gate}")).unwrap_or_default();
                    format!("{detail}, at {clock} on {date}{gate}; its slot is {slot}")
                }
                None => format!("{detail}; its slot is {slot}"),
            },
            Self::Revoked | Self::Cancelled | Self::NotConfirmed | Self::WrongDay | Self::TooLate => {
                format!("{detail}: its slot is {slot}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strum::VariantArray as _;

    use super::*;

    fn scanned<'a>(booking: Option<&'a str>, ticket: Option<&'a str>) -> Scanned<'a> {
        Scanned { booking, ticket }
    }

    #[test]
    fn a_scan_is_the_same_by_id_by_code_and_by_ticket() {
        let whole = scanned(Some("b"), Some("t"));
        for same in [whole, scanned(Some("b"), None)] {
            assert!(whole.is_same(&same), "{same:?}");
        }
        for other in [scanned(Some("c"), Some("t")), scanned(Some("b"), Some("u")), scanned(Some("c"), None), scanned(None, None)] {
            assert!(!whole.is_same(&other), "{other:?}");
        }
        // A ticket that is not genuine leads nowhere by itself, and is the same all the same.
        assert!(whole.is_same(&scanned(None, Some("t"))));
        assert!(!scanned(None, None).is_same(&scanned(None, None)), "nothing says what they were of");
    }

    #[test]
    fn a_refusal_names_the_slot_and_the_earlier_check_in() {
        let zone = Zone::parse("Asia/Kolkata").unwrap();
        let date = Date::parse("2026-02-05").unwrap();
        let starts_at = zone.moment(date, 360);
        let booking = RefusedBooking {
            site: "somnath",
            zone,
            date,
            slot: "06:00-07:00",
            starts_at,
            checked_in_at: Some(starts_at + 180_000),
            gate: Some("North"),
        };
        for refusal in Refusal::VARIANTS.iter().copied() {
            let sentence = refusal.explain(&booking);
            assert!(sentence.starts_with(refusal.detail()), "{sentence}");
            assert!(refusal == Refusal::BadSignature || sentence.contains("06:00-07:00 on 2026-02-05"), "{sentence}");
        }
        let again = Refusal::AlreadyCheckedIn.explain(&booking);
        assert!(again.contains("at 06:03 on 2026-02-05 at gate North"), "{again}");
        assert!(Refusal::TooEarly.explain(&booking).ends_with("opens at 05:30"));
        assert!(Refusal::WrongTemple.explain(&booking).contains("somnath"));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_which_question_came_first(a in prop::option::of("[ab]"), b in prop::option::of("[tu]"), c in prop::option::of("[ab]"), d in prop::option::of("[tu]")) {
            let (one, two) = (scanned(a.as_deref(), b.as_deref()), scanned(c.as_deref(), d.as_deref()));
            prop_assert_eq!(one.is_same(&two), two.is_same(&one));
        }
    }
}
