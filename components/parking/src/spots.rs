//! Parking spots with their live state (docs/reference/spots.md).

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::overview::SpotState;
use domain::spot::{Kind, Status};
use kit::api::Created;
use kit::caller::{Admin, Caller};
use kit::db::{Database, Fetch as _};
use kit::input::{Code, Input, Slug, Timestamp};
use kit::kept::{Kept, Made, Sources, Topics};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::FromRow;
use kit::select::Select;
use kit::spots::{SPOTS_WITH_STATE, STATE, next_claim_moment};
use kit::{Answer, Problem, params};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantNames};
use utoipa::ToSchema;

use crate::zones;

/// A spot.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Spot {
    /// The spot's code.
    spot_id: String,
    /// The site's slug.
    site: String,
    /// The zone's code.
    zone: String,
    /// What it is for.
    kind: Kind,
    /// Its state now.
    status: SpotState,
    /// When it last changed.
    updated_at: Timestamp,
}

/// `?1` is the present time.
const SELECT: &str = concatcp!("select s.spot_id, s.site, s.zone, s.kind, ", STATE, " as status, s.updated_at from ", SPOTS_WITH_STATE);

fn find(spot_id: &str, now: i64) -> Answer<Spot> {
    let spot = Database.fetch_optional(concatcp!(SELECT, " where s.spot_id = ?2"), params![now, spot_id])?;
    spot.ok_or_else(|| Problem::not_found("spot"))
}

/// Which spots.
#[derive(Input)]
pub struct Filters {
    /// Only those of this site, by its slug.
    site: Option<Slug>,
    /// Only those of this zone, by its code.
    zone: Option<Code>,
    /// Only those of this kind.
    kind: Option<Kind>,
    /// Their state now.
    status: Option<SpotState>,
}

/// What the state of spots is made from.
pub const TOPICS: Topics = kit::topics!(Spots, Reservations, Places);

/// Lists spots by `spot_id`, with their state now.
#[utoipa::path(get, path = "/api/spots")]
pub async fn list(Now(now): Now, listing: Listing<Filters>) -> Answer<Kept<Page<Spot>>> {
    Kept::find(listing.request(), Sources::of(TOPICS), now, || {
        let filters = &listing.filters;
        let spots = Select::new(concatcp!(SELECT, " where s.spot_id > coalesce(?, '')"), params![now, listing.after_text(0)])
            .and_if("s.site = ?", filters.site.as_deref())
            .and_if("s.zone = ?", filters.zone.as_deref())
            .and_if("s.kind = ?", filters.kind)
            .and_if(concatcp!(STATE, " = ?"), filters.status)
            .fetch(&Database, "s.spot_id", listing.fetch())?;
        Ok(Made::until(listing.page(spots, |spot: &Spot| [spot.spot_id.clone()]), [next_claim_moment(&Database, now)?]))
    })
}

/// Returns a spot with its state now.
#[utoipa::path(get, path = "/api/spots/{spot_id}")]
pub async fn read(Now(now): Now, Path(spot_id): Path<String>) -> Answer<Json<Spot>> {
    Ok(Json(find(&spot_id, now)?))
}

/// What an administrator can make of a spot; whether it is occupied is for its sensor to say.
#[derive(Clone, Copy, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum SettableStatus {
    /// It is offered.
    InService,
    /// The same, as clients of the IoT parking server say it.
    Free,
    /// Kept by the site.
    Reserved,
    /// Closed.
    OutOfService,
}

kit::text_enum!(SettableStatus);

impl From<SettableStatus> for Status {
    fn from(settable: SettableStatus) -> Self {
        match settable {
            SettableStatus::InService | SettableStatus::Free => Self::InService,
            SettableStatus::Reserved => Self::Reserved,
            SettableStatus::OutOfService => Self::OutOfService,
        }
    }
}

kit::text_type! {
    /// The id of a new spot.
    pub struct NewSpotId, domain::spot::NEW_ID_RULE, pattern: "^[A-Za-z0-9_.-]{1,64}$", domain::spot::is_new_id
}

/// A new spot.
#[derive(Input)]
#[input(example = r#"{"spot_id": "B1-NEW-1", "site": "city-centre", "zone": "B1", "kind": "ev"}"#)]
pub struct NewSpot {
    /// Unique, in any case of its letters. Not `available`, which is a path of its own.
    spot_id: NewSpotId,
    /// The slug of its site.
    site: Slug,
    /// The code of its zone.
    zone: Code,
    /// `standard` unless it says otherwise.
    kind: Option<Kind>,
    /// `in_service` unless it says otherwise.
    status: Option<SettableStatus>,
}

/// A change of a spot: what is not sent stays.
#[derive(Input)]
#[input(read_only("updated_at"))]
#[input(example = r#"{"kind": "accessible", "status": "in_service"}"#)]
pub struct SpotChange {
    /// May be repeated, and cannot be changed.
    #[input(same_as_path = "spot_id")]
    spot_id: Option<Code>,
    /// May be repeated, and cannot be changed.
    site: Option<Slug>,
    /// May be repeated, and cannot be changed.
    zone: Option<Code>,
    /// What it is for.
    kind: Option<Kind>,
    /// What is to become of it.
    status: Option<SettableStatus>,
    /// Whether it is closed although there are reservations of it.
    force: Option<bool>,
}

/// A new spot has no sensor and no reservation: its state follows from its status.
const INSERT: &str = concatcp!(
    "insert into spots (spot_id, site, zone, kind, status, created_at, updated_at, updated_by)
     select ?1, site, code, ?4, ?5, ?6, ?6, ?7 from zones where site = ?2 and code = ?3
     returning spot_id, site, zone, kind, iif(status = '",
    Status::InService.into_str(),
    "', '",
    SpotState::Free.into_str(),
    "', status) as status, updated_at"
);

/// Adds a spot.
#[utoipa::path(post, path = "/api/spots", responses((status = 409, description = "There is a spot of this id already.")))]
pub async fn create(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewSpot>) -> Answer<Created<Spot>> {
    let status = new.status.map_or(Status::InService, Status::from);
    let params = params![new.spot_id, &new.site, new.zone, new.kind.unwrap_or_default(), status, now, caller.0.id];
    match Database.fetch_optional(INSERT, params)? {
        Some(spot) => Ok(Created(spot)),
        None => Err(zones::unknown(&Database, &new.site)?),
    }
}

/// Claims of the spot `?1` by reservations that are under way or lie ahead at `?2`.
const CLAIMS_AHEAD: &str = "from spot_claims c where c.spot_id = ?1 and c.ends_at > ?2 and c.expires_at > ?2";

const UPDATE: &str = concatcp!(
    "update spots set kind = coalesce(?3, kind), status = coalesce(?4, status), updated_at = ?2, updated_by = ?5
     where spot_id = ?1 and site = coalesce(?6, site) and zone = coalesce(?7, zone) and (not ?8 or not exists (select 1 ",
    CLAIMS_AHEAD,
    ")) returning spot_id"
);

/// Changes a spot's kind and its status.
///
/// Spots are concrete: they do not move. One with reservations ahead is closed only with `"force": true`; the reservations are then for staff
/// to cancel, which gives all of the money back.
#[utoipa::path(
    patch,
    path = "/api/spots/{spot_id}",
    responses((status = 409, description = "`reserved`: reservations of it lie ahead, `reservations` says how many."))
)]
pub async fn update(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(spot_id): Path<String>,
    Body(change): Body<SpotChange>,
) -> Answer<Json<Spot>> {
    let status = change.status.map(Status::from);
    let closes = status.is_some_and(|status| status != Status::InService) && !change.force.unwrap_or(false);
    let (site, zone) = (change.site.as_deref(), change.zone.as_deref());
    let is_changed = Database.exists(UPDATE, params![&spot_id, now, change.kind, status, caller.0.id, site, zone, closes])?;
    let spot = find(&spot_id, now)?;
    if is_changed {
        return Ok(Json(spot));
    }
    let reserved = if closes { count_reservations(&spot_id, now)? } else { 0 };
    if reserved > 0 {
        let detail = format!("{reserved} reservations of it lie ahead: say \"force\": true, and cancel them");
        return Err(Problem::conflict(detail).because("reserved").with("reservations", reserved));
    }
    let moved = if site.is_some_and(|site| site != spot.site) { "site" } else { "zone" };
    Err(Problem::invalid_field(moved, "cannot be changed"))
}

/// How many reservations of a spot are under way or lie ahead.
fn count_reservations(spot_id: &str, now: i64) -> Answer<i64> {
    let count = Database.fetch_scalar(concatcp!("select count(distinct c.reservation_no) ", CLAIMS_AHEAD), params![spot_id, now])?;
    Ok(count.unwrap_or(0))
}
