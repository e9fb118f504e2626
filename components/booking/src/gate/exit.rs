//! Letting a pilgrim out.

use axum::extract::Path;
use const_format::formatcp;
use domain::booking_gate::Scanned;
use kit::caller::{Caller, Operator};
use kit::db::{self, Fetch as _};
use kit::input::Input;
use kit::request::{Now, OptionalBody};
use kit::{Answer, Problem, params};

use super::answers::{self, Answered, GateAnswer, Verdict, Way};
use super::scans::Nonce;
use crate::model::Booking;
use crate::sql::{CHECKED_IN, EXITED};

/// A scan at the way out.
#[derive(Input)]
#[input(example = r#"{"nonce": "5f0c9a1e-77b3"}"#)]
pub struct Exit {
    /// Drawn by the gate for each scan: the same one gets the first answer again.
    nonce: Option<Nonce>,
}

const EXIT: &str = formatcp!(
    "update bookings set status = '{EXITED}', exited_at = ?2, updated_at = ?2, updated_by = ?3 where no = ?1 and status = '{CHECKED_IN}' returning no"
);

/// Lets a booking out, by its id or its code.
#[utoipa::path(
    post,
    path = "/api/bookings/{id}/exit",
    responses((status = 409, description = "Nobody of it is inside: `reason` is `exited` or `not_inside`."))
)]
pub async fn exit(
    caller: Caller<Operator>,
    Now(now): Now,
    Path(id): Path<String>,
    OptionalBody(sent): OptionalBody<Exit>,
) -> Answer<GateAnswer> {
    let verdict = db::transaction(|db| {
        let booking = Booking::get(db, &id)?;
        if let Some(nonce) = &sent.nonce
            && let Some(stored) = answers::find_stored(db, nonce)?
        {
            let scanned = Scanned { booking: Some(&booking.id), ticket: None };
            return Ok(stored.replay(Way::Out, &booking.temple_id, &scanned)?);
        }
        if !db.exists(EXIT, params![booking.no, now, &caller.0.id])? {
            let reason = if booking.exited_at.is_some() { "exited" } else { "not_inside" };
            let detail = format!("the booking is {}: nobody of it is inside", booking.status.into_str());
            return Err(Problem::conflict(detail).because(reason));
        }
        let outcome = Ok(answers::to_json(&Booking::get(db, &booking.id)?)?);
        let verdict = Verdict { outcome, booking: Some(booking.id), replayed: false };
        if let Some(nonce) = &sent.nonce {
            let asked = verdict.booking.as_deref().unwrap_or_default();
            let scan = Answered { nonce, way: Way::Out, asked, site: &booking.temple_id, at: now, reason: None, overruled: None };
            answers::keep(db, &scan, &verdict, &caller.0.id, now)?;
        }
        Ok(verdict)
    })?;
    answers::answer(verdict)
}
