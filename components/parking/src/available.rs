//! `/api/spots/available`: what may be had for a period, with its price.

use std::cell::RefCell;
use std::collections::HashMap;

use domain::booking_slot::Zone;
use domain::reservation::MAX_STAY_MS;
use domain::tariff::Tariff;
use domain::time::{HOUR_MS, format_rfc3339};
use kit::db::{Row, Value};
use kit::page::{Listing, Page};
use kit::request::{Now, Query};
use kit::select::Select;
use kit::{Answer, Problem, db, spot_is_free, spot_is_usable};
use serde::Serialize;
use serde_json::json;

use crate::spots::KINDS;

#[derive(Serialize)]
pub struct Offer {
    spot_id: String,
    site: String,
    zone: String,
    kind: String,
    from: String,
    to: String,
    /// Minor units; null where the site's time zone is not known.
    price: Option<i64>,
    currency: Option<String>,
}

/// A site's tariff and clock.
struct Terms {
    tariff: Tariff,
    zone: Option<Zone>,
}

/// GET `/api/spots/available?from=&to=&kind=&site=&zone=`: spots that nobody has reserved for any part of the period, in service, and empty
/// when it starts now (within 15 minutes). From now, for an hour, unless it says otherwise. By `spot_id`.
pub async fn list(Now(now): Now, Query(query): Query) -> Answer<Page<Offer>> {
    let listing = Listing::parse(&query, &["from", "to", "kind", "site", "zone"])?;
    let kind = listing.choice("kind", &KINDS)?;
    let from = listing.time("from")?.unwrap_or(now);
    let to = listing.time("to")?.unwrap_or(from + HOUR_MS);
    if to <= from {
        return Err(Problem::invalid_field("to", "must come after from"));
    }
    if to - from > MAX_STAY_MS {
        return Err(Problem::invalid_field("to", "must come within 30 days of from"));
    }
    let start = concat!(
        "select s.spot_id, s.site, s.zone, s.kind from spots s where s.spot_id > coalesce(?4, '') and ",
        spot_is_usable!("?1", "?3"),
        " and ",
        spot_is_free!("s.spot_id", "?1", "?2", "?3", "0")
    );
    let rows = Select::after(start, vec![from.into(), to.into(), now.into(), listing.after_text(0)])
        .and_if("s.site = ?", listing.filter("site"))
        .and_if("s.zone = ?", listing.filter("zone"))
        .and_if("s.kind = ?", kind)
        .run("s.spot_id", listing.fetch())?;

    let terms = terms(rows.iter())?;
    let mut prices: HashMap<(String, String), Option<i64>> = HashMap::new();
    let (from_text, to_text) = (format_rfc3339(from), format_rfc3339(to));
    let offers = rows.iter().map(|row| {
        let (site, kind) = (row.text(1)?.to_owned(), row.text(3)?.to_owned());
        let own = terms.get(&site);
        let price = *prices.entry((site.clone(), kind.clone())).or_insert_with(|| {
            let (tariff, zone) = own.map(|own| (&own.tariff, own.zone))?;
            Some(tariff.rates(&kind).price(zone?, from, to))
        });
        Ok(Offer {
            spot_id: row.text(0)?.to_owned(),
            site,
            zone: row.text(2)?.to_owned(),
            kind,
            from: from_text.clone(),
            to: to_text.clone(),
            price,
            currency: price.and(own.and_then(|own| own.tariff.currency.clone())),
        })
    });
    // The page cuts off the row beyond its end, and with it that row's offer.
    let offers = RefCell::new(offers.collect::<Result<Vec<_>, Problem>>()?.into_iter());
    let next = |_: &Row| offers.borrow_mut().next().ok_or_else(|| Problem::internal("a row without its offer"));
    listing.page(rows, |row| Ok(json!([row.text(0)?])), next)
}

/// The terms of the sites of these rows.
fn terms<'a>(rows: impl Iterator<Item = &'a Row>) -> Result<HashMap<String, Terms>, Problem> {
    let mut sites: Vec<&str> = rows.map(|row| row.text(1)).collect::<Result<_, _>>()?;
    sites.sort_unstable();
    sites.dedup();
    let asked = Value::from(serde_json::to_string(&sites).map_err(Problem::internal)?);
    let rows = db::run("select slug, tariff, time_zone from sites where slug in (select value from json_each(?))", vec![asked])?;
    let terms = rows.iter().map(|row| {
        let tariff = serde_json::from_str(row.text(1)?).unwrap_or_default();
        Ok((row.text(0)?.to_owned(), Terms { tariff, zone: Zone::parse(row.text(2)?) }))
    });
    terms.collect()
}
