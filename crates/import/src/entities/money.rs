//! Amounts of money as minor units.

use domain::currency;

use crate::context::Context;
use crate::failure::{Failure, Refusal};
use crate::options::Amounts;
use crate::row::Row;

/// Currencies whose minor unit is the unit itself.
const NO_DECIMALS: [&str; 15] = ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];

/// The digits after the point of a currency's amounts.
fn decimals(code: &str) -> usize {
    if NO_DECIMALS.contains(&code) {
        0
    } else if currency::step(code) == 10 {
        3
    } else {
        2
    }
}

/// `12.50` of a currency as 1250. None for what has more decimals than the currency, or is no amount.
fn minor(text: &str, code: &str) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = decimals(code);
    let part = if part.len() > digits && part.bytes().skip(digits).all(|byte| byte == b'0') { part.get(..digits)? } else { part };
    if whole.is_empty() || !is_digits(whole) || !is_digits(part) || part.len() > digits {
        return None;
    }
    format!("{whole}{part:0<digits$}").parse().ok()
}

/// An amount with its currency: the amount's field, or none where that says nothing.
pub fn amount(row: &mut Row, cx: &Context<'_>, names: &[&str]) -> Result<Option<(i64, String)>, Failure> {
    let amount = row.text(names)?;
    let code = row.text(&["currency"])?.or_else(|| cx.args.currency.clone());
    let Some(amount) = amount else { return Ok(None) };
    let code = code.ok_or_else(|| Refusal::of("no_currency", "the amount names none: say --currency"))?.to_ascii_uppercase();
    if !currency::is_known(&code) {
        return Err(Refusal::of("unknown_currency", code).into());
    }
    let minor = match cx.args.amounts {
        Some(Amounts::Minor) => amount.parse().ok(),
        Some(Amounts::Major) => minor(&amount, &code),
        None => return Err(Refusal::of("units_of_amounts", "whether 1250 is 12.50 or 1250.00 is not said: say --amounts").into()),
    };
    let minor = minor.filter(|amount: &i64| *amount >= 0).ok_or_else(|| Refusal::of("bad_amount", format!("{amount} {code}")))?;
    Ok(Some((minor, code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_last_digit() {
        for (text, code, units) in [
            ("12.50", "INR", Some(1250)),
            ("12.5", "EUR", Some(1250)),
            ("12", "EUR", Some(1200)),
            ("0.01", "EUR", Some(1)),
            ("12.5000", "EUR", Some(1250)),
            ("500", "JPY", Some(500)),
            ("1.234", "KWD", Some(1234)),
            ("12.505", "EUR", None),
            ("5.5", "JPY", None),
            ("-1", "EUR", None),
            ("1e3", "EUR", None),
            ("", "EUR", None),
            (".5", "EUR", None),
        ] {
            assert_eq!(minor(text, code), units, "{text} {code}");
        }
    }
}
