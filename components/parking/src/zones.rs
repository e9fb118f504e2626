//! Zones: the parts of a site.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use kit::api::Created;
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor, Fetch as _};
use kit::input::{At, Code, Field, Input, Int, Number, Patch, SchemaRef, Schemas, Text, Timestamp, Value};
use kit::page::{Listing, NoFilters, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params, sites};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

const COLUMNS: &str = "code, site, name, area_m2, capacity, position, created_at, updated_at";

/// A zone.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Zone {
    /// The zone's code, which its site has once.
    code: String,
    /// The site's slug.
    site: String,
    /// The name that people read.
    name: String,
    /// Square metres.
    area_m2: Option<f64>,
    /// How many spots or people it has room for.
    capacity: Option<i64>,
    /// Its place in the order of a plan.
    position: i64,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// Lists the zones of a site in the order of a plan.
#[utoipa::path(get, path = "/api/sites/{site}/zones")]
pub async fn list(Path(site): Path<String>, listing: Listing<NoFilters>) -> Answer<Page<Zone>> {
    let zones = Select::new(
        concatcp!("select ", COLUMNS, " from zones where (position, code) > (coalesce(?, -1), coalesce(?, ''))"),
        params![listing.after_int(0), listing.after_text(1)],
    )
    .and("site = ?", params![&site])
    .fetch(&Database, "position, code", listing.fetch())?;
    if zones.is_empty() {
        sites::require_in_path(&Database, &site, "site")?;
    }
    Ok(listing.page(zones, |zone: &Zone| (zone.position, zone.code.clone())))
}

const MAX_AREA_M2: i64 = 100_000_000;

/// Square metres, more than 0.
struct Area(f64);

impl Field for Area {
    fn read(value: &Value, at: &mut At<'_>) -> Option<Self> {
        let area = Number::<0, MAX_AREA_M2>::read(value, at)?;
        if *area > 0.0 {
            return Some(Self(*area));
        }
        at.refuse("must be more than 0");
        None
    }

    fn schema(_: &mut Schemas) -> SchemaRef {
        ObjectBuilder::new().schema_type(Type::Number).exclusive_minimum(Some(0.0)).maximum(Some(MAX_AREA_M2 as f64)).into()
    }
}

impl From<Area> for db::Value {
    fn from(area: Area) -> Self {
        Self::Real(area.0)
    }
}

/// A new zone.
#[derive(Input)]
#[input(example = r#"{"code": "B3", "name": "Basement 3", "capacity": 40, "position": 3}"#)]
pub struct NewZone {
    /// Unique within the site, in any case of its letters.
    #[input(alias("zone_code"))]
    code: Code,
    /// The name that people read.
    name: Text<1, 100>,
    /// Square metres.
    area_m2: Option<Area>,
    /// How many spots or people it has room for.
    capacity: Option<Int<0, 10_000_000>>,
    /// Its place in the order of a plan; 0 unless it says otherwise.
    position: Option<Int<0, 1_000_000>>,
}

/// A change of a zone: what is not sent stays; null clears the area and the capacity.
#[derive(Input)]
#[input(read_only("site", "created_at", "updated_at"))]
#[input(example = r#"{"name": "Basement 3", "capacity": null}"#)]
pub struct ZoneChange {
    /// May be repeated, and cannot be changed.
    #[input(alias("zone_code"), same_as_path = "zone")]
    code: Option<Code>,
    /// The name that people read.
    name: Option<Text<1, 100>>,
    /// Square metres.
    area_m2: Patch<Area>,
    /// How many spots or people it has room for; null when nobody has said.
    capacity: Patch<Int<0, 10_000_000>>,
    /// Its place in the order of a plan.
    position: Option<Int<0, 1_000_000>>,
}

const INSERT: &str = concatcp!(
    "insert into zones (site, code, name, area_m2, capacity, position, created_at, updated_at, updated_by)
     select slug, ?2, ?3, ?4, ?5, coalesce(?6, 0), ?7, ?7, ?8 from sites where slug = ?1 returning ",
    COLUMNS
);

/// Adds a zone to a site.
#[utoipa::path(
    post,
    path = "/api/sites/{site}/zones",
    responses((status = 409, description = "There is a zone of this code in the site already."))
)]
pub async fn create(caller: Caller<Admin>, Now(now): Now, Path(site): Path<String>, Body(new): Body<NewZone>) -> Answer<Created<Zone>> {
    let params = params![site, new.code, new.name, new.area_m2, new.capacity, new.position, now, caller.0.id];
    Database.fetch_optional(INSERT, params)?.map(Created).ok_or_else(|| Problem::not_found("site"))
}

const UPDATE: &str = concatcp!(
    "update zones set name = coalesce(?3, name), area_m2 = iif(?4, ?5, area_m2), capacity = iif(?6, ?7, capacity),
        position = coalesce(?8, position), updated_at = ?9, updated_by = ?10
     where site = ?1 and code = ?2 returning ",
    COLUMNS
);

/// Changes a zone.
#[utoipa::path(patch, path = "/api/sites/{site}/zones/{zone}")]
pub async fn update(
    caller: Caller<Admin>,
    Now(now): Now,
    Path((site, zone)): Path<(String, String)>,
    Body(change): Body<ZoneChange>,
) -> Answer<Json<Zone>> {
    let params = params![
        site,
        zone,
        change.name,
        change.area_m2.is_sent(),
        change.area_m2,
        change.capacity.is_sent(),
        change.capacity,
        change.position,
        now,
        caller.0.id
    ];
    Database.fetch_optional(UPDATE, params)?.map(Json).ok_or_else(|| Problem::not_found("zone"))
}

/// Returns 422 for the `site` of a body when there is no such site, else for its `zone`.
pub fn unknown(db: &dyn Executor, site: &str) -> Answer<Problem> {
    let is_site = sites::exists(db, site)?;
    Ok(if is_site { Problem::invalid_field("zone", "is not a zone of this site") } else { sites::unknown_in_body("site", "site") })
}
