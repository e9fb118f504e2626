//! Holidays, which forecasts know ahead.

use gatehouse_tests::App;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{HOUR, Site, fields};

#[tokio::test(flavor = "multi_thread")]
async fn a_site_s_holidays_are_set_listed_and_removed() {
    let app = App::start().await;
    let site = Site::create(&app, "car_park", "Asia/Kolkata").await;
    let (admin, anonymous) = (app.admin().await, app.anonymous());
    let path = format!("/api/sites/{}/holidays", site.slug);
    let diwali = format!("{path}/2026-11-08");
    let body = json!({"name": "Diwali", "kind": "festival"});
    anonymous.put(&diwali, body.clone()).await.expect_problem(401);
    site.operator.put(&diwali, body.clone()).await.expect_problem(403);
    let set = admin.put(&diwali, body.clone()).await.expect(200);
    assert_eq!(fields(&set, ["date", "name", "kind"]), [json!("2026-11-08"), json!("Diwali"), json!("festival")]);
    assert_eq!(admin.put(&format!("{path}/2026-01-26"), json!({"name": "Republic Day"})).await.expect(200)["kind"], "holiday");
    assert_eq!(anonymous.get(&diwali).await.expect(200), set);
    admin.put(&diwali, json!({"name": "Deepavali", "kind": "closed"})).await.expect(200);
    let dates = |page: &Value| page["items"].as_array().unwrap().iter().map(|day| day["date"].clone()).collect::<Vec<_>>();
    assert_eq!(dates(&anonymous.get(&path).await.expect(200)), [json!("2026-01-26"), json!("2026-11-08")]);
    assert_eq!(dates(&anonymous.get(&format!("{path}?from=2026-02-01")).await.expect(200)), [json!("2026-11-08")]);
    assert_eq!(dates(&anonymous.get(&format!("{path}?to=2026-02-01")).await.expect(200)), [json!("2026-01-26")]);
    let first = anonymous.get(&format!("{path}?limit=1")).await.expect(200);
    let next = format!("{path}?limit=1&cursor={}", first["next_cursor"].as_str().unwrap());
    assert_eq!(dates(&anonymous.get(&next).await.expect(200)), [json!("2026-11-08")]);

    admin.put(&format!("{path}/2026-02-30"), body.clone()).await.expect_problem(404);
    admin.put("/api/sites/nowhere/holidays/2026-11-08", body).await.expect_problem(404);
    admin.put(&diwali, json!({"kind": "party"})).await.expect_invalid(&["kind", "name"]);
    anonymous.get("/api/sites/nowhere/holidays").await.expect_problem(404);
    anonymous.get(&format!("{path}/2026-03-01")).await.expect_problem(404);
    anonymous.send(Method::DELETE, &diwali, None).await.expect_problem(401);

    admin.delete(&diwali).await.expect(204);
    admin.delete(&diwali).await.expect_problem(404);
    let trail = admin.get(&format!("/api/event-logs?entity=holidays&subject={}/2026-11-08", site.slug)).await.expect(200);
    let lines = trail["items"].as_array().unwrap();
    let actions: Vec<_> = lines.iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["deleted", "updated", "created"]);
    assert_eq!(lines[1]["detail"]["changes"]["name"], json!({"from": "Diwali", "to": "Deepavali"}));
    assert_eq!(lines[0]["detail"]["changes"]["name"], json!({"from": "Deepavali", "to": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn forecasts_know_holidays_ahead() {
    let app = App::start().await;
    let site = Site::create(&app, "temple", "UTC").await;
    let now = app.now_ms();
    site.people(&app, "A", now - now % (HOUR / 4), 10);
    let day = |plus_h: i64| chrono::DateTime::from_timestamp_millis((now / HOUR + plus_h) * HOUR).unwrap().format("%Y-%m-%d").to_string();
    let path = format!("/api/crowd/temple/{}/predictions?zone=A&hours=1", site.slug);
    let next = async || app.anonymous().get(&path).await.expect(200)["zones"][0]["predictions"][0]["special_day"].clone();
    assert_eq!(next().await, Value::Null);
    let admin = app.admin().await;
    let holiday = format!("/api/sites/{}/holidays/{}", site.slug, day(1));
    admin.put(&holiday, json!({"name": "A feast"})).await.expect(200);
    assert_eq!(next().await, "holiday");
    // What the temple's slots say of the day goes before.
    admin.put(&format!("/api/sites/{}/slots/days/{}", site.slug, day(1)), json!({"closed": true})).await.expect(200);
    assert_eq!(next().await, "closed");
}
