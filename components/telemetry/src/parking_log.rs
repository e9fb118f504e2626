//! POST and GET `/api/parking-log/`: occupancy as devices without electrical readings tell it.

use axum::response::Response;
use domain::reading::{check_device_code, check_timestamp};
use domain::time::format_rfc3339;
use http::StatusCode;
use kit::caller::{Caller, Operator, Sender};
use kit::db::{self, DbError};
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::{Answer, Problem, params};
use serde::Serialize;
use serde_json::json;

use crate::range::{self, FILTERS, Span};
use crate::{body, quiet_json, single};

/// An occupancy event as answers give it.
#[derive(Debug, Serialize)]
pub struct Event {
    device_code: String,
    is_occupied: bool,
    timestamp: String,
    received_at: String,
}

/// 201 with the event, durable. 403 for another's device, 404 for one that is unknown or inactive, 409 for a repeat. A late event is
/// stored and does not turn the spot's state back.
pub async fn send(caller: Caller<Sender>, Now(now): Now, JsonBytes(bytes): JsonBytes) -> Answer<Response> {
    let (code, is_occupied, at) = body::with_object(&bytes, |object| {
        let (code, occupied, timestamp) = (object.text("device_code"), object.boolean("is_occupied"), object.text("timestamp"));
        let mut errors = domain::FieldErrors::new();
        let code_holds = check_device_code(code.as_deref(), &mut errors).is_some();
        if occupied.is_none() {
            errors.push(("is_occupied", "is required".to_owned()));
        }
        let at = check_timestamp(timestamp.as_deref(), now, &mut errors);
        match (code, occupied, at) {
            (Some(code), Some(occupied), Some(at)) if code_holds => Ok((code, occupied, at)),
            _ => Err(errors),
        }
    })?;
    if !caller.0.may_send_for(&code) {
        return Err(single::not_yours());
    }
    let stored = db::run(
        "insert into occupancy_log (device_id, at, received_at, occupied)
         values ((select id from devices where code = ? and is_active = 1), ?, ?, ?)",
        params![&code, at, now, is_occupied],
    );
    match stored {
        Ok(_) => {}
        Err(DbError::NotNull(column)) if column == "occupancy_log.device_id" => return Err(Problem::not_found("active device")),
        Err(DbError::Unique(columns)) if columns == "occupancy_log.device_id, occupancy_log.at" => {
            return Err(Problem::conflict("this device's occupancy of that time is stored already"));
        }
        Err(error) => return Err(error.into()),
    }
    let event = Event { device_code: code, is_occupied, timestamp: format_rfc3339(at), received_at: format_rfc3339(now) };
    quiet_json(StatusCode::CREATED, &event, 192)
}

/// In the order of time, of one device or of all.
pub async fn list(_: Caller<Operator>, Query(query): Query) -> Answer<Page<Event>> {
    let listing = Listing::parse(&query, &FILTERS)?;
    let span = Span::of(&listing)?;
    // Everything after (at, device): the last one of the page before, or just before the span's first moment.
    let after = range::after(&listing, 0).filter(|at| *at >= span.from).zip(range::after(&listing, 1));
    let (after_at, after_device) = after.unwrap_or((span.from, i64::MIN));
    let rows = match range::device(&listing)? {
        Some(device) => db::run(
            "select l.at, l.device_id, l.received_at, l.occupied, d.code
             from occupancy_log l join devices d on d.id = l.device_id
             where l.device_id = ?1 and (l.at, l.device_id) > (?2, ?3) and l.at <= ?4
             order by l.at limit ?5",
            params![device.id, after_at, after_device, span.to, listing.fetch()],
        )?,
        None => db::run(
            "select l.at, l.device_id, l.received_at, l.occupied, d.code
             from occupancy_log l join devices d on d.id = l.device_id
             where (l.at, l.device_id) > (?1, ?2) and l.at <= ?3
             order by l.at, l.device_id limit ?4",
            params![after_at, after_device, span.to, listing.fetch()],
        )?,
    };
    listing.page(
        rows,
        |row| Ok(json!([row.int(0)?, row.int(1)?])),
        |row| {
            Ok(Event {
                device_code: row.text(4)?.to_owned(),
                is_occupied: row.bool(3)?,
                timestamp: row.time(0)?,
                received_at: row.time(2)?,
            })
        },
    )
}
