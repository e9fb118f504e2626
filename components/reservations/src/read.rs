//! One reservation.

use axum::Json;
use axum::extract::Path;
use kit::Answer;
use kit::caller::{Caller, SignedIn};
use kit::db::Database;
use kit::request::Now;

use crate::model::Reservation;
use crate::view::ReservationView;

/// Returns a reservation.
///
/// Somebody else's is a 404, save for an operator.
#[utoipa::path(get, path = "/api/reservations/{id}")]
pub async fn read(caller: Caller<SignedIn>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<ReservationView>> {
    Ok(Json(ReservationView::new(Reservation::find_for(&Database, &caller.0, &id)?, now)))
}
