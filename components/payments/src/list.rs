//! The list of payments.

use const_format::concatcp;
use domain::payment::PaymentState;
use domain::role::Role;
use kit::caller::{Caller, SignedIn};
use kit::db::Database;
use kit::input::{Id, Input};
use kit::page::{Listing, Page};
use kit::select::Select;
use kit::{Answer, params};

use crate::view::{PaymentView, SELECT};

/// Which payments.
#[derive(Input)]
pub struct Filters {
    /// Only those of this reservation, by its id.
    reservation_id: Option<Id>,
    /// Only those of this state.
    state: Option<PaymentState>,
}

/// Lists payments, newest first.
///
/// A driver's own, or all for an operator.
#[utoipa::path(get, path = "/api/payments")]
pub async fn list(caller: Caller<SignedIn>, listing: Listing<Filters>) -> Answer<Page<PaymentView>> {
    let filters = &listing.filters;
    let own = (!caller.0.role.holds(Role::Operator)).then_some(caller.0.id.as_str());
    let payments = Select::new(concatcp!(SELECT, " where p.no < coalesce(?, ", i64::MAX, ")"), params![listing.after_int(0)])
        .and_equal("p.reservation", filters.reservation_id.as_deref())
        .and_equal("p.user_id", own)
        .and_equal("p.state", filters.state)
        .fetch(&Database, "p.no desc", listing.fetch())?;
    Ok(listing.page(payments, |payment: &PaymentView| [payment.no]))
}
