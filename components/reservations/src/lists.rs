//! Reading reservations.

use axum::Json;
use axum::extract::Path;
use domain::reservation::Status;
use domain::role::Role;
use domain::time::DAY_MS;
use kit::caller::{Caller, Operator, Principal, SignedIn};
use kit::db;
use kit::page::{Listing, Page};
use kit::request::{Now, Query};
use kit::{Answer, Problem, params};
use serde_json::{Value, json};
use strum::VariantNames as _;

use crate::show::{Reservation, not_found, select};

/// The reservation of this id when it is the caller's, or the caller is an operator. Somebody else's is not there: 404.
pub fn visible(caller: &Principal, reservation: Reservation) -> Result<Reservation, Problem> {
    if reservation.user_id == caller.id || caller.role.holds(Role::Operator) { Ok(reservation) } else { Err(not_found()) }
}

/// GET `/api/reservations`: newest first; a driver's own, or all for an operator. Filters `status`, `site`, `spot_id`, `vehicle_plate`, and
/// for operators `user_id`.
pub async fn list(caller: Caller<SignedIn>, Now(now): Now, Query(query): Query) -> Answer<Page<Value>> {
    let operator = caller.0.role.holds(Role::Operator);
    let filters: &[&str] =
        if operator { &["status", "site", "spot_id", "vehicle_plate", "user_id"] } else { &["status", "site", "spot_id", "vehicle_plate"] };
    let listing = Listing::parse(&query, filters)?;
    listing.choice("status", Status::VARIANTS)?;
    let plate = listing.filter("vehicle_plate").map(|typed| domain::reservation::plate(typed).unwrap_or_else(|| typed.to_owned()));
    let user = if operator { listing.filter("user_id") } else { Some(caller.0.id.as_str()) };

    let mut sql = concat!(select!(), " where r.no < coalesce(?, 9223372036854775807)").to_owned();
    let mut params = vec![listing.after_int(0)];
    // The first of those that were given tells the most apart: its index is used, `+` keeps the others from theirs.
    let mut first = true;
    for (column, value) in [
        ("r.user_id", user),
        ("r.plate", plate.as_deref()),
        ("r.spot_id", listing.filter("spot_id")),
        ("r.status", listing.filter("status")),
        ("r.site", listing.filter("site")),
    ] {
        if let Some(value) = value {
            sql.push_str(if first { " and " } else { " and +" });
            sql.push_str(column);
            sql.push_str(" = ?");
            params.push(value.into());
            first = false;
        }
    }
    sql.push_str(" order by r.no desc limit ?");
    params.push(listing.fetch().into());
    let rows = db::run(&sql, params)?;
    listing.page(rows, |row| Ok(json!([row.int(0)?])), |row| Ok(Reservation::of(row)?.json(now)))
}

/// GET `/api/reservations/{id}`.
pub async fn detail(caller: Caller<SignedIn>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<Value>> {
    Ok(Json(visible(&caller.0, Reservation::find(db::run, &id)?)?.json(now)))
}

/// GET `/api/reservations/arrivals`: who is to come to `?site=` between `?from=` and `?to=` (the 24 hours around now by default), in the order
/// of their start; filter `status`. For operators.
pub async fn arrivals(_: Caller<Operator>, Now(now): Now, Query(query): Query) -> Answer<Page<Value>> {
    let listing = Listing::parse(&query, &["site", "from", "to", "status"])?;
    listing.choice("status", Status::VARIANTS)?;
    let site = listing.filter("site").ok_or_else(|| Problem::invalid_field("site", "is required"))?;
    let from = listing.time("from")?.unwrap_or(now - DAY_MS / 2);
    let to = listing.time("to")?.unwrap_or(from + DAY_MS);
    let mut sql = concat!(
        select!(),
        " where r.site = ? and r.starts_at >= ? and r.starts_at < ? and (r.starts_at, r.no) > (coalesce(?, -1), coalesce(?, 0))"
    )
    .to_owned();
    let mut params = params![site, from, to];
    params.extend([listing.after_int(0), listing.after_int(1)]);
    if let Some(status) = listing.filter("status") {
        sql.push_str(" and +r.status = ?");
        params.push(status.into());
    }
    sql.push_str(" order by r.starts_at, r.no limit ?");
    params.push(listing.fetch().into());
    let rows = db::run(&sql, params)?;
    listing.page(rows, |row| Ok(json!([row.int(6)?, row.int(0)?])), |row| Ok(Reservation::of(row)?.json(now)))
}
