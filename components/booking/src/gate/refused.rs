//! What a gate is told of a booking that it does not let in.

use domain::booking::{Refusal, Status};
use domain::booking_gate::RefusedBooking as Explained;
use domain::booking_slot::Date;
use kit::Problem;
use kit::input::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::Booking;
use crate::temple::Temple;

/// Why nobody was let in, with what the gate is told of the booking.
pub struct Refused {
    /// The word for programs.
    pub reason: Refusal,
    /// The words for people, and the booking.
    pub told: Told,
}

/// What a refusal tells the gate; kept with it, so that a retry is told the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    /// A sentence.
    pub detail: String,
    /// The [`RefusedBooking`]; none when the scan led to no booking, or its ticket is not genuine.
    pub booking: Option<serde_json::Value>,
}

/// A booking that was refused at a gate.
#[derive(Serialize, ToSchema)]
pub struct RefusedBooking<'a> {
    /// The booking's id.
    id: &'a str,
    /// The booking's code.
    booking_code: &'a str,
    /// The temple's slug.
    temple_id: &'a str,
    /// The date of its slot.
    date: Date,
    /// Its slot, by the temple's clock.
    slot: &'a str,
    /// When the slot begins.
    starts_at: Timestamp,
    /// When the slot ends.
    ends_at: Timestamp,
    /// How many people it is for.
    party_size: i64,
    /// How it stands.
    status: Status,
    /// When it came in before.
    checked_in_at: Option<Timestamp>,
    /// The gate that it came in by.
    gate: Option<&'a str>,
}

impl Refused {
    /// Of a scan that led to no booking.
    pub fn unknown(reason: Refusal) -> Self {
        Self { reason, told: Told { detail: reason.detail().to_owned(), booking: None } }
    }

    /// Of this booking, at a gate of this temple.
    pub fn of(reason: Refusal, booking: &Booking, temple: &Temple) -> Result<Self, Problem> {
        if reason == Refusal::BadSignature {
            return Ok(Self::unknown(reason));
        }
        let explained = Explained {
            site: &booking.temple_id,
            zone: temple.zone,
            date: booking.date,
            slot: &booking.slot,
            starts_at: booking.starts_at.0,
            checked_in_at: booking.checked_in_at.map(|at| at.0),
            gate: booking.gate.as_deref(),
        };
        let shown = RefusedBooking {
            id: &booking.id,
            booking_code: &booking.booking_code,
            temple_id: &booking.temple_id,
            date: booking.date,
            slot: &booking.slot,
            starts_at: booking.starts_at,
            ends_at: booking.ends_at,
            party_size: booking.party_size,
            status: booking.status,
            checked_in_at: booking.checked_in_at,
            gate: booking.gate.as_deref(),
        };
        let shown = serde_json::to_value(shown).map_err(Problem::internal)?;
        Ok(Self { reason, told: Told { detail: reason.explain(&explained), booking: Some(shown) } })
    }
}
