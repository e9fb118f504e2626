//! How many are inside a temple.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use const_format::formatcp;
use domain::booking::Status;
use domain::booking_slot::Date;
use kit::caller::{Caller, Operator};
use kit::db::{Database, Fetch as _};
use kit::input::Timestamp;
use kit::request::Now;
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use strum::VariantNames as _;
use utoipa::ToSchema;

use crate::sql::CHECKED_IN;
use crate::temple::{Temple, UNKNOWN_TIME_ZONE};

/// How many are inside a temple, and what became of today's bookings.
#[derive(Serialize, ToSchema)]
pub struct TempleCount {
    /// The temple's slug.
    temple_id: String,
    /// The people inside.
    inside: i64,
    /// Their bookings.
    parties: i64,
    /// Today, by the temple's clock.
    date: Date,
    /// The people of today's bookings by the booking's status.
    people: BTreeMap<String, i64>,
    /// When this was true.
    as_of: Timestamp,
}

#[derive(FromRow)]
struct Inside {
    people: i64,
    parties: i64,
}

#[derive(FromRow)]
struct PeopleOfStatus {
    status: Status,
    people: i64,
}

const INSIDE: &str = formatcp!(
    "select coalesce(sum(party_size), 0) as people, count(*) as parties
     from bookings indexed by bookings_inside where site = ? and status = '{CHECKED_IN}'"
);

/// Counts the people inside a temple now, and today's people by the state of their booking.
#[utoipa::path(get, path = "/api/bookings/temple/{temple}/inside", responses((status = 409, description = UNKNOWN_TIME_ZONE)))]
pub async fn inside(_: Caller<Operator>, Now(now): Now, Path(temple): Path<String>) -> Answer<Json<TempleCount>> {
    let temple = Temple::at_path(&Database, &temple)?;
    let today = temple.today(now);
    let inside: Option<Inside> = Database.fetch_optional(INSIDE, params![&temple.site])?;
    let Inside { people: inside, parties } = inside.ok_or_else(|| Problem::internal("a count gave no row"))?;
    let by_status: Vec<PeopleOfStatus> = Database.fetch_all(
        "select status, sum(party_size) as people from bookings where site = ? and date = ? group by status",
        params![&temple.site, today],
    )?;
    let mut people: BTreeMap<_, _> = Status::VARIANTS.iter().map(|status| ((*status).to_owned(), 0)).collect();
    people.extend(by_status.into_iter().map(|row| (row.status.into_str().to_owned(), row.people)));
    Ok(Json(TempleCount { temple_id: temple.site, inside, parties, date: today, people, as_of: Timestamp(now) }))
}
