//! Letting a pilgrim in.

use axum::extract::Path;
use domain::booking::parse_code;
use kit::caller::{Caller, Operator};
use kit::db::{self, Database};
use kit::input::{Input, Slug, Text};
use kit::request::{Now, OptionalBody};
use kit::{Answer, host};

use super::answers::{GateAnswer, answer};
use super::scans::{EntryScan, Nonce, decide_entry};
use crate::model::Booking;
use crate::temple::Temple;
use crate::ticket;

/// A scan at a gate.
#[derive(Input)]
#[input(example = r#"{"temple_id": "somnath", "nonce": "5f0c9a1e-77b2", "gate": "North"}"#)]
pub struct CheckIn {
    /// Where the gate is; the booking's own temple by default.
    #[input(alias("temple"))]
    pub temple_id: Option<Slug>,
    /// Drawn by the gate for each scan: the same one gets the first answer again. Without it a retry is a scan of its own.
    pub nonce: Option<Nonce>,
    /// The text of the QR code; none when a booking code was typed.
    #[input(alias("token", "qr_token"))]
    pub ticket: Option<Text<1, 1000>>,
    /// The gate's name, for the record.
    pub gate: Option<Text<1, 64>>,
}

/// Lets a booking in at a gate, by its id or its code.
#[utoipa::path(
    post,
    path = "/api/bookings/{id}/checkin",
    responses(
        (
            status = 409,
            description = "Not let in: `reason` is `wrong_temple`, `revoked`, `cancelled`, `not_confirmed`, `already_checked_in`, `wrong_day`, `too_early` or `too_late`; `booking` has its slot's time, and the time and the gate of an earlier check-in. `replayed` is true when it is the first answer to this nonce again."
        ),
        (status = 422, description = "Invalid: `errors` names every bad field; or the ticket is not genuine: `reason` is `bad_signature`."),
    )
)]
pub async fn check_in(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    OptionalBody(sent): OptionalBody<CheckIn>,
) -> Answer<GateAnswer> {
    let_in(id, sent, None, &caller.0.id, now).await
}

/// Lets a booking in: as the scan says, or whatever it says where an operator gives a reason.
pub async fn let_in(id: String, sent: CheckIn, reason: Option<String>, by: &str, now: i64) -> Answer<GateAnswer> {
    let keys = ticket::keys().await?;
    let temple = match sent.temple_id {
        Some(temple) => Temple::in_body(&Database, &temple)?,
        None => Temple::in_body(&Database, &Booking::get(&Database, &id)?.temple_id)?,
    };
    let scan = EntryScan {
        nonce: sent.nonce.map_or_else(|| host::new_id(now), |nonce| Ok(nonce.to_string()))?,
        // A code is the same however it was typed.
        booking: Some(parse_code(&id).unwrap_or(id)),
        ticket: sent.ticket.map(Text::into_string),
        gate: sent.gate.map(Text::into_string),
        at: now,
        reason,
    };
    let verdict = db::transaction(|db| decide_entry(db, &keys, &temple, &scan, by, now))?;
    answer(verdict)
}
