//! GeoJSON (RFC 7946): sites, zones and shuttles as features of a map.

pub mod places;
pub mod shuttles;

use serde::Serialize;
use utoipa::ToSchema;

/// A point.
#[derive(Serialize, ToSchema)]
#[schema(as = GeoJsonPoint)]
pub struct Point {
    /// `Point`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Longitude, then latitude, degrees of WGS 84.
    coordinates: [f64; 2],
}

impl Point {
    pub const fn at(latitude: f64, longitude: f64) -> Self {
        Self { kind: "Point", coordinates: [longitude, latitude] }
    }
}

/// `Feature` and `FeatureCollection`, the types of the objects.
pub const FEATURE: &str = "Feature";
pub const COLLECTION: &str = "FeatureCollection";
