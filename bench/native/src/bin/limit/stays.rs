//! Spots for a stay: which are to be had, and reserving one.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use domain::booking_slot::Zone;
use domain::reservation::{HOLD_MS, MAX_STAY_MS, MIN_STAY_MS};
use domain::tariff::Tariff;
use domain::time::{format_rfc3339, parse_rfc3339};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::server::{Answer, App, failed, invalid, now_ms, refuse};
use crate::store::{self, Refused, Reservation};
use crate::token::Role;

const TARIFF: &str = include_str!("../../../../statements/tariff.sql");
const AVAILABLE: &str = include_str!("../../../../statements/available.sql");

/// What the site charges, from its own row.
fn priced(app: &App, site: &str, start: i64, end: i64) -> rusqlite::Result<i64> {
    store::read(&app.path, |connection| {
        let terms: (String, String) = connection.prepare_cached(TARIFF)?.query_row([site], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let tariff: Tariff = serde_json::from_str(&terms.0).map_err(|_| rusqlite::Error::InvalidQuery)?;
        let zone = Zone::parse(&terms.1).ok_or(rusqlite::Error::InvalidQuery)?;
        Ok(tariff.rates("standard").price(zone, start, end))
    })
}

#[derive(Deserialize)]
struct Wish<'a> {
    spot_id: &'a str,
    start: &'a str,
    end: &'a str,
    vehicle_plate: &'a str,
}

pub async fn reserve(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Answer {
    let now = now_ms();
    app.authorise(&headers, Role::Visitor, now)?;
    let wish: Wish<'_> = serde_json::from_slice(&body).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
    let (Some(start), Some(end)) = (parse_rfc3339(wish.start), parse_rfc3339(wish.end)) else { return Err(invalid("start")) };
    let plate = domain::reservation::plate(wish.vehicle_plate).ok_or_else(|| invalid("vehicle_plate"))?;
    if start < now || !(MIN_STAY_MS..=MAX_STAY_MS).contains(&(end - start)) {
        return Err(invalid("end"));
    }
    let price = priced(&app, "bench", start, end).map_err(failed)?;
    let id = store::new_id(now);
    let wanted = Reservation { id: id.clone(), spot_id: wish.spot_id.to_owned(), start, end, plate: plate.clone(), price };
    let (kind, zone) = match app.writer.reserve(wanted, now).await {
        Ok(placed) => placed,
        Err(Refused::Repeat | Refused::Unknown) => return Err(refuse(StatusCode::CONFLICT, "taken")),
        Err(Refused::Failed) => return Err(failed("the database does not answer")),
    };
    let answer = json!({
        "id": id, "user_id": "bench", "spot_id": wish.spot_id, "site": "bench", "zone": zone, "kind": kind, "start": format_rfc3339(start),
        "end": format_rfc3339(end), "vehicle_plate": plate, "status": "pending_payment", "price": price, "currency": "INR", "paid": 0,
        "due": price, "hold_expires_at": format_rfc3339(now + HOLD_MS), "due_until": null, "paid_until": null, "change": null,
        "arrived_at": null, "left_at": null, "ended_at": null, "created_at": format_rfc3339(now), "updated_at": format_rfc3339(now),
    });
    Ok((StatusCode::CREATED, axum::Json(answer)).into_response())
}

#[derive(Deserialize)]
pub struct Period {
    from: String,
    to: String,
    site: String,
    limit: u32,
}

#[derive(Serialize)]
struct Offer {
    spot_id: String,
    site: String,
    zone: String,
    kind: String,
    from: String,
    to: String,
    price: i64,
    currency: &'static str,
}

/// For anyone.
pub async fn available(State(app): State<Arc<App>>, Query(period): Query<Period>) -> Answer {
    let now = now_ms();
    let (Some(from), Some(to)) = (parse_rfc3339(&period.from), parse_rfc3339(&period.to)) else { return Err(invalid("from")) };
    let price = priced(&app, &period.site, from, to).map_err(failed)?;
    let offers = store::read(&app.path, |connection| {
        let mut statement = connection.prepare_cached(AVAILABLE)?;
        let rows = statement.query_map(rusqlite::params![from, to, now, period.site, period.limit], |row| {
            Ok(Offer {
                spot_id: row.get(0)?,
                site: period.site.clone(),
                zone: row.get(1)?,
                kind: row.get(2)?,
                from: period.from.clone(),
                to: period.to.clone(),
                price,
                currency: "INR",
            })
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    });
    Ok(axum::Json(json!({"items": offers.map_err(failed)?, "next_cursor": null})).into_response())
}
