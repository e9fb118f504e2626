//! A gate's scans: who is let in. What the gate is answered is in [`answers`](super::answers).

use const_format::formatcp;
use domain::booking::{Booked, Refusal, Scan, admit, may_overrule};
use domain::booking_gate::Scanned;
use kit::db::{Executor, Fetch as _};
use kit::{Problem, params};

use super::answers::{Answered, Unanswered, Verdict, Way, find_stored, keep, to_json};
use super::refused::Refused;
use crate::model::Booking;
use crate::sql::{ADMISSIBLE, CHECKED_IN};
use crate::temple::Temple;
use crate::ticket::Keys;

kit::text_type! {
    /// What a gate draws at random for each scan, so that a retry is known as one.
    pub struct Nonce, "must have 1 to 64 letters, digits and - . _", pattern: "^[A-Za-z0-9._-]{1,64}$", is_nonce
}

fn is_nonce(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

/// A scan at the way in.
pub struct EntryScan {
    pub nonce: String,
    /// The booking's id or code; none when only the ticket says it.
    pub booking: Option<String>,
    /// The ticket's text; none when a code was typed.
    pub ticket: Option<String>,
    /// A name for the record.
    pub gate: Option<String>,
    /// When it was scanned, milliseconds.
    pub at: i64,
    /// Why an operator lets them in whatever the scan says; none for a scan that stands by itself.
    pub reason: Option<String>,
}

impl EntryScan {
    /// As it is kept beside its answer: the booking as it was named, and the ticket.
    fn asked(&self) -> String {
        format!("{} {}", self.booking.as_deref().unwrap_or_default(), self.ticket.as_deref().unwrap_or_default())
    }
}

/// Decides one scan at a gate of this temple and checks the booking in, inside a transaction.
pub fn decide_entry(
    db: &dyn Executor,
    keys: &Keys,
    temple: &Temple,
    scan: &EntryScan,
    actor: &str,
    now: i64,
) -> Result<Verdict, Unanswered> {
    let stored = find_stored(db, &scan.nonce)?;
    let found = match (&scan.booking, &scan.ticket) {
        (Some(id), _) => Booking::find(db, id)?,
        (None, Some(text)) => match keys.verify(text) {
            Some(ticket) => Booking::find(db, &booking_id(ticket.booking))?,
            None => None,
        },
        (None, None) => None,
    };
    if let Some(stored) = stored {
        let scanned = Scanned { booking: found.as_ref().map(|booking| booking.id.as_str()), ticket: scan.ticket.as_deref() };
        return if stored.is_override() == scan.reason.is_some() {
            stored.replay(Way::In, &temple.site, &scanned)
        } else {
            Err(Unanswered::NonceUsed)
        };
    }
    if scan.booking.is_some() && found.is_none() {
        return Err(Unanswered::UnknownBooking);
    }
    let mut overruled = None;
    let outcome = match &found {
        Some(booking) => match may_enter(keys, temple, scan, booking) {
            Ok(()) => check_in(db, booking, temple, scan, actor, now)?,
            Err(refusal) if scan.reason.is_some() && may_overrule(refusal, booking.status) => {
                let outcome = check_in(db, booking, temple, scan, actor, now)?;
                overruled = outcome.is_ok().then_some(refusal);
                outcome
            }
            Err(refusal) => Err(Refused::of(refusal, booking, temple)?),
        },
        None => Err(Refused::unknown(Refusal::BadSignature)),
    };
    let verdict = Verdict { outcome, booking: found.map(|booking| booking.id), replayed: false };
    let scan = Answered {
        nonce: &scan.nonce,
        way: Way::In,
        asked: &scan.asked(),
        site: &temple.site,
        at: scan.at,
        reason: scan.reason.as_deref(),
        overruled,
    };
    keep(db, &scan, &verdict, actor, now)?;
    Ok(verdict)
}

fn booking_id(bytes: [u8; 16]) -> String {
    uuid::Uuid::from_bytes(bytes).to_string()
}

fn may_enter(keys: &Keys, temple: &Temple, scan: &EntryScan, booking: &Booking) -> Result<(), Refusal> {
    let ticket = match &scan.ticket {
        None => None,
        Some(text) => {
            let ticket = keys.verify(text).filter(|ticket| booking_id(ticket.booking) == booking.id);
            Some(i64::from(ticket.ok_or(Refusal::BadSignature)?.number))
        }
    };
    let booked = Booked {
        site: &booking.temple_id,
        date: booking.date,
        starts_at: booking.starts_at.0,
        ends_at: booking.ends_at.0,
        status: booking.status,
        ticket: booking.ticket_number,
    };
    admit(&booked, &Scan { site: &temple.site, zone: temple.zone, at: scan.at, ticket })
}

/// Whether the booking may come in is a condition of this one write.
const CHECK_IN: &str = formatcp!("update bookings set status = '{CHECKED_IN}', checked_in_at = ?2, checked_in_by = ?3, gate = ?4, ended_at = null, updated_at = ?5, updated_by = ?3
     where no = ?1 and status in {ADMISSIBLE} returning no");

fn check_in(
    db: &dyn Executor,
    booking: &Booking,
    temple: &Temple,
    scan: &EntryScan,
    actor: &str,
    now: i64,
) -> Result<Result<String, Refused>, Problem> {
    let let_in = db.exists(CHECK_IN, params![booking.no, scan.at, actor, scan.gate.as_deref(), now])?;
    let after = Booking::get(db, &booking.id)?;
    if !let_in {
        return Refused::of(Refusal::AlreadyCheckedIn, &after, temple).map(Err);
    }
    to_json(&after).map(Ok)
}
