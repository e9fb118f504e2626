//! Reading bookings.

use axum::Json;
use axum::extract::Path;
use domain::booking::{Status, parse_code};
use domain::role::Role;
use kit::caller::{Caller, Operator, Principal, SignedIn};
use kit::db::{self, Row};
use kit::page::{Listing, Page};
use kit::request::{Now, Query};
use kit::{Answer, Problem, params};
use serde_json::{Value, json};
use strum::VariantNames as _;

use crate::show::{Booking, select};
use crate::temple::{Run, Temple, date_of_query};
use crate::ticket::{self, Keys};

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("booking")
}

/// The booking of this id, or of this code as it was typed at a gate; 404 when there is none.
pub fn by_id_or_code(run: impl Run, id: &str) -> Result<Booking, Problem> {
    let rows = match parse_code(id) {
        Some(code) => run(concat!(select!(), " where b.code = ?"), params![code])?,
        None => run(concat!(select!(), " where b.id = ?"), params![id])?,
    };
    Booking::of(rows.first().ok_or_else(not_found)?)
}

/// The same, when it is the caller's, or the caller is an operator. Somebody else's is not there: 404.
pub fn visible(caller: &Principal, id: &str) -> Result<Booking, Problem> {
    let booking = by_id_or_code(db::run, id)?;
    if booking.user_id == caller.id || caller.role.holds(Role::Operator) { Ok(booking) } else { Err(not_found()) }
}

fn key(row: &Row) -> Result<Value, Problem> {
    Ok(json!([row.int(0)?]))
}

/// GET `/api/bookings/my-bookings`: the caller's own, newest first, with their tickets; filters `status`, `temple_id`, `date`.
pub async fn mine(caller: Caller<SignedIn>, Query(query): Query) -> Answer<Page<Value>> {
    let keys: std::rc::Rc<Keys> = ticket::keys().await?;
    let listing = Listing::parse(&query, &["status", "temple_id", "date"])?;
    listing.choice("status", Status::VARIANTS)?;
    listing.filter("date").map(date_of_query).transpose()?;
    let mut sql = concat!(select!(), " where b.user_id = ? and b.no < coalesce(?, 9223372036854775807)").to_owned();
    let mut params = params![&caller.0.id];
    params.push(listing.after_int(0));
    // `+` keeps to the index by user: nobody has many.
    for (name, condition) in [("status", " and +b.status = ?"), ("temple_id", " and +b.site = ?"), ("date", " and +b.date = ?")] {
        if let Some(value) = listing.filter(name) {
            sql.push_str(condition);
            params.push(value.into());
        }
    }
    sql.push_str(" order by b.no desc limit ?");
    params.push(listing.fetch().into());
    let rows = db::run(&sql, params)?;
    listing.page(rows, key, |row| Booking::of(row)?.json_with_ticket(&keys))
}

/// GET `/api/bookings/{id}`: the owner's, or any for an operator; also by its code.
pub async fn detail(caller: Caller<SignedIn>, Path(id): Path<String>) -> Answer<Json<Value>> {
    let keys = ticket::keys().await?;
    Ok(Json(visible(&caller.0, &id)?.json_with_ticket(&keys)?))
}

/// GET `/api/bookings/temple/{temple}/day`: all bookings of `?date=` (today by default), for gates that must work without the network;
/// filters `slot`, `status`. In the order in which they came.
pub async fn day(_: Caller<Operator>, Now(now): Now, Path(temple): Path<String>, Query(query): Query) -> Answer<Page<Value>> {
    let listing = Listing::parse(&query, &["date", "slot", "status"])?;
    listing.choice("status", Status::VARIANTS)?;
    let temple = Temple::at_path(db::run, &temple)?;
    let date = listing.filter("date").map(date_of_query).transpose()?.unwrap_or_else(|| temple.today(now));
    let mut sql = concat!(select!(), " where b.site = ? and b.date = ? and b.no > coalesce(?, 0)").to_owned();
    let mut params = params![&temple.site, date.to_string()];
    params.push(listing.after_int(0));
    // `+` keeps to the index by day, which is in the list's order.
    for (name, condition) in [("slot", " and +b.slot = ?"), ("status", " and +b.status = ?")] {
        if let Some(value) = listing.filter(name) {
            sql.push_str(condition);
            params.push(value.into());
        }
    }
    sql.push_str(" order by b.no limit ?");
    params.push(listing.fetch().into());
    let rows = db::run(&sql, params)?;
    listing.page(rows, key, |row| {
        let booking = Booking::of(row)?;
        let mut shown = booking.json();
        // What a gate compares with a ticket's number.
        shown["ticket_number"] = booking.ticket.into();
        Ok(shown)
    })
}
