//! One payment.

use axum::Json;
use axum::extract::Path;
use domain::role::Role;
use kit::Answer;
use kit::caller::{Caller, SignedIn};
use kit::db::Database;

use crate::view::{PaymentDetail, not_found};

/// Returns a payment with its refunds.
///
/// Somebody else's is a 404, save for an operator.
#[utoipa::path(get, path = "/api/payments/{id}")]
pub async fn read(caller: Caller<SignedIn>, Path(id): Path<String>) -> Answer<Json<PaymentDetail>> {
    let detail = PaymentDetail::find(&Database, &id)?;
    let is_own = detail.payment.user_id == caller.0.id;
    if is_own || caller.0.role.holds(Role::Operator) { Ok(Json(detail)) } else { Err(not_found()) }
}
