//! Sites: car parks, temples, campuses.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::anomaly::DEFAULT_LOW_SPOTS;
use domain::site::Kind;
use kit::api::Created;
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Fetch as _};
use kit::input::{Input, Int, Number, Object, Slug, Text, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::{FromRow, Json as JsonColumn};
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::tariff::{Tariff, TariffField};
use crate::thresholds::Thresholds;

/// The most spots or people that a site may have room for.
pub const MAX_CAPACITY: i64 = 10_000_000;

const COLUMNS: &str = "slug, name, kind, latitude, longitude, time_zone, capacity, low_spots, thresholds, tariff, created_at, updated_at";

/// A site.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Site {
    /// The site's slug, which names it everywhere.
    slug: String,
    /// The name that people read.
    name: String,
    /// What it is.
    kind: Kind,
    /// Degrees.
    latitude: f64,
    /// Degrees.
    longitude: f64,
    /// IANA name.
    time_zone: String,
    /// How many spots or people it has room for.
    capacity: i64,
    /// Fewer free spots than this raise an alert.
    low_spots: i64,
    /// The limits that were sent as such; `low_spots` among them is that of the site.
    #[schema(value_type = Object)]
    thresholds: JsonColumn<Object>,
    /// Its prices and refunds.
    #[row(with = Tariff::from_row)]
    tariff: Tariff,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

fn not_found() -> Problem {
    Problem::not_found("site")
}

/// Which sites.
#[derive(Input)]
pub struct Filters {
    /// Only those of this kind.
    kind: Option<Kind>,
}

/// Lists sites by `slug`.
#[utoipa::path(get, path = "/api/sites")]
pub async fn list(listing: Listing<Filters>) -> Answer<Page<Site>> {
    let sites = Select::new(concatcp!("select ", COLUMNS, " from sites where slug > coalesce(?, '')"), params![listing.after_text(0)])
        .and_if("kind = ?", listing.filters.kind)
        .fetch(&Database, "slug", listing.fetch())?;
    Ok(listing.page(sites, |site: &Site| [site.slug.clone()]))
}

/// Returns a site.
#[utoipa::path(get, path = "/api/sites/{site}")]
pub async fn read(Path(site): Path<String>) -> Answer<Json<Site>> {
    let site = Database.fetch_optional(concatcp!("select ", COLUMNS, " from sites where slug = ?"), params![site])?;
    site.map(Json).ok_or_else(not_found)
}

kit::text_type! {
    /// A time zone by its IANA name.
    pub struct ZoneName, "must be a zone of the IANA database, such as Asia/Kolkata",
    pattern: "^[A-Za-z][A-Za-z0-9_+-]{0,19}(/[A-Za-z][A-Za-z0-9_+-]{0,20}){0,2}$", domain::tz::is_zone_name
}

/// A new site.
#[derive(Input)]
#[input(example = r#"{
    "slug": "north-gate", "name": "North Gate car park", "kind": "car_park", "latitude": 23.03, "longitude": 72.58,
    "time_zone": "Asia/Kolkata", "capacity": 120, "tariff": {"currency": "INR", "per_hour": 4000}
}"#)]
pub struct NewSite {
    /// A name that no site has, and that it keeps.
    slug: Slug,
    /// The name that people read.
    name: Text<1, 100>,
    /// What it is.
    kind: Kind,
    /// Degrees.
    #[input(alias("lat"))]
    latitude: Number<-90, 90>,
    /// Degrees.
    #[input(alias("lng"))]
    longitude: Number<-180, 180>,
    /// IANA name, such as `Asia/Kolkata`.
    #[input(alias("timezone"))]
    time_zone: ZoneName,
    /// How many spots or people it has room for.
    capacity: Int<0, MAX_CAPACITY>,
    /// Fewer free spots than this raise an alert; 5 unless it says otherwise.
    low_spots: Option<Int<0, MAX_CAPACITY>>,
    /// The same number as `low_spots`, and the one that counts when both are sent.
    thresholds: Option<Thresholds>,
    /// Its prices and refunds; free unless it says otherwise.
    tariff: Option<TariffField>,
}

/// A change of a site: what is not sent stays.
#[derive(Input)]
#[input(read_only("created_at", "updated_at"))]
#[input(example = r#"{"low_spots": 8, "tariff": {"currency": "INR", "per_hour": 4000, "per_day": 30000}}"#)]
pub struct SiteChange {
    /// May be repeated, and cannot be changed.
    #[input(same_as_path = "site")]
    slug: Option<Slug>,
    /// The name that people read.
    name: Option<Text<1, 100>>,
    /// What it is.
    kind: Option<Kind>,
    /// Degrees.
    #[input(alias("lat"))]
    latitude: Option<Number<-90, 90>>,
    /// Degrees.
    #[input(alias("lng"))]
    longitude: Option<Number<-180, 180>>,
    /// IANA name, such as `Asia/Kolkata`.
    #[input(alias("timezone"))]
    time_zone: Option<ZoneName>,
    /// How many spots or people it has room for.
    capacity: Option<Int<0, MAX_CAPACITY>>,
    /// Fewer free spots than this raise an alert.
    low_spots: Option<Int<0, MAX_CAPACITY>>,
    /// Replaces the limits as a whole. Its `low_spots` is the same number as the site's, and the one that counts when both are sent.
    thresholds: Option<Thresholds>,
    /// Replaces the tariff as a whole.
    tariff: Option<TariffField>,
}

const INSERT: &str = concatcp!(
    "insert into sites (slug, name, kind, latitude, longitude, time_zone, capacity, low_spots, thresholds, tariff,
        created_at, updated_at, updated_by)
     values (?1, ?2, ?3, ?4, ?5, ?6, ?7, coalesce(?9 ->> '$.low_spots', ?8, ",
    DEFAULT_LOW_SPOTS,
    "), coalesce(?9, '{}'), coalesce(?10, '{}'), ?11, ?11, ?12) returning ",
    COLUMNS
);

/// Adds a site.
#[utoipa::path(post, path = "/api/sites", responses((status = 409, description = "There is a site of this slug already.")))]
pub async fn create(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewSite>) -> Answer<Created<Site>> {
    let params = params![
        new.slug,
        new.name,
        new.kind,
        new.latitude,
        new.longitude,
        new.time_zone,
        new.capacity,
        new.low_spots,
        new.thresholds,
        new.tariff,
        now,
        caller.0.id
    ];
    let site = Database.fetch_optional(INSERT, params)?;
    site.map(Created).ok_or_else(|| Problem::internal("the insert gave no row"))
}

/// Slots that are booked are named by the site's clock, and their moments were reckoned by it: another time zone would move the names and
/// not the moments.
const UPDATE: &str = concatcp!(
    "update sites set name = coalesce(?2, name), kind = coalesce(?3, kind), latitude = coalesce(?4, latitude),
        longitude = coalesce(?5, longitude), time_zone = coalesce(?6, time_zone), capacity = coalesce(?7, capacity),
        low_spots = coalesce(?9 ->> '$.low_spots', ?8, low_spots),
        thresholds = coalesce(?9, iif(?8 is null, thresholds, json_replace(thresholds, '$.low_spots', ?8))), tariff = coalesce(?10, tariff),
        updated_at = ?11, updated_by = ?12
     where slug = ?1 and (coalesce(?6, time_zone) = time_zone
        or not exists (select 1 from upcoming_bookings where +site = ?1 and until > ?11)) returning ",
    COLUMNS
);

/// Changes a site.
#[utoipa::path(
    patch,
    path = "/api/sites/{site}",
    responses((status = 409, description = "The time zone cannot be changed while bookings of the site are to come: `reason` is `booked`."))
)]
pub async fn update(caller: Caller<Admin>, Now(now): Now, Path(slug): Path<String>, Body(change): Body<SiteChange>) -> Answer<Json<Site>> {
    let params = params![
        &slug,
        change.name,
        change.kind,
        change.latitude,
        change.longitude,
        change.time_zone,
        change.capacity,
        change.low_spots,
        change.thresholds,
        change.tariff,
        now,
        caller.0.id
    ];
    // In one transaction, so that what is told is what the update found.
    db::transaction(|db| {
        if let Some(site) = db.fetch_optional(UPDATE, params)? {
            return Ok(Json(site));
        }
        if !kit::sites::exists(db, &slug)? {
            return Err(not_found());
        }
        let detail =
            "bookings of this site are to come: their slots are by its present time zone, which stays until they are over or revoked";
        Err(Problem::conflict(detail).because("booked"))
    })
}
