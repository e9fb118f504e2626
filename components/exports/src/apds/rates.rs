//! Prices as rate tables of APDS.

use super::model::{Amount, Meta, RateLine, RateLineCollection, RateTable, RateTableList, Validity, VersionedReference};
use super::places::text;
use crate::prices::{self, Prices};
use crate::publisher::Publisher;
use crate::scope::{Scope, Site, version};

/// The tables of all sites that are not free of charge.
pub fn list(scope: &Scope, publisher: &Publisher) -> RateTableList {
    let of_site = |site: &Site| prices::of_site(&site.tariff).iter().map(|prices| table(site, prices, publisher)).collect::<Vec<_>>();
    let data: Vec<_> = scope.sites.iter().flat_map(of_site).collect();
    RateTableList { meta: Meta::new(scope.changed_at, data.len()), data }
}

/// The table of these prices.
pub fn reference(site: &Site, prices: &Prices<'_>) -> VersionedReference {
    VersionedReference { id: format!("rate:{}{}", site.slug, prices.suffix()), version: version(site.updated_at), class_name: "RateTable" }
}

fn table(site: &Site, prices: &Prices<'_>, publisher: &Publisher) -> RateTable {
    let VersionedReference { id, version, .. } = reference(site, prices);
    let number = |amount: i64| prices.decimal(amount).parse().unwrap_or_default();
    let amount = |amount: i64| Amount { currency_type: prices.currency.to_owned(), currency_value: number(amount) };
    let rates = &prices.rates;
    let mut rate_lines = Vec::new();
    if rates.free_minutes() > 0 {
        rate_lines.push(RateLine {
            id: format!("{id}#free"),
            version,
            sequence: 1,
            rate_line_type: "flatRateTier",
            duration_start: Some(clock(0)),
            duration_end: Some(clock(rates.free_minutes())),
            increment_period: None,
            value: 0.0,
        });
    }
    rate_lines.push(RateLine {
        id: format!("{id}#hour"),
        version,
        sequence: rate_lines.len() + 1,
        rate_line_type: "incrementingRate",
        duration_start: None,
        duration_end: None,
        increment_period: Some("PT1H"),
        value: number(rates.per_hour()),
    });
    let collection = RateLineCollection {
        id: format!("{id}#day"),
        version,
        collection_sequence: 1,
        applicable_currency: prices.currency.to_owned(),
        reset_time: "00:00",
        min_value_collection: amount(rates.minimum()),
        max_value_collection: rates.per_day().map(amount),
        valid_start: site.updated_at,
        relative_times: false,
        tax_included: true,
        rate_lines,
    };
    RateTable {
        id,
        version,
        rate_table_name: text(&format!("{}{}", site.name, prices.suffix()), publisher),
        availability: "public",
        rate_type: "hourly",
        validity: Validity::since(site.updated_at),
        rate_line_collections: vec![collection],
    }
}

/// Minutes as `hh:mm`.
fn clock(minutes: i64) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}
