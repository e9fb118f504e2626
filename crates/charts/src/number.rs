//! How figures are written.

use crate::model::Unit;
use crate::scale::exponent;

/// Before what is below nought: the fonts have no true minus sign (U+2212), which is as wide as this dash.
pub const MINUS: char = '–';

/// A figure of an axis whose ticks are this far apart: `12k`, `₹1.5M`, `20 %`. All ticks of an axis are written with the same decimals.
pub fn tick(value: f64, step: f64, most: f64, unit: &Unit) -> String {
    let (divisor, letter) = thousands(most);
    let decimals = usize::try_from(-exponent((step / divisor).max(1e-9))).unwrap_or(0).min(6);
    if value == 0.0 {
        return with_unit(0.0, "0", unit);
    }
    let figure = format!("{:.decimals$}", (value / divisor).abs());
    with_unit(value, &format!("{}{letter}", grouped(&figure)), unit)
}

/// A figure by itself, in at most four characters: `87`, `1.2k`, `12k`; below ten with one decimal where parts make sense.
pub fn short(value: f64, whole: bool) -> String {
    let figure = match value.abs() {
        it if it < 9.95 && !whole && (it - it.round()).abs() >= 0.05 => format!("{it:.1}"),
        it if it < 999.5 => format!("{it:.0}"),
        it if it < 9_950.0 => format!("{:.1}k", it / 1e3),
        it if it < 999_500.0 => format!("{:.0}k", it / 1e3),
        it if it < 9_950_000.0 => format!("{:.1}M", it / 1e6),
        it if it < 999_500_000.0 => format!("{:.0}M", it / 1e6),
        it => format!("{:.1}G", it / 1e9),
    };
    signed(value, &figure)
}

/// A figure by itself with its unit.
pub fn short_with_unit(value: f64, unit: &Unit) -> String {
    let figure = short(value.abs(), unit.whole);
    with_unit(value, &figure, unit)
}

/// A figure as it is, for those who hear it: with all its digits before the point.
pub fn spoken(value: f64, unit: &Unit) -> String {
    let rounded = if unit.whole { value.abs().round() } else { (value.abs() * 10.0).round() / 10.0 };
    with_unit(value, &format!("{rounded}"), unit)
}

/// With a comma between thousands and hundreds; no figure of an axis is longer.
fn grouped(figure: &str) -> String {
    match figure.split_at_checked(1) {
        Some((thousands, rest)) if rest.len() == 3 && rest.bytes().all(|digit| digit.is_ascii_digit()) => format!("{thousands},{rest}"),
        _ => figure.to_owned(),
    }
}

fn with_unit(value: f64, figure: &str, unit: &Unit) -> String {
    signed(value, &format!("{}{figure}{}", unit.before, unit.after))
}

/// With a minus sign, unless it is a nought.
fn signed(value: f64, figure: &str) -> String {
    let is_nought = !figure.contains(|c: char| ('1'..='9').contains(&c));
    if value < 0.0 && !is_nought { format!("{MINUS}{figure}") } else { figure.to_owned() }
}

fn thousands(most: f64) -> (f64, &'static str) {
    match most.abs() {
        it if it < 1e4 => (1.0, ""),
        it if it < 1e6 => (1e3, "k"),
        it if it < 1e9 => (1e6, "M"),
        _ => (1e9, "G"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_have_the_same_decimals_and_the_unit() {
        let rupees = Unit::before("₹");
        let texts = [0.0, 5e5, 1e6].map(|value| tick(value, 5e5, 1e6, &rupees));
        assert_eq!(texts, ["₹0", "₹0.5M", "₹1.0M"]);
        assert_eq!([0.0, 20.0].map(|value| tick(value, 20.0, 100.0, &Unit::after(" %"))), ["0 %", "20 %"]);
        assert_eq!([0.0, 0.05].map(|value| tick(value, 0.05, 0.3, &Unit::default())), ["0", "0.05"]);
        assert_eq!(tick(-20_000.0, 1e4, 3e4, &rupees), "–₹20k");
        assert_eq!(tick(-0.0, 1e4, 3e4, &rupees), "₹0");
        assert_eq!(tick(9_000.0, 1_000.0, 9_000.0, &Unit::default()), "9,000");
    }

    #[test]
    fn figures_fit_into_cells() {
        let texts = [0.4, 87.0, 999.4, 999.6, 1_240.0, 9_960.0, 1_000_000.0].map(|value| short(value, true));
        assert_eq!(texts, ["0", "87", "999", "1.0k", "1.2k", "10k", "1.0M"]);
        assert_eq!([0.42, 3.0, -4.26].map(|value| short(value, false)), ["0.4", "3", "–4.3"]);
        assert_eq!(short_with_unit(-2_500.0, &Unit::before("₹")), "–₹2.5k");
    }

    #[test]
    fn figures_are_said_whole() {
        assert_eq!(spoken(12_345.67, &Unit::whole()), "12346");
        assert_eq!(spoken(-12.34, &Unit::after(" %")), "–12.3 %");
    }
}
