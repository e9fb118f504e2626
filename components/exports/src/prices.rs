//! The prices of a site as the two standards for parking tell them: a table of rates for all spaces, and one for each kind of space that has its own.
//! `domain::tariff` is what a stay costs.

use domain::currency;
use domain::spot::Kind;
use domain::tariff::{Rates, Tariff};
use strum::VariantArray as _;

/// Prices of the spaces of a site, or of one kind of them.
#[derive(Clone, Copy, Debug)]
pub struct Prices<'a> {
    /// None for all kinds that have none of their own.
    pub kind: Option<Kind>,
    /// ISO 4217.
    pub currency: &'a str,
    /// The prices.
    pub rates: Rates,
}

/// The prices of a site; none where it is free of charge.
pub fn of_site(tariff: &Tariff) -> Vec<Prices<'_>> {
    let Some(currency) = tariff.currency.as_deref().filter(|code| currency::is_known(code)) else { return Vec::new() };
    let site = Prices { kind: None, currency, rates: tariff.rates("") };
    let own = Kind::VARIANTS.iter().copied().filter(|kind| tariff.kinds.contains_key(kind.into_str()));
    let own = own.map(|kind| Prices { kind: Some(kind), currency, rates: tariff.rates(kind.into_str()) });
    std::iter::once(site).chain(own).collect()
}

impl Prices<'_> {
    /// An amount in minor units as a decimal number.
    pub fn decimal(&self, amount: i64) -> String {
        currency::decimal(amount, self.currency)
    }

    /// What its rate table is called within its site.
    pub fn suffix(&self) -> String {
        self.kind.map(|kind| format!("/{}", kind.into_str())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_with_prices_of_their_own_have_their_own_table() {
        let tariff = |json: &str| serde_json::from_str::<Tariff>(json).unwrap();
        let priced = tariff(r#"{"currency": "INR", "per_hour": 4000, "kinds": {"ev": {"per_hour": 5000}, "boat": {"per_hour": 1}}}"#);
        let prices = of_site(&priced);
        assert_eq!(prices.iter().map(Prices::suffix).collect::<Vec<_>>(), ["", "/ev"]);
        assert_eq!(prices.iter().map(|it| it.decimal(it.rates.per_hour())).collect::<Vec<_>>(), ["40.00", "50.00"]);
        assert!(of_site(&tariff("{}")).is_empty() && of_site(&tariff(r#"{"currency": "XXX", "per_hour": 1}"#)).is_empty());
    }
}
