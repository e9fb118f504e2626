//! Currencies: which may be charged, and which amounts of them, by the rules that Stripe publishes (<https://docs.stripe.com/currencies>).
//!
//! An amount is an integer in the minor units of Stripe's API: paise for INR, cents for EUR, yen for JPY, which has none. Some currencies
//! take only some amounts: KWD has three decimals of which the last is 0, ISK and UGX have no decimals any more and are written with two.

/// The most digits of an amount, save in [`LONG`].
const DIGITS: u32 = 8;
/// The currency whose amounts may be longer, and how long.
const LONG: (&str, u32) = ("IDR", 12);

/// Amounts end with a zero: three decimals, of which cards know two.
const THREE_DECIMALS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];
/// Amounts end with two zeros: no decimals any more, and written with two for the sake of older programs.
const WHOLE: [&str; 2] = ["ISK", "UGX"];

/// Amounts have no decimals.
const NO_DECIMALS: [&str; 16] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "SLL", "VND", "VUV", "XAF", "XOF", "XPF"];

/// The least that may be charged, where that is published; it holds for an account that is paid out in the same currency.
const LEAST: [(&str, i64); 24] = [
    ("AED", 200),
    ("AUD", 50),
    ("BGN", 100),
    ("BRL", 50),
    ("CAD", 50),
    ("CHF", 50),
    ("CZK", 1_500),
    ("DKK", 250),
    ("EUR", 50),
    ("GBP", 30),
    ("HKD", 400),
    ("HUF", 17_500),
    ("INR", 50),
    ("JPY", 50),
    ("MXN", 1_000),
    ("MYR", 200),
    ("NOK", 300),
    ("NZD", 50),
    ("PLN", 200),
    ("RON", 200),
    ("SEK", 300),
    ("SGD", 50),
    ("THB", 1_000),
    ("USD", 50),
];

/// Every currency that may be charged, by its ISO 4217 code.
#[rustfmt::skip]
pub const CODES: [&str; 140] = [
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF", "BMD", "BND", "BOB", "BRL",
    "BSD", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ETB", "EUR",
    "FJD", "FKP", "GBP", "GEL", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "ISK", "JMD", "JOD", "JPY",
    "KES", "KGS", "KHR", "KMF", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP",
    "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG",
    "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "STD", "SZL", "THB", "TJS", "TND", "TOP",
    "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF", "YER", "ZAR", "ZMW",
];

/// Whether this is the code of a currency that may be charged, capital letters.
pub fn is_known(code: &str) -> bool {
    CODES.binary_search(&code).is_ok()
}

/// What amounts of a currency are multiples of: 1, but 10 for three decimals, and 100 for ISK and UGX.
pub fn step(code: &str) -> i64 {
    if THREE_DECIMALS.contains(&code) {
        10
    } else if WHOLE.contains(&code) {
        100
    } else {
        1
    }
}

/// How many decimals an amount has in minor units.
pub fn decimals(code: &str) -> u32 {
    if THREE_DECIMALS.contains(&code) {
        3
    } else if NO_DECIMALS.contains(&code) {
        0
    } else {
        2
    }
}

/// An amount in minor units as a decimal number, such as `40.50`.
pub fn decimal(amount: i64, code: &str) -> String {
    let decimals = decimals(code);
    if decimals == 0 {
        return amount.to_string();
    }
    let unit = 10_u64.pow(decimals);
    let (sign, amount) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
    format!("{sign}{}.{:0width$}", amount / unit, amount % unit, width = decimals as usize)
}

/// The least that may be charged; one step where nothing is published.
pub fn least_charge(code: &str) -> i64 {
    LEAST.iter().find(|(known, _)| *known == code).map_or_else(|| step(code), |(_, least)| *least)
}

/// The most that may be charged at once.
pub fn most_charge(code: &str) -> i64 {
    let digits = if code == LONG.0 { LONG.1 } else { DIGITS };
    let most = 10_i64.pow(digits) - 1;
    most - most % step(code)
}

/// `amount` divided by `divisor`, rounded half up to a multiple of `step`; for amounts from 0 and positive divisors and steps.
pub fn divide_rounded(amount: i128, divisor: i128, step: i64) -> i64 {
    let (divisor, step) = (divisor.max(1), i128::from(step.max(1)));
    let unit = divisor.saturating_mul(step);
    let steps = amount.max(0).saturating_add(unit / 2) / unit;
    i64::try_from(steps.saturating_mul(step)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_written_with_the_decimals_of_their_currency() {
        assert_eq!(
            [decimal(4_050, "INR"), decimal(-5, "EUR"), decimal(100, "JPY"), decimal(4_050, "KWD")],
            ["40.50", "-0.05", "100", "4.050"]
        );
        assert_eq!(decimal(100, "UGX"), "1.00", "no decimals any more, and written with two");
    }

    #[test]
    fn codes_are_sorted_and_every_rule_is_of_one_of_them() {
        assert!(CODES.is_sorted_by(|a, b| a < b));
        let ruled = THREE_DECIMALS.into_iter().chain(WHOLE).chain(LEAST.map(|(code, _)| code)).chain([LONG.0]);
        assert!(ruled.clone().all(is_known));
        for code in CODES {
            assert!(code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()));
            assert!(least_charge(code) % step(code) == 0 && most_charge(code) % step(code) == 0 && least_charge(code) < most_charge(code));
        }
        for none in ["XXQ", "XXX", "XTS", "XAU", "inr", "", "RUPEE"] {
            assert!(!is_known(none), "{none}");
        }
    }

    #[test]
    fn amounts_are_those_that_stripe_takes() {
        assert_eq!((step("INR"), step("JPY"), step("KWD"), step("ISK"), step("UGX"), step("HUF")), (1, 1, 10, 100, 100, 1));
        assert_eq!((least_charge("GBP"), least_charge("HUF"), least_charge("UGX"), least_charge("KES")), (30, 17_500, 100, 1));
        assert_eq!((most_charge("USD"), most_charge("KWD"), most_charge("IDR")), (99_999_999, 99_999_990, 999_999_999_999));
    }

    #[test]
    fn halves_are_rounded_up_to_the_step() {
        let rounded = |amount, step| divide_rounded(amount, 4, step);
        assert_eq!((rounded(1, 1), rounded(2, 1), rounded(5, 1)), (0, 1, 1));
        assert_eq!((rounded(19, 10), rounded(20, 10), rounded(60, 10)), (0, 10, 20));
    }

    proptest! {
        #[test]
        fn a_rounded_amount_is_a_multiple_and_within_half_a_step(amount in 0..1_i64 << 50, divisor in 1..5_000_000_i64, step in prop::sample::select(vec![1_i64, 10, 100])) {
            let rounded = divide_rounded(amount.into(), divisor.into(), step);
            prop_assert_eq!(rounded % step, 0);
            let off = i128::from(rounded) * i128::from(divisor) - i128::from(amount);
            prop_assert!(2 * off.abs() <= i128::from(divisor) * i128::from(step));
        }

        #[test]
        fn nothing_panics(amount: i128, divisor: i128, step: i64) {
            let _ = divide_rounded(amount, divisor, step);
        }
    }
}
