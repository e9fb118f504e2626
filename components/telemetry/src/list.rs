//! GET `/api/telemetry/`: what a device measured, as it was sent or in buckets.

use axum::response::{IntoResponse as _, Response};
use domain::reading::electrical_state;
use kit::caller::{Caller, Operator};
use kit::page::Listing;
use kit::request::Query;
use kit::{Answer, Problem, db, params};
use serde_json::json;

use crate::buckets;
use crate::range::{self, Device, FILTERS, Span};
use crate::single::Stored;

/// In the order of time. `device` is needed; with `bucket`, see [`buckets::page`].
pub async fn readings(_: Caller<Operator>, Query(query): Query) -> Answer<Response> {
    let [a, b, c, d, e, f] = FILTERS;
    let listing = Listing::parse(&query, &[a, b, c, d, e, f, "bucket"])?;
    let span = Span::of(&listing)?;
    let width = buckets::width(&listing)?;
    let device = range::device(&listing)?.ok_or_else(|| Problem::invalid_field("device", "is required"))?;
    match width {
        Some(width) => buckets::page(&listing, &device, span, width),
        None => raw(&listing, &device, span),
    }
}

fn raw(listing: &Listing, device: &Device, span: Span) -> Answer<Response> {
    let from = range::after(listing, 0).map_or(span.from, |at| span.from.max(at.saturating_add(1)));
    let rows = db::run(
        "select at, received_at, voltage, current, power_factor, power_w, battery, occupied, flags
         from readings where device_id = ? and at >= ? and at <= ? order by at limit ?",
        params![device.id, from, span.to, listing.fetch()],
    )?;
    let page = listing.page(
        rows,
        |row| Ok(json!([row.int(0)?])),
        |row| {
            Ok(Stored {
                device_code: &device.code,
                timestamp: row.time(0)?,
                received_at: row.time(1)?,
                voltage: row.real(2)?,
                current: row.real(3)?,
                power_factor: row.real(4)?,
                power_w: row.real(5)?,
                battery: row.opt_real(6)?,
                occupied: row.opt_int(7)?.map(|occupied| occupied != 0),
                electrical_state: electrical_state(row.int(8)?).as_str(),
            })
        },
    )?;
    Ok(page.into_response())
}
