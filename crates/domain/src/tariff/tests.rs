use proptest::prelude::*;

use super::*;
use crate::time::parse_rfc3339;

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn at(text: &str) -> i64 {
    parse_rfc3339(text).unwrap()
}

fn rates(per_hour: i64, per_day: Option<i64>, free_minutes: i64) -> Rates {
    Rates { per_hour, per_day, free_minutes, minimum: 0, step: 1 }
}

fn price(rates: Rates, zone_name: &str, start: &str, end: &str) -> i64 {
    rates.price(zone(zone_name), at(start), at(end))
}

#[test]
fn an_hour_costs_an_hour_and_a_part_its_part() {
    let rates = rates(4_000, None, 0);
    assert_eq!(price(rates, "UTC", "2026-02-04T10:00:00Z", "2026-02-04T11:00:00Z"), 4_000);
    assert_eq!(price(rates, "UTC", "2026-02-04T10:00:00Z", "2026-02-04T10:20:00Z"), 1_333);
    assert_eq!(price(rates, "UTC", "2026-02-04T10:00:00Z", "2026-02-04T10:00:00Z"), 0);
    assert_eq!(price(rates, "UTC", "2026-02-04T11:00:00Z", "2026-02-04T10:00:00Z"), 0);
}

#[test]
fn halves_are_rounded_up_once_a_day() {
    // 1 an hour for half an hour is 0.5: 1. Over midnight it is twice 0.5.
    assert_eq!(price(rates(1, None, 0), "UTC", "2026-02-04T10:00:00Z", "2026-02-04T10:30:00Z"), 1);
    assert_eq!(price(rates(1, None, 0), "UTC", "2026-02-04T10:00:00Z", "2026-02-04T10:29:59Z"), 0);
    assert_eq!(price(rates(1, None, 0), "UTC", "2026-02-04T23:30:00Z", "2026-02-05T00:30:00Z"), 2);
}

#[test]
fn free_minutes_are_taken_off_the_start() {
    let rates = rates(6_000, None, 10);
    assert_eq!(price(rates, "UTC", "2026-02-04T10:00:00Z", "2026-02-04T10:10:00Z"), 0);
    assert_eq!(price(rates, "UTC", "2026-02-04T10:00:00Z", "2026-02-04T10:11:00Z"), 100);
    let least = Rates { minimum: 500, ..rates };
    assert_eq!(price(least, "UTC", "2026-02-04T10:00:00Z", "2026-02-04T10:10:00Z"), 0);
    assert_eq!(price(least, "UTC", "2026-02-04T10:00:00Z", "2026-02-04T10:11:00Z"), 500);
}

#[test]
fn the_cap_is_of_the_sites_own_day() {
    let rates = rates(4_000, Some(30_000), 0);
    // In India the day begins at 18:30 UTC: a whole day there is one cap, and so is what UTC splits in two.
    assert_eq!(price(rates, "Asia/Kolkata", "2026-02-04T18:30:00Z", "2026-02-05T18:30:00Z"), 30_000);
    assert_eq!(price(rates, "UTC", "2026-02-04T18:30:00Z", "2026-02-05T18:30:00Z"), 22_000 + 30_000);
    assert_eq!(price(rates, "UTC", "2026-02-04T00:00:00Z", "2026-02-07T01:00:00Z"), 94_000);
}

#[test]
fn nights_in_which_clocks_leap_cost_the_hours_they_last() {
    let berlin = |start, end| price(rates(100, None, 0), "Europe/Berlin", start, end);
    // From 22:00 to 06:00: seven hours when clocks go forward, nine when they go back.
    assert_eq!(berlin("2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"), 700);
    assert_eq!(berlin("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"), 900);
    // The whole day of 25 hours is one day for the cap.
    let capped = rates(100, Some(2_450), 0);
    assert_eq!(price(capped, "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), 2_450);
    assert_eq!(price(rates(100, None, 0), "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), 2_500);
    // A midnight that is not there (Beirut leaps from 00:00 to 01:00), and a day that is not there (Samoa).
    assert_eq!(price(rates(100, None, 0), "Asia/Beirut", "2026-03-28T20:00:00Z", "2026-03-29T01:00:00Z"), 500);
    assert_eq!(price(rates(100, None, 0), "Pacific/Apia", "2011-12-30T08:00:00Z", "2011-12-30T12:00:00Z"), 400);
}

#[test]
fn a_kind_has_its_own_prices_or_the_sites() {
    let tariff: Tariff = serde_json::from_str(
        r#"{"currency": "INR", "per_hour": 4000, "per_day": 30000, "kinds": {"ev": {"per_hour": 5000}, "accessible": {"per_hour": 0}}}"#,
    )
    .unwrap();
    // Less than half a rupee cannot be charged.
    let rates = |per_hour, per_day| Rates { minimum: 50, ..rates(per_hour, per_day, 0) };
    assert_eq!(tariff.rates("standard"), rates(4_000, Some(30_000)));
    assert_eq!(tariff.rates("ev"), rates(5_000, Some(30_000)));
    assert_eq!(tariff.rates("accessible"), rates(0, Some(30_000)));
    assert_eq!(tariff.refund, RefundRule::default());
    for none in ["{}", r#"{"per_hour": 1}"#, r#"{"currency": "INR"}"#] {
        assert_eq!(serde_json::from_str::<Tariff>(none).unwrap().rates("standard").per_hour, 0, "{none}");
    }
    let other: Tariff =
        serde_json::from_str(r#"{"currency": "INR", "per_hour": 1, "daily_cap": 9, "by_kind": {"ev": {"daily_cap": 8}}}"#).unwrap();
    assert_eq!((other.rates("vip"), other.rates("ev")), (rates(1, Some(9)), rates(1, Some(8))));
}

#[test]
fn what_a_stay_costs_can_be_charged() {
    let price = |tariff: &str, start, end| {
        let tariff: Tariff = serde_json::from_str(tariff).unwrap();
        tariff.rates("standard").price(zone("UTC"), at(start), at(end))
    };
    // A third of an hour in dinars, in crowns without decimals, and of next to nothing.
    let (start, end) = ("2026-02-04T10:00:00Z", "2026-02-04T10:20:00Z");
    assert_eq!(price(r#"{"currency": "KWD", "per_hour": 1000}"#, start, end), 330);
    assert_eq!(price(r#"{"currency": "ISK", "per_hour": 50000}"#, start, end), 16_700);
    assert_eq!(price(r#"{"currency": "GBP", "per_hour": 30}"#, start, end), 30);
    // From before such prices were refused.
    assert_eq!(price(r#"{"currency": "KWD", "per_hour": 333, "per_day": 105, "minimum": 103}"#, start, end), 100);
    assert_eq!(price(r#"{"currency": "KWD", "per_hour": 333, "per_day": 105}"#, start, "2026-02-04T12:00:00Z"), 100);
}

#[test]
fn what_can_never_be_charged_is_a_fault() {
    let faults = |tariff: &str| -> Vec<String> {
        let tariff: Tariff = serde_json::from_str(tariff).unwrap();
        tariff.faults().into_iter().map(|(path, reason)| format!("{path} {reason}")).collect()
    };
    for good in [
        "{}",
        r#"{"currency": "EUR"}"#,
        r#"{"currency": "INR", "per_hour": 4000, "per_day": 0}"#,
        r#"{"currency": "ISK", "per_hour": 15000, "kinds": {"ev": {"per_hour": 20000, "minimum": 100}}}"#,
    ] {
        assert_eq!(faults(good), Vec::<String>::new(), "{good}");
    }
    assert_eq!(faults(r#"{"currency": "XXQ", "per_hour": 1}"#), ["currency is not a currency that can be charged"]);
    assert_eq!(faults(r#"{"kinds": {"ev": {"per_hour": 1}}}"#), ["currency is required with a price"]);
    assert_eq!(faults(r#"{"currency": "KWD", "per_hour": 333}"#), ["per_hour must be a multiple of 10 in KWD"]);
    assert_eq!(
        faults(r#"{"currency": "UGX", "per_hour": 150, "minimum": 50, "kinds": {"vip": {"daily_cap": 250}}}"#),
        [
            "per_hour must be a multiple of 100 in UGX",
            "minimum must be a multiple of 100 in UGX",
            "kinds.vip.per_day must be a multiple of 100 in UGX"
        ]
    );
    assert_eq!(faults(r#"{"currency": "HUF", "minimum": 17000}"#), ["minimum must be 0 or at least 17500 in HUF: less cannot be charged"]);
}

fn zones() -> impl Strategy<Value = Zone> {
    const NAMES: [&str; 7] =
        ["UTC", "Asia/Kolkata", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Beirut", "Pacific/Apia", "America/Sao_Paulo"];
    prop::sample::select(&NAMES[..]).prop_map(zone)
}

fn any_rates() -> impl Strategy<Value = Rates> {
    let steps = prop::sample::select(vec![1_i64, 10, 100]);
    (0..1_000_000_i64, prop::option::of(0..3_000_000_i64), 0..300_i64, 0..10_000_i64, steps)
        .prop_map(|(per_hour, per_day, free_minutes, minimum, step)| Rates { per_hour, per_day, free_minutes, minimum, step })
}

/// Years with leaps of every zone above.
const FROM: i64 = 1_293_840_000_000;
const UNTIL: i64 = 1_893_456_000_000;

proptest! {
    #[test]
    fn longer_never_costs_less(rates in any_rates(), zone in zones(), start in FROM..UNTIL, a in 0..40 * DAY_MS, b in 0..3 * DAY_MS) {
        let short = rates.price(zone, start, start + a);
        prop_assert!(short >= 0);
        prop_assert!(rates.price(zone, start, start + a + b) >= short);
    }

    #[test]
    fn the_cap_holds_for_every_day(per_hour in 0..1_000_000_i64, cap in 0..3_000_000_i64, zone in zones(), start in FROM..UNTIL, ms in 0..40 * DAY_MS) {
        // A stay touches at most so many days, the shortest of them of 22 hours and more.
        let days = ms / (22 * HOUR_MS) + 2;
        prop_assert!(rates(per_hour, Some(cap), 0).price(zone, start, start + ms) <= cap * days);
    }

    #[test]
    fn without_a_cap_only_time_counts(per_hour in 0..1_000_000_i64, zone in zones(), start in FROM..UNTIL, ms in 0..40 * DAY_MS) {
        let exact = i128::from(per_hour) * i128::from(ms) / i128::from(HOUR_MS);
        let price = i128::from(rates(per_hour, None, 0).price(zone, start, start + ms));
        // Half a minor unit a day, either way.
        prop_assert!((price - exact).abs() <= i128::from(ms / (22 * HOUR_MS)) / 2 + 2, "{} {}", price, exact);
    }

    #[test]
    fn a_price_is_an_amount_that_its_currency_has(
        code in prop::sample::select(&currency::CODES[..]), per_hour in 0..1_000_000_i64, per_day in prop::option::of(0..3_000_000_i64),
        minimum in prop::option::of(0..10_000_i64), zone in zones(), start in FROM..UNTIL, ms in 0..3 * DAY_MS,
    ) {
        let prices = Prices { per_hour: Some(per_hour), per_day, free_minutes: None, minimum };
        let tariff = Tariff { currency: Some(code.to_owned()), prices, ..Tariff::default() };
        let price = tariff.rates("standard").price(zone, start, start + ms);
        prop_assert_eq!(price % currency::step(code), 0);
        prop_assert!(price == 0 || price >= currency::least_charge(code));
    }

    #[test]
    fn nothing_panics(per_hour: i64, per_day: Option<i64>, free: i64, minimum: i64, start: i64, end: i64, zone in zones()) {
        let tariff = Tariff {
            currency: Some("INR".to_owned()),
            prices: Prices { per_hour: Some(per_hour), per_day, free_minutes: Some(free), minimum: Some(minimum) },
            ..Tariff::default()
        };
        prop_assert!(tariff.rates("standard").price(zone, start, end) >= 0);
    }
}
