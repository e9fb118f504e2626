//! The log of occupancy, as devices without electrical readings tell it.

use const_format::concatcp;
use ingest::{no_device, not_yours};
use kit::caller::{Caller, Operator, ReadingSender, SESSION_LIVES};
use kit::db::{Database, DbError, Executor as _, Fetch as _};
use kit::input::{Code, DeviceTime, Input, Timestamp};
use kit::page::{Listing, Order, Page};
use kit::request::Now;
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::body::LenientBody;
use crate::filters::SpanFilters;
use crate::quiet::QuietJson;

/// An occupancy event of a device.
#[derive(Input)]
#[input(example = r#"{"device_code": "PARK-B1-S005", "is_occupied": true, "timestamp": "2026-02-04T10:30:00Z"}"#)]
pub struct NewOccupancyEvent {
    /// The device's code, in any case.
    device_code: Code,
    /// Whether its spot is taken.
    is_occupied: bool,
    /// The device's own time, at most five minutes ahead of the server's.
    timestamp: DeviceTime,
}

/// An occupancy event as it was stored.
#[derive(Debug, Serialize, FromRow, ToSchema)]
pub struct OccupancyEvent {
    /// The device's code.
    device_code: String,
    /// Whether the spot was taken from then on.
    #[row(column = "occupied")]
    is_occupied: bool,
    /// When it was, by the device's clock.
    #[row(column = "at")]
    timestamp: Timestamp,
    /// When it came in.
    received_at: Timestamp,
}

/// Stores an occupancy event.
///
/// The 201 is sent when it is durable. A late event is stored and does not turn the spot's state back.
#[utoipa::path(post, path = "/api/parking-log", responses(
    (status = 404, description = "The device is unknown or inactive."),
    (status = 409, description = "This device's occupancy of that time is stored already."),
))]
pub async fn create(
    caller: Caller<ReadingSender>,
    Now(now): Now,
    LenientBody(event): LenientBody<NewOccupancyEvent>,
) -> Answer<QuietJson<201, OccupancyEvent>> {
    if !caller.0.may_send_for(&event.device_code) {
        return Err(not_yours());
    }
    let stored = Database.run(
        concatcp!(
            "insert into occupancy_log (device_id, at, received_at, occupied)
             values ((select id from devices where code = ? and is_active = 1 and ",
            SESSION_LIVES,
            "), ?, ?, ?)"
        ),
        params![&event.device_code, caller.0.session.as_deref(), event.timestamp.0, now, event.is_occupied],
    );
    match stored {
        Ok(_) => {}
        Err(DbError::NotNull(column)) if column == "occupancy_log.device_id" => return Err(no_device(&caller.0)),
        Err(DbError::Unique(columns)) if columns == "occupancy_log.device_id, occupancy_log.at" => {
            return Err(Problem::conflict("this device's occupancy of that time is stored already"));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(QuietJson(OccupancyEvent {
        device_code: event.device_code.to_string(),
        is_occupied: event.is_occupied,
        timestamp: Timestamp(event.timestamp.0),
        received_at: Timestamp(now),
    }))
}

/// Which events.
#[derive(Debug, Input)]
pub struct EventFilters {
    #[input(flatten)]
    span: SpanFilters,
    /// By time; `asc` unless it says otherwise.
    order: Option<Order>,
}

/// An event with the row id of its device, which the order is by beside the time.
#[derive(FromRow)]
struct EventRow {
    device_id: i64,
    #[row(flatten)]
    event: OccupancyEvent,
}

/// Lists occupancy events in the order of time, of one device or of all.
#[utoipa::path(get, path = "/api/parking-log", responses((status = 404, description = "There is no such device.")))]
pub async fn list(_: Caller<Operator>, listing: Listing<EventFilters>) -> Answer<Page<OccupancyEvent>> {
    let (from, to) = listing.filters.span.span();
    // Everything beyond (at, device): the last one of the page before, or just outside the span.
    let beyond = listing.after_int(0).zip(listing.after_int(1));
    let device = listing.filters.span.device()?.map(|device| device.id);
    let rows: Vec<EventRow> = match listing.filters.order {
        Some(Order::Desc) => {
            let (at, device_id) = beyond.unwrap_or((to, i64::MAX));
            let sql = if device.is_some() { OF_DEVICE_DESC } else { OF_ALL_DESC };
            Database.fetch_all(sql, params![device, at, device_id, from, listing.fetch()])?
        }
        _ => {
            let (at, device_id) = beyond.unwrap_or((from, i64::MIN));
            let sql = if device.is_some() { OF_DEVICE } else { OF_ALL };
            Database.fetch_all(sql, params![device, at, device_id, to, listing.fetch()])?
        }
    };
    Ok(listing.page(rows, |row| (row.event.timestamp.0, row.device_id)).map(|row| row.event))
}

const EVENTS: &str = "select l.at, l.device_id, l.received_at, l.occupied, d.code as device_code
     from occupancy_log l join devices d on d.id = l.device_id where ";
const OF_DEVICE: &str = concatcp!(EVENTS, "l.device_id = ?1 and (l.at, l.device_id) > (?2, ?3) and l.at <= ?4 order by l.at limit ?5");
const OF_DEVICE_DESC: &str =
    concatcp!(EVENTS, "l.device_id = ?1 and (l.at, l.device_id) < (?2, ?3) and l.at >= ?4 order by l.at desc limit ?5");
const OF_ALL: &str = concatcp!(EVENTS, "?1 is null and (l.at, l.device_id) > (?2, ?3) and l.at <= ?4 order by l.at, l.device_id limit ?5");
const OF_ALL_DESC: &str =
    concatcp!(EVENTS, "?1 is null and (l.at, l.device_id) < (?2, ?3) and l.at >= ?4 order by l.at desc, l.device_id desc limit ?5");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_an_event() {
        let example = NewOccupancyEvent::example().unwrap();
        assert!(kit::input::parse::<NewOccupancyEvent>(example.as_bytes(), 1_770_201_000_000).is_ok());
    }

    #[test]
    fn words_for_numbers_in_fields_that_are_not_read_do_no_harm() {
        let body = br#"{"device_code": "A", "is_occupied": false, "timestamp": "2026-02-04T10:30:00Z", "temperature": NaN}"#;
        let value = ingest::body::value(body).unwrap();
        assert!(kit::input::parse_value::<NewOccupancyEvent>(&value, 1_770_201_000_000).is_ok());
    }
}
