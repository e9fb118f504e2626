//! Lists of reservations.

use const_format::{concatcp, formatcp};
use domain::reservation::{Status, plate};
use domain::role::Role;
use domain::time::DAY_MS;
use kit::caller::{Caller, Operator, SignedIn};
use kit::db::Database;
use kit::input::{Id, Input, Slug, Text, Timestamp};
use kit::kept::{Kept, Made, Sources, Topics};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::select::Select;
use kit::{Answer, Problem, params};

use crate::model::{Reservation, SELECT};
use crate::view::ReservationView;

/// Which reservations.
#[derive(Input)]
pub struct Filters {
    /// Only those of this status.
    status: Option<Status>,
    /// Only those of this site, by its slug.
    site: Option<Slug>,
    /// Only those of this spot, by its code.
    spot_id: Option<Text<1, 64>>,
    /// However it is typed.
    vehicle_plate: Option<Text<1, 64>>,
    /// For operators alone.
    user_id: Option<Id>,
}

const TOPICS: Topics = kit::topics!(Reservations, Places);

/// Lists reservations, newest first.
///
/// A driver's own, or all for an operator.
#[utoipa::path(get, path = "/api/reservations")]
pub async fn list(caller: Caller<SignedIn>, Now(now): Now, listing: Listing<Filters>) -> Answer<Kept<Page<ReservationView>>> {
    let filters = &listing.filters;
    let (audience, user) = if caller.0.role.holds(Role::Operator) {
        ("operator", filters.user_id.as_deref())
    } else if filters.user_id.is_some() {
        return Err(Problem::invalid_field("user_id", "is for operators alone"));
    } else {
        (caller.0.id.as_str(), Some(caller.0.id.as_str()))
    };
    Kept::find(&listing.request_of(audience), Sources::of(TOPICS), now, || {
        let plate = filters.vehicle_plate.as_deref().map(|typed| plate(typed).unwrap_or_else(|| typed.to_owned()));
        let reservations = Select::new(concatcp!(SELECT, " where no < coalesce(?, ", i64::MAX, ")"), params![listing.after_int(0)])
            .and_equal("user_id", user)
            .and_equal("plate", plate)
            .and_equal("spot_id", filters.spot_id.as_deref())
            .and_equal("status", filters.status)
            .and_equal("site", filters.site.as_deref())
            .fetch(&Database, "no desc", listing.fetch())?;
        let page = listing.page(reservations, |reservation: &Reservation| [reservation.no]);
        let turns: Vec<_> =
            page.items.iter().flat_map(|reservation| reservation.lapses()).map(|turn| turn.filter(|turn| *turn > now)).collect();
        Ok(Made::until(page.map(|reservation| ReservationView::new(reservation, now)), turns))
    })
}

/// Which arrivals.
#[derive(Input)]
pub struct ArrivalFilters {
    /// Of which site, by its slug.
    site: Slug,
    /// The earliest start; 12 hours ago by default.
    from: Option<Timestamp>,
    /// The start that is too late; 24 hours after `from` by default.
    to: Option<Timestamp>,
    /// Only those of this status.
    status: Option<Status>,
}

/// Lists who is to come to a site, in the order of their start.
#[utoipa::path(get, path = "/api/reservations/arrivals")]
pub async fn arrivals(_: Caller<Operator>, Now(now): Now, listing: Listing<ArrivalFilters>) -> Answer<Page<ReservationView>> {
    let filters = &listing.filters;
    let from = filters.from.map_or(now - DAY_MS / 2, |from| from.0);
    let to = filters.to.map_or(from + DAY_MS, |to| to.0);
    let start =
        formatcp!("{SELECT} where site = ? and starts_at >= ? and starts_at < ? and (starts_at, no) > (coalesce(?, -1), coalesce(?, 0))");
    let reservations = Select::new(start, params![&filters.site, from, to, listing.after_int(0), listing.after_int(1)])
        .and_if("+status = ?", filters.status)
        .fetch(&Database, "starts_at, no", listing.fetch())?;
    let page = listing.page(reservations, |reservation: &Reservation| (reservation.starts_at, reservation.no));
    Ok(page.map(|reservation| ReservationView::new(reservation, now)))
}
