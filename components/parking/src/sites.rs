//! `/api/sites`: car parks, temples, campuses.

use axum::extract::Path;
use axum::response::IntoResponse;
use http::StatusCode;
use kit::caller::{Admin, Caller};
use kit::db::{Row, Value};
use kit::fields::Fields;
use kit::page::{Listing, Page};
use kit::request::{JsonBytes, Now, Query};
use kit::select::Select;
use kit::{Answer, Problem, db, params};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::tariff;

const KINDS: [&str; 3] = ["car_park", "temple", "campus"];
const MAX_CAPACITY: i64 = 10_000_000;

macro_rules! columns {
    () => {
        "slug, name, kind, latitude, longitude, time_zone, capacity, low_spots, thresholds, tariff, created_at, updated_at"
    };
}

#[derive(Serialize)]
pub struct Site {
    slug: String,
    name: String,
    kind: String,
    latitude: f64,
    longitude: f64,
    time_zone: String,
    capacity: i64,
    low_spots: i64,
    thresholds: Box<RawValue>,
    tariff: Box<RawValue>,
    created_at: String,
    updated_at: String,
}

impl Site {
    fn of(row: &Row) -> Answer<Self> {
        Ok(Self {
            slug: row.text(0)?.to_owned(),
            name: row.text(1)?.to_owned(),
            kind: row.text(2)?.to_owned(),
            latitude: row.real(3)?,
            longitude: row.real(4)?,
            time_zone: row.text(5)?.to_owned(),
            capacity: row.int(6)?,
            low_spots: row.int(7)?,
            thresholds: row.json(8)?,
            tariff: row.json(9)?,
            created_at: row.time(10)?,
            updated_at: row.time(11)?,
        })
    }
}

/// GET `/api/sites`, filter `kind`.
pub async fn list(Query(query): Query) -> Answer<Page<Site>> {
    let listing = Listing::parse(&query, &["kind"])?;
    let kind = listing.choice("kind", &KINDS)?;
    let rows = Select::after(concat!("select ", columns!(), " from sites where slug > coalesce(?, '')"), vec![listing.after_text(0)])
        .and_if("kind = ?", kind)
        .run("slug", listing.fetch())?;
    listing.page(rows, |row| Ok(json!([row.text(0)?])), Site::of)
}

/// GET `/api/sites/{site}`.
pub async fn detail(Path(site): Path<String>) -> Answer<impl IntoResponse> {
    let rows = db::run(concat!("select ", columns!(), " from sites where slug = ?"), params![site])?;
    let row = rows.first().ok_or_else(|| Problem::not_found("site"))?;
    Ok(axum::Json(Site::of(row)?))
}

/// What a body says of a site; none where it says nothing.
struct Sent {
    name: Option<String>,
    kind: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    time_zone: Option<String>,
    capacity: Option<i64>,
    low_spots: Option<i64>,
    thresholds: Option<String>,
    tariff: Option<String>,
}

impl Sent {
    fn read(fields: &mut Fields) -> Self {
        fields.alias("latitude", "lat").alias("longitude", "lng").alias("time_zone", "timezone");
        let sent = Self {
            name: fields.opt_text("name", 1..=100),
            kind: fields.opt_choice("kind", &KINDS),
            latitude: fields.opt_number("latitude", -90.0..=90.0),
            longitude: fields.opt_number("longitude", -180.0..=180.0),
            time_zone: fields.opt_text("time_zone", 1..=64),
            capacity: fields.opt_int("capacity", 0..=MAX_CAPACITY),
            low_spots: fields.opt_int("low_spots", 0..=MAX_CAPACITY),
            thresholds: fields.opt_object("thresholds"),
            tariff: fields.opt_object("tariff"),
        };
        let zone = sent.time_zone.as_deref();
        fields.check(zone.is_none_or(domain::tz::is_zone_name), "time_zone", "must be an IANA name, such as Asia/Kolkata");
        let tariff = sent.tariff.as_deref().and_then(|tariff| serde_json::from_str(tariff).ok());
        for fault in tariff.iter().flat_map(tariff::faults) {
            fields.refuse("tariff", fault);
        }
        sent
    }

    fn params(self) -> Vec<Value> {
        params![
            self.name,
            self.kind,
            self.latitude,
            self.longitude,
            self.time_zone,
            self.capacity,
            self.low_spots,
            self.thresholds,
            self.tariff,
        ]
    }
}

/// POST `/api/sites`.
pub async fn create(caller: Caller<Admin>, Now(now): Now, JsonBytes(body): JsonBytes) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let slug = fields.text("slug", 1..=64);
    fields.check(slug.is_empty() || domain::device_code::is_slug(&slug), "slug", domain::device_code::SLUG_RULE);
    let sent = Sent::read(&mut fields);
    for (missing, field) in [
        (sent.name.is_none(), "name"),
        (sent.kind.is_none(), "kind"),
        (sent.latitude.is_none(), "latitude"),
        (sent.longitude.is_none(), "longitude"),
        (sent.time_zone.is_none(), "time_zone"),
        (sent.capacity.is_none(), "capacity"),
    ] {
        // A field that was sent and refused is named already.
        if missing && !fields.errors().contains_key(field) {
            fields.refuse(field, "is required");
        }
    }
    fields.finish()?;

    let mut params = sent.params();
    params.extend(params![slug, now, caller.0.id]);
    let rows = db::run(
        concat!(
            "insert into sites (name, kind, latitude, longitude, time_zone, capacity, low_spots, thresholds, tariff,
                slug, created_at, updated_at, updated_by)
             values (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, 5), coalesce(?8, '{}'), coalesce(?9, '{}'), ?10, ?11, ?11, ?12)
             returning ",
            columns!()
        ),
        params,
    )?;
    let row = rows.first().ok_or_else(|| Problem::internal("the insert gave no row"))?;
    Ok((StatusCode::CREATED, axum::Json(Site::of(row)?)))
}

/// PATCH `/api/sites/{site}`: what is not sent stays. A slug never changes.
pub async fn change(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(site): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<impl IntoResponse> {
    let mut fields = Fields::parse(&body)?;
    let slug = fields.opt_text("slug", 1..=64);
    fields.check(slug.is_none_or(|slug| slug == site), "slug", "cannot be changed");
    let sent = Sent::read(&mut fields);
    fields.finish()?;

    let mut params = sent.params();
    params.extend(params![site, now, caller.0.id]);
    let rows = db::run(
        concat!(
            "update sites set name = coalesce(?1, name), kind = coalesce(?2, kind), latitude = coalesce(?3, latitude),
                longitude = coalesce(?4, longitude), time_zone = coalesce(?5, time_zone), capacity = coalesce(?6, capacity),
                low_spots = coalesce(?7, low_spots), thresholds = coalesce(?8, thresholds), tariff = coalesce(?9, tariff),
                updated_at = ?11, updated_by = ?12
             where slug = ?10
             returning ",
            columns!()
        ),
        params,
    )?;
    let row = rows.first().ok_or_else(|| Problem::not_found("site"))?;
    Ok(axum::Json(Site::of(row)?))
}
