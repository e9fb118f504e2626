//! What knows days, at the moments that are hard for days: just before midnight in UTC and at the site, the nights on which the clocks change,
//! 29 February, the end of the year. Every other suite starts at an ordinary moment.
//!
//! Here a day of a temple and a car park is lived through at each. On demand, every suite that knows days runs at each, in an hour or so:
//!
//! ```sh
//! cargo test --release --workspace --test hard_moments -- --ignored --nocapture
//! ```
//!
//! `GATEHOUSE_TEST_MOMENT=2026-02-04T18:29:50Z cargo test --release --workspace --test booking` runs one suite at one moment.

use std::time::Duration;

use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

/// A moment, and what the clock on a site's wall makes of it.
struct Moment {
    /// Where the application's clock starts, ten seconds before something happens.
    at: &'static str,
    zone: &'static str,
    /// The site's date then, and 20 seconds later.
    date: &'static str,
    after: &'static str,
    /// The day after `after`: its midnight and its six o'clock.
    next: &'static str,
    midnight: &'static str,
    six: &'static str,
}

const fn moment(at: &'static str, zone: &'static str, dates: [&'static str; 3], midnight: &'static str, six: &'static str) -> Moment {
    let [date, after, next] = dates;
    Moment { at, zone, date, after, next, midnight, six }
}

const INDIA: &str = "Asia/Kolkata";
const BERLIN: &str = "Europe/Berlin";

const MOMENTS: [Moment; 10] = [
    // An hour that is half of one of India's days and half of the next is the next for most of what follows.
    moment("2026-02-04T17:45:00Z", INDIA, ["2026-02-04", "2026-02-04", "2026-02-05"], "2026-02-04T18:30:00Z", "2026-02-05T00:30:00Z"),
    moment("2026-02-04T18:29:50Z", INDIA, ["2026-02-04", "2026-02-05", "2026-02-06"], "2026-02-05T18:30:00Z", "2026-02-06T00:30:00Z"),
    moment("2026-02-04T23:59:50Z", INDIA, ["2026-02-05", "2026-02-05", "2026-02-06"], "2026-02-05T18:30:00Z", "2026-02-06T00:30:00Z"),
    // The evening before the clocks go forward, and the moment at which they do.
    moment("2026-03-28T22:59:50Z", BERLIN, ["2026-03-28", "2026-03-29", "2026-03-30"], "2026-03-29T22:00:00Z", "2026-03-30T04:00:00Z"),
    moment("2026-03-29T00:59:50Z", BERLIN, ["2026-03-29", "2026-03-29", "2026-03-30"], "2026-03-29T22:00:00Z", "2026-03-30T04:00:00Z"),
    // The evening before they go back, the moment at which they do, and the second time that it is nearly three.
    moment("2026-10-24T21:59:50Z", BERLIN, ["2026-10-24", "2026-10-25", "2026-10-26"], "2026-10-25T23:00:00Z", "2026-10-26T05:00:00Z"),
    moment("2026-10-25T00:59:50Z", BERLIN, ["2026-10-25", "2026-10-25", "2026-10-26"], "2026-10-25T23:00:00Z", "2026-10-26T05:00:00Z"),
    // 29 February begins, and ends.
    moment("2028-02-28T18:29:50Z", INDIA, ["2028-02-28", "2028-02-29", "2028-03-01"], "2028-02-29T18:30:00Z", "2028-03-01T00:30:00Z"),
    moment("2028-02-29T18:29:50Z", INDIA, ["2028-02-29", "2028-03-01", "2028-03-02"], "2028-03-01T18:30:00Z", "2028-03-02T00:30:00Z"),
    moment("2026-12-31T18:29:50Z", INDIA, ["2026-12-31", "2027-01-01", "2027-01-02"], "2027-01-01T18:30:00Z", "2027-01-02T00:30:00Z"),
];

/// The suites that know days.
const SUITES: [&str; 12] = [
    "analytics",
    "booking",
    "crowd",
    "demo",
    "emergency",
    "overview",
    "payments",
    "reservations",
    "resources",
    "retention",
    "scheduled",
    "transport",
];

fn ms(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap_or_else(|_| panic!("no time: {text}")).timestamp_millis()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// A temple in the moment's zone, with slots on every day, a zone and a route; its slug.
async fn create_temple(app: &App, moment: &Moment) -> String {
    let (admin, slug) = (app.admin().await, unique("temple"));
    let site = json!({
        "slug": slug, "name": "A temple", "kind": "temple", "latitude": 20.0, "longitude": 70.0, "time_zone": moment.zone, "capacity": 5000,
        "tariff": {"currency": "EUR", "per_hour": 200},
    });
    admin.post("/api/sites", site).await.expect(201);
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    for (start, end) in [("06:00", "07:00"), ("12:00", "13:00"), ("23:00", "24:00")] {
        let body = json!({"weekdays": days, "start": start, "end": end, "capacity": 10});
        admin.post(&format!("/api/sites/{slug}/slots"), body).await.expect(201);
    }
    admin.post(&format!("/api/sites/{slug}/zones"), json!({"code": "HALL", "name": "Great hall", "capacity": 1000})).await.expect(201);
    admin.post("/api/spots", json!({"spot_id": slug, "site": slug, "zone": "HALL", "kind": "standard"})).await.expect(201);
    let route = json!({
        "id": slug, "temple_id": slug, "name": "Car park to temple", "polyline": [[20.0, 70.0], [20.01, 70.0]], "typical_kmh": 36,
        "departures": ["00:05", "06:00", "18:30"], "stops": [{"id": slug, "name": "Stop", "lat": 20.0, "lng": 70.0, "offset_s": 0}],
    });
    app.operator().await.post("/api/transport/routes", route).await.expect(201);
    slug
}

/// What holds just before and just after the moment alike.
async fn check_now(app: &App, slug: &str, date: &str) {
    let (anonymous, operator) = (app.anonymous(), app.operator().await);
    let slots = anonymous.get(&format!("/api/bookings/temple/{slug}/slots")).await.expect(200);
    assert_eq!(slots["date"], date, "the temple's own date: {slots}");
    let tick = app.tick().await;
    assert_eq!(tick["skipped"], false, "{tick}");
    anonymous.get("/ready").await.expect(200);

    let count = json!({"zone": "HALL", "count": 300, "timestamp": app.time(-1)});
    operator.post(&format!("/api/crowd/temple/{slug}/update"), count).await.expect(201);
    let crowd = anonymous.get(&format!("/api/crowd/temple/{slug}/current")).await.expect(200);
    assert_eq!((&crowd["zones"][0]["count"], &crowd["zones"][0]["stale"]), (&json!(300), &json!(false)), "{crowd}");

    let eta = anonymous.get(&format!("/api/transport/stops/{slug}/eta")).await.expect(200);
    let next = ms(text(&eta["scheduled"][0]));
    // Three departures a day, the longest gap of which is 12.5 hours, or an hour more where the clocks go back.
    assert!((app.now_ms() - 1_000..app.now_ms() + 49_000_000).contains(&next), "{eta}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_day_of_a_temple_holds_at_every_hard_moment() {
    for moment in &MOMENTS {
        eprintln!("{} in {}", moment.at, moment.zone);
        // Ten seconds are little for a start beside much else: everything is there before they begin.
        let before = chrono::DateTime::from_timestamp_millis(ms(moment.at) - 600_000).expect("a time in this era");
        let Some(app) = App::embedded_at(&before.to_rfc3339(), &[]).await else { return };
        let (slug, elsewhere) = (create_temple(&app, moment).await, create_temple(&app, moment).await);
        app.advance(Duration::from_millis(u64::try_from(ms(moment.at) - app.now_ms()).expect("it lies ahead")));
        check_now(&app, &slug, moment.date).await;

        // The day after: booked, marked in the forecast from its first hour on, and told by its own date.
        let (visitor, admin) = (app.visitor().await, app.admin().await);
        let body = json!({"temple_id": slug, "date": moment.next, "slot": "06:00-07:00", "party_size": 4});
        let booking = visitor.post("/api/bookings/", body).await.expect(201);
        assert_eq!((&booking["date"], ms(text(&booking["starts_at"]))), (&json!(moment.next), ms(moment.six)), "{booking}");
        let count = json!({"zone": "HALL", "count": 300, "timestamp": app.time(-1)});
        admin.post(&format!("/api/crowd/temple/{elsewhere}/update"), count).await.expect(201);
        admin.put(&format!("/api/sites/{elsewhere}/slots/days/{}", moment.next), json!({"closed": true})).await.expect(200);
        let forecast = app.anonymous().get(&format!("/api/crowd/temple/{elsewhere}/predictions?hours=24")).await.expect(200);
        let hours = forecast["zones"][0]["predictions"].as_array().expect("hours");
        let first = hours.iter().find(|hour| hour["special_day"] == "closed").map(|hour| ms(text(&hour["timestamp"])));
        // The first hour of which at least half is that day's, or the first that is forecast.
        let begins = (ms(moment.midnight) + 1_800_000 - 1).div_euclid(3_600_000) * 3_600_000;
        let expected = Some(begins.max(ms(text(&hours[0]["timestamp"])))).filter(|begins| *begins <= ms(text(&hours[23]["timestamp"])));
        assert_eq!(first, expected, "{forecast}");

        // Two hours are two hours, whatever the clock on the wall does meanwhile.
        let parked = json!({"spot_id": slug, "start": app.time(600), "end": app.time(7_800), "vehicle_plate": "GJ01AB1234"});
        let reserved = visitor.post("/api/reservations", parked).await.expect(201);
        assert_eq!((&reserved["price"], &reserved["currency"]), (&json!(400), &json!("EUR")), "{reserved}");

        app.advance(Duration::from_secs(20));
        check_now(&app, &slug, moment.after).await;
        let path = format!("/api/bookings/{}", text(&booking["id"]));
        assert_eq!(visitor.get(&path).await.expect(200)["status"], "confirmed");

        // The gate lets them in when the day has come, and not before.
        let operator = app.operator().await;
        let early = operator.post(&format!("{path}/checkin"), json!({"temple_id": slug, "nonce": unique("scan")})).await;
        assert!((400..500).contains(&early.status), "{}", early.text());
        let wait = ms(moment.six) - 600_000 - app.now_ms();
        app.advance(Duration::from_millis(u64::try_from(wait).expect("it lies ahead")));
        let operator = app.operator().await;
        operator.post(&format!("{path}/checkin"), json!({"temple_id": slug, "nonce": unique("scan")})).await.expect(200);
        check_now(&app, &slug, moment.next).await;
        app.stop().await;
    }
}

#[test]
fn no_suite_reads_the_machines_clock() {
    // Written so that this line is not found itself; what the harness makes of the machine's clock is in `tests/src`.
    let clocks = ["SystemTime", "Utc", "Local", "Clock"].map(|clock| [format!("{clock}::now("), format!("{clock}::new(")]).concat();
    let mut folders = vec![gatehouse_tests::root().join("tests/suites")];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).expect("a source");
            read += 1;
            let found: Vec<_> = clocks.iter().filter(|clock| source.contains(clock.as_str())).collect();
            assert!(found.is_empty(), "{}: {found:?}: ask the application's clock", path.display());
        }
    }
    assert!(read > 40, "{read}");
}

#[test]
#[ignore = "runs for an hour or so; on demand with --ignored"]
fn every_suite_that_knows_days_holds_at_every_hard_moment() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = |moment: &&Moment| {
        eprintln!("{}", moment.at);
        let suites = SUITES.iter().flat_map(|suite| ["--test", *suite]);
        let mut run = std::process::Command::new(&cargo);
        run.args(["test", "--release", "--workspace", "--no-fail-fast"]).args(suites);
        run.current_dir(gatehouse_tests::root()).env("GATEHOUSE_TEST_MOMENT", moment.at);
        !run.status().expect("cargo runs").success()
    };
    let failed: Vec<_> = MOMENTS.iter().filter(run).map(|moment| moment.at).collect();
    assert!(failed.is_empty(), "{failed:?}");
}
