//! What a stay costs: the site's tariff and clock, applied.

use domain::booking_slot::Zone;
use domain::tariff::{Rates, Tariff};
use kit::db::{Row, Run};
use kit::{Problem, params};

/// A spot with what it takes to price it.
pub struct Priced {
    /// The spot's id as it is stored; empty when it is any of the site's.
    pub spot_id: String,
    /// Its site.
    pub site: String,
    /// Its kind.
    pub kind: String,
    /// Its site's tariff.
    pub tariff: Tariff,
    zone: Zone,
    rates: Rates,
}

impl Priced {
    /// From `spot_id, site, kind, tariff, time_zone`.
    fn of(row: &Row) -> Result<Self, Problem> {
        let (site, kind, name) = (row.text(1)?.to_owned(), row.text(2)?.to_owned(), row.text(4)?);
        let tariff: Tariff = serde_json::from_str(row.text(3)?).unwrap_or_default();
        let zone = Zone::parse(name)
            .ok_or_else(|| Problem::conflict(format!("the site's time zone {name} is not known: an administrator must correct it")))?;
        let rates = tariff.rates(&kind);
        Ok(Self { spot_id: row.text(0)?.to_owned(), site, kind, tariff, zone, rates })
    }

    /// Of one spot; 422 for `spot_id` when there is none.
    pub fn spot(run: Run<'_>, spot_id: &str) -> Result<Self, Problem> {
        let rows = run(
            "select p.spot_id, p.site, p.kind, s.tariff, s.time_zone from spots p join sites s on s.slug = p.site where p.spot_id = ?",
            params![spot_id],
        )?;
        Self::of(rows.first().ok_or_else(|| Problem::invalid_field("spot_id", "is not a spot"))?)
    }

    /// Of a site and a kind; 422 for `site` or `kind` when there is none.
    pub fn kind(run: Run<'_>, site: &str, kind: &str) -> Result<Self, Problem> {
        let rows = run(
            "select '', slug, ?2, tariff, time_zone, exists (select 1 from spots where site = slug and kind = ?2) from sites where slug = ?1",
            params![site, kind],
        )?;
        let row = rows.first().ok_or_else(|| Problem::invalid_field("site", "is not a site"))?;
        if !row.bool(5)? {
            return Err(Problem::invalid_field("kind", "the site has no spot of this kind"));
        }
        Self::of(row)
    }

    /// The price of a stay, minor units.
    pub fn price(&self, start: i64, end: i64) -> i64 {
        self.rates.price(self.zone, start, end)
    }

    /// What it is paid in; empty where nothing costs anything.
    pub fn currency(&self) -> &str {
        self.tariff.currency.as_deref().unwrap_or_default()
    }
}
