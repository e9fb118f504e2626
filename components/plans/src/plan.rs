//! A plan without its picture.

use axum::Json;
use axum::extract::Path;
use kit::api::NoContent;
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor, Fetch as _};
use kit::input::{Code, Input, Timestamp};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// Which plan of a site.
#[derive(Input)]
pub struct PlanOf {
    /// The code of the zone that is drawn; the whole site without it.
    zone: Option<Code>,
}

impl PlanOf {
    /// The zone as it is stored: empty for the whole site.
    pub fn zone(&self) -> &str {
        self.zone.as_deref().unwrap_or_default()
    }
}

/// Where a spot is on a plan.
#[derive(Serialize, FromRow, ToSchema)]
pub struct PlacedSpot {
    /// The spot's code.
    spot_id: String,
    /// Its middle, from the left, in the plan's coordinates.
    x: f64,
    /// Its middle, from above.
    y: f64,
    /// Degrees, clockwise.
    rotation: f64,
}

/// What is stored of a plan, but for its picture.
#[derive(FromRow)]
struct Stored {
    zone: String,
    media_type: String,
    width: f64,
    height: f64,
    etag: String,
    updated_at: Timestamp,
}

/// A floor plan.
#[derive(Serialize, ToSchema)]
pub struct FloorPlan {
    /// The site's slug.
    site: String,
    /// The code of the zone that is drawn; null for the whole site.
    zone: Option<String>,
    /// Where the picture is, on this server. It is another address once the picture is another.
    picture: String,
    /// What the picture is: `image/svg+xml`, `image/png` or `image/jpeg`.
    media_type: String,
    /// The plan's coordinates go from 0 to this, from left to right.
    width: f64,
    /// The plan's coordinates go from 0 to this, downwards.
    height: f64,
    /// Where spots are on it, by their code.
    spots: Vec<PlacedSpot>,
    /// When its picture or its spots last changed.
    updated_at: Timestamp,
}

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("floor plan")
}

impl FloorPlan {
    /// That of a site, or of one of its zones; 404 when there is none.
    pub fn find(db: &dyn Executor, site: &str, zone: &str) -> Result<Self, Problem> {
        let stored: Option<Stored> = db.fetch_optional(
            "select zone, media_type, width, height, etag, updated_at from floor_plans where site = ? and zone = ?",
            params![site, zone],
        )?;
        let Stored { zone, media_type, width, height, etag, updated_at } = stored.ok_or_else(not_found)?;
        let spots = db.fetch_all(
            "select spot_id, x, y, rotation from floor_plan_spots where site = ? and zone = ? order by spot_id",
            params![site, &zone],
        )?;
        let of_zone = if zone.is_empty() { String::new() } else { format!("zone={}&", escape(&zone)) };
        let picture = format!("/api/sites/{}/plan/picture?{of_zone}v={etag}", escape(site));
        let zone = (!zone.is_empty()).then_some(zone);
        Ok(Self { site: site.to_owned(), zone, picture, media_type, width, height, spots, updated_at })
    }
}

/// As a text stands in an address (RFC 3986).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Returns the floor plan of a site, or of one of its zones: where its picture is, and where spots are on it.
#[utoipa::path(get, path = "/api/sites/{site}/plan")]
pub async fn read(Path(site): Path<String>, Query(of): Query<PlanOf>) -> Answer<Json<FloorPlan>> {
    FloorPlan::find(&Database, &site, of.zone()).map(Json)
}

/// Deletes the floor plan of a site, or of one of its zones, with where spots are on it.
#[utoipa::path(delete, path = "/api/sites/{site}/plan")]
pub async fn delete(caller: Caller<Admin>, Now(now): Now, Path(site): Path<String>, Query(of): Query<PlanOf>) -> Answer<NoContent> {
    let zone = of.zone();
    db::transaction(|db| {
        let touch = "update floor_plans set updated_at = ?3, updated_by = ?4 where site = ?1 and zone = ?2 returning site";
        if !db.exists(touch, params![&site, zone, now, &caller.0.id])? {
            return Err(not_found());
        }
        db.run("delete from floor_plan_spots where site = ? and zone = ?", params![&site, zone])?;
        db.run("delete from floor_plans where site = ? and zone = ?", params![&site, zone])?;
        Ok(NoContent)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_stands_in_an_address() {
        assert_eq!(escape("B1"), "B1");
        assert_eq!(escape("Level 2/é&"), "Level%202%2F%C3%A9%26");
    }
}
