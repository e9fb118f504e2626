//! What a stay costs: the site's tariff and clock, applied.

use domain::booking_slot::Zone;
use domain::spot::Kind;
use domain::tariff::{Rates, Tariff};
use kit::db::{Executor, Fetch as _};
use kit::row::FromRow;
use kit::{Problem, params};

use crate::request::Named;

/// A spot, or any spot of a site and a kind, with what it takes to price it.
pub struct Priced {
    /// The spot's id as it is stored; none when it is any of the site's.
    pub spot_id: Option<String>,
    /// Its site.
    pub site: String,
    /// Its kind.
    pub kind: Kind,
    /// Its site's tariff.
    pub tariff: Tariff,
    zone: Zone,
    rates: Rates,
}

#[derive(FromRow)]
struct Stored {
    spot_id: Option<String>,
    site: String,
    kind: Kind,
    tariff: String,
    time_zone: String,
}

#[derive(FromRow)]
struct StoredKind {
    #[row(flatten)]
    stored: Stored,
    has_spots: bool,
}

impl TryFrom<Stored> for Priced {
    type Error = Problem;

    fn try_from(stored: Stored) -> Result<Self, Problem> {
        let Stored { spot_id, site, kind, tariff, time_zone } = stored;
        let tariff: Tariff = serde_json::from_str(&tariff).unwrap_or_default();
        let zone = Zone::parse(&time_zone)
            .ok_or_else(|| Problem::conflict(format!("the site's time zone {time_zone} is not known: an administrator must correct it")))?;
        let rates = tariff.rates(kind.into_str());
        Ok(Self { spot_id, site, kind, tariff, zone, rates })
    }
}

impl Priced {
    /// Of one spot; 422 for `spot_id` when there is none.
    pub fn spot(db: &dyn Executor, spot_id: &str) -> Result<Self, Problem> {
        let stored: Option<Stored> = db.fetch_optional(
            "select s.spot_id, s.site, s.kind, t.tariff, t.time_zone from spot_presence s join site_tariffs t on t.site = s.site
             where s.spot_id = ?",
            params![spot_id],
        )?;
        stored.ok_or_else(|| Problem::invalid_field("spot_id", "is not a spot"))?.try_into()
    }

    /// The same; 422 too when it is not what the client takes it to be.
    pub fn named(db: &dyn Executor, named: &Named) -> Result<Self, Problem> {
        let priced = Self::spot(db, &named.spot_id)?;
        named.check(&priced.site, priced.kind)?;
        Ok(priced)
    }

    /// Of a site and a kind; 422 for `site` or `kind` when there is none.
    pub fn kind(db: &dyn Executor, site: &str, kind: Kind) -> Result<Self, Problem> {
        let found: Option<StoredKind> = db.fetch_optional(
            "select null as spot_id, t.site, ?2 as kind, t.tariff, t.time_zone,
                exists (select 1 from spot_presence s where s.site = t.site and s.kind = ?2) as has_spots
             from site_tariffs t where t.site = ?1",
            params![site, kind],
        )?;
        let found = found.ok_or_else(|| Problem::invalid_field("site", "is not a site"))?;
        if !found.has_spots {
            return Err(Problem::invalid_field("kind", "the site has no spot of this kind"));
        }
        found.stored.try_into()
    }

    /// The price of a stay, minor units; 422 for `end` when it is more than can be charged at once.
    pub fn price(&self, start: i64, end: i64) -> Result<i64, Problem> {
        let (price, most) = (self.rates.price(self.zone, start, end), self.tariff.most_charge());
        if price <= most {
            return Ok(price);
        }
        let reason = format!("makes a stay that costs more than can be paid at once, which is {most} in minor units");
        Err(Problem::invalid_field("end", reason))
    }

    /// What it is paid in; empty where nothing costs anything.
    pub fn currency(&self) -> &str {
        self.tariff.currency.as_deref().unwrap_or_default()
    }
}
