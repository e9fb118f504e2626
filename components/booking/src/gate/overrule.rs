//! Letting a pilgrim in although the gate said no.

use axum::extract::Path;
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::input::{Input, Slug, Text};
use kit::request::{Body, Now};

use super::answers::GateAnswer;
use super::check_in::{CheckIn, let_in};
use super::scans::Nonce;

/// The longest reason, characters.
pub const MAX_REASON: usize = 200;

/// Why somebody is let in.
#[derive(Input)]
#[input(
    example = r#"{"temple_id": "somnath", "nonce": "5f0c9a1e-77b5", "gate": "North", "reason": "Bus was late, seen by the supervisor"}"#
)]
pub struct Override {
    /// Where the gate is; the booking's own temple by default.
    #[input(alias("temple"))]
    temple_id: Option<Slug>,
    /// Drawn by the gate, another one than the scan's that was refused: the same one gets the first answer again.
    nonce: Option<Nonce>,
    /// The text of the QR code that was shown; none when a booking code was typed.
    #[input(alias("token", "qr_token"))]
    ticket: Option<Text<1, 1000>>,
    /// The gate's name, for the record.
    gate: Option<Text<1, 64>>,
    /// Why they are let in, for the record.
    reason: Text<1, MAX_REASON>,
}

/// Lets a booking in although the gate said no, by its id or its code.
///
/// What the clock or the ticket says is set aside (`too_early`, `too_late`, `wrong_day`, `revoked` of an older ticket, `bad_signature`), for a booking
/// that has places. Who did it and why stays in the audit trail.
#[utoipa::path(
    post,
    path = "/api/bookings/{id}/override",
    responses(
        (
            status = 409,
            description = "Not let in all the same: `reason` is `wrong_temple`, `revoked`, `cancelled`, `not_confirmed` or `already_checked_in`; `booking` has its slot's time, and the time and the gate of an earlier check-in. `replayed` is true when it is the first answer to this nonce again."
        ),
    )
)]
pub async fn overrule(caller: Caller<Operator>, Now(now): Now, Path(id): Path<String>, Body(sent): Body<Override>) -> Answer<GateAnswer> {
    let Override { temple_id, nonce, ticket, gate, reason } = sent;
    let_in(id, CheckIn { temple_id, nonce, ticket, gate }, Some(reason.into_string()), &caller.0.id, now).await
}
