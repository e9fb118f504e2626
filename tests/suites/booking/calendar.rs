//! What a temple offers: templates by weekday, closures, festivals; by the temple's own clock.

use gatehouse_tests::{App, unique};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Temple, path};

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_made_changed_and_deleted_by_an_administrator() {
    let app = App::start().await;
    let temple = Temple::create(&app, 10).await;
    let admin = app.admin().await;
    let at = format!("/api/sites/{}/slots", temple.slug);
    let listed = app.anonymous().get(&format!("{at}?weekday=monday")).await.expect(200);
    let slots: Vec<_> = listed["items"].as_array().unwrap().iter().map(|it| it["slot"].clone()).collect();
    assert_eq!(slots, [json!("06:00-07:00"), json!("07:00-08:00")]);
    let all = app.anonymous().get(&format!("{at}?limit=9")).await.expect(200);
    let rest = app.anonymous().get(&format!("{at}?limit=9&cursor={}", all["next_cursor"].as_str().unwrap())).await.expect(200);
    assert_eq!((all["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (9, 5));

    let made = admin.post(&at, json!({"weekday": "monday", "start": "20:00", "end": "24:00", "capacity": 5})).await.expect(201);
    let one = format!("{at}/{}", made["items"][0]["id"].as_str().unwrap());
    assert_eq!(app.anonymous().get(&one).await.expect(200)["end"], "24:00");
    assert_eq!(admin.patch(&one, json!({"capacity": 7})).await.expect(200)["capacity"], 7);
    admin.patch(&one, json!({"capacity": 0, "start": "19:00"})).await.expect_invalid(&["capacity", "start"]);
    assert_eq!(admin.delete(&one).await.status, 204);
    admin.get(&one).await.expect_problem(404);
    admin.patch(&one, json!({"capacity": 7})).await.expect_problem(404);
    admin.delete(&one).await.expect_problem(404);

    for (body, fields) in [
        (json!({}), &["capacity", "end", "start", "weekdays"][..]),
        (json!({"weekdays": ["funday"], "start": "25:00", "end": "07:00", "capacity": 0}), &["capacity", "start", "weekdays[0]"]),
        (json!({"weekday": "monday", "start": "09:00", "end": "08:00", "capacity": 5}), &["end"]),
        (json!({"weekday": "monday", "slot": "dawn", "capacity": 5}), &["slot"]),
        (json!({"weekdays": [], "slot": "09:00-10:00", "capacity": 5}), &["weekdays"]),
    ] {
        admin.post(&at, body).await.expect_invalid(fields);
    }
    let overlapping = json!({"weekdays": ["sunday", "monday"], "start": "06:30", "end": "06:45", "capacity": 5});
    assert_eq!(admin.post(&at, overlapping).await.expect_problem(409)["reason"], "overlaps");
    admin.post("/api/sites/nowhere/slots", json!({"weekday": "monday", "slot": "09:00-10:00", "capacity": 5})).await.expect_problem(404);
    let operator = app.operator().await;
    for (method, path) in [(Method::POST, at.clone()), (Method::PATCH, one.clone()), (Method::DELETE, one.clone())] {
        operator.send(method.clone(), &path, Some(&json!({}))).await.expect_problem(403);
        app.anonymous().send(method, &path, Some(&json!({}))).await.expect_problem(401);
    }
}

/// The template of the first slot on the day of `temple.date`.
async fn template(app: &App, temple: &Temple) -> String {
    let weekday = chrono::NaiveDate::parse_from_str(&temple.date, "%Y-%m-%d").unwrap().format("%A").to_string().to_lowercase();
    let listed = app.anonymous().get(&format!("/api/sites/{}/slots?weekday={weekday}", temple.slug)).await.expect(200);
    format!("/api/sites/{}/slots/{}", temple.slug, listed["items"][0]["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_keeps_what_was_promised_and_what_grows_goes_to_who_waits() {
    let app = App::start().await;
    let temple = Temple::create(&app, 4).await;
    let (admin, pilgrim) = (app.admin().await, app.visitor().await);
    pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let waiting = pilgrim.post("/api/bookings/waitlist", temple.booking_body(3)).await.expect(201);
    let one = template(&app, &temple).await;
    let refused = admin.patch(&one, json!({"capacity": 3})).await.expect_problem(409);
    assert_eq!(refused["reason"], "booked");
    assert!(refused["detail"].as_str().unwrap().contains(&temple.date), "{refused}");
    assert_eq!(admin.delete(&one).await.expect_problem(409)["reason"], "booked");
    admin.patch(&one, json!({"capacity": 7})).await.expect(200);
    assert_eq!(pilgrim.get(&path(&waiting)).await.expect(200)["status"], "confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_and_a_festival_stand_over_the_weekday() {
    let app = App::start().await;
    let temple = Temple::create(&app, 10).await;
    let (admin, pilgrim) = (app.admin().await, app.visitor().await);
    let booking = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let days = format!("/api/sites/{}/slots/days", temple.slug);
    let day = format!("{days}/{}", temple.date);
    admin.get(&day).await.expect_problem(404);

    // A festival: the booked slot stays and grows, the other goes, a third comes.
    let festival = json!({"reason": "Maha Shivaratri", "slots": [
        {"start": "06:00", "end": "07:00", "capacity": 50}, {"slot": "22:00-24:00", "capacity": 80},
    ]});
    let set = admin.put(&day, festival).await.expect(200);
    assert_eq!((&set["closed"], &set["revoked"], &set["slots"][1]["slot"]), (&json!(false), &json!(0), &json!("22:00-24:00")));
    let shown = app.anonymous().get(&temple.slots_path()).await.expect(200);
    let capacities: Vec<_> = shown["items"].as_array().unwrap().iter().map(|it| (it["slot"].clone(), it["capacity"].clone())).collect();
    assert_eq!(capacities, [(json!("06:00-07:00"), json!(50)), (json!("22:00-24:00"), json!(80))]);
    assert_eq!((&shown["special"], &shown["reason"]), (&json!(true), &json!("Maha Shivaratri")));
    pilgrim.post("/api/bookings/", temple.booking_body_with("slot", json!("07:00-08:00"))).await.expect_invalid(&["slot"]);
    let night = pilgrim.post("/api/bookings/", temple.booking_body_with("slot", json!("22:00"))).await.expect(201);
    let too_few = json!({"slots": [{"start": "06:00", "end": "07:00", "capacity": 3}, {"slot": "22:00-24:00", "capacity": 80}]});
    assert_eq!(admin.put(&day, too_few).await.expect_problem(409)["reason"], "booked");

    // A closure takes bookings back only when it is told to.
    let closed = json!({"closed": true, "reason": "Cyclone"});
    assert_eq!(admin.put(&day, closed).await.expect_problem(409)["reason"], "booked");
    assert_eq!(pilgrim.get(&path(&booking)).await.expect(200)["status"], "confirmed");
    let set = admin.put(&day, json!({"closed": true, "reason": "Cyclone", "revoke": true})).await.expect(200);
    assert_eq!((&set["closed"], &set["revoked"]), (&json!(true), &json!(2)));
    for booking in [&booking, &night] {
        let shown = pilgrim.get(&path(booking)).await.expect(200);
        assert_eq!((&shown["status"], &shown["reason"]), (&json!("revoked"), &json!("Cyclone")));
    }
    let refused = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect_problem(409);
    assert_eq!(refused["reason"], "closed");
    assert!(refused["detail"].as_str().unwrap().contains("Cyclone"), "{refused}");
    let shown = app.anonymous().get(&temple.slots_path()).await.expect(200);
    assert_eq!((&shown["closed"], &shown["items"]), (&json!(true), &json!([])));
    let listed = app.anonymous().get(&format!("{days}?from={0}&to={0}", temple.date)).await.expect(200);
    assert_eq!(listed["items"][0]["reason"], "Cyclone");

    assert_eq!(admin.delete(&day).await.status, 204);
    admin.delete(&day).await.expect_problem(404);
    pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_makes_no_sense_is_refused() {
    let app = App::start().await;
    let temple = Temple::create(&app, 10).await;
    let admin = app.admin().await;
    let days = format!("/api/sites/{}/slots/days", temple.slug);
    let day = format!("{days}/{}", temple.date);
    let slot = |start: &str, end: &str, capacity: Value| json!({"start": start, "end": end, "capacity": capacity});
    for (body, fields) in [
        (json!({}), &["slots"][..]),
        (json!({"closed": "yes", "reason": "", "slots": 7}), &["closed", "reason", "slots"]),
        (json!({"closed": true, "slots": [slot("06:00", "07:00", json!(5))]}), &["slots"]),
        (json!({"closed": false, "slots": []}), &["closed"]),
        (json!({"slots": [slot("06:00", "07:00", json!(5)), slot("06:30", "08:00", json!(5))]}), &["slots"]),
        (json!({"slots": [slot("07:00", "06:00", json!(0)), 7]}), &["slots[0].capacity", "slots[0].end", "slots[1]"]),
    ] {
        admin.put(&day, body).await.expect_invalid(fields);
    }
    admin.put(&format!("{days}/2020-01-01"), json!({"closed": true})).await.expect_invalid(&["date"]);
    admin.put(&format!("{days}/tomorrow"), json!({"closed": true})).await.expect_problem(404);
    admin.put(&format!("/api/sites/nowhere/slots/days/{}", temple.date), json!({"closed": true})).await.expect_problem(404);
    admin.get(&format!("{days}?from=yesterday")).await.expect_invalid(&["from"]);
    admin.get(&format!("{days}?colour=red")).await.expect_invalid(&["colour"]);
    let operator = app.operator().await;
    operator.put(&day, json!({"closed": true})).await.expect_problem(403);
    operator.delete(&day).await.expect_problem(403);
    app.anonymous().put(&day, json!({"closed": true})).await.expect_problem(401);
    admin.get(&day).await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_s_slots_are_paged() {
    let app = App::start().await;
    let temple = Temple::create(&app, 10).await;
    let first = app.anonymous().get(&format!("{}&limit=1", temple.slots_path())).await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = app.anonymous().get(&format!("{}&limit=1&cursor={cursor}", temple.slots_path())).await.expect(200);
    let slots: Vec<_> = [&first, &second].iter().map(|page| page["items"].as_array().unwrap().clone()).collect();
    assert_eq!((slots[0].len(), slots[1].len()), (1, 1));
    assert_eq!((&slots[0][0]["slot"], &slots[1][0]["slot"]), (&json!("06:00-07:00"), &json!("07:00-08:00")));
    assert!(second["next_cursor"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_begins_by_the_temple_s_own_clock() {
    let app = App::start().await;
    let admin = app.admin().await;
    let slug = unique("temple");
    let body = json!({
        "slug": slug, "name": "A temple", "kind": "temple", "latitude": 40.7, "longitude": -74.0, "time_zone": "America/New_York",
        "capacity": 100,
    });
    admin.post("/api/sites", body).await.expect(201);
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    admin.post(&format!("/api/sites/{slug}/slots"), json!({"weekdays": days, "slot": "06:00-07:00", "capacity": 10})).await.expect(201);
    // Noon in UTC is morning there: the same date, four or five hours behind.
    for (date, hour) in [("2026-07-01", 10), ("2026-01-07", 11)] {
        let shown = app.anonymous().get(&format!("/api/bookings/temple/{slug}/slots?date={date}")).await.expect(200);
        assert_eq!(shown["items"][0]["starts_at"], format!("{date}T{hour}:00:00Z"));
    }
    // A time zone that nobody has is the administrator's to correct, and no fault of the server's.
    admin.patch(&format!("/api/sites/{slug}"), json!({"time_zone": "Atlantis/Lost"})).await;
    let answer = app.anonymous().get(&format!("/api/bookings/temple/{slug}/slots")).await;
    assert!(answer.status == 409 || answer.status == 200, "{}", answer.text());
}
