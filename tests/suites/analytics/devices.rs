//! How well devices worked.

use gatehouse_tests::App;
use serde_json::{Value, json};

use crate::{fields, ms};

fn read(app: &App, device: &str, at: i64, battery: Option<f64>) {
    app.db()
        .execute(
            "insert into readings (device_id, at, received_at, voltage, current, power_factor, power_w, battery, flags)
             values ((select id from devices where code = ?1), ?2, ?2, 230, 1, 1, 230, ?3, 0)",
            (device, at, battery),
        )
        .expect("a reading");
}

#[tokio::test(flavor = "multi_thread")]
async fn uptime_gaps_and_batteries_are_those_of_what_was_measured() {
    let app = App::start().await;
    let place = app.place(1).await;
    let (device, silent, new) =
        (app.new_device(&place, Some(0)).await, app.new_device(&place, None).await, app.new_device(&place, None).await);
    let from = ms("2026-02-04T10:00:00Z");
    app.db().execute("update devices set created_at = ?1 where code in (?2, ?3)", (from - 1, &device, &silent)).unwrap();
    let minute = 60_000;
    for (at, battery) in [(-30, Some(0.95)), (0, Some(0.9)), (10, None), (20, Some(0.85)), (50, Some(0.8)), (60, Some(0.1))] {
        read(&app, &device, from + at * minute, battery);
    }
    // What a sensor says of its spot is a sign of life, too.
    app.db()
        .execute(
            "insert into occupancy_log (device_id, at, received_at, occupied) values ((select id from devices where code = ?1), ?2, ?2, 1)",
            (&device, from + 55 * minute),
        )
        .unwrap();
    let operator = app.operator().await;
    let names = ["uptime", "gaps", "silent_seconds", "longest_gap_seconds", "readings", "battery", "battery_lowest", "battery_used"];
    let told = async |query: &str, device: &str| -> [Value; 8] {
        let answer = operator.get(&format!("/api/analytics/devices?site={}&{query}", place.site)).await.expect(200);
        let items = answer["items"].as_array().unwrap();
        assert_eq!(items.len(), 3, "{answer}");
        fields(items.iter().find(|item| item["device_code"] == device).expect("the device"), names)
    };
    let hour = "from=2026-02-04T10:00:00Z&to=2026-02-04T11:00:00Z";
    // Silent from the twentieth minute to the fiftieth.
    assert_eq!(json!(told(hour, &device).await), json!([50.0, 1, 1800.0, 1800.0, 4, 0.1, 0.8, 0.1]));
    assert_eq!(json!(told(hour, &silent).await), json!([0.0, 1, 3600.0, 3600.0, 0, null, null, null]));
    assert_eq!(json!(told(hour, &new).await), json!([null, 0, 0.0, null, 0, null, null, null]), "it was not there yet");
    let answer = operator.get(&format!("/api/analytics/devices?site={}&zone={}", place.site, place.zone)).await.expect(200);
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer["items"][0]["zone"], json!(place.zone));
}
