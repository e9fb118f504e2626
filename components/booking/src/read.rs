//! Reading bookings.

use axum::Json;
use axum::extract::Path;
use const_format::formatcp;
use domain::booking::Status;
use domain::booking_slot::Date;
use kit::caller::{Caller, Operator, SignedIn};
use kit::db::Database;
use kit::input::{Input, Slug, Text};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{Booking, SELECT, TicketedBooking};
use crate::temple::{Temple, UNKNOWN_TIME_ZONE};
use crate::ticket;

/// Which of one's own bookings.
#[derive(Input)]
pub struct OwnBookingFilters {
    /// Only those of this status.
    status: Option<Status>,
    /// Only those of this temple, by its slug.
    temple_id: Option<Slug>,
    /// Only those of this day, in the temple's time zone.
    date: Option<Date>,
}

/// Lists the caller's own bookings with their tickets, newest first.
#[utoipa::path(get, path = "/api/bookings/my-bookings")]
pub async fn mine(caller: Caller<SignedIn>, listing: Listing<OwnBookingFilters>) -> Answer<Page<TicketedBooking>> {
    let keys = ticket::keys().await?;
    let filters = &listing.filters;
    let start = formatcp!("{SELECT} where b.user_id = ? and b.no < coalesce(?, 9223372036854775807)");
    // `+` keeps to the index by user: nobody has many.
    let bookings: Vec<Booking> = Select::new(start, params![&caller.0.id, listing.after_int(0)])
        .and_if("+b.status = ?", filters.status)
        .and_if("+b.site = ?", filters.temple_id.as_ref())
        .and_if("+b.date = ?", filters.date)
        .fetch(&Database, "b.no desc", listing.fetch())?;
    let bookings = bookings.into_iter().map(|booking| booking.with_ticket(&keys)).collect::<Result<Vec<_>, Problem>>()?;
    Ok(listing.page(bookings, |ticketed| [ticketed.booking.no]))
}

/// Returns a booking with its ticket, by its id or its code: the caller's own, or any for an operator.
#[utoipa::path(get, path = "/api/bookings/{id}")]
pub async fn detail(caller: Caller<SignedIn>, Path(id): Path<String>) -> Answer<Json<TicketedBooking>> {
    let keys = ticket::keys().await?;
    Ok(Json(Booking::visible_to(&caller.0, &id)?.with_ticket(&keys)?))
}

/// Which bookings of a day.
#[derive(Input)]
pub struct DayFilters {
    /// Today by default, by the temple's clock.
    date: Option<Date>,
    /// Such as `06:00-07:00`.
    slot: Option<Text<1, 16>>,
    /// Only those of this status.
    status: Option<Status>,
}

/// A booking as a gate takes it along.
#[derive(Serialize, ToSchema)]
pub struct GateBooking {
    #[serde(flatten)]
    booking: Booking,
    /// The number that a ticket must have: the newest of the booking's tickets.
    ticket_number: i64,
}

/// Lists all bookings of a day in the order in which they came, for gates that must work without the network.
#[utoipa::path(get, path = "/api/bookings/temple/{temple}/day", responses((status = 409, description = UNKNOWN_TIME_ZONE)))]
pub async fn of_day(
    _: Caller<Operator>,
    Now(now): Now,
    Path(temple): Path<String>,
    listing: Listing<DayFilters>,
) -> Answer<Page<GateBooking>> {
    let temple = Temple::at_path(&Database, &temple)?;
    let filters = &listing.filters;
    let date = filters.date.unwrap_or_else(|| temple.today(now));
    let start = formatcp!("{SELECT} where b.site = ? and b.date = ? and b.no > coalesce(?, 0)");
    // `+` keeps to the index by day, which is in the list's order.
    let bookings = Select::new(start, params![temple.site, date, listing.after_int(0)])
        .and_if("+b.slot = ?", filters.slot.as_ref())
        .and_if("+b.status = ?", filters.status)
        .fetch(&Database, "b.no", listing.fetch())?;
    let page = listing.page(bookings, |booking: &Booking| [booking.no]);
    Ok(page.map(|booking| GateBooking { ticket_number: booking.ticket_number, booking }))
}
