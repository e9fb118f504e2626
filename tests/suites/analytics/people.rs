//! How many people came, and which hours are the fullest.

use gatehouse_tests::App;
use serde_json::{Value, json};

use crate::{HOUR, QUARTER, Site, fields, ms};

fn book(app: &App, site: &Site, date: &str, party: i64, status: &str) {
    let at = ms(&format!("{date}T06:00:00Z"));
    let came = matches!(status, "checked_in" | "exited").then_some(at);
    app.db()
        .execute(
            "insert into bookings (id, code, user_id, site, date, slot, starts_at, ends_at, party_size, status, checked_in_at, exited_at,
                 created_at, updated_at, updated_by)
             values (?1, ?1, (select id from users limit 1), ?2, ?3, 'x', ?4, ?4 + 3600000, ?5, ?6, ?7, iif(?6 = 'exited', ?7, null), ?4, ?4, 'test')",
            (gatehouse_tests::unique("booking"), &site.slug, date, at, party, status, came),
        )
        .expect("a booking");
}

#[tokio::test(flavor = "multi_thread")]
async fn footfall_counts_who_came_and_how_many_there_were() {
    let app = App::start().await;
    let site = Site::create(&app, "temple", "Asia/Kolkata").await;
    for (date, party, status) in [
        ("2026-02-01", 4, "exited"),
        ("2026-02-02", 3, "checked_in"),
        ("2026-02-02", 2, "exited"),
        ("2026-02-02", 5, "no_show"),
        ("2026-02-02", 9, "cancelled"),
        ("2026-02-02", 7, "waitlisted"),
        ("2026-03-31", 1, "confirmed"),
    ] {
        book(&app, &site, date, party, status);
    }
    // Just after midnight by the site's clock: 10 and 20 people in the two zones, then 50 in one.
    let midnight = ms("2026-02-01T18:30:00Z");
    site.people(&app, "A", midnight, 10);
    site.people(&app, "B", midnight, 20);
    site.people(&app, "A", midnight + QUARTER, 50);
    // The last quarter of the day before.
    site.people(&app, "A", midnight - QUARTER, 8);
    let names = ["date", "last_date", "footfall", "booked", "bookings", "no_shows", "mean_people", "peak_people", "peak_at"];
    let told = async |query: &str| -> Vec<Value> {
        let items = site.items("footfall", &format!("from=2026-02-01&to=2026-03-31&{query}")).await;
        items.iter().map(|item| json!(fields(item, names))).collect()
    };
    let none = Value::Null;
    assert_eq!(
        told("period=daily").await,
        [
            json!(["2026-02-01", "2026-02-01", 4, 4, 1, 0, 8.0, 8.0, "2026-02-01T18:15:00Z"]),
            json!(["2026-02-02", "2026-02-02", 5, 10, 3, 5, 40.0, 50.0, "2026-02-01T18:45:00Z"]),
            json!(["2026-03-31", "2026-03-31", 0, 1, 1, 0, none, none, none]),
        ]
    );
    let weeks = told("period=weekly").await;
    // The first of February is a Sunday: of its week one day is in the range.
    assert_eq!(weeks[0], json!(["2026-02-01", "2026-02-01", 4, 4, 1, 0, 8.0, 8.0, "2026-02-01T18:15:00Z"]));
    assert_eq!(weeks[1], json!(["2026-02-02", "2026-02-08", 5, 10, 3, 5, 40.0, 50.0, "2026-02-01T18:45:00Z"]));
    let months = told("period=monthly").await;
    assert_eq!(months[0], json!(["2026-02-01", "2026-02-28", 9, 14, 4, 5, 29.3, 50.0, "2026-02-01T18:45:00Z"]));
    assert_eq!(months[1], json!(["2026-03-01", "2026-03-31", 0, 1, 1, 0, none, none, none]));
    assert_eq!(told("").await, told("period=daily").await);
    assert_eq!(told("zone=B").await, [json!(["2026-02-02", "2026-02-02", 0, 0, 0, 0, 20.0, 20.0, "2026-02-01T18:30:00Z"])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn peak_hours_are_ranked_by_people_and_else_by_spots() {
    let app = App::start().await;
    let site = Site::create(&app, "temple", "Asia/Kolkata").await;
    // Wednesday and Thursday, 09:00 and 10:00 by the site's clock.
    let nine = ms("2026-02-04T03:30:00Z");
    for (at, people) in [(nine, 30), (nine + HOUR, 10), (nine + 24 * HOUR, 50), (nine + 25 * HOUR, 20)] {
        site.people(&app, "A", at, people);
    }
    let names = ["hour", "people", "peak_people", "occupied", "sample_hours", "rank"];
    let told = |items: Vec<Value>| items.iter().map(|item| json!(fields(item, names))).collect::<Vec<_>>();
    let both = told(site.items("peak-hours", "from=2026-02-04&to=2026-02-05").await);
    assert_eq!(both, [json!([9, 40.0, 50.0, null, 2, 1]), json!([10, 15.0, 20.0, null, 2, 2])]);
    let thursday = told(site.items("peak-hours", "from=2026-02-04&to=2026-02-05&weekday=4").await);
    assert_eq!(thursday, [json!([9, 50.0, 50.0, null, 1, 1]), json!([10, 20.0, 20.0, null, 1, 2])]);

    let lot = Site::create(&app, "car_park", "Europe/Berlin").await;
    lot.quarters(&app, "A", (ms("2026-03-29T00:00:00Z"), ms("2026-03-29T01:00:00Z")), (2, 10));
    lot.quarters(&app, "A", (ms("2026-03-29T01:00:00Z"), ms("2026-03-29T02:00:00Z")), (7, 10));
    let hours = lot.items("peak-hours", "from=2026-03-29&to=2026-03-29").await;
    let told: Vec<_> = hours.iter().map(|hour| json!(fields(hour, ["hour", "occupied", "occupancy_rate", "arrivals", "rank"]))).collect();
    // After 01:00 comes 03:00.
    assert_eq!(told, [json!([1, 2.0, 20.0, 4.0, 2]), json!([3, 7.0, 70.0, 4.0, 1])]);
}
