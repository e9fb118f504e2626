//! Reading bookings.

use axum::Json;
use axum::extract::Path;
use const_format::formatcp;
use domain::booking::Status;
use domain::booking_slot::Date;
use domain::role::Role;
use kit::caller::{Caller, Operator, SignedIn};
use kit::db::Database;
use kit::input::{Input, Slug, Text};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{Booking, Pilgrim, SELECT, TicketedBooking};
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
pub async fn mine(caller: Caller<SignedIn>, Now(now): Now, listing: Listing<OwnBookingFilters>) -> Answer<Page<TicketedBooking>> {
    let keys = ticket::keys().await?;
    let filters = &listing.filters;
    let start = formatcp!("{SELECT} where b.user_id = ? and b.no < coalesce(?, 9223372036854775807)");
    // `+` keeps to the index by user: nobody has many.
    let bookings: Vec<Booking> = Select::new(start, params![&caller.0.id, listing.after_int(0)])
        .and_if("+b.status = ?", filters.status)
        .and_if("+b.site = ?", filters.temple_id.as_ref())
        .and_if("+b.date = ?", filters.date)
        .fetch(&Database, "b.no desc", listing.fetch())?;
    let bookings = bookings.into_iter().map(|booking| booking.with_ticket(&keys, now)).collect::<Result<Vec<_>, Problem>>()?;
    Ok(listing.page(bookings, |ticketed| [ticketed.booking.no]))
}

/// A booking with its ticket, and for operators with who made it.
#[derive(Serialize, ToSchema)]
pub struct BookingDetail {
    #[serde(flatten)]
    booking: TicketedBooking,
    /// Who made it, for operators alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pilgrim: Option<Pilgrim>,
}

/// Returns a booking with its ticket, by its id or its code: the caller's own, or any for an operator, who also sees the pilgrim's name and phone.
#[utoipa::path(get, path = "/api/bookings/{id}")]
pub async fn detail(caller: Caller<SignedIn>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<BookingDetail>> {
    let keys = ticket::keys().await?;
    let booking = Booking::visible_to(&caller.0, &id)?;
    let pilgrim = if caller.0.role.holds(Role::Operator) { booking.pilgrim(&Database)? } else { None };
    Ok(Json(BookingDetail { booking: booking.with_ticket(&keys, now)?, pilgrim }))
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
