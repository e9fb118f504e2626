//! `/api/sites/{site}/zones`: the parts of a site.

use axum::extract::Path;
use axum::response::IntoResponse;
use domain::device_code::{CODE_RULE, is_device_code};
use http::StatusCode;
use kit::caller::{Admin, Caller};
use kit::db::Row;
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::select::Select;
use kit::{Answer, Problem, db, params};
use serde::Serialize;
use serde_json::json;

use crate::place::site_exists;

macro_rules! columns {
    () => {
        "code, site, name, area_m2, capacity, position, created_at, updated_at"
    };
}

#[derive(Serialize)]
pub struct Zone {
    code: String,
    site: String,
    name: String,
    area_m2: Option<f64>,
    capacity: Option<i64>,
    position: i64,
    created_at: String,
    updated_at: String,
}

impl Zone {
    fn of(row: &Row) -> Answer<Self> {
        Ok(Self {
            code: row.text(0)?.to_owned(),
            site: row.text(1)?.to_owned(),
            name: row.text(2)?.to_owned(),
            area_m2: row.opt_real(3)?,
            capacity: row.opt_int(4)?,
            position: row.int(5)?,
            created_at: row.time(6)?,
            updated_at: row.time(7)?,
        })
    }
}

/// GET `/api/sites/{site}/zones`, in the order of a plan.
pub async fn list(Path(site): Path<String>, Query(query): Query) -> Answer<Page<Zone>> {
    let listing = Listing::parse(&query, &[])?;
    let rows = Select::after(
        concat!("select ", columns!(), " from zones where (position, code) > (coalesce(?, -1), coalesce(?, ''))"),
        vec![listing.after_int(0), listing.after_text(1)],
    )
    .and("site = ?", params![&site])
    .run("position, code", listing.fetch())?;
    if rows.is_empty() && !site_exists(&site)? {
        return Err(Problem::not_found("site"));
    }
    listing.page(rows, |row| Ok(json!([row.int(5)?, row.text(0)?])), Zone::of)
}

/// What a body says of a zone beside its code and name.
struct Sent {
    area_m2: Option<f64>,
    capacity: Option<i64>,
    position: Option<i64>,
}

impl Sent {
    fn read(fields: &mut Fields) -> Self {
        let sent = Self {
            area_m2: fields.opt_number("area_m2", 0.0..=100_000_000.0),
            capacity: fields.opt_int("capacity", 0..=10_000_000),
            position: fields.opt_int("position", 0..=1_000_000),
        };
        fields.check(sent.area_m2.is_none_or(|area| area > 0.0), "area_m2", "must be more than 0");
        sent
    }
}

/// POST `/api/sites/{site}/zones`.
pub async fn create(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(site): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let code = fields.alias("code", "zone_code").text("code", 1..=64);
    fields.check(code.is_empty() || is_device_code(&code), "code", CODE_RULE);
    let name = fields.text("name", 1..=100);
    let sent = Sent::read(&mut fields);
    fields.finish()?;

    let rows = db::run(
        concat!(
            "insert into zones (site, code, name, area_m2, capacity, position, created_at, updated_at, updated_by)
             select slug, ?2, ?3, ?4, ?5, coalesce(?6, 0), ?7, ?7, ?8 from sites where slug = ?1
             returning ",
            columns!()
        ),
        params![site, code, name, sent.area_m2, sent.capacity, sent.position, now, caller.0.id],
    )?;
    let row = rows.first().ok_or_else(|| Problem::not_found("site"))?;
    Ok((StatusCode::CREATED, axum::Json(Zone::of(row)?)))
}

/// PATCH `/api/sites/{site}/zones/{zone}`: what is not sent stays; null empties the area and the capacity.
pub async fn change(
    caller: Caller<Admin>,
    Now(now): Now,
    Path((site, zone)): Path<(String, String)>,
    JsonBytes(body): JsonBytes,
) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let code = fields.alias("code", "zone_code").opt_text("code", 1..=64);
    fields.check(code.is_none_or(|code| code.eq_ignore_ascii_case(&zone)), "code", "cannot be changed");
    let name = fields.opt_text("name", 1..=100);
    let (has_area, has_capacity) = (fields.has("area_m2"), fields.has("capacity"));
    let sent = Sent::read(&mut fields);
    fields.finish()?;

    let rows = db::run(
        concat!(
            "update zones set name = coalesce(?3, name), area_m2 = iif(?4, ?5, area_m2), capacity = iif(?6, ?7, capacity),
                position = coalesce(?8, position), updated_at = ?9, updated_by = ?10
             where site = ?1 and code = ?2
             returning ",
            columns!()
        ),
        params![site, zone, name, has_area, sent.area_m2, has_capacity, sent.capacity, sent.position, now, caller.0.id],
    )?;
    let row = rows.first().ok_or_else(|| Problem::not_found("zone"))?;
    Ok(axum::Json(Zone::of(row)?))
}
