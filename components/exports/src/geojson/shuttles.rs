//! Shuttles, where each was last.

use const_format::concatcp;
use domain::transit::STALE_MS;
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Slug, Timestamp};
use kit::kept::Publication;
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use super::{COLLECTION, FEATURE, Point};
use crate::media::{GEO_JSON, GeoJson, Published};

/// The most shuttles of a document.
const MAX_SHUTTLES: usize = 5_000;

/// Which shuttles.
#[derive(Input)]
pub struct OfTemple {
    /// Only those of this temple, by its slug.
    #[input(alias("site"))]
    temple_id: Option<Slug>,
}

/// The shuttles in use.
#[derive(Serialize, ToSchema)]
#[schema(as = GeoJsonShuttles)]
pub struct Shuttles {
    /// `FeatureCollection`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// A feature for each.
    features: Vec<ShuttleFeature>,
}

/// A shuttle.
#[derive(Serialize, ToSchema)]
#[schema(as = GeoJsonShuttle)]
struct ShuttleFeature {
    /// `Feature`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The shuttle's code.
    id: String,
    /// Where it was last; null until it has said so.
    geometry: Option<Point>,
    /// What is known of it.
    properties: ShuttleProperties,
}

/// What is known of a shuttle.
#[derive(Serialize, ToSchema)]
#[schema(as = GeoJsonShuttleProperties)]
struct ShuttleProperties {
    /// The temple's slug.
    temple_id: String,
    /// The code of the route that it serves; null for none.
    route_id: Option<String>,
    /// The name that people read.
    name: String,
    /// How many passengers it takes.
    capacity: i64,
    /// Null until it was reported.
    passengers: Option<i64>,
    /// How fast it was, kilometres per hour; null when it has not said.
    speed_kmh: Option<f64>,
    /// Degrees from north, clockwise.
    heading: Option<f64>,
    /// When it was there, by the device's clock; null until the first position.
    timestamp: Option<Timestamp>,
    /// Whether that is too long ago to be relied on (two minutes), or it never was anywhere.
    stale: bool,
}

#[derive(FromRow)]
struct ShuttleRow {
    id: String,
    site: String,
    route: Option<String>,
    name: String,
    capacity: i64,
    lat: Option<f64>,
    lng: Option<f64>,
    speed_kmh: Option<f64>,
    heading: Option<f64>,
    passengers: Option<i64>,
    at: Option<Timestamp>,
}

const SELECT: &str = "select s.id, s.site, s.route, s.name, s.capacity, p.lat, p.lng, p.speed_kmh, p.heading, p.passengers, p.at
     from shuttles s left join shuttle_state p on p.shuttle = s.id";
const ALL: &str = concatcp!(SELECT, " where s.is_active = 1 order by s.id limit ?1");
const OF_TEMPLE: &str = concatcp!(SELECT, " where s.site = ?2 and s.is_active = 1 order by s.id limit ?1");

/// Returns the shuttles in use as GeoJSON, each where it was last.
#[utoipa::path(get, path = "/api/export/geojson/shuttles")]
pub async fn list(Now(now): Now, Query(asked): Query<OfTemple>) -> Answer<GeoJson<Shuttles>> {
    let most = MAX_SHUTTLES as i64 + 1;
    let rows: Vec<ShuttleRow> = match asked.temple_id.as_deref() {
        None => Database.fetch_all(ALL, params![most])?,
        Some(temple) => Database.fetch_all(OF_TEMPLE, params![most, temple])?,
    };
    if rows.len() > MAX_SHUTTLES {
        return Err(Problem::invalid_field("temple_id", format!("is required where there are more than {MAX_SHUTTLES} shuttles")));
    }
    let shuttles = Shuttles { kind: COLLECTION, features: rows.into_iter().map(|row| ShuttleFeature::new(row, now)).collect() };
    let body = serde_json::to_vec(&shuttles).map_err(Problem::internal)?;
    // They move all the time: it is made for each answer, and has a tag all the same.
    Ok(GeoJson(Published::new(Publication::once(body, GEO_JSON))))
}

impl ShuttleFeature {
    fn new(row: ShuttleRow, now: i64) -> Self {
        let geometry = row.lat.zip(row.lng).map(|(latitude, longitude)| Point::at(latitude, longitude));
        let properties = ShuttleProperties {
            temple_id: row.site,
            route_id: row.route,
            name: row.name,
            capacity: row.capacity,
            passengers: row.passengers,
            speed_kmh: row.speed_kmh,
            heading: row.heading,
            timestamp: row.at,
            stale: row.at.is_none_or(|at| now.saturating_sub(at.0) > STALE_MS),
        };
        Self { kind: FEATURE, id: row.id, geometry, properties }
    }
}
