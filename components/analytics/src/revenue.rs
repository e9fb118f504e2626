//! What was paid, given back and taken back by banks.

use std::collections::{BTreeMap, HashMap};

use domain::analytics::{MAX_DAYS, QUARTER_MS};
use domain::booking_slot::Date;
use domain::spot::Kind;
use domain::time::DAY_MS;
use kit::caller::{Caller, Operator};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Timestamp};
use kit::request::{Now, Query};
use kit::row::FromRow;
use kit::table::{Format, Table, Tabular};
use kit::{Answer, Problem, params, table_row};
use serde::Serialize;
use strum::{EnumString, IntoStaticStr};
use utoipa::ToSchema;

use crate::scope::{Days, Ranged, Scope, SiteRange};

/// How much time is read at once.
const WINDOW_MS: i64 = 7 * DAY_MS;
/// The most rows of one answer.
const MAX_ROWS: usize = 50_000;

/// Of which sites.
#[derive(Clone, Input)]
pub struct RevenueFilters {
    #[input(flatten)]
    pub scope: Scope,
    /// Only of spots of this kind.
    pub kind: Option<Kind>,
}

/// What was paid and given back.
#[derive(Serialize, ToSchema)]
pub struct Revenue {
    /// When this was worked out.
    pub generated_at: Timestamp,
    /// The range of each site.
    pub ranges: Vec<SiteRange>,
    /// The sums of each currency.
    pub totals: Vec<RevenueTotal>,
    /// The sums of each site, day, kind of spots and currency. Those without any payment are left out.
    pub items: Vec<RevenueFigure>,
}

/// What was paid and given back in a currency.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RevenueTotal {
    /// The currency's code.
    #[schema(example = "INR")]
    pub currency: String,
    /// What was paid, minor units.
    pub paid: i64,
    /// What was given back, minor units.
    pub refunded: i64,
    /// What banks have taken back in disputes, minor units.
    pub disputed: i64,
    /// What is left, minor units.
    pub net: i64,
}

/// What was paid and given back on a day.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevenueFigure {
    /// The site's slug.
    pub site: String,
    /// The day, by the site's clock.
    pub date: Date,
    /// The kind of the spots, when they were reserved.
    pub kind: Kind,
    /// The currency's code.
    #[schema(example = "INR")]
    pub currency: String,
    /// What was paid, minor units.
    pub paid: i64,
    /// What was given back, minor units; also of what was paid on other days.
    pub refunded: i64,
    /// What banks have taken back in disputes, minor units.
    pub disputed: i64,
    /// What is left, minor units; negative when more went back than came.
    pub net: i64,
    /// How many payments came.
    pub payments: i64,
    /// How many refunds were made.
    pub refunds: i64,
}

table_row!(RevenueFigure { site, date, kind, currency, paid, refunded, disputed, net, payments, refunds });

impl Tabular for Revenue {
    type Row = RevenueFigure;
    const NAME: &'static str = "revenue";

    fn into_rows(self) -> Vec<RevenueFigure> {
        self.items
    }
}

/// Sums up what was paid, refunded and disputed, by day and kind of spots.
///
/// Of the last 30 days unless a range is given. A payment counts on the day its money came, a refund on the day it was made: one that failed does
/// not count. Zones are not told apart.
#[utoipa::path(get, path = "/api/analytics/revenue")]
pub async fn revenue(_: Caller<Operator>, Now(now): Now, format: Format, Query(filters): Query<RevenueFilters>) -> Answer<Table<Revenue>> {
    Table::of(format, figures(&filters, now)?)
}

/// What became of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[derive(EnumString, IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
enum Movement {
    Paid,
    Refunded,
    Disputed,
}

kit::text_enum!(Movement);

#[derive(FromRow)]
struct Moved {
    site: String,
    kind: Kind,
    currency: String,
    movement: Movement,
    quarter: i64,
    amount: i64,
    moves: i64,
}

const MOVED: &str = const_format::concatcp!(
    "select r.site, r.kind, m.currency, m.movement, m.at / ",
    QUARTER_MS,
    " * ",
    QUARTER_MS,
    " as quarter, sum(m.amount) as amount, count(*) as moves
     from money_moves m cross join reserved_kinds r on r.reservation = m.reservation
     where m.at >= ?1 and m.at < ?2 and r.site = coalesce(?3, r.site) and r.kind = coalesce(?4, r.kind)
     group by 1, 2, 3, 4, 5"
);

/// The revenue of a range.
pub(crate) fn figures(filters: &RevenueFilters, now: i64) -> Answer<Revenue> {
    if filters.scope.zone.is_some() {
        return Err(Problem::invalid_field("zone", "is not told apart: reservations are of a site"));
    }
    let ranges = filters.scope.ranges(now, Days { default: 30, most: MAX_DAYS })?;
    let by_site: HashMap<&str, &Ranged> = ranges.iter().map(|ranged| (ranged.site.slug.as_str(), ranged)).collect();
    let mut figures: BTreeMap<(String, Date, &'static str, String), RevenueFigure> = BTreeMap::new();
    let start = ranges.iter().map(|ranged| ranged.span.start).min().unwrap_or_default();
    let end = ranges.iter().map(|ranged| ranged.span.end).max().unwrap_or_default();
    let mut at = start;
    while at < end {
        let until = at.saturating_add(WINDOW_MS).min(end);
        let moves: Vec<Moved> = Database.fetch_all(MOVED, params![at, until, filters.scope.site.as_ref(), filters.kind])?;
        for moved in moves {
            let Some(Ranged { site, span }) = by_site.get(moved.site.as_str()) else { continue };
            if (span.start..span.end).contains(&moved.quarter) {
                let date = Date::at(moved.quarter, site.clock);
                let key = (moved.site.clone(), date, moved.kind.into_str(), moved.currency.clone());
                figures.entry(key).or_insert_with(|| RevenueFigure::new(&moved, date)).add(&moved);
            }
        }
        if figures.len() > MAX_ROWS {
            return Err(Problem::invalid_field("from", format!("makes more than {MAX_ROWS} rows: ask for less time, or for one site")));
        }
        at = until;
    }
    let items: Vec<_> = figures.into_values().collect();
    let mut totals: BTreeMap<&str, RevenueTotal> = BTreeMap::new();
    for item in &items {
        let total = totals.entry(&item.currency).or_insert_with(|| RevenueTotal {
            currency: item.currency.clone(),
            paid: 0,
            refunded: 0,
            disputed: 0,
            net: 0,
        });
        total.paid = total.paid.saturating_add(item.paid);
        total.refunded = total.refunded.saturating_add(item.refunded);
        total.disputed = total.disputed.saturating_add(item.disputed);
        total.net = total.net.saturating_add(item.net);
    }
    let totals = totals.into_values().collect();
    Ok(Revenue { generated_at: Timestamp(now), ranges: ranges.iter().map(SiteRange::from).collect(), totals, items })
}

impl RevenueFigure {
    fn new(moved: &Moved, date: Date) -> Self {
        Self {
            site: moved.site.clone(),
            date,
            kind: moved.kind,
            currency: moved.currency.clone(),
            paid: 0,
            refunded: 0,
            disputed: 0,
            net: 0,
            payments: 0,
            refunds: 0,
        }
    }

    fn add(&mut self, moved: &Moved) {
        match moved.movement {
            Movement::Paid => {
                self.paid = self.paid.saturating_add(moved.amount);
                self.payments += moved.moves;
            }
            Movement::Refunded => {
                self.refunded = self.refunded.saturating_add(moved.amount);
                self.refunds += moved.moves;
            }
            Movement::Disputed => self.disputed = self.disputed.saturating_add(moved.amount),
        }
        self.net = self.paid.saturating_sub(self.refunded).saturating_sub(self.disputed);
    }
}
