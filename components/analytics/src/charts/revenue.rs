//! What was paid.

use std::collections::BTreeMap;

use charts::{Axis, BarSeries, Bars, Chart, Unit};
use domain::analytics::Period;
use domain::currency::{decimals, is_known};
use http::HeaderMap;
use kit::Answer;
use kit::caller::{Caller, Operator};
use kit::input::{Input, TextField, pattern};
use kit::request::{Now, Query};
use pictures::{Look, Picture, Png, Svg};
use utoipa::openapi::ObjectBuilder;

use super::named::Names;
use super::places::{self, Wall};
use crate::revenue::{Revenue, RevenueFilters, figures};

/// The code of a currency, in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency(String);

impl TextField for Currency {
    fn rule() -> String {
        "must be the code of a currency, such as INR".to_owned()
    }

    fn parse_text(text: &str) -> Option<Self> {
        let code = text.to_ascii_uppercase();
        is_known(&code).then_some(Self(code))
    }

    fn text_schema() -> ObjectBuilder {
        pattern("^[A-Za-z]{3}$")
    }
}

/// Of which sites, and how the picture is to look.
#[derive(Input)]
pub struct RevenuePicture {
    #[input(flatten)]
    filters: RevenueFilters,
    /// The currency; that of the most payments unless it says otherwise.
    currency: Option<Currency>,
    #[input(flatten)]
    look: Look,
}

/// Draws what was paid and given back, by day as SVG.
#[utoipa::path(get, path = "/api/analytics/charts/revenue.svg")]
pub async fn svg(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<RevenuePicture>) -> Answer<Picture<Svg>> {
    Picture::of(&chart(&asked, now)?, &asked.look, &headers)
}

/// Draws what was paid and given back, by day as PNG.
#[utoipa::path(get, path = "/api/analytics/charts/revenue.png")]
pub async fn png(_: Caller<Operator>, Now(now): Now, headers: HeaderMap, Query(asked): Query<RevenuePicture>) -> Answer<Picture<Png>> {
    Picture::of(&chart(&asked, now)?, &asked.look, &headers)
}

/// What was paid, given back and taken back by banks, minor units.
type Sums = [i64; 3];

fn chart(asked: &RevenuePicture, now: i64) -> Answer<Chart> {
    let revenue = figures(&asked.filters, now)?;
    let names = Names::load(&asked.filters.scope)?;
    let currency = asked.currency.as_ref().map(|currency| currency.0.clone()).or_else(|| usual_currency(&revenue));
    let code = currency.as_deref().unwrap_or("INR");
    let days = days(&revenue, code);
    let places = places::of_ranges(&revenue.ranges, Period::Day)?;
    let divisor = 10_i64.pow(decimals(code));
    #[expect(clippy::cast_precision_loss, reason = "sums of money are far below 2^53 minor units")]
    let value = |place: &Wall, part: usize, sign: f64| {
        let minor = days.get(place).and_then(|sums| sums.get(part)).copied().unwrap_or_default();
        Some(minor as f64 / divisor as f64 * sign)
    };
    let part = |name: &str, part: usize, sign: f64| BarSeries {
        name: name.to_owned(),
        values: places.iter().map(|place| value(place, part, sign)).collect(),
    };
    let mut series = vec![part("Paid", 0, 1.0), part("Refunded", 1, -1.0)];
    if days.values().any(|[_, _, disputed]| *disputed != 0) {
        series.push(part("Taken back in disputes", 2, -1.0));
    }
    let others: Vec<_> = revenue.totals.iter().map(|total| total.currency.as_str()).filter(|other| *other != code).collect();
    let note = (!others.is_empty()).then(|| format!("in {code}; there were payments in {} too", others.join(", ")));
    Ok(Chart::Bars(Bars {
        heading: names.heading("revenue by day", &revenue.ranges, &[note]),
        places: places.iter().map(|place| place.label(Period::Day)).collect(),
        measure: Axis::new(format!("{code} per day")).unit(unit(code)),
        series: if days.is_empty() { Vec::new() } else { series },
        ..Bars::default()
    }))
}

/// The sums of each day in this currency.
fn days(revenue: &Revenue, currency: &str) -> BTreeMap<Wall, Sums> {
    let mut days: BTreeMap<Wall, Sums> = BTreeMap::new();
    for figure in revenue.items.iter().filter(|figure| figure.currency.eq_ignore_ascii_case(currency)) {
        let [paid, refunded, disputed] = days.entry(Wall::of(figure.date)).or_default();
        *paid += figure.paid;
        *refunded += figure.refunded;
        *disputed += figure.disputed;
    }
    days
}

/// Of the most payments.
fn usual_currency(revenue: &Revenue) -> Option<String> {
    let mut payments: BTreeMap<&str, i64> = BTreeMap::new();
    for figure in &revenue.items {
        *payments.entry(&figure.currency).or_default() += figure.payments;
    }
    payments.into_iter().max_by_key(|(_, count)| *count).map(|(currency, _)| currency.to_owned())
}

/// How an amount of a currency is written: with its sign where one is usual.
fn unit(currency: &str) -> Unit {
    Unit::before(match currency {
        "INR" => "₹",
        "EUR" => "€",
        "GBP" => "£",
        "USD" => "$",
        "JPY" => "¥",
        _ => "",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_read_in_either_case() {
        assert_eq!(Currency::parse_text("inr"), Some(Currency("INR".to_owned())));
        assert_eq!(Currency::parse_text("rupees"), None);
    }
}
