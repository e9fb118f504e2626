use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_770_201_000_000;

fn raw<'a>() -> RawReading<'a> {
    RawReading {
        device_code: Some("PARK-B1-S005"),
        voltage: Some(220.5),
        current: Some(5.2),
        power_factor: Some(0.92),
        occupied: Some(true),
        battery: Some(0.87),
        timestamp: Some("2026-02-04T10:30:00Z"),
    }
}

fn fields(raw: &RawReading<'_>) -> Vec<&'static str> {
    match check(raw, NOW) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|(field, _)| field).collect(),
    }
}

fn at_volts(voltage: f64, current: f64, power_factor: f64) -> Reading {
    Reading { device_code: "d".to_owned(), voltage, current, power_factor, occupied: None, battery: None, at: NOW }
}

#[test]
fn the_documented_example_passes() {
    let reading = check(&raw(), NOW).unwrap();
    assert_eq!(reading.at, NOW);
    assert_eq!(reading.occupied, Some(true));
    assert!((reading.power_w() - 1_054.872).abs() < 1e-9);
}

#[test]
fn every_bad_field_is_named_at_once() {
    let bad = RawReading {
        device_code: Some("a b"),
        voltage: Some(500.01),
        current: Some(-0.1),
        power_factor: Some(f64::NAN),
        occupied: None,
        battery: Some(1.1),
        timestamp: Some("yesterday"),
    };
    assert_eq!(fields(&bad), ["device_code", "voltage", "current", "power_factor", "battery", "timestamp"]);
    assert_eq!(fields(&RawReading::default()), ["device_code", "voltage", "current", "power_factor", "timestamp"]);
}

#[test]
fn the_bounds_belong_to_the_range() {
    for (voltage, current, power_factor, battery) in [(0.0, 0.0, -1.0, 0.0), (500.0, 1_000.0, 1.0, 1.0)] {
        let edge = RawReading {
            voltage: Some(voltage),
            current: Some(current),
            power_factor: Some(power_factor),
            battery: Some(battery),
            ..raw()
        };
        assert_eq!(fields(&edge), [""; 0]);
    }
}

#[test]
fn a_timestamp_may_be_five_minutes_ahead_and_no_more() {
    let at = |text| fields(&RawReading { timestamp: Some(text), ..raw() });
    assert_eq!(at("2026-02-04T10:35:00Z"), [""; 0]);
    assert_eq!(at("2026-02-04T10:35:00.001Z"), ["timestamp"]);
    assert_eq!(at("2000-01-01T00:00:00Z"), [""; 0]);
    assert_eq!(at("1999-12-31T23:59:59Z"), ["timestamp"]);
}

#[test]
fn flags_turn_at_the_stated_bounds() {
    let volts = |v| judge(&at_volts(v, 0.0, 1.0)) & !POWER_CLEAR;
    assert_eq!(volts(220.0), VOLTAGE_CLEAR);
    assert_eq!(volts(180.0), VOLTAGE_CLEAR);
    assert_eq!(volts(179.9), VOLTAGE_CLEAR | ELECTRICAL_CRITICAL);
    assert_eq!(volts(250.1), VOLTAGE_CLEAR | ELECTRICAL_CRITICAL);
    assert_eq!(volts(104.9), ELECTRICAL_CRITICAL);
    assert_eq!(volts(100.0), ELECTRICAL_CRITICAL);
    assert_eq!(volts(99.9), ELECTRICAL_CRITICAL | VOLTAGE_RAISE);
    assert_eq!(volts(300.0), ELECTRICAL_CRITICAL);
    assert_eq!(volts(300.1), ELECTRICAL_CRITICAL | VOLTAGE_RAISE);

    let watts = |w| judge(&at_volts(200.0, w / 200.0, 1.0)) & (POWER_RAISE | POWER_CLEAR);
    assert_eq!(watts(1_500.0), 0);
    assert_eq!(watts(1_502.0), POWER_RAISE);
    assert_eq!(watts(1_400.0), 0);
    assert_eq!(watts(1_398.0), POWER_CLEAR);

    assert_eq!(judge(&at_volts(220.0, 0.0, 0.8)) & ELECTRICAL_WARNING, 0);
    assert_ne!(judge(&at_volts(220.0, 0.0, 0.79)) & ELECTRICAL_WARNING, 0);
}

#[test]
fn critical_beats_warning() {
    assert_eq!(electrical_state(0).into_str(), "Normal");
    assert_eq!(electrical_state(ELECTRICAL_WARNING).into_str(), "Warning");
    assert_eq!(electrical_state(ELECTRICAL_WARNING | ELECTRICAL_CRITICAL).into_str(), "Critical");
    assert_eq!(serde_json::to_string(&ElectricalState::Critical).unwrap(), "\"Critical\"");
}

fn any_number() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(prop::num::f64::ANY)
}

proptest! {
    #[test]
    fn whatever_comes_in_what_passes_is_in_range(
        code in prop::option::of("[A-Za-z0-9 ./-]{0,70}"),
        voltage in any_number(),
        current in any_number(),
        power_factor in any_number(),
        battery in any_number(),
        timestamp in prop::option::of(".{0,30}"),
        now in any::<i64>(),
    ) {
        let raw = RawReading {
            device_code: code.as_deref(),
            voltage,
            current,
            power_factor,
            occupied: None,
            battery,
            timestamp: timestamp.as_deref().or(Some("2026-02-04T10:30:00Z")),
        };
        match check(&raw, now) {
            Ok(reading) => {
                prop_assert!((0.0..=500.0).contains(&reading.voltage));
                prop_assert!((0.0..=1_000.0).contains(&reading.current));
                prop_assert!((-1.0..=1.0).contains(&reading.power_factor));
                prop_assert!(reading.power_w().is_finite());
            }
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
    }

    #[test]
    fn nothing_is_raised_and_cleared_by_one_reading(v in 0.0..=500.0, c in 0.0..=1000.0, pf in -1.0..=1.0) {
        let flags = judge(&at_volts(v, c, pf));
        prop_assert_ne!(flags & (POWER_RAISE | POWER_CLEAR), POWER_RAISE | POWER_CLEAR);
        prop_assert_ne!(flags & (VOLTAGE_RAISE | VOLTAGE_CLEAR), VOLTAGE_RAISE | VOLTAGE_CLEAR);
        prop_assert!(flags & VOLTAGE_RAISE == 0 || flags & ELECTRICAL_CRITICAL != 0);
    }
}
