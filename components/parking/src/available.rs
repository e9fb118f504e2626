//! What may be had for a period, with its price (docs/reference/spots.md#what-may-be-had-for-a-period).

use std::collections::HashMap;

use const_format::concatcp;
use domain::booking_slot::Zone;
use domain::reservation::{end_fault, start_fault};
use domain::spot::Kind;
use domain::tariff::Tariff;
use domain::time::HOUR_MS;
use kit::db::{Database, Executor as _};
use kit::input::{At, Code, Input, Slug, Timestamp};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params, spot_is_unclaimed, spot_is_usable};
use serde::Serialize;
use utoipa::ToSchema;

/// A spot that may be had for a period.
#[derive(Serialize, ToSchema)]
pub struct SpotOffer {
    /// The spot's code.
    spot_id: String,
    /// The site's slug.
    site: String,
    /// The zone's code.
    zone: String,
    /// What it is for.
    kind: Kind,
    /// When the period begins.
    from: Timestamp,
    /// When the period ends.
    to: Timestamp,
    /// Minor units.
    price: i64,
    /// ISO 4217; null where it is free of charge.
    currency: Option<String>,
}

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
        (from, self.to.map_or(from + HOUR_MS, |to| to.0))
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
pub async fn list(Now(now): Now, listing: Listing<Filters>) -> Answer<Page<SpotOffer>> {
    let filters = &listing.filters;
    let (from, to) = filters.period(now);
    let spots = Select::new(FIND, params![from, to, now, listing.after_text(0)])
        .and_if("s.site = ?", filters.site.as_deref())
        .and_if("s.zone = ?", filters.zone.as_deref())
        .and_if("s.kind = ?", filters.kind)
        .fetch(&Database, "s.spot_id", listing.fetch())?;
    let mut page = listing.page(spots, |spot: &Spot| [spot.spot_id.clone()]);

    let terms = find_terms(&page.items)?;
    let mut prices: HashMap<(String, Kind), Option<i64>> = HashMap::new();
    let mut price_of = |spot: &Spot| {
        // A page has many spots of one site and kind.
        *prices.entry((spot.site.clone(), spot.kind)).or_insert_with(|| terms.get(&spot.site)?.price(spot.kind, from, to))
    };
    // A spot that has no price cannot be reserved.
    page.items.retain(|spot| price_of(spot).is_some());
    Ok(page.map(|spot| {
        let price = price_of(&spot).unwrap_or_default();
        let currency = terms.get(&spot.site).and_then(|own| own.tariff.currency.clone());
        let Spot { spot_id, site, zone, kind } = spot;
        SpotOffer { spot_id, site, zone, kind, from: Timestamp(from), to: Timestamp(to), price, currency }
    }))
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
