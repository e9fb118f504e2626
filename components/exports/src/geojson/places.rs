//! Sites and zones.

use domain::overview::Counts;
use domain::site::Kind;
use kit::input::{Input, Slug, Timestamp};
use kit::kept::{Made, Publication};
use kit::request::{Now, Query};
use kit::spots::next_claim_moment;
use kit::{Answer, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::{COLLECTION, FEATURE, Point};
use crate::media::{GEO_JSON, GeoJson, Published};
use crate::scope::{self, Filters, Scope, Site, Zone};

/// Of which site.
#[derive(Input)]
pub struct OfSite {
    /// Only of this site, by its slug.
    site: Option<Slug>,
}

/// The sites.
#[derive(Serialize, ToSchema)]
#[schema(as = GeoJsonSites)]
pub struct Sites {
    /// `FeatureCollection`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// A feature for each.
    features: Vec<SiteFeature>,
}

/// A site.
#[derive(Serialize, ToSchema)]
#[schema(as = GeoJsonSite)]
struct SiteFeature {
    /// `Feature`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The site's slug.
    id: String,
    /// Where it is.
    geometry: Point,
    /// What is known of it.
    properties: SiteProperties,
}

/// What is known of a site.
#[derive(Serialize, ToSchema)]
#[schema(as = GeoJsonSiteProperties)]
struct SiteProperties {
    /// The name that people read.
    name: String,
    /// What it is.
    kind: Kind,
    /// IANA name.
    time_zone: String,
    /// How many spots or people it has room for.
    capacity: i64,
    /// How many of its spots are in each state.
    spots: Counts,
    /// When it last changed.
    updated_at: Timestamp,
}

/// The zones.
#[derive(Serialize, ToSchema)]
#[schema(as = GeoJsonZones)]
pub struct Zones {
    /// `FeatureCollection`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// A feature for each.
    features: Vec<ZoneFeature>,
}

/// A zone.
#[derive(Serialize, ToSchema)]
#[schema(as = GeoJsonZone)]
struct ZoneFeature {
    /// `Feature`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The site's slug and the zone's code.
    id: String,
    /// Where its site is: a zone has no place of its own.
    geometry: Point,
    /// What is known of it.
    properties: ZoneProperties,
}

/// What is known of a zone.
#[derive(Serialize, ToSchema)]
#[schema(as = GeoJsonZoneProperties)]
struct ZoneProperties {
    /// The site's slug.
    site: String,
    /// The zone's code.
    code: String,
    /// The name that people read.
    name: String,
    /// Its place in the order of a plan.
    position: i64,
    /// Square metres; null when nobody has said.
    area_m2: Option<f64>,
    /// How many spots or people it has room for; null when nobody has said.
    capacity: Option<i64>,
    /// How many of its spots are in each state.
    spots: Counts,
    /// When it last changed.
    updated_at: Timestamp,
}

/// Returns the sites as GeoJSON.
#[utoipa::path(get, path = "/api/export/geojson/sites")]
pub async fn sites(Now(now): Now, Query(asked): Query<OfSite>) -> Answer<GeoJson<Sites>> {
    find("sites", asked, now, |scope| Sites { kind: COLLECTION, features: scope.sites.iter().map(SiteFeature::new).collect() })
}

/// Returns the zones as GeoJSON, each where its site is.
#[utoipa::path(get, path = "/api/export/geojson/zones")]
pub async fn zones(Now(now): Now, Query(asked): Query<OfSite>) -> Answer<GeoJson<Zones>> {
    find("zones", asked, now, |scope| {
        let of_site = |site: &Site| site.zones.iter().map(|zone| ZoneFeature::new(site, zone)).collect::<Vec<_>>();
        Zones { kind: COLLECTION, features: scope.sites.iter().flat_map(of_site).collect() }
    })
}

fn find<T: Serialize>(what: &str, asked: OfSite, now: i64, features: impl FnOnce(&Scope) -> T) -> Answer<GeoJson<T>> {
    let key = format!("geojson {what} {}", asked.site.as_deref().unwrap_or_default());
    let publication = Publication::find(&key, GEO_JSON, scope::sources(), now, || {
        let scope = Scope::all(&Filters { site: asked.site, zone: None }, now)?;
        let body = serde_json::to_vec(&features(&scope)).map_err(Problem::internal)?;
        Ok(Made::until(body, [next_claim_moment(&kit::db::Database, now)?]))
    })?;
    Ok(GeoJson(Published::new(publication)))
}

impl SiteFeature {
    fn new(site: &Site) -> Self {
        let properties = SiteProperties {
            name: site.name.clone(),
            kind: site.kind,
            time_zone: site.time_zone.clone(),
            capacity: site.capacity,
            spots: site.counts(),
            updated_at: site.updated_at,
        };
        Self { kind: FEATURE, id: site.slug.clone(), geometry: Point::at(site.latitude, site.longitude), properties }
    }
}

impl ZoneFeature {
    fn new(site: &Site, zone: &Zone) -> Self {
        let properties = ZoneProperties {
            site: zone.site.clone(),
            code: zone.code.clone(),
            name: zone.name.clone(),
            position: zone.position,
            area_m2: zone.area_m2,
            capacity: zone.capacity,
            spots: zone.counts,
            updated_at: zone.updated_at,
        };
        let id = format!("{}/{}", zone.site, zone.code);
        Self { kind: FEATURE, id, geometry: Point::at(site.latitude, site.longitude), properties }
    }
}
