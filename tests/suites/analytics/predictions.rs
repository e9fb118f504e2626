//! Forecasts of free spots.

use gatehouse_tests::{App, Place};
use serde_json::{Value, json};

use crate::fields;

/// Weeks of a car park of ten spots that is full by day, fuller on some days than on others, up to now.
fn insert_history(app: &App, place: &Place, days: i64) {
    let mut db = app.db();
    let transaction = db.transaction().unwrap();
    let end = app.now_ms() / 900_000;
    for quarter in end - days * 96..end {
        let hour = (quarter / 4 + 5) % 24;
        let noise = quarter / 4 * 7919 % 61;
        let busy = if (8..20).contains(&hour) { 480_000 } else { 90_000 };
        transaction
            .execute(
                "insert into occupancy_quarters (site, zone, kind, start, occupied_ms, known_ms, arrivals, departures)
                 values (?1, ?2, 'standard', ?3, ?4 * 10, 9000000, 0, 0)",
                (&place.site, &place.zone, quarter * 900_000, busy + noise * 4_000),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn forecasts_of_free_spots_carry_an_interval_and_their_measured_error() {
    let app = App::start().await;
    let place = app.place(10).await;
    let operator = app.operator().await;
    let path = format!("/api/analytics/predictions?site={}", place.site);
    let none = operator.get(&path).await.expect(200);
    let names = ["zone", "spots", "basis", "compared", "mase"];
    assert_eq!(json!(fields(&none["forecasts"][0], names)), json!([null, 10, null, null, null]));
    assert_eq!(none["items"], json!([]));

    insert_history(&app, &place, 42);
    let answer = operator.get(&path).await.expect(200);
    assert_eq!(fields(&answer, ["hours", "interval"]), [json!(24), json!(0.8)]);
    let items = answer["items"].as_array().unwrap();
    assert_eq!(items.len(), 48, "the site and its zone");
    for item in items {
        let number = |field: &str| item[field].as_i64().unwrap_or_else(|| panic!("{field} in {item}"));
        assert!(0 <= number("lower") && number("lower") <= number("free") && number("free") <= number("upper"), "{item}");
        assert_eq!((number("spots"), number("upper") <= 10, &item["basis"]), (10, true, &json!("week")));
    }
    assert!(items[..24].iter().all(|item| item["zone"].is_null()) && items[24..].iter().all(|item| item["zone"] == json!(place.zone)));
    // By day more spots are taken than by night.
    let of = |item: &Value| item["free"].as_i64().unwrap();
    let (least, most) = (items.iter().map(of).min().unwrap(), items.iter().map(of).max().unwrap());
    assert!(least <= 5 && most >= 7, "{least} {most}");
    for forecast in answer["forecasts"].as_array().unwrap() {
        let number = |field: &str| forecast[field].as_f64().unwrap_or_else(|| panic!("{field} in {forecast}"));
        assert!(number("compared") > 500.0 && number("mae") > 0.0 && number("seasonal_naive_mae") > 0.0, "{forecast}");
        assert!((number("mase") - number("mae") / number("seasonal_naive_mae")).abs() < 0.1, "{forecast}");
        assert!((0.5..=1.0).contains(&number("interval_coverage")), "{forecast}");
    }
    let zone = operator.get(&format!("{path}&zone={}&hours=3", place.zone.to_lowercase())).await.expect(200);
    assert_eq!((zone["items"].as_array().map(Vec::len), zone["forecasts"].as_array().map(Vec::len)), (Some(3), Some(1)));
    assert_eq!(zone["items"][0], items[24]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_of_many_zones_is_whole_and_no_answer_has_more_than_sixty_forecasts() {
    let app = App::start().await;
    let place = app.place(2).await;
    let (admin, operator) = (app.admin().await, app.operator().await);
    for number in 0..64 {
        let zone = json!({"code": format!("Z{number:02}"), "name": format!("Zone {number}")});
        admin.post(&format!("/api/sites/{}/zones", place.site), zone).await.expect(201);
        let spot = format!("{}-Z{number:02}", place.site.to_uppercase());
        let spot = json!({"spot_id": spot, "site": place.site, "zone": format!("Z{number:02}"), "kind": "standard"});
        admin.post("/api/spots", spot).await.expect(201);
    }
    let answer = operator.get(&format!("/api/analytics/predictions?site={}", place.site)).await.expect(200);
    let forecasts = answer["forecasts"].as_array().unwrap();
    assert_eq!((forecasts.len(), fields(&forecasts[0], ["zone", "spots"])), (60, [json!(null), json!(66)]), "{}", forecasts[0]);
    let all = operator.get("/api/analytics/predictions").await.expect(200);
    assert_eq!(all["forecasts"].as_array().map(Vec::len), Some(60));
}
