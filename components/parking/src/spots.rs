//! `/api/spots`: parking spots with their live state.

use axum::extract::Path;
use axum::response::IntoResponse;
use domain::device_code::{CODE_RULE, is_spot_id};
use http::StatusCode;
use kit::caller::{Admin, Caller};
use kit::db::Row;
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::{Answer, Problem, db, params};
use serde::Serialize;
use serde_json::json;

use crate::place::{Select, site_exists, spot_state, spots_with_state, unknown_zone};

const KINDS: [&str; 5] = ["standard", "accessible", "ev", "two_wheeler", "vip"];
const STATES: [&str; 4] = ["free", "occupied", "reserved", "out_of_service"];

/// What an administrator can set; whether a spot is taken is for its sensor to say.
const SETTABLE: [&str; 4] = ["in_service", "free", "reserved", "out_of_service"];

#[derive(Serialize)]
pub struct Spot {
    spot_id: String,
    site: String,
    zone: String,
    kind: String,
    status: String,
    updated_at: String,
}

macro_rules! select {
    () => {
        concat!("select s.spot_id, s.site, s.zone, s.kind, ", spot_state!(), ", s.updated_at from ", spots_with_state!())
    };
}

impl Spot {
    fn of(row: &Row) -> Answer<Self> {
        Ok(Self {
            spot_id: row.text(0)?.to_owned(),
            site: row.text(1)?.to_owned(),
            zone: row.text(2)?.to_owned(),
            kind: row.text(3)?.to_owned(),
            status: row.text(4)?.to_owned(),
            updated_at: row.time(5)?,
        })
    }

    fn find(spot_id: &str) -> Answer<Self> {
        let rows = db::run(concat!(select!(), " where s.spot_id = ?"), params![spot_id])?;
        Self::of(rows.first().ok_or_else(|| Problem::not_found("spot"))?)
    }
}

/// GET `/api/spots`, filters `site`, `zone`, `kind`, `status`.
pub async fn list(Query(query): Query) -> Answer<Page<Spot>> {
    let listing = Listing::parse(&query, &["site", "zone", "kind", "status"])?;
    let kind = listing.choice("kind", &KINDS)?;
    let status = listing.choice("status", &STATES)?;
    let rows = Select::after(concat!(select!(), " where s.spot_id > coalesce(?, '')"), vec![listing.after_text(0)])
        .and_if("s.site = ?", listing.filter("site"))
        .and_if("s.zone = ?", listing.filter("zone"))
        .and_if("s.kind = ?", kind)
        .and_if(concat!(spot_state!(), " = ?"), status)
        .run("s.spot_id", listing.fetch())?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), Spot::of)
}

/// GET `/api/spots/{spot_id}`.
pub async fn detail(Path(spot_id): Path<String>) -> Answer<impl IntoResponse> {
    Ok(axum::Json(Spot::find(&spot_id)?))
}

/// The stored form of a settable state.
fn stored(status: Option<String>) -> Option<String> {
    status.map(|status| if status == "free" { "in_service".to_owned() } else { status })
}

/// POST `/api/spots`.
pub async fn create(caller: Caller<Admin>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let spot_id = fields.text("spot_id", 1..=64);
    fields.check(spot_id.is_empty() || is_spot_id(&spot_id), "spot_id", CODE_RULE);
    let site = fields.text("site", 1..=64);
    let zone = fields.text("zone", 1..=64);
    let kind = fields.opt_choice("kind", &KINDS);
    let status = stored(fields.opt_choice("status", &SETTABLE));
    fields.finish()?;

    let rows = db::run(
        "insert into spots (spot_id, site, zone, kind, status, created_at, updated_at, updated_by)
         select ?1, site, code, coalesce(?4, 'standard'), coalesce(?5, 'in_service'), ?6, ?6, ?7
         from zones where site = ?2 and code = ?3
         returning spot_id, site, zone, kind, iif(status = 'in_service', 'free', status), updated_at",
        params![spot_id, &site, zone, kind, status, now, caller.0.id],
    )?;
    match rows.first() {
        Some(row) => Ok((StatusCode::CREATED, axum::Json(Spot::of(row)?))),
        None => Err(unknown_zone(site_exists(&site)?)),
    }
}

/// PATCH `/api/spots/{spot_id}`: its kind and its status. Spots are concrete: they do not move.
pub async fn change(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(spot_id): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let (site, zone) = (fields.opt_text("site", 1..=64), fields.opt_text("zone", 1..=64));
    let id = fields.opt_text("spot_id", 1..=64);
    fields.check(id.is_none_or(|id| id.eq_ignore_ascii_case(&spot_id)), "spot_id", "cannot be changed");
    let kind = fields.opt_choice("kind", &KINDS);
    let status = stored(fields.opt_choice("status", &SETTABLE));
    fields.finish()?;

    let rows = db::run(
        "update spots set kind = coalesce(?2, kind), status = coalesce(?3, status), updated_at = ?4, updated_by = ?5
         where spot_id = ?1 and site = coalesce(?6, site) and zone = coalesce(?7, zone)
         returning spot_id",
        params![&spot_id, kind, status, now, caller.0.id, site.as_deref(), zone.as_deref()],
    )?;
    let spot = Spot::find(&spot_id)?;
    if rows.is_empty() {
        let moved = if site.is_some_and(|site| site != spot.site) { "site" } else { "zone" };
        return Err(Problem::invalid_field(moved, "cannot be changed"));
    }
    Ok(axum::Json(spot))
}
