//! Forecasts of free spots.

use gatehouse_tests::{App, Place, unique};
use serde_json::{Value, json};

use crate::{HOUR, fields, ms};

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

/// So many stays that were kept, each for two hours from a moment on, on spots of their own.
fn insert_stays(app: &App, place: &Place, starts_at: i64, count: usize, status: &str) {
    for spot in &place.spots[..count] {
        app.db()
            .execute(
                "insert into reservations (id, user_id, spot_id, site, kind, starts_at, ends_at, plate, status, price, currency, created_at, updated_at,
                     updated_by)
                 values (?1, (select id from users limit 1), ?2, ?3, 'standard', ?4, ?4 + 7200000, 'GJ01AB1234', ?5, 0, 'INR', ?4, ?4, 'test')",
                (unique("stay"), spot, &place.site, starts_at, status),
            )
            .expect("a stay");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_reserved_beyond_the_usual_is_not_free() {
    let app = App::start().await;
    let place = app.place(10).await;
    let (admin, operator, driver) = (app.admin().await, app.operator().await, app.visitor().await);
    let free_of_charge = json!({"tariff": {"currency": "INR", "per_hour": 0}});
    admin.patch(&format!("/api/sites/{}", place.site), free_of_charge).await.expect(200);
    insert_history(&app, &place, 42);
    let path = format!("/api/analytics/predictions?site={}", place.site);
    let items = async || operator.get(&path).await.expect(200)["items"].as_array().expect("items").clone();
    let before = items().await;
    let names = ["reserved", "usual_reserved", "by_reservations"];
    assert!(before.iter().all(|item| fields(item, names) == [json!(0.0), Value::Null, json!(0)]), "{before:?}");

    // Six hours from now, for two hours; another half an hour longer.
    let start = ms(before[5]["timestamp"].as_str().expect("a moment"));
    let rfc3339 = |at: i64| chrono::DateTime::from_timestamp_millis(at).expect("a moment").to_rfc3339();
    let reserve = async |spot: usize, minutes: i64| {
        let body = json!({
            "spot_id": place.spots[spot], "start": rfc3339(start), "end": rfc3339(start + minutes * 60_000), "vehicle_plate": "GJ01AB1234",
        });
        let made = driver.post("/api/reservations", body).await.expect(201);
        format!("/api/reservations/{}", made["id"].as_str().expect("an id"))
    };
    for (spot, minutes) in [(0, 120), (1, 120), (2, 150)] {
        reserve(spot, minutes).await;
    }
    let number = |item: &Value, field: &str| item[field].as_i64().unwrap_or_else(|| panic!("{field} in {item}"));
    let after = items().await;
    for hour in [5, 6, 24 + 5, 24 + 6] {
        let (was, is) = (&before[hour], &after[hour]);
        assert_eq!(fields(is, ["reserved", "usual_reserved"]), [json!(3.0), json!(0.0)], "{is}");
        assert_eq!(number(is, "free"), (number(was, "free") - 3).max(0), "{was} {is}");
        assert_eq!(number(is, "by_reservations"), number(was, "free") - number(is, "free"), "{is}");
        assert!(0 <= number(is, "lower") && number(is, "lower") <= number(is, "free"), "{is}");
        assert!(number(is, "free") <= number(is, "upper") && number(is, "upper") <= 7, "{is}");
    }
    assert_eq!(after[7]["reserved"], 0.5, "{}", after[7]);
    assert_eq!(after[8], before[8], "nothing is reserved there");

    // As many were in the weeks before, so that the history knows of them. What was given back kept no spot.
    for week in 1..=4 {
        insert_stays(&app, &place, start - week * 7 * 24 * HOUR, 3, if week % 2 == 0 { "completed" } else { "no_show" });
        insert_stays(&app, &place, start - week * 7 * 24 * HOUR, 2, "cancelled");
    }
    let usual = items().await;
    assert_eq!(fields(&usual[5], ["reserved", "usual_reserved"]), [json!(3.0), json!(3.0)], "{}", usual[5]);
    assert_eq!(number(&usual[5], "free"), number(&before[5], "free").min(7), "{} {}", before[5], usual[5]);

    // Nearly all: no more are free than are not reserved.
    let mut last = String::new();
    for spot in 3..9 {
        last = reserve(spot, 60).await;
    }
    let full = items().await;
    assert_eq!(full[5]["reserved"], 9.0, "{}", full[5]);
    assert!(number(&full[5], "free") <= 1 && number(&full[5], "upper") <= 1, "{}", full[5]);
    driver.delete(&last).await;
    assert_eq!(items().await[5]["reserved"], 8.0, "what is given back is not reserved");
    let csv = operator.get(&format!("/api/analytics/predictions.csv?site={}", place.site)).await.text();
    assert!(csv.lines().next().is_some_and(|head| head.contains("predicted_occupancy,reserved,usual_reserved,by_reservations")), "{csv}");
}
