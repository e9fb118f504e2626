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
use kit::select::Select;
use kit::{Answer, Problem, db, params, spot_is_free};
use serde::Serialize;
use serde_json::json;

use crate::place::{site_exists, spot_state, spots_with_state, unknown_zone};

/// The kinds of spots.
pub const KINDS: [&str; 5] = ["standard", "accessible", "ev", "two_wheeler", "vip"];
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
        concat!("select s.spot_id, s.site, s.zone, s.kind, ", spot_state!("?1"), ", s.updated_at from ", spots_with_state!())
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

    fn find(spot_id: &str, now: i64) -> Answer<Self> {
        let rows = db::run(concat!(select!(), " where s.spot_id = ?2"), params![now, spot_id])?;
        Self::of(rows.first().ok_or_else(|| Problem::not_found("spot"))?)
    }
}

/// GET `/api/spots`, filters `site`, `zone`, `kind`, `status`.
pub async fn list(Now(now): Now, Query(query): Query) -> Answer<Page<Spot>> {
    let listing = Listing::parse(&query, &["site", "zone", "kind", "status"])?;
    let kind = listing.choice("kind", &KINDS)?;
    let status = listing.choice("status", &STATES)?;
    let rows = Select::after(concat!(select!(), " where s.spot_id > coalesce(?, '')"), vec![now.into(), listing.after_text(0)])
        .and_if("s.site = ?", listing.filter("site"))
        .and_if("s.zone = ?", listing.filter("zone"))
        .and_if("s.kind = ?", kind)
        .and_if(concat!(spot_state!("?1"), " = ?"), status)
        .run("s.spot_id", listing.fetch())?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), Spot::of)
}

/// GET `/api/spots/{spot_id}`.
pub async fn detail(Now(now): Now, Path(spot_id): Path<String>) -> Answer<impl IntoResponse> {
    Ok(axum::Json(Spot::find(&spot_id, now)?))
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

/// PATCH `/api/spots/{spot_id}`: its kind and its status. Spots are concrete: they do not move. One that is reserved by drivers is taken out of
/// service only with `"force": true`: 409 with `reason` `reserved` and their number otherwise; their reservations are then for staff to
/// cancel, which gives all of the money back.
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
    let force = fields.opt_bool("force").unwrap_or(false);
    fields.finish()?;
    let closes = status.as_deref().is_some_and(|status| status != "in_service") && !force;

    let rows = db::run(
        concat!(
            "update spots set kind = coalesce(?2, kind), status = coalesce(?3, status), updated_at = ?4, updated_by = ?5
             where spot_id = ?1 and site = coalesce(?6, site) and zone = coalesce(?7, zone) and (not ?8 or ",
            spot_is_free!("?1", "?4", "9223372036854775807", "?4", "0"),
            ") returning spot_id"
        ),
        params![&spot_id, kind, status, now, caller.0.id, site.as_deref(), zone.as_deref(), closes],
    )?;
    let spot = Spot::find(&spot_id, now)?;
    let reserved = if rows.is_empty() && closes { reservations(&spot_id, now)? } else { 0 };
    if reserved > 0 {
        let detail = format!("{reserved} reservations of it lie ahead: say \"force\": true, and cancel them");
        return Err(Problem::conflict(detail).because("reserved").with("reservations", reserved));
    }
    if rows.is_empty() {
        let moved = if site.is_some_and(|site| site != spot.site) { "site" } else { "zone" };
        return Err(Problem::invalid_field(moved, "cannot be changed"));
    }
    Ok(axum::Json(spot))
}

/// How many reservations of a spot are under way or lie ahead.
fn reservations(spot_id: &str, now: i64) -> Result<i64, Problem> {
    let rows = db::run(concat!("select count(*) from ", kit::keeps_spot!("?1", "?2", "9223372036854775807", "?2")), params![spot_id, now])?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}
