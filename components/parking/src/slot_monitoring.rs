//! Zones and spots by the names of the slot monitoring server (docs/reference/clients.md#slot-monitoring).

use const_format::concatcp;
use domain::overview::SpotState;
use domain::site::Kind as SiteKind;
use domain::spot::Kind;
use kit::caller::{Caller, SignedIn};
use kit::db::{Database, Row};
use kit::input::{Code, Input, Slug};
use kit::kept::{Kept, Made, Sources};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::row::FromRow;
use kit::select::Select;
use kit::spots::{IS_FREE, SPOTS_WITH_STATE, next_claim_moment};
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::spots::TOPICS;

/// A zone with the number of its slots.
#[derive(Serialize, FromRow, ToSchema)]
pub struct SlotZone {
    /// The zone's code.
    #[schema(example = "B1")]
    zone_code: String,
    /// The zone's name.
    #[schema(example = "Basement 1")]
    name: String,
    /// The site's slug.
    #[schema(example = "city-centre")]
    site: String,
    /// All slots.
    #[schema(example = 40)]
    total: i64,
    /// Slots where anyone may park.
    #[schema(example = 12)]
    available: i64,
}

/// Which zones.
#[derive(Input)]
pub struct ZoneFilters {
    /// Only those of this site, by its slug.
    site: Option<Slug>,
}

const SELECT_ZONES: &str = concatcp!(
    "select z.code as zone_code, z.name, z.site, (select count(*) from spots s where s.site = z.site and s.zone = z.code) as total,
        (select count(*) from ",
    SPOTS_WITH_STATE,
    " where s.site = z.site and s.zone = z.code and ",
    IS_FREE,
    ") as available
     from zones z where (z.site, z.code) > (coalesce(?, ''), coalesce(?, ''))
        and (exists (select 1 from sites p where p.slug = z.site and p.kind <> '",
    SiteKind::Temple.into_str(),
    "') or exists (select 1 from spots s where s.site = z.site and s.zone = z.code))"
);

/// Lists the zones where vehicles park, by site and `zone_code`, with the number of their slots.
///
/// A temple's zones are left out, except those with spots.
#[utoipa::path(get, path = "/api/zones")]
pub async fn list_zones(_: Caller<SignedIn>, Now(now): Now, listing: Listing<ZoneFilters>) -> Answer<Kept<Page<SlotZone>>> {
    Kept::find(listing.request(), Sources::of(TOPICS), now, || {
        let zones = Select::new(SELECT_ZONES, params![now, listing.after_text(0), listing.after_text(1)])
            .and_if("z.site = ?", listing.filters.site.as_deref())
            .fetch(&Database, "z.site, z.code", listing.fetch())?;
        let page = listing.page(zones, |zone: &SlotZone| [zone.site.clone(), zone.zone_code.clone()]);
        Ok(Made::until(page, [next_claim_moment(&Database, now)?]))
    })
}

/// A slot: a parking spot.
#[derive(Serialize, FromRow, ToSchema)]
pub struct ParkingSlot {
    /// The spot's code.
    #[schema(example = "PARK-B1-S005")]
    slot_code: String,
    /// The zone's code.
    #[schema(example = "B1")]
    zone: String,
    /// The site's slug.
    #[schema(example = "city-centre")]
    site: String,
    /// What it is for.
    kind: Kind,
    /// `available` where anyone may park, else `occupied`.
    #[row(with = slot_status)]
    #[schema(example = "available")]
    status: &'static str,
}

fn slot_status(row: &Row) -> Result<&'static str, Problem> {
    let state = if row.get("is_free")? { SpotState::Free } else { SpotState::Occupied };
    Ok(state.slot_status())
}

/// Which slots.
#[derive(Input)]
pub struct SlotFilters {
    /// In any case of its letters.
    zone_code: Option<Code>,
    /// Only those of this site, by its slug.
    site: Option<Slug>,
}

const SELECT_SLOTS: &str = concatcp!(
    "select s.spot_id as slot_code, s.zone, s.site, s.kind, ",
    IS_FREE,
    " as is_free from ",
    SPOTS_WITH_STATE,
    " where s.spot_id > coalesce(?, '')"
);

/// Lists slots by `slot_code`.
#[utoipa::path(get, path = "/api/slots")]
pub async fn list_slots(_: Caller<SignedIn>, Now(now): Now, listing: Listing<SlotFilters>) -> Answer<Kept<Page<ParkingSlot>>> {
    Kept::find(listing.request(), Sources::of(TOPICS), now, || {
        let filters = &listing.filters;
        let slots = Select::new(SELECT_SLOTS, params![now, listing.after_text(0)])
            .and_if("s.zone = ?", filters.zone_code.as_deref())
            .and_if("s.site = ?", filters.site.as_deref())
            .fetch(&Database, "s.spot_id", listing.fetch())?;
        let page = listing.page(slots, |slot: &ParkingSlot| [slot.slot_code.clone()]);
        Ok(Made::until(page, [next_claim_moment(&Database, now)?]))
    })
}
