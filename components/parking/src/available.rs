//! What may be had for a period, with its price (docs/reference/spots.md#what-may-be-had-for-a-period).

use std::collections::HashMap;
use std::rc::Rc;

use const_format::concatcp;
use domain::booking_slot::Zone;
use domain::reservation::{IMMEDIATE_START_MS, end_fault, start_fault};
use domain::spot::Kind;
use domain::tariff::Tariff;
use domain::time::HOUR_MS;
use kit::db::{Database, Executor as _};
use kit::input::{At, Code, Input, Slug, Timestamp};
use kit::kept::{self, Keep, Kept, Made, Sources};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::row::FromRow;
use kit::select::Select;
use kit::spots::next_claim_moment;
use kit::{Answer, Problem, params, spot_is_unclaimed, spot_is_usable};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A spot that may be had for a period.
#[derive(Serialize, ToSchema)]
pub struct SpotOffer<'a> {
    /// The spot's code.
    spot_id: &'a str,
    /// The site's slug.
    site: &'a str,
    /// The zone's code.
    zone: &'a str,
    /// What it is for.
    kind: Kind,
    /// When the period begins.
    #[schema(value_type = Timestamp)]
    from: &'a str,
    /// When the period ends.
    #[schema(value_type = Timestamp)]
    to: &'a str,
    /// Minor units.
    price: i64,
    /// ISO 4217; null where it is free of charge.
    currency: Option<&'a str>,
}

/// How long a period is unless it says otherwise, milliseconds.
const DEFAULT_MS: i64 = HOUR_MS;

/// Which spots, for which period.
#[derive(Input)]
#[input(check)]
pub struct Filters {
    /// Now unless it says otherwise; at most 5 minutes ago, within 120 days.
    from: Option<Timestamp>,
    /// An hour after `from` unless it says otherwise; 15 minutes to 30 days after it.
    to: Option<Timestamp>,
    /// Only those of this kind.
    kind: Option<Kind>,
    /// Only those of this site, by its slug.
    site: Option<Slug>,
    /// Only those of this zone, by its code.
    zone: Option<Code>,
}

impl Filters {
    /// From and to, milliseconds.
    fn period(&self, now: i64) -> (i64, i64) {
        let from = self.from.map_or(now, |from| from.0);
        (from, self.to.map_or(from + DEFAULT_MS, |to| to.0))
    }

    /// The next moments at which the clock alone may change what may be had.
    fn turns(&self, now: i64) -> Answer<[Option<i64>; 2]> {
        let claims = next_claim_moment(&Database, now)?;
        Ok(match (self.from, self.to) {
            // From then on the period begins at once, and whoever stands on a spot is in its way.
            (Some(from), _) => [claims, Some(from.0 - IMMEDIATE_START_MS).filter(|turn| *turn > now)],
            (None, Some(_)) => [claims, None],
            // The end of the period moves on over the beginnings of claims.
            (None, None) => [claims, next_claim_moment(&Database, now + DEFAULT_MS - 1)?.map(|start| start - DEFAULT_MS + 1)],
        })
    }

    fn check(&self, at: &mut At<'_>) {
        let (from, to) = self.period(at.now_ms());
        // Each may be bad on its own; a reservation of the period is refused for the same reasons.
        if let Some(fault) = start_fault(from, at.now_ms()) {
            at.refuse_field("from", fault);
        }
        if let Some(fault) = end_fault(from, to) {
            at.refuse_field("to", fault);
        }
    }
}

#[derive(FromRow)]
struct Spot {
    spot_id: String,
    site: String,
    zone: String,
    kind: Kind,
}

/// Those that may be had from `?1` to `?2`, as seen at `?3`, now.
const FIND: &str = concatcp!(
    "select s.spot_id, s.site, s.zone, s.kind from spot_presence s where s.spot_id > coalesce(?4, '') and ",
    spot_is_usable!(from: "?1", now: "?3"),
    " and ",
    spot_is_unclaimed!(spot: "s.spot_id", from: "?1", to: "?2", now: "?3", except: "0")
);

/// Lists the spots that may be had for a period, by `spot_id`, each with its price.
///
/// What is offered can be reserved: the period is one that a reservation may have, and a spot is offered when it is in service, no
/// reservation claims it for any part of the period, and it is empty if the period starts now, that is within 15 minutes.
#[utoipa::path(get, path = "/api/spots/available")]
pub async fn list(Now(now): Now, listing: Listing<Filters>) -> Answer<Kept<Page<SpotOffer<'static>>>> {
    let period = listing.filters.period(now);
    let sources = Sources::of(crate::spots::TOPICS);
    if listing.filters.from.is_some() {
        return Kept::find(listing.request(), sources, now, || {
            let found = Found::search(&listing, now)?;
            let until = found.until;
            Ok(Made { value: Offers::new(Rc::new(found), period), until })
        });
    }
    // The period moves on with the clock, and its price may. Which spots may be had does not from one moment to the next.
    let found = kept::value(listing.request(), sources, now, || Found::search(&listing, now))?;
    Kept::once(&Offers::new(found, period))
}

/// A page of the spots that may be had, and on whose terms.
struct Found {
    page: Page<Spot>,
    terms: HashMap<String, Terms>,
}

impl Keep for Found {
    fn bytes(&self) -> usize {
        const TERMS: usize = 1024;
        self.page.items.bytes() + self.terms.len() * TERMS
    }
}

impl Found {
    fn search(listing: &Listing<Filters>, now: i64) -> Answer<Made<Self>> {
        let filters = &listing.filters;
        let (from, to) = filters.period(now);
        let spots = Select::new(FIND, params![from, to, now, listing.after_text(0)])
            .and_if("s.site = ?", filters.site.as_deref())
            .and_if("s.zone = ?", filters.zone.as_deref())
            .and_if("s.kind = ?", filters.kind)
            .fetch(&Database, "s.spot_id", listing.fetch())?;
        let page = listing.page(spots, |spot: &Spot| [spot.spot_id.clone()]);
        let terms = find_terms(&page.items)?;
        Ok(Made::until(Self { page, terms }, filters.turns(now)?))
    }
}

/// The same for a period.
struct Offers {
    found: Rc<Made<Found>>,
    from: (i64, String),
    to: (i64, String),
}

impl Offers {
    fn new(found: Rc<Made<Found>>, (from, to): (i64, i64)) -> Self {
        let with_text = |ms| (ms, domain::time::format_rfc3339(ms));
        Self { found, from: with_text(from), to: with_text(to) }
    }

    fn page(&self) -> Page<SpotOffer<'_>> {
        let Found { page, terms } = &self.found.value;
        // A page has many spots of one site and kind.
        let mut prices: HashMap<(&str, Kind), Option<i64>> = HashMap::new();
        page.filter_map(|spot| {
            let own = terms.get(&spot.site)?;
            let price = prices.entry((&spot.site, spot.kind)).or_insert_with(|| own.price(spot.kind, self.from.0, self.to.0));
            Some(SpotOffer {
                spot_id: &spot.spot_id,
                site: &spot.site,
                zone: &spot.zone,
                kind: spot.kind,
                from: &self.from.1,
                to: &self.to.1,
                // A spot that has no price cannot be reserved.
                price: (*price)?,
                currency: own.tariff.currency.as_deref(),
            })
        })
    }
}

impl Serialize for Offers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.page().serialize(serializer)
    }
}

/// A site's tariff and clock.
struct Terms {
    tariff: Tariff,
    zone: Option<Zone>,
}

impl Terms {
    /// The price of a stay; none where it is no price: the zone is not known, or it is more than can be charged at once.
    fn price(&self, kind: Kind, from: i64, to: i64) -> Option<i64> {
        let price = self.tariff.rates(kind.into_str()).price(self.zone?, from, to);
        (price <= self.tariff.most_charge()).then_some(price)
    }
}

impl FromRow for Terms {
    fn from_row(row: &kit::db::Row) -> Result<Self, Problem> {
        // A tariff that cannot be read is none.
        let tariff = serde_json::from_str(&row.get::<String>("tariff")?).unwrap_or_default();
        Ok(Self { tariff, zone: Zone::parse(&row.get::<String>("time_zone")?) })
    }
}

/// The terms of these spots' sites.
fn find_terms(spots: &[Spot]) -> Answer<HashMap<String, Terms>> {
    let mut sites: Vec<&str> = spots.iter().map(|spot| spot.site.as_str()).collect();
    sites.sort_unstable();
    sites.dedup();
    let asked = serde_json::to_string(&sites).map_err(Problem::internal)?;
    let rows = Database.run("select slug, tariff, time_zone from sites where slug in (select value from json_each(?))", params![asked])?;
    rows.iter().map(|row| Ok((row.get("slug")?, Terms::from_row(row)?))).collect()
}
