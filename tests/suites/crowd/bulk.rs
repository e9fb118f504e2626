//! Many counts in one request, each judged alone.

use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

use crate::Temple;

#[tokio::test(flavor = "multi_thread")]
async fn each_count_of_an_array_is_judged_alone() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    temple.count(&app, "HALL", 100, -100).await.expect(201);
    let count = |zone: &str, count: Value, plus_s: i64| json!({"zone": zone, "count": count, "timestamp": app.time(plus_s)});
    let first = count("hall", json!(640), -50);
    let body = json!([
        first, count("HALL", json!(650), -40), first, count("HALL", json!(-1), -30), 7, count("NONE", json!(1), -30),
        count("HALL", json!(5), -200), count("YARD", json!(30), -20), {"zone": "HALL"},
    ]);
    let tally = temple.operator.post(&temple.path("update"), body.clone()).await.expect(200);
    assert_eq!((&tally["accepted"], &tally["duplicate"], &tally["rejected"]), (&json!(4), &json!(1), &json!(4)));
    let errors = tally["errors"].as_array().unwrap();
    let named: Vec<_> = errors.iter().map(|it| (it["index"].as_u64().unwrap(), it["reason"].as_str().unwrap())).collect();
    assert_eq!(named, [(3, "invalid: count"), (4, "invalid: body"), (5, "invalid: zone"), (8, "invalid: count, timestamp")]);
    assert!(errors[3]["errors"]["count"][0].is_string());

    // The state went through the new ones in the order of time; the late one turned nothing back.
    let hall = temple.now(&app, "HALL").await;
    assert_eq!((&hall["count"], &hall["level"]), (&json!(650), &json!("high")));
    assert_eq!(temple.now(&app, "YARD").await["count"], 30);
    assert_eq!(temple.alerts().await.len(), 1);
    let again = temple.operator.post(&temple.path("update"), body).await.expect(200);
    assert_eq!((&again["accepted"], &again["duplicate"]), (&json!(0), &json!(5)));

    let empty = temple.operator.post(&temple.path("update"), json!([])).await.expect(200);
    assert_eq!(empty, json!({"accepted": 0, "duplicate": 0, "rejected": 0, "errors": []}));
    temple.operator.post(&temple.path("update"), json!(vec![0; 5001])).await.expect_problem(413);
    temple.operator.post("/api/crowd/temple/nowhere/update", json!([])).await.expect_problem(404);
    let cut_off = temple.operator.send_bytes(reqwest::Method::POST, &temple.path("update"), "application/json", "[{").await;
    cut_off.expect_problem(400);
    app.visitor().await.post(&temple.path("update"), json!([])).await.expect_problem(403);
    app.anonymous().post(&temple.path("update"), json!([])).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_batch_went_through_raises_nothing_when_it_is_over() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    let counts = [100, 900, 950, 900, 200, 150]
        .iter()
        .enumerate()
        .map(|(index, count)| json!({"zone": "HALL", "count": count, "timestamp": app.time(-100 + i64::try_from(index).unwrap())}));
    let tally = temple.operator.post(&temple.path("update"), Value::from(counts.collect::<Vec<_>>())).await.expect(200);
    assert_eq!(tally["accepted"], 6);
    assert_eq!(temple.now(&app, "HALL").await["level"], "low");
    assert!(temple.alerts().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_uploads_what_it_kept_of_its_own_zone_alone() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    let code = unique("CNT").to_uppercase();
    app.admin().await.post("/api/devices/", json!({"device_code": code, "site": temple.site, "zone": "HALL"})).await.expect(201);
    let device = app.device(&code).await;
    let body = json!([
        {"zone": "HALL", "count": 1, "timestamp": app.time(-9)},
        {"zone": "YARD", "count": 2, "timestamp": app.time(-9)},
        {"zone": "hall", "count": 3, "timestamp": app.time(-8)},
    ]);
    let tally = device.post(&temple.path("update"), body).await.expect(200);
    assert_eq!((&tally["accepted"], &tally["rejected"], &tally["errors"][0]["index"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(temple.now(&app, "YARD").await["count"], Value::Null);
    assert_eq!(temple.operator.get(&format!("/api/devices/{code}")).await.expect(200)["health"], "healthy");
}
