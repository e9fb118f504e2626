//! On what terms a slot is offered: how many bookings a person may have, until when it is booked, which slots are there on a day at all.

use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

use crate::support::{Temple, date, path};

const EVERY_DAY: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// A temple in this time zone, with these slots on every day: times, and further fields of their template.
async fn temple(app: &App, zone: &str, slots: &[(&str, Value)]) -> String {
    let admin = app.admin().await;
    let slug = unique("temple");
    let body = json!({
        "slug": slug, "name": "A temple", "kind": "temple", "latitude": 20.9, "longitude": 70.4, "time_zone": zone, "capacity": 5000,
    });
    admin.post("/api/sites", body).await.expect(201);
    for (slot, further) in slots {
        let mut body = json!({"weekdays": EVERY_DAY, "slot": slot, "capacity": 40});
        body.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        admin.post(&format!("/api/sites/{slug}/slots"), body).await.expect(201);
    }
    slug
}

fn wish(temple: &str, date: &str, slot: &str) -> Value {
    json!({"temple_id": temple, "date": date, "slot": slot, "party_size": 2})
}

async fn listed(app: &App, temple: &str, date: &str) -> Value {
    app.anonymous().get(&format!("/api/bookings/temple/{temple}/slots?date={date}")).await.expect(200)
}

async fn book(pilgrim: &Client, temple: &str, date: &str, slot: &str) -> gatehouse_tests::Response {
    pilgrim.post("/api/bookings/", wish(temple, date, slot)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_one_booking_of_a_slot_unless_its_template_says_more() {
    let app = App::start().await;
    let temple = temple(&app, "Asia/Kolkata", &[("06:00-07:00", json!({})), ("07:00-08:00", json!({"bookings_per_person": 2}))]).await;
    let (pilgrim, other, date) = (app.visitor().await, app.visitor().await, date(&app, 1));
    // However many requests come at the same time.
    let asked = join_all((0..8).map(|_| book(&pilgrim, &temple, &date, "06:00-07:00"))).await;
    let made: Vec<_> = asked.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 1);
    for refused in asked.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.expect_problem(409)["reason"], "per_person");
    }
    let refused = pilgrim.post("/api/bookings/waitlist", wish(&temple, &date, "06:00-07:00")).await.expect_problem(409);
    assert_eq!(refused["reason"], "per_person");
    book(&other, &temple, &date, "06:00-07:00").await.expect(201);
    book(&pilgrim, &temple, &crate::support::date(&app, 2), "06:00-07:00").await.expect(201);
    // What was given back does not count.
    pilgrim.patch(&format!("{}/cancel", path(&made[0].json())), json!({})).await.expect(200);
    book(&pilgrim, &temple, &date, "06:00-07:00").await.expect(201);

    book(&pilgrim, &temple, &date, "07:00-08:00").await.expect(201);
    book(&pilgrim, &temple, &date, "07:00-08:00").await.expect(201);
    assert_eq!(book(&pilgrim, &temple, &date, "07:00-08:00").await.expect_problem(409)["reason"], "per_person");
    // Who sits at the temple's counter books for many.
    let operator = app.operator().await;
    for _ in 0..3 {
        book(&operator, &temple, &date, "06:00-07:00").await.expect(201);
    }

    let day = listed(&app, &temple, &date).await;
    assert_eq!((&day["items"][0]["bookings_per_person"], &day["items"][1]["bookings_per_person"]), (&json!(1), &json!(2)));
    let admin = app.admin().await;
    let slots = format!("/api/sites/{temple}/slots");
    for slot in admin.get(&format!("{slots}?limit=500")).await.expect(200)["items"].as_array().unwrap() {
        let one = format!("{slots}/{}", slot["id"].as_str().unwrap());
        let changed = admin.patch(&one, json!({"bookings_per_person": 3, "closes_after_minutes": -30})).await.expect(200);
        assert_eq!((&changed["capacity"], &changed["closes_after_minutes"]), (&json!(40), &json!(-30)));
        let changed = admin.patch(&one, json!({"closes_after_minutes": null})).await.expect(200);
        assert_eq!((&changed["bookings_per_person"], &changed["closes_after_minutes"]), (&json!(3), &json!(null)));
    }
    book(&pilgrim, &temple, &date, "07:00-08:00").await.expect(201);
    let bad = json!({"weekday": "monday", "slot": "09:00-10:00", "capacity": 5, "bookings_per_person": 0, "closes_after_minutes": 1441});
    admin.post(&slots, bad).await.expect_invalid(&["bookings_per_person", "closes_after_minutes"]);
    // A festival has terms of its own.
    let festival =
        json!({"slots": [{"slot": "06:00-07:00", "capacity": 40}, {"slot": "07:00-08:00", "capacity": 40, "bookings_per_person": 4}]});
    let set = admin.put(&format!("{slots}/days/{date}"), festival).await.expect(200);
    assert_eq!(set["slots"][1]["bookings_per_person"], 4);
    book(&pilgrim, &temple, &date, "07:00-08:00").await.expect(201);
    assert_eq!(book(&pilgrim, &temple, &date, "07:00-08:00").await.expect_problem(409)["reason"], "per_person");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_walks_in_books_until_the_slot_ends_unless_it_closes_earlier() {
    let Some(app) = App::embedded_at("2026-02-04T10:00:00Z", &[]).await else { return };
    let slots = [
        ("06:00-07:00", json!({})),
        ("07:00-08:00", json!({"closes_after_minutes": 0})),
        ("08:00-09:00", json!({"closes_after_minutes": -60})),
    ];
    let (temple, date) = (temple(&app, "Asia/Kolkata", &slots).await, "2026-02-05");
    let user = app.new_user("visitor", json!({})).await;
    let status = |day: &Value, index: usize| day["items"][index]["status"].as_str().unwrap().to_owned();

    // 06:30 there.
    app.advance(Duration::from_millis(u64::try_from(1_770_253_200_000 - app.now_ms()).unwrap()));
    let (pilgrim, operator) = (app.login(&user.0, &user.1).await, app.operator().await);
    let day = listed(&app, &temple, date).await;
    assert_eq!([status(&day, 0), status(&day, 1), status(&day, 2)], ["available", "available", "available"]);
    assert_eq!(day["items"][0]["closes_at"], day["items"][0]["ends_at"]);
    assert_eq!(day["items"][2]["closes_at"], day["items"][1]["starts_at"]);
    let walk_in = book(&pilgrim, &temple, date, "06:00-07:00").await.expect(201);
    let let_in = operator.post(&format!("{}/checkin", path(&walk_in)), json!({"ticket": walk_in["ticket"]})).await.expect(200);
    assert_eq!(let_in["status"], "checked_in");
    let waiting = app.visitor().await.post("/api/bookings/waitlist", wish(&temple, date, "06:00-07:00")).await.expect_problem(409);
    assert_eq!(waiting["reason"], "begun");

    // 07:00 there: the first is over, and the others have closed, one as it begins and one before.
    app.advance(Duration::from_millis(u64::try_from(1_770_255_000_000 - app.now_ms()).unwrap()));
    let pilgrim = app.login(&user.0, &user.1).await;
    let day = listed(&app, &temple, date).await;
    assert_eq!([status(&day, 0), status(&day, 1), status(&day, 2)], ["past", "closed", "closed"]);
    for (slot, reason) in [("06:00-07:00", "over"), ("07:00-08:00", "booking_closed"), ("08:00-09:00", "booking_closed")] {
        assert_eq!(book(&pilgrim, &temple, date, slot).await.expect_problem(409)["reason"], reason, "{slot}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_offered_can_be_booked() {
    let app = App::start().await;
    let temple = temple(&app, "Asia/Kolkata", &[("06:00-07:00", json!({})), ("07:00-08:00", json!({"closes_after_minutes": -3000}))]).await;
    let pilgrim = app.visitor().await;
    let mut offered = Vec::new();
    for ahead in [-1, 0, 1, 2, 3, 119, 120, 121, 122, 400] {
        let date = date(&app, ahead);
        for slot in listed(&app, &temple, &date).await["items"].as_array().unwrap() {
            let is_offered = ["available", "filling"].contains(&slot["status"].as_str().unwrap());
            let answer = book(&pilgrim, &temple, &date, slot["slot"].as_str().unwrap()).await;
            assert_eq!(answer.status == 201, is_offered, "{date} {slot}: {}", answer.text());
            if ahead > 120 {
                assert_eq!(slot["status"], "not_open");
                answer.expect_invalid(&["date"]);
            }
            offered.push(is_offered);
        }
    }
    assert!(offered.contains(&true) && offered.contains(&false));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_slot_that_the_clocks_leap_over_is_not_sold() {
    let Some(app) = App::embedded_at("2026-03-25T10:00:00Z", &[]).await else { return };
    let slots = ["01:30-02:30", "02:30-02:45", "03:00-04:00"].map(|slot| (slot, json!({})));
    let temple = temple(&app, "Europe/Berlin", &slots).await;
    let (admin, pilgrim, leap) = (app.admin().await, app.visitor().await, "2026-03-29");
    let day = listed(&app, &temple, leap).await;
    let shown: Vec<_> = day["items"].as_array().unwrap().iter().map(|slot| slot["slot"].as_str().unwrap()).collect();
    assert_eq!((shown, &day["skipped"]), (vec!["01:30-02:30", "03:00-04:00"], &json!(["02:30-02:45"])));
    let refused = book(&pilgrim, &temple, leap, "02:30-02:45").await.expect_invalid(&["slot"]);
    assert!(refused["errors"]["slot"][0].as_str().unwrap().contains("clocks go forward"), "{refused}");
    pilgrim.post("/api/bookings/waitlist", wish(&temple, leap, "02:30-02:45")).await.expect_invalid(&["slot"]);
    // What of a slot is there, is sold.
    let half = book(&pilgrim, &temple, leap, "01:30-02:30").await.expect(201);
    assert_eq!((&half["starts_at"], &half["ends_at"]), (&json!("2026-03-29T00:30:00Z"), &json!("2026-03-29T01:00:00Z")));
    let plan = json!({"slots": [{"slot": "01:00-02:00", "capacity": 5}, {"slot": "02:00-03:00", "capacity": 5}]});
    admin.put(&format!("/api/sites/{temple}/slots/days/{leap}"), plan.clone()).await.expect_invalid(&["slots[1]"]);
    admin.put(&format!("/api/sites/{temple}/slots/days/2026-03-30"), plan).await.expect(200);
    assert_eq!(listed(&app, &temple, "2026-03-28").await["skipped"], json!([]));
    book(&pilgrim, &temple, "2026-03-28", "02:30-02:45").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_temple_s_clock_stays_while_bookings_are_to_come() {
    let Some(app) = App::embedded(&[]).await else { return };
    let temple = Temple::create(&app, 4).await;
    let (admin, pilgrim) = (app.admin().await, app.visitor().await);
    let site = format!("/api/sites/{}", temple.slug);
    let booking = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let waiting = pilgrim.post("/api/bookings/waitlist", temple.booking_body(4)).await.expect(201);
    let refused = admin.patch(&site, json!({"time_zone": "Asia/Dubai", "name": "Another"})).await.expect_problem(409);
    assert_eq!(refused["reason"], "booked");
    assert!(refused["detail"].as_str().unwrap().contains("bookings"), "{refused}");
    let unchanged = admin.get(&site).await.expect(200);
    assert_eq!((&unchanged["time_zone"], &unchanged["name"]), (&json!("Asia/Kolkata"), &json!("A temple")));
    // The same zone is no change, and nothing else is held up.
    admin.patch(&site, json!({"time_zone": "Asia/Kolkata", "name": "Renamed"})).await.expect(200);
    // Who waits holds it too.
    pilgrim.patch(&format!("{}/cancel", path(&waiting)), json!({})).await.expect(200);
    pilgrim.patch(&format!("{}/cancel", path(&booking)), json!({})).await.expect(200);
    admin.patch(&site, json!({"time_zone": "Asia/Dubai"})).await.expect(200);
    let moved = pilgrim.post("/api/bookings/", temple.booking_body(1)).await.expect(201);
    assert_eq!(moved["starts_at"], format!("{}T02:00:00Z", temple.date));
    // What is over holds nothing.
    temple.advance_to_slot(&app, &moved, 3601);
    app.admin().await.patch(&site, json!({"time_zone": "Asia/Kolkata"})).await.expect(200);
    app.admin().await.patch("/api/sites/nowhere", json!({"time_zone": "Asia/Kolkata"})).await.expect_problem(404);
}
