//! What a stay costs (docs/reference/reservations.md). Money is integer minor units of one currency: paise for INR, cents for EUR, yen for JPY.
//!
//! A stay is priced by the calendar days of the site's own clock. For each day: the milliseconds of the stay that fall into it, times the
//! price of an hour, **rounded half up to the smallest amount that the currency has, once a day**, and no more than the day's cap. The free minutes at the start are
//! not counted. Days are as long as the clock makes them: the night in which clocks go back is paid for with the hour it really lasts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::booking_slot::{Date, Zone};
use crate::currency;
use crate::refund::RefundRule;
use crate::time::{DAY_MS, HOUR_MS, MAX_MS, MINUTE_MS};

/// The most that an hour or a day may cost, in minor units: what may be charged at once in most currencies.
pub const MAX_PRICE: i64 = 99_999_999;
/// The most minutes that may be free.
pub const MAX_FREE_MINUTES: i64 = 24 * 60;
/// A stay is priced for no more than this, milliseconds; what is longer costs the same.
pub const MAX_PRICED_MS: i64 = 400 * DAY_MS;

/// Prices, minor units. What a kind of spot does not say is as the site has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Prices {
    /// For an hour.
    pub per_hour: Option<i64>,
    /// The most for one calendar day; `daily_cap` is understood too.
    #[serde(alias = "daily_cap")]
    pub per_day: Option<i64>,
    /// Minutes at the start that cost nothing.
    pub free_minutes: Option<i64>,
    /// The least for a stay that costs anything; never less than may be charged.
    pub minimum: Option<i64>,
}

impl Prices {
    /// Each price with the name of its field.
    fn named(&self) -> [(&'static str, Option<i64>); 3] {
        [("per_hour", self.per_hour), ("per_day", self.per_day), ("minimum", self.minimum)]
    }
}

/// A site's tariff, as `sites.tariff` holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tariff {
    /// ISO 4217, capital letters. A site without one is free of charge.
    pub currency: Option<String>,
    /// For every kind of spot that says nothing of its own.
    #[serde(flatten)]
    pub prices: Prices,
    /// By kind of spot; `by_kind` is understood too.
    #[serde(alias = "by_kind")]
    pub kinds: BTreeMap<String, Prices>,
    /// What is given back.
    pub refund: RefundRule,
}

/// The prices of one kind of spot, nothing left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    per_hour: i64,
    per_day: Option<i64>,
    free_minutes: i64,
    minimum: i64,
    /// What amounts of the currency are multiples of.
    step: i64,
}

impl Tariff {
    /// The prices of a kind of spot. Where the site says no price, or no currency, it is free of charge.
    pub fn rates(&self, kind: &str) -> Rates {
        let own = self.kinds.get(kind).copied().unwrap_or_default();
        let code = self.currency.as_deref().unwrap_or_default();
        let step = currency::step(code);
        let minimum = own.minimum.or(self.prices.minimum).unwrap_or(0).clamp(0, MAX_PRICE);
        let per_hour = own.per_hour.or(self.prices.per_hour).filter(|_| self.currency.is_some());
        Rates {
            per_hour: per_hour.unwrap_or(0).clamp(0, MAX_PRICE),
            per_day: own.per_day.or(self.prices.per_day).map(|cap| cap.clamp(0, MAX_PRICE)).map(|cap| cap - cap % step),
            free_minutes: own.free_minutes.or(self.prices.free_minutes).unwrap_or(0).clamp(0, MAX_FREE_MINUTES),
            minimum: (minimum - minimum % step).max(currency::least_charge(code)),
            step,
        }
    }

    /// The most that a stay may cost: what may be charged at once.
    pub fn most_charge(&self) -> i64 {
        currency::most_charge(self.currency.as_deref().unwrap_or_default())
    }

    /// What of the tariff could never be charged: the path of each bad field, such as `kinds.ev.per_hour`, with the reason.
    pub fn faults(&self) -> Vec<(String, String)> {
        let own =
            self.kinds.iter().flat_map(|(kind, prices)| prices.named().map(|(name, price)| (format!("kinds.{kind}.{name}"), name, price)));
        let prices = self.prices.named().map(|(name, price)| (name.to_owned(), name, price)).into_iter().chain(own);
        let prices: Vec<_> = prices.filter_map(|(path, name, price)| Some((path, name, price?))).collect();
        let Some(code) = self.currency.as_deref() else {
            let is_free = prices.is_empty();
            return if is_free { Vec::new() } else { vec![("currency".to_owned(), "is required with a price".to_owned())] };
        };
        if !currency::is_known(code) {
            return vec![("currency".to_owned(), "is not a currency that can be charged".to_owned())];
        }
        let (step, least) = (currency::step(code), currency::least_charge(code));
        let fault = |(path, name, price): (String, &str, i64)| {
            if price % step != 0 {
                Some((path, format!("must be a multiple of {step} in {code}")))
            } else if name != "per_hour" && (1..least).contains(&price) {
                Some((path, format!("must be 0 or at least {least} in {code}: less cannot be charged")))
            } else {
                None
            }
        };
        prices.into_iter().filter_map(fault).collect()
    }
}

impl Rates {
    /// For an hour, minor units.
    pub const fn per_hour(&self) -> i64 {
        self.per_hour
    }

    /// The most for one calendar day, minor units.
    pub const fn per_day(&self) -> Option<i64> {
        self.per_day
    }

    /// Minutes at the start that cost nothing.
    pub const fn free_minutes(&self) -> i64 {
        self.free_minutes
    }

    /// The least for a stay that costs anything, minor units.
    pub const fn minimum(&self) -> i64 {
        self.minimum
    }

    /// The price of a stay from `start` to `end`, milliseconds, on a spot of a site whose clocks are those of `zone`. 0 when it is over
    /// before its free minutes are.
    pub fn price(&self, zone: Zone, start: i64, end: i64) -> i64 {
        let start = start.clamp(0, MAX_MS);
        let end = end.clamp(0, MAX_MS).min(start.saturating_add(MAX_PRICED_MS));
        let mut from = start.saturating_add(self.free_minutes * MINUTE_MS);
        let mut total = 0_i64;
        let mut date = Date::at(from, zone);
        for _ in 0..=MAX_PRICED_MS / DAY_MS + 2 {
            if from >= end {
                break;
            }
            date = date.plus_days(1);
            // A day that a zone skipped (Samoa, 2011) is over as soon as it begins.
            let until = zone.moment(date, 0).clamp(from, end);
            total = total.saturating_add(self.price_of_day(until - from));
            from = until;
        }
        if total > 0 { total.max(self.minimum) } else { 0 }
    }

    fn price_of_day(&self, ms: i64) -> i64 {
        let price = currency::divide_rounded(i128::from(self.per_hour) * i128::from(ms.max(0)), i128::from(HOUR_MS), self.step);
        self.per_day.map_or(price, |cap| price.min(cap))
    }
}

#[cfg(test)]
mod tests;
