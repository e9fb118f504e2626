//! Reservations (docs/reference/reservations.md), from the hold to the departure.

#[path = "reservations/allowance.rs"]
mod allowance;
#[path = "reservations/change.rs"]
mod change;
#[path = "reservations/presence.rs"]
mod presence;
#[path = "reservations/support.rs"]
mod support;

use std::collections::BTreeSet;

use futures::future::join_all;
use gatehouse_tests::{App, unique};
use reqwest::Method;
use serde_json::{Value, json};
use support::{
    assert_no_overlap, car_park, expect_conflict, id, minutes, outbox_topics, path, reservation_body, reservation_body_by_kind, reserve,
    reserve_and_pay, set_kind,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_reserves_a_spot_and_holds_it_for_fifteen_minutes() {
    let app = App::start().await;
    let place = car_park(&app, 2).await;
    let driver = app.visitor().await;
    let body = reservation_body(&app, &place.spots[0].to_lowercase(), 60, 90);
    let made = reserve(&driver, body.clone()).await;
    assert_eq!((&made["status"], &made["price"], &made["currency"]), (&json!("pending_payment"), &json!(6000), &json!("INR")));
    assert_eq!((&made["spot_id"], &made["site"], &made["zone"]), (&json!(place.spots[0]), &json!(place.site), &json!("B1")));
    assert_eq!((&made["vehicle_plate"], &made["due"], &made["paid"]), (&json!("GJ01AB1234"), &json!(6000), &json!(0)));
    let hold = chrono::DateTime::parse_from_rfc3339(made["hold_expires_at"].as_str().unwrap()).unwrap().timestamp_millis();
    assert!((app.now_ms() + 14 * 60_000..=app.now_ms() + 15 * 60_000).contains(&hold));
    assert_eq!(driver.get(&path(&made)).await.expect(200), made);
    assert_eq!(driver.get("/api/reservations").await.expect(200)["items"], json!([made]));

    // Nobody else gets it, and everybody is told when it is free again.
    let other = app.visitor().await;
    let refused = expect_conflict(&other.post("/api/reservations", body.clone()).await);
    assert_eq!(refused["next_free_at"], made["end"]);
    let mut later = body.clone();
    later["start"] = made["end"].clone();
    later["end"] = json!(app.time(240 * 60));
    reserve(&other, later).await;
    // After two in a row the next free time is after both.
    let refused = expect_conflict(&other.post("/api/reservations", body).await);
    let next = chrono::DateTime::parse_from_rfc3339(refused["next_free_at"].as_str().unwrap()).unwrap();
    assert!(next.timestamp_millis() >= app.now_ms() + 239 * 60_000, "{refused}");
    assert_no_overlap(&app);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_free_spot_of_a_kind_is_chosen() {
    let app = App::start().await;
    let place = car_park(&app, 4).await;
    set_kind(&app, &place.spots[3], "ev").await;
    let driver = app.visitor().await;
    // All equal: the first in the order of the plan.
    let first = reserve(&driver, reservation_body_by_kind(&app, &place, "standard", 60, 60)).await;
    assert_eq!(first["spot_id"], json!(place.spots[0]));
    // Right after it fits it best: the long gaps of the others stay whole.
    let mut body = reservation_body_by_kind(&app, &place, "standard", 0, 0);
    body["start"] = first["end"].clone();
    body["end"] = json!(app.time(180 * 60));
    let second = reserve(&driver, body).await;
    assert_eq!(second["spot_id"], json!(place.spots[0]));
    let ev = reserve(&driver, reservation_body_by_kind(&app, &place, "ev", 60, 60)).await;
    assert_eq!((&ev["spot_id"], &ev["price"]), (&json!(place.spots[3]), &json!(5000)));
    for spot in &place.spots[1..3] {
        assert_eq!(reserve(&driver, reservation_body_by_kind(&app, &place, "standard", 60, 60)).await["spot_id"], json!(spot));
    }
    let other = app.visitor().await;
    let refused = expect_conflict(&other.post("/api/reservations", reservation_body_by_kind(&app, &place, "standard", 60, 60)).await);
    assert!(refused["next_free_at"].is_string() && refused["detail"].as_str().unwrap().contains("can begin at"), "{refused}");
    other.post("/api/reservations", reservation_body_by_kind(&app, &place, "vip", 60, 60)).await.expect_invalid(&["kind"]);
    let mut nowhere = reservation_body_by_kind(&app, &place, "ev", 60, 60);
    nowhere["site"] = json!("no-such-site");
    other.post("/api/reservations", nowhere).await.expect_invalid(&["site"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_costs_nothing_is_confirmed_at_once() {
    let app = App::start().await;
    let place = car_park(&app, 1).await;
    set_kind(&app, &place.spots[0], "accessible").await;
    let driver = app.visitor().await;
    let made = reserve(&driver, reservation_body(&app, &place.spots[0], 60, 60)).await;
    assert_eq!((&made["status"], &made["price"], &made["hold_expires_at"]), (&json!("confirmed"), &json!(0), &Value::Null));
    assert_eq!(outbox_topics(&app, id(&made)), ["reservation.confirmed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_its_key_reserves_once() {
    let app = App::start().await;
    let place = car_park(&app, 3).await;
    let driver = app.visitor().await;
    let keyed = driver.header("idempotency-key", &unique("key"));
    let body = reservation_body_by_kind(&app, &place, "standard", 60, 60);
    let answers = join_all((0..10).map(|_| keyed.post("/api/reservations", body.clone()))).await;
    let first = answers[0].expect(201);
    assert!(answers.iter().all(|answer| answer.expect(201) == first));
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed") == "true").count(), 9);
    keyed.post("/api/reservations", reservation_body_by_kind(&app, &place, "standard", 60, 61)).await.expect_invalid(&["Idempotency-Key"]);
    assert_eq!(driver.get("/api/reservations").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hoards_unpaid_holds() {
    let app = App::start().await;
    let place = car_park(&app, 23).await;
    let driver = app.visitor().await;
    let answers =
        join_all((0..22).map(|_| driver.post("/api/reservations", reservation_body_by_kind(&app, &place, "standard", 60, 60)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 20);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.expect_problem(409)["reason"], "too_many_holds");
    }
    // One that is given back makes room for another.
    let held = driver.get("/api/reservations?status=pending_payment").await.expect(200)["items"][0].clone();
    driver.delete(&path(&held)).await.expect(200);
    reserve(&driver, reservation_body_by_kind(&app, &place, "standard", 60, 60)).await;

    // What is free of charge is no way around it.
    let other = app.visitor().await;
    set_kind(&app, &place.spots[0], "accessible").await;
    for hour in 10..30 {
        reserve(&other, reservation_body_by_kind(&app, &place, "accessible", hour * 60, 60)).await;
    }
    let refused =
        other.post("/api/reservations", reservation_body_by_kind(&app, &place, "accessible", 40 * 60, 60)).await.expect_problem(409);
    assert_eq!(refused["reason"], "too_many_holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_named_and_a_device_is_turned_away() {
    let app = App::start().await;
    let place = car_park(&app, 1).await;
    let driver = app.visitor().await;
    driver.post("/api/reservations", json!({})).await.expect_invalid(&["end", "spot_id", "start", "vehicle_plate"]);
    driver
        .post("/api/reservations", json!({"spot_id": 3, "kind": "boat", "start": "soon", "end": [], "vehicle_plate": "<>"}))
        .await
        .expect_invalid(&["end", "kind", "spot_id", "start", "vehicle_plate"]);
    driver.post("/api/reservations", reservation_body(&app, "no-such-spot", 60, 60)).await.expect_invalid(&["spot_id"]);
    driver.post("/api/reservations", reservation_body(&app, &place.spots[0], -10, 60)).await.expect_invalid(&["start"]);
    driver.post("/api/reservations", reservation_body(&app, &place.spots[0], 60, 14)).await.expect_invalid(&["end"]);
    driver.post("/api/reservations", reservation_body(&app, &place.spots[0], 60, 31 * 24 * 60)).await.expect_invalid(&["end"]);
    driver.post("/api/reservations", reservation_body(&app, &place.spots[0], 121 * 24 * 60, 60)).await.expect_invalid(&["start"]);
    driver.send_bytes(Method::POST, "/api/reservations", "application/json", "{").await.expect_problem(400);
    app.anonymous().post("/api/reservations", reservation_body(&app, &place.spots[0], 60, 60)).await.expect_problem(401);
    app.anonymous().get("/api/reservations").await.expect_problem(401);
    let device = app.device(&app.new_device(&place, None).await).await;
    device.post("/api/reservations", reservation_body(&app, &place.spots[0], 60, 60)).await.expect_problem(403);
    assert_eq!(driver.get("/api/reservations").await.expect(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_sees_and_changes_only_their_own() {
    let app = App::start().await;
    let place = car_park(&app, 2).await;
    let (driver, other) = (app.visitor().await, app.visitor().await);
    let made = reserve(&driver, reservation_body(&app, &place.spots[0], 60, 60)).await;
    let path = path(&made);
    other.get(&path).await.expect_problem(404);
    other.put(&path, json!({"vehicle_plate": "GJ02"})).await.expect_problem(404);
    other.delete(&path).await.expect_problem(404);
    assert_eq!(other.get("/api/reservations").await.expect(200)["items"], json!([]));
    other.get("/api/reservations?user_id=x").await.expect_invalid(&["user_id"]);
    for step in ["arrive", "depart"] {
        driver.post(&format!("{path}/{step}"), json!({})).await.expect_problem(403);
        app.anonymous().post(&format!("{path}/{step}"), json!({})).await.expect_problem(401);
    }
    other.get(&format!("/api/reservations/arrivals?site={}", place.site)).await.expect_problem(403);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let body = json!({"vehicle_plate": "GJ02"});
        driver.send(method, "/api/reservations/nobody", Some(&body)).await.expect_problem(404);
    }

    let operator = app.operator().await;
    assert_eq!(operator.get(&path).await.expect(200), made);
    let user = made["user_id"].as_str().unwrap();
    for filter in [format!("user_id={user}"), format!("site={}", place.site), format!("spot_id={}", place.spots[0])] {
        let listed =
            operator.get(&format!("/api/reservations?{filter}&status=pending_payment&vehicle_plate=gj01-ab1234")).await.expect(200);
        assert_eq!(listed["items"], json!([made]), "{filter}");
    }
    operator.get("/api/reservations?status=parked").await.expect_invalid(&["status"]);
    let arrivals = operator.get(&format!("/api/reservations/arrivals?site={}", place.site)).await.expect(200);
    assert_eq!(arrivals["items"], json!([made]));
    operator.get("/api/reservations/arrivals").await.expect_invalid(&["site"]);
    let none = operator.get(&format!("/api/reservations/arrivals?site={}&status=arrived", place.site)).await.expect(200);
    assert_eq!(none["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_paged_newest_first() {
    let app = App::start().await;
    let place = car_park(&app, 5).await;
    let driver = app.visitor().await;
    let mut made = Vec::new();
    for spot in &place.spots {
        made.push(id(&reserve(&driver, reservation_body(&app, spot, 60, 60)).await).to_owned());
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = driver.get(&format!("/api/reservations?limit=2{cursor}")).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| id(item).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    made.reverse();
    assert_eq!(seen, made);
    let operator = app.operator().await;
    let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = operator.get(&format!("/api/reservations/arrivals?site={}&limit=2{cursor}", place.site)).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| id(item).to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, made.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_hold_that_is_not_paid_lapses() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = car_park(&app, 1).await;
    let made = reserve(&app.visitor().await, reservation_body(&app, &place.spots[0], 60, 60)).await;
    app.advance(minutes(16));
    let operator = app.operator().await;
    // It shows so before the scheduled run, which writes it down.
    let shown = operator.get(&path(&made)).await.expect(200);
    assert_eq!((&shown["status"], &shown["due"]), (&json!("expired"), &json!(0)));
    let tick = app.tick().await;
    assert_eq!(tick["reservations"]["expired"], 1, "{tick}");
    assert_eq!(app.tick().await["reservations"]["expired"], 0);
    assert_eq!(outbox_topics(&app, id(&made)), ["reservation.expired"]);
    operator.delete(&path(&made)).await.expect_problem(409);
    operator.put(&path(&made), json!({"vehicle_plate": "GJ02"})).await.expect_problem(409);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_hold_lasts_no_longer_when_the_clock_is_set_back() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = car_park(&app, 1).await;
    let made = reserve(&app.visitor().await, reservation_body(&app, &place.spots[0], 60, 60)).await;
    app.set_back(minutes(60));
    assert_eq!(app.tick().await["reservations"]["expired"], 0);
    app.advance(minutes(14));
    assert_eq!(app.tick().await["reservations"]["expired"], 0);
    app.advance(minutes(2));
    assert_eq!(app.tick().await["reservations"]["expired"], 1);
    assert_eq!(app.operator().await.get(&path(&made)).await.expect(200)["status"], "expired");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_cancelled_one_frees_its_spot_and_gives_back_by_the_sites_rule() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = car_park(&app, 3).await;
    let driver = app.visitor().await;
    let held = reserve(&driver, reservation_body(&app, &place.spots[0], 90, 60)).await;
    let cancelled = driver.delete(&path(&held)).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["refund"]), (&json!("cancelled"), &json!(0)));
    driver.delete(&path(&held)).await.expect_problem(409);
    // In good time, late, and after the start.
    let refund = async |spot: usize, in_minutes: i64| {
        let driver = app.visitor().await;
        let made = reserve_and_pay(&app, &driver, reservation_body(&app, &place.spots[spot], in_minutes, 60)).await;
        let cancelled = driver.delete(&path(&made)).await.expect(200);
        assert_eq!(cancelled["status"], "cancelled");
        let sql = "select coalesce(sum(f.amount), 0) from refunds f join payments p on p.id = f.payment where p.reservation = ?";
        let rows: i64 = app.db().query_row(sql, [id(&made)], |row| row.get(0)).unwrap();
        assert_eq!(cancelled["refund"], json!(rows));
        assert_eq!(cancelled["paid"], json!(4000 - rows));
        assert_eq!(outbox_topics(&app, id(&made)), ["reservation.confirmed", "reservation.cancelled"]);
        rows
    };
    assert_eq!(refund(0, 90).await, 4000);
    assert_eq!(refund(1, 30).await, 2000);
    assert_eq!(refund(2, 0).await, 0);
    // The spots are free again.
    let driver = app.visitor().await;
    for spot in &place.spots {
        reserve(&driver, reservation_body(&app, spot, 0, 60)).await;
    }
    assert_no_overlap(&app);
}
