//! How many emergencies there were, and how soon they were answered.

use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

use crate::{Site, fields, ms};

/// An emergency of this type that was acknowledged and resolved so many seconds after its report.
fn report(app: &App, site: &Site, kind: &str, at: &str, (status, by): (&str, &str), answered: Option<(i64, i64)>) {
    let at = ms(at);
    let (noticed, over) = answered.map(|(noticed, over)| (at + noticed * 1000, at + over * 1000)).unzip();
    let closed = matches!(status, "cancelled" | "false_alarm").then_some(at);
    app.db()
        .execute(
            "insert into emergencies (id, site, type, severity, status, reported_by, acknowledged_at, acknowledged_by, in_progress_at,
                 in_progress_by, resolved_at, resolved_by, closed_at, created_at, updated_at, updated_by)
             values (?1, ?2, ?3, 'high', ?4, ?5, ?6, 'o', ?6, 'o', ?7, 'o', ?8, ?9, ?9, 'test')",
            (unique("emergency"), &site.slug, kind, status, by, noticed, over, closed, at),
        )
        .expect("an emergency");
}

#[tokio::test(flavor = "multi_thread")]
async fn emergencies_are_counted_by_type_hour_and_zone_with_response_times() {
    let app = App::start().await;
    let site = Site::create(&app, "temple", "Asia/Kolkata").await;
    let button = unique("BTN").to_uppercase();
    let body = json!({"device_code": button, "site": site.slug, "zone": "B", "is_panic_button": true});
    app.admin().await.post("/api/devices/", body).await.expect(201);
    let by_device = format!("device:{button}");
    // 23:45 and, after midnight by the site's clock, 00:15, 00:20 and 00:25.
    report(&app, &site, "medical", "2026-02-04T18:15:00Z", ("resolved", "u"), Some((20, 100)));
    report(&app, &site, "medical", "2026-02-04T18:45:00Z", ("resolved", &by_device), Some((40, 300)));
    report(&app, &site, "fire", "2026-02-04T18:50:00Z", ("reported", "u"), None);
    report(&app, &site, "fire", "2026-02-04T18:55:00Z", ("false_alarm", "u"), None);
    report(&app, &site, "fire", "2026-02-04T18:56:00Z", ("cancelled", "u"), None);
    // Of the day before the range.
    report(&app, &site, "fire", "2026-02-03T18:15:00Z", ("reported", "u"), None);
    let names = [
        "count",
        "open",
        "false_alarms",
        "cancelled",
        "acknowledged",
        "median_acknowledge_seconds",
        "p95_acknowledge_seconds",
        "resolved",
        "median_resolve_seconds",
    ];
    let told = async |query: &str| -> Vec<(String, Value, Value)> {
        let items = site.items("emergencies", &format!("from=2026-02-04&to=2026-02-05&{query}")).await;
        items
            .iter()
            .map(|item| (item["dimension"].as_str().unwrap().to_owned(), item["value"].clone(), json!(fields(item, names))))
            .collect()
    };
    let all = told("").await;
    let of = |dimension: &str, value: Value| {
        let found = all.iter().find(|(by, what, _)| by == dimension && *what == value);
        found.unwrap_or_else(|| panic!("no {dimension} {value} in {all:?}")).2.clone()
    };
    assert_eq!(of("total", Value::Null), json!([3, 1, 1, 1, 2, 30.0, 40.0, 2, 200.0]));
    assert_eq!(of("type", json!("medical")), json!([2, 0, 0, 0, 2, 30.0, 40.0, 2, 200.0]));
    assert_eq!(of("type", json!("fire")), json!([1, 1, 1, 1, 0, null, null, 0, null]));
    assert_eq!(of("severity", json!("high"))[0], 3);
    assert_eq!(of("hour", json!("23")), json!([1, 0, 0, 0, 1, 20.0, 20.0, 1, 100.0]));
    assert_eq!(of("hour", json!("00"))[0], 2);
    assert_eq!((of("day", json!("2026-02-04"))[0].clone(), of("day", json!("2026-02-05"))[0].clone()), (json!(1), json!(2)));
    assert_eq!(of("zone", json!("B")), json!([1, 0, 0, 0, 1, 40.0, 40.0, 1, 300.0]));
    assert_eq!(of("zone", Value::Null)[0], 2, "a phone says no zone");
    let fires = told("type=fire").await;
    assert_eq!(fires[0].2[0], 1);
    let of_zone = told("zone=b").await;
    assert_eq!((of_zone[0].0.as_str(), &of_zone[0].2[0]), ("total", &json!(1)));
    site.operator.get(&site.path("emergencies", "type=weather")).await.expect_invalid(&["type"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_whose_site_nobody_knows_is_counted_among_all() {
    let app = App::start().await;
    app.visitor().await.post("/api/emergency/", json!({"type": "medical"})).await.expect(201);
    let answer = app.operator().await.get("/api/analytics/emergencies").await.expect(200);
    let items = answer["items"].as_array().unwrap();
    let of_nowhere = items.iter().find(|item| item["site"].is_null() && item["dimension"] == "total").expect("those of no site");
    assert!(of_nowhere["count"].as_i64().unwrap() >= 1, "{of_nowhere}");
}
