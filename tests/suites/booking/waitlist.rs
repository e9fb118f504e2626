//! The waitlist: who may join, in which order bookings are promoted, which notifications are sent.

use gatehouse_tests::receiver::Receiver;
use gatehouse_tests::{App, Client, channels};
use serde_json::{Value, json};

use crate::support::{Temple, id, path};

async fn join_waitlist(pilgrim: &Client, temple: &Temple, party_size: i64) -> Value {
    pilgrim.post("/api/bookings/waitlist", temple.booking_body(party_size)).await.expect(201)
}

async fn status(pilgrim: &Client, booking: &Value) -> Value {
    pilgrim.get(&path(booking)).await.expect(200)["status"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_moves_up_by_itself_in_order_and_passes_over_who_does_not_fit() {
    let app = App::start().await;
    let temple = Temple::create(&app, 10).await;
    let pilgrim = app.visitor().await;
    let six = pilgrim.post("/api/bookings/", temple.booking_body(6)).await.expect(201);
    let refused = pilgrim.post("/api/bookings/waitlist", temple.booking_body(4)).await.expect_problem(409);
    assert_eq!(refused["reason"], "places_left");
    let four = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let mut waiting = Vec::new();
    for (place, party) in [7, 3, 4, 2, 1].into_iter().enumerate() {
        let booking = join_waitlist(&pilgrim, &temple, party).await;
        assert_eq!((&booking["status"], &booking["waitlist_position"]), (&json!("waitlisted"), &json!(place + 1)));
        assert!(booking["ticket"].is_null());
        waiting.push(booking);
    }
    // Six places: 7 does not fit, 3 does, 4 does not any more, 2 does, 1 does.
    pilgrim.patch(&format!("{}/cancel", path(&six)), json!({})).await.expect(200);
    let expected = ["waitlisted", "confirmed", "waitlisted", "confirmed", "confirmed"];
    for (booking, expected) in waiting.iter().zip(expected) {
        assert_eq!(status(&pilgrim, booking).await, expected, "party of {}", booking["party_size"]);
    }
    let promoted = pilgrim.get(&path(&waiting[1])).await.expect(200);
    assert!(promoted["promoted_at"].is_string() && promoted["ticket"].is_string());
    assert_eq!(pilgrim.get(&path(&waiting[2])).await.expect(200)["waitlist_position"], 2);
    assert_eq!(temple.places_sold(&app), 10);

    // Four places: 7 does not fit, 4 does.
    pilgrim.patch(&format!("{}/cancel", path(&four)), json!({})).await.expect(200);
    assert_eq!(status(&pilgrim, &waiting[0]).await, "waitlisted");
    assert_eq!(status(&pilgrim, &waiting[2]).await, "confirmed");
    // Who leaves the waitlist is passed over from then on.
    pilgrim.patch(&format!("{}/cancel", path(&waiting[0])), json!({})).await.expect(200);
    assert_eq!(temple.places_sold(&app), 10);

    let db = app.db();
    let topic = |booking: &Value| -> i64 {
        db.query_row("select count(*) from outbox where topic = 'booking.promoted' and subject = ?", [id(booking)], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(waiting.iter().map(topic).collect::<Vec<_>>(), [0, 1, 1, 1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_is_judged_as_booking_is() {
    let app = App::start().await;
    let temple = Temple::create(&app, 4).await;
    let pilgrim = app.visitor().await;
    pilgrim.post("/api/bookings/waitlist", json!({})).await.expect_invalid(&["date", "party_size", "slot", "temple_id"]);
    pilgrim.post("/api/bookings/waitlist", temple.booking_body(5)).await.expect_invalid(&["party_size"]);
    pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let keyed = pilgrim.header("idempotency-key", "w");
    let waiting = keyed.post("/api/bookings/waitlist", temple.booking_body(2)).await.expect(201);
    assert_eq!(keyed.post("/api/bookings/waitlist", temple.booking_body(2)).await.expect(201), waiting);
    app.anonymous().post("/api/bookings/waitlist", temple.booking_body(2)).await.expect_problem(401);
    let refused = app
        .operator()
        .await
        .post(&format!("{}/checkin", path(&waiting)), json!({"temple_id": temple.slug, "nonce": "nonce-waiting"}))
        .await;
    assert_eq!(refused.expect_problem(409)["reason"], "not_confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheduled_run_moves_it_up_too() {
    let app = App::start().await;
    let temple = Temple::create(&app, 4).await;
    let pilgrim = app.visitor().await;
    pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let (first, second) = (join_waitlist(&pilgrim, &temple, 2).await, join_waitlist(&pilgrim, &temple, 1).await);
    // Places that came to be behind the application's back.
    app.db().execute("update slot_templates set capacity = 6 where site = ?", [&temple.slug]).unwrap();
    app.tick().await;
    assert_eq!(status(&pilgrim, &first).await, "confirmed");
    assert_eq!(status(&pilgrim, &second).await, "waitlisted");
    assert_eq!(app.tick().await["booking"]["promoted"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_revokes_moves_it_up_too() {
    let app = App::start().await;
    let temple = Temple::create(&app, 4).await;
    let (pilgrim, operator) = (app.visitor().await, app.operator().await);
    let booking = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let waiting = join_waitlist(&pilgrim, &temple, 4).await;
    let revoke = format!("{}/revoke", path(&booking));
    operator.patch(&revoke, json!({"reason": 3})).await.expect_invalid(&["reason"]);
    let revoked = operator.patch(&revoke, json!({"reason": "Duplicate booking"})).await.expect(200);
    assert_eq!((&revoked["status"], &revoked["reason"]), (&json!("revoked"), &json!("Duplicate booking")));
    assert_eq!(operator.patch(&revoke, json!({})).await.expect_problem(409)["reason"], "revoked");
    assert_eq!(status(&pilgrim, &waiting).await, "confirmed");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_waits_in_vain_and_who_does_not_come_is_noted_once() {
    let Some(app) = App::embedded(&[]).await else { return };
    let temple = Temple::create(&app, 4).await;
    let (email, password) = app.new_user("visitor", json!({})).await;
    let pilgrim = app.login(&email, &password).await;
    let booking = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let waiting = join_waitlist(&pilgrim, &temple, 2).await;
    let run = app.tick().await;
    assert_eq!(run["booking"], json!({"no_shows": 0, "expired": 0, "promoted": 0, "left": 0, "scans": 0}));
    temple.advance_to_slot(&app, &booking, 3700);
    let runs = futures::future::join_all((0..4).map(|_| app.tick())).await;
    // A run that was skipped says nothing of bookings.
    let total = |what: &str| runs.iter().map(|run| run["booking"][what].as_i64().unwrap_or(0)).sum::<i64>();
    assert_eq!((total("no_shows"), total("expired")), (1, 1));
    let pilgrim = app.login(&email, &password).await;
    assert_eq!(status(&pilgrim, &booking).await, "no_show");
    assert_eq!(status(&pilgrim, &waiting).await, "expired");
    let refused = pilgrim.patch(&format!("{}/cancel", path(&booking)), json!({})).await.expect_problem(409);
    assert_eq!(refused["reason"], "no_show");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_pilgrim_is_told_and_the_control_room_is_not() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let mut variables = [channels::mail(&origin).to_vec(), channels::sms(&origin).to_vec()].concat();
    variables.push(("sms_to", "+15550002222"));
    let Some(app) = App::embedded(&variables).await else { return };
    let temple = Temple::create(&app, 4).await;
    let first = app.visitor().await;
    let booking = first.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let (email, password) = app.new_user("visitor", json!({"phone": "+919876543210"})).await;
    let second = app.login(&email, &password).await;
    join_waitlist(&second, &temple, 4).await;
    app.tick().await;
    receiver.clear();
    first.patch(&format!("{}/cancel", path(&booking)), json!({})).await.expect(200);
    app.tick().await;
    let mails: Vec<_> = receiver.requests_to("/v3/mail").iter().map(|mail| mail.json()).collect();
    let promoted = mails.iter().find(|mail| mail["personalizations"][0]["to"][0]["email"] == email).expect("a mail to who moved up");
    assert!(promoted["content"][0]["value"].as_str().unwrap().contains("has left the waitlist and is confirmed"), "{promoted}");
    assert!(mails.iter().all(|mail| mail["personalizations"][0]["to"][0]["email"] != "control@example.com"), "{mails:?}");
    let texts: Vec<_> = receiver.requests_to("/2010-04-01").iter().map(|text| text.form()["To"].clone()).collect();
    assert_eq!(texts, ["+919876543210"]);
}
