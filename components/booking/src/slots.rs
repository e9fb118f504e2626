//! GET `/api/bookings/temple/{temple}/slots`.

use axum::Json;
use axum::extract::Path;
use domain::booking::fullness;
use domain::time::format_rfc3339;
use kit::page::{Listing, cursor};
use kit::request::{Now, Query};
use kit::{Answer, db};
use serde_json::{Value, json};

use crate::temple::{Day, Temple, date_of_query};

/// The slots of `?date=` (today by default, by the temple's clock): each with `capacity`, `booked`, `left`, the people `waiting`, and
/// `status`: `available`, `filling` (a fifth or less is left), `full`, `past`. `closed` tells a day on which nobody is taken.
pub async fn list(Now(now): Now, Path(temple): Path<String>, Query(query): Query) -> Answer<Json<Value>> {
    let listing = Listing::parse(&query, &["date"])?;
    let temple = Temple::at_path(db::run, &temple)?;
    let date = listing.filter("date").map(date_of_query).transpose()?.unwrap_or_else(|| temple.today(now));
    let day = Day::load(db::run, &temple.site, date)?;
    let limit = usize::try_from(listing.fetch() - 1).unwrap_or_default();
    let after = match listing.after_int(0) {
        db::Value::Integer(starts) => starts,
        _ => -1,
    };
    let mut rest = day.slots.iter().filter(|it| i64::from(it.slot.starts()) > after).peekable();
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let next_cursor = page.last().filter(|_| rest.peek().is_some()).map(|last| cursor(&json!([last.slot.starts()])));
    let items = page.iter().map(|it| {
        let (starts_at, ends_at) = it.slot.moments(date, temple.zone);
        json!({
            "slot": it.slot.to_string(),
            "start": domain::booking_slot::format_minute(it.slot.starts()),
            "end": domain::booking_slot::format_minute(it.slot.ends()),
            "starts_at": format_rfc3339(starts_at),
            "ends_at": format_rfc3339(ends_at),
            "capacity": it.capacity,
            "booked": it.booked,
            "left": (it.capacity - it.booked).max(0),
            "waiting": it.waiting,
            "status": if starts_at <= now { "past" } else { fullness(it.capacity, it.booked) },
        })
    });
    Ok(Json(json!({
        "temple_id": temple.site,
        "date": date.to_string(),
        "closed": day.is_closed(),
        "special": day.special,
        "reason": day.reason,
        "items": items.collect::<Vec<_>>(),
        "next_cursor": next_cursor,
    })))
}
