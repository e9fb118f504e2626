//! A car park for tests.

use domain::overview::SpotState;
use domain::spot::Kind;
use kit::input::Timestamp;

use super::*;

const AT: i64 = 1_770_000_000_000;

/// One zone with a free space, an occupied one for electric vehicles, and a closed one.
pub fn car_park() -> Scope {
    let space = |(number, kind, status)| Space {
        spot_id: format!("B1-{number}"),
        site: "north".to_owned(),
        zone: "B1".to_owned(),
        kind,
        status,
        created_at: Timestamp(AT),
        updated_at: Timestamp(AT + 300),
    };
    let spaces =
        [(1, Kind::Accessible, SpotState::Free), (2, Kind::Ev, SpotState::Occupied), (3, Kind::TwoWheeler, SpotState::OutOfService)];
    let zone = Zone {
        site: "north".to_owned(),
        code: "B1".to_owned(),
        name: "Basement <1>".to_owned(),
        area_m2: None,
        capacity: Some(3),
        position: 0,
        created_at: Timestamp(AT),
        updated_at: Timestamp(AT + 200),
        counts: Counts { total: 3, free: 1, occupied: 1, reserved: 0, out_of_service: 1 },
        spaces: spaces.map(space).into(),
    };
    let tariff = r#"{"currency": "INR", "per_hour": 4000, "per_day": 30000, "free_minutes": 10, "kinds": {"ev": {"per_hour": 5000}}}"#;
    let site = Site {
        slug: "north".to_owned(),
        name: "North & South".to_owned(),
        kind: site::Kind::CarPark,
        latitude: 23.03,
        longitude: 72.58,
        time_zone: "Asia/Kolkata".to_owned(),
        capacity: 3,
        tariff: serde_json::from_str(tariff).unwrap(),
        created_at: Timestamp(AT),
        updated_at: Timestamp(AT + 100),
        zones: vec![zone],
    };
    Scope { sites: vec![site], changed_at: AT + 400 }
}
