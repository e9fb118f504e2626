//! What an export is of: sites with their zones, and their spaces one by one where they are not too many.

#[cfg(test)]
pub mod fixture;
mod places;

use std::collections::HashMap;

use const_format::concatcp;
use domain::overview::Counts;
use domain::site;
use kit::db::{Database, Fetch as _};
use kit::input::{Code, Input, Slug};
use kit::kept::{Sources, Topics};
use kit::row::FromRow;
use kit::spots::{SPOTS_WITH_STATE, STATE, ZONE_COUNTS};
use kit::{Answer, Problem, params};

pub use places::{Site, Space, Zone, percent_taken, usable, version};

/// The most sites of a document.
pub const MAX_SITES: usize = 500;

/// The most zones of a document.
pub const MAX_ZONES: usize = 5_000;

/// The most spaces that a document tells one by one. One that would have more tells its zones alone.
pub const MAX_SPACES: i64 = 5_000;

/// Which places.
#[derive(Input)]
pub struct Filters {
    /// Only this site, by its slug.
    pub site: Option<Slug>,
    /// Only this zone of the site, by its code.
    pub zone: Option<Code>,
}

/// What sites, spaces, prices and occupancy are made from.
pub const TOPICS: Topics = kit::topics!(Spots, Reservations, Places);

/// The sources of a document that says nothing else.
pub fn sources() -> Sources {
    Sources::of(TOPICS)
}

/// Sites with what is in them.
pub struct Scope {
    /// In the order of their slugs.
    pub sites: Vec<Site>,
    /// When anything of this last changed, as far as a change brought it about, milliseconds.
    pub changed_at: i64,
}

const COLUMNS: &str = "slug, name, kind, latitude, longitude, time_zone, capacity, tariff, created_at, updated_at";

/// Sites where vehicles park: car parks, and others that have spots.
const IS_PARKING: &str = concatcp!(
    "(kind = '",
    site::Kind::CarPark.into_str(),
    "' or exists (select 1 from zone_counts n where n.site = sites.slug and n.free + n.occupied + n.reserved + n.out_of_service > 0))"
);

const ALL_SITES: &str = concatcp!("select ", COLUMNS, " from sites where slug = coalesce(?1, slug) order by slug limit ?2");

const PARKING_SITES: &str =
    concatcp!("select ", COLUMNS, " from sites where slug = coalesce(?1, slug) and ", IS_PARKING, " order by slug limit ?2");

/// `?1` is a list of sites.
const ZONES: &str = "select site, code, name, area_m2, capacity, position, created_at, updated_at from zones
    where site in (select value from json_each(?1)) and code = coalesce(?2, code) order by site, position, code limit ?3";

/// `?1` is now, `?2` a list of sites.
const COUNTS: &str = concatcp!(
    "select n.site, n.zone, n.free, n.occupied, n.reserved, n.out_of_service from ",
    ZONE_COUNTS,
    " n where n.site in (select value from json_each(?2))"
);

/// `?1` is now, `?2` a list of sites.
const SPACES: &str = concatcp!(
    "select s.spot_id, s.site, s.zone, s.kind, ",
    STATE,
    " as status, s.created_at, s.updated_at from ",
    SPOTS_WITH_STATE,
    " where s.site in (select value from json_each(?2)) and s.zone = coalesce(?3, s.zone) order by s.site, s.spot_id limit ?4"
);

const CHANGED_AT: &str = "select coalesce(max(changed_at), 0) from versions where topic in ('spots', 'reservations', 'places')";

/// When a reservation last began or ceased to claim a spot by the clock alone.
const CLAIMED_AT: &str = "select at from spot_claim_moments where at <= ? order by at desc limit 1";

/// What is counted of a zone.
#[derive(FromRow)]
struct CountsRow {
    site: String,
    zone: String,
    free: i64,
    occupied: i64,
    reserved: i64,
    out_of_service: i64,
}

impl CountsRow {
    const fn counts(&self) -> Counts {
        let (free, occupied, reserved, out_of_service) = (self.free, self.occupied, self.reserved, self.out_of_service);
        Counts { total: free + occupied + reserved + out_of_service, free, occupied, reserved, out_of_service }
    }
}

/// Zones are named in any case of their letters.
fn key(site: &str, zone: &str) -> (String, String) {
    (site.to_owned(), zone.to_ascii_lowercase())
}

impl Scope {
    /// All sites, or one, with their zones.
    pub fn all(filters: &Filters, now: i64) -> Answer<Self> {
        Self::load(ALL_SITES, filters, now)
    }

    /// Sites where vehicles park, or one, with the zones that have spaces, and the spaces unless they are too many.
    pub fn parking(filters: &Filters, now: i64) -> Answer<Self> {
        let mut scope = Self::load(PARKING_SITES, filters, now)?;
        for site in &mut scope.sites {
            // A zone of a car park may be counted as a whole; one of a temple without spaces is for people.
            let is_car_park = site.kind == site::Kind::CarPark;
            site.zones.retain(|zone| zone.counts.total > 0 || is_car_park);
        }
        let spaces: i64 = scope.zones().map(|zone| zone.counts.total).sum();
        if spaces <= MAX_SPACES {
            scope.load_spaces(filters, now)?;
        }
        Ok(scope)
    }

    fn load(sites: &'static str, filters: &Filters, now: i64) -> Answer<Self> {
        if filters.zone.is_some() && filters.site.is_none() {
            return Err(Problem::invalid_field("site", "is required with zone"));
        }
        // Before the data: what changes meanwhile is then told as of an earlier moment, and never as of a later one.
        let changed_at: Option<i64> = Database.fetch_scalar(CHANGED_AT, params![])?;
        let claimed_at: Option<i64> = Database.fetch_scalar(CLAIMED_AT, params![now])?;
        let mut sites: Vec<Site> = Database.fetch_all(sites, params![filters.site.as_deref(), MAX_SITES as i64 + 1])?;
        if sites.len() > MAX_SITES {
            return Err(Problem::invalid_field("site", format!("is required where there are more than {MAX_SITES} sites")));
        }
        if sites.is_empty() && filters.site.is_some() {
            return Err(Problem::invalid_field("site", "is no site that is told of here"));
        }
        let slugs = slugs(&sites)?;
        let zones: Vec<Zone> = Database.fetch_all(ZONES, params![&slugs, filters.zone.as_deref(), MAX_ZONES as i64 + 1])?;
        if zones.len() > MAX_ZONES {
            return Err(Problem::invalid_field("site", format!("is required where there are more than {MAX_ZONES} zones")));
        }
        if zones.is_empty() && filters.zone.is_some() {
            return Err(Problem::invalid_field("zone", "is not a zone of this site"));
        }
        let counts: Vec<CountsRow> = Database.fetch_all(COUNTS, params![now, &slugs])?;
        let counts: HashMap<_, _> = counts.iter().map(|row| (key(&row.site, &row.zone), row.counts())).collect();
        let mut by_site: HashMap<String, Vec<Zone>> = HashMap::new();
        for mut zone in zones {
            zone.counts = counts.get(&key(&zone.site, &zone.code)).copied().unwrap_or_default();
            by_site.entry(zone.site.clone()).or_default().push(zone);
        }
        for site in &mut sites {
            site.zones = by_site.remove(&site.slug).unwrap_or_default();
        }
        let changed_at = changed_at.unwrap_or(0).max(claimed_at.unwrap_or(0));
        Ok(Self { sites, changed_at })
    }

    fn load_spaces(&mut self, filters: &Filters, now: i64) -> Answer<()> {
        let slugs = slugs(&self.sites)?;
        let spaces: Vec<Space> = Database.fetch_all(SPACES, params![now, slugs, filters.zone.as_deref(), MAX_SPACES])?;
        let mut by_zone: HashMap<_, Vec<Space>> = HashMap::new();
        for space in spaces {
            by_zone.entry(key(&space.site, &space.zone)).or_default().push(space);
        }
        for zone in self.sites.iter_mut().flat_map(|site| &mut site.zones) {
            zone.spaces = by_zone.remove(&key(&zone.site, &zone.code)).unwrap_or_default();
        }
        Ok(())
    }

    /// All zones.
    pub fn zones(&self) -> impl Iterator<Item = &Zone> {
        self.sites.iter().flat_map(|site| &site.zones)
    }
}

fn slugs(sites: &[Site]) -> Answer<String> {
    serde_json::to_string(&sites.iter().map(|site| &site.slug).collect::<Vec<_>>()).map_err(Problem::internal)
}
