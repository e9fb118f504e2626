//! Where spots are on a plan.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::Path;
use kit::caller::{Admin, Caller};
use kit::db::{self, Executor, Fetch as _, Transaction};
use kit::input::{Code, Input, List, Number};
use kit::request::{Body, Now, Query};
use kit::row::FromRow;
use kit::{Answer, Problem, params};
use serde::Serialize;

use crate::plan::{FloorPlan, PlanOf, not_found};

/// The spots that one plan may have.
const MAX_SPOTS: usize = 5_000;

/// The largest that a plan's coordinates may be.
pub const MAX_COORDINATE: i64 = 100_000;

/// Where a spot is.
#[derive(Input)]
#[input(example = r#"{"spot_id": "B1-001", "x": 120.5, "y": 80, "rotation": 90}"#)]
pub struct SpotPlace {
    /// The spot's code.
    spot_id: Code,
    /// Its middle, from the left, in the plan's coordinates.
    x: Number<0, MAX_COORDINATE>,
    /// Its middle, from above.
    y: Number<0, MAX_COORDINATE>,
    /// Degrees, clockwise; 0 unless it says otherwise.
    rotation: Option<Number<-360, 360>>,
}

/// Where all spots of a plan are.
#[derive(Input)]
#[input(example = r#"{"spots": [{"spot_id": "B1-001", "x": 120.5, "y": 80, "rotation": 90}]}"#)]
pub struct SpotPlaces {
    /// Replaces what was there: a spot that is not named is on the plan no more.
    spots: List<SpotPlace, 0, MAX_SPOTS>,
}

#[derive(Serialize)]
struct Row<'a> {
    spot_id: &'a str,
    x: f64,
    y: f64,
    rotation: f64,
}

#[derive(FromRow)]
struct Size {
    width: f64,
    height: f64,
}

#[derive(FromRow)]
struct Unknown {
    spot_id: String,
}

/// Those of `?1` that are not of this site `?2`, or of its zone `?3`.
const UNKNOWN: &str = "select j.value ->> 'spot_id' as spot_id from json_each(?1) j
     where not exists (select 1 from plan_spots s where s.spot_id = j.value ->> 'spot_id' and s.site = ?2 and (?3 = '' or s.zone = ?3))
     limit 20";

const INSERT: &str = "insert into floor_plan_spots (site, zone, spot_id, x, y, rotation)
     select ?2, ?3, value ->> 'spot_id', value ->> 'x', value ->> 'y', value ->> 'rotation' from json_each(?1)";

/// Degrees from 0 to below 360.
fn normalised(degrees: f64) -> f64 {
    let within = degrees.rem_euclid(360.0);
    if within < 360.0 { within } else { 0.0 }
}

/// Places the spots of a floor plan, all at once.
///
/// What was there before is replaced: the same request again changes nothing more.
#[utoipa::path(put, path = "/api/sites/{site}/plan/spots")]
pub async fn replace(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(site): Path<String>,
    Query(of): Query<PlanOf>,
    Body(places): Body<SpotPlaces>,
) -> Answer<Json<FloorPlan>> {
    let zone = of.zone();
    let rows: Vec<Row<'_>> = places
        .spots
        .iter()
        .map(|place| Row {
            spot_id: &place.spot_id,
            x: *place.x,
            y: *place.y,
            rotation: normalised(place.rotation.as_ref().map_or(0.0, |it| **it)),
        })
        .collect();
    require_each_once(&rows)?;
    let json = serde_json::to_string(&rows).map_err(Problem::internal)?;
    db::transaction(|db| {
        let touch = "update floor_plans set updated_at = ?3, updated_by = ?4 where site = ?1 and zone = ?2 returning width, height";
        let size: Option<Size> = db.fetch_optional(touch, params![&site, zone, now, &caller.0.id])?;
        require_on_plan(&rows, &size.ok_or_else(not_found)?)?;
        require_known(db, &json, &site, zone)?;
        db.run("delete from floor_plan_spots where site = ? and zone = ?", params![&site, zone])?;
        db.run(INSERT, params![&json, &site, zone])?;
        db.run(
            "insert into audit_log (at, actor, action, entity, subject, detail)
             values (?1, ?2, 'placed', 'floor_plans', ?3 || '/' || ?4, json_object('spots', ?5))",
            params![now, &caller.0.id, &site, zone, i64::try_from(rows.len()).unwrap_or(i64::MAX)],
        )?;
        FloorPlan::find(db, &site, zone).map(Json)
    })
}

fn require_each_once(rows: &[Row<'_>]) -> Result<(), Problem> {
    let mut seen = BTreeSet::new();
    match rows.iter().find(|row| !seen.insert(row.spot_id.to_ascii_lowercase())) {
        Some(twice) => Err(Problem::invalid_field("spots", format!("has {} twice", twice.spot_id))),
        None => Ok(()),
    }
}

fn require_on_plan(rows: &[Row<'_>], size: &Size) -> Result<(), Problem> {
    match rows.iter().find(|row| row.x > size.width || row.y > size.height) {
        Some(row) => {
            let Size { width, height } = size;
            Err(Problem::invalid_field("spots", format!("has {} outside the plan, which is {width} by {height}", row.spot_id)))
        }
        None => Ok(()),
    }
}

fn require_known(db: &Transaction, json: &str, site: &str, zone: &str) -> Result<(), Problem> {
    let unknown: Vec<Unknown> = db.fetch_all(UNKNOWN, params![json, site, zone])?;
    if unknown.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = unknown.iter().map(|unknown| unknown.spot_id.as_str()).collect();
    let of = if zone.is_empty() { "this site" } else { "this zone" };
    Err(Problem::invalid_field("spots", format!("has what are no spots of {of}: {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    #[test]
    fn examples_are_valid() {
        assert!(parse::<SpotPlaces>(SpotPlaces::example().unwrap().as_bytes(), 0).is_ok());
        assert!(parse::<SpotPlace>(SpotPlace::example().unwrap().as_bytes(), 0).is_ok());
    }

    #[test]
    fn every_turn_is_below_360_degrees() {
        for (degrees, within) in [(0.0, 0.0), (-90.0, 270.0), (360.0, 0.0), (-360.0, 0.0), (-1e-300, 0.0), (359.5, 359.5)] {
            assert!((normalised(degrees) - within).abs() < 1e-9 && normalised(degrees) < 360.0, "{degrees}");
        }
    }

    #[test]
    fn a_spot_is_placed_once_and_on_the_plan() {
        let row = |spot_id, x| Row { spot_id, x, y: 0.0, rotation: 0.0 };
        assert!(require_each_once(&[row("A", 0.0), row("B", 0.0)]).is_ok());
        assert!(require_each_once(&[row("A", 0.0), row("a", 1.0)]).is_err());
        let size = Size { width: 10.0, height: 10.0 };
        assert!(require_on_plan(&[row("A", 10.0)], &size).is_ok());
        assert!(require_on_plan(&[row("A", 10.5)], &size).is_err());
    }
}
