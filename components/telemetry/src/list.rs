//! GET `/api/telemetry/`: what a device measured, or all of them did, as it was sent or in buckets.

use std::borrow::Cow;

use axum::response::{IntoResponse as _, Response};
use domain::reading::electrical_state;
use kit::caller::{Caller, Operator};
use kit::db::Row;
use kit::page::Listing;
use kit::request::Query;
use kit::{Answer, Problem, db, params};
use serde_json::json;

use crate::buckets;
use crate::range::{self, Device, FILTERS, Span};
use crate::single::Stored;

/// In the order of time; without `device`, as S2's clients may ask, one device after the other. `bucket`, see [`buckets::page`], needs
/// its device.
pub async fn readings(_: Caller<Operator>, Query(query): Query) -> Answer<Response> {
    let [a, b, c, d, e, f] = FILTERS;
    let listing = Listing::parse(&query, &[a, b, c, d, e, f, "bucket"])?;
    let span = Span::of(&listing)?;
    let width = buckets::width(&listing)?;
    match (range::device(&listing)?, width) {
        (Some(device), Some(width)) => buckets::page(&listing, &device, span, width),
        (Some(device), None) => raw(&listing, &device, span),
        (None, None) => all(&listing, span),
        (None, Some(_)) => Err(Problem::invalid_field("device", "is required with bucket")),
    }
}

fn raw(listing: &Listing, device: &Device, span: Span) -> Answer<Response> {
    let from = range::after(listing, 0).map_or(span.from, |at| span.from.max(at.saturating_add(1)));
    let rows = db::run(
        "select at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags
         from readings where device_id = ? and at >= ? and at <= ? order by at limit ?",
        params![device.id, from, span.to, listing.fetch()],
    )?;
    let page = listing.page(rows, |row| Ok(json!([row.int(0)?])), |row| stored(Cow::Borrowed(&device.code), row))?;
    Ok(page.into_response())
}

/// The table is kept by device and time, so this is its own order; each device costs one look into the key.
fn all(listing: &Listing, span: Span) -> Answer<Response> {
    let (after_device, after_at) = range::after(listing, 0).zip(range::after(listing, 1)).unwrap_or((i64::MIN, i64::MIN));
    let rows = db::run(
        "select r.at, r.received_at, r.voltage, r.current, r.power_factor, r.power_w, r.battery, r.occupied, r.flags, d.code, d.id
         from devices d cross join readings r
             on r.device_id = d.id and r.at >= iif(d.id = ?1, max(?2, ?3), ?3) and r.at <= ?4
         where d.id >= ?1
         order by d.id, r.at limit ?5",
        params![after_device, after_at.saturating_add(1), span.from, span.to, listing.fetch()],
    )?;
    let page = listing.page(rows, |row| Ok(json!([row.int(10)?, row.int(0)?])), |row| stored(Cow::Owned(row.text(9)?.to_owned()), row))?;
    Ok(page.into_response())
}

fn stored<'a>(device_code: Cow<'a, str>, row: &Row) -> Answer<Stored<'a>> {
    Ok(Stored {
        device_code,
        timestamp: row.time(0)?,
        received_at: row.time(1)?,
        voltage: row.real(2)?,
        current: row.real(3)?,
        power_factor: row.real(4)?,
        power_w: row.real(5)?,
        battery: row.opt_real(6)?,
        occupied: row.opt_int(7)?.map(|occupied| occupied != 0),
        electrical_state: electrical_state(row.int(8)?).into_str(),
    })
}
