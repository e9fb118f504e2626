//! One scan that is asked about twice, online and from a gate's queue; and what a refusal tells the gate.

use gatehouse_tests::{App, Client, Response, unique};
use serde_json::{Value, json};

use crate::support::{Temple, code, id, path};

/// How a gate names the booking of a scan: by its id or its code in the path, with or without the ticket.
const ONLINE: [&str; 4] = ["id", "code", "id and ticket", "code and ticket"];
/// How its queue does.
const QUEUED: [&str; 5] = ["id", "code", "ticket", "id and ticket", "code and ticket"];

async fn ask_online(operator: &Client, temple: &Temple, booking: &Value, nonce: &str, by: &str) -> Response {
    let named = if by.starts_with("id") { id(booking).to_owned() } else { code(booking).to_lowercase().replace('-', "") };
    let mut scan = json!({"temple_id": temple.slug, "nonce": nonce, "gate": "North"});
    if by.ends_with("ticket") {
        scan["ticket"] = booking["ticket"].clone();
    }
    operator.post(&format!("/api/bookings/{named}/checkin"), scan).await
}

async fn upload(operator: &Client, app: &App, temple: &Temple, booking: &Value, nonce: &str, by: &str) -> Value {
    let mut scan = json!({"nonce": nonce, "scanned_at": app.time(-1)});
    if by.starts_with("id") {
        scan["booking"] = json!(id(booking));
    } else if by.starts_with("code") {
        scan["booking"] = json!(code(booking));
    }
    if by.ends_with("ticket") {
        scan["ticket"] = booking["ticket"].clone();
    }
    let body = json!({"temple_id": temple.slug, "gate": "North", "scans": [scan]});
    operator.post("/api/bookings/checkin/batch", body).await.expect(200)["results"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_scan_that_was_answered_is_replayed_from_the_queue_and_the_other_way_round() {
    let Some(app) = App::embedded(&[]).await else { return };
    let temple = Temple::create(&app, 1000).await;
    let user = app.new_user("visitor", json!({})).await;
    let pilgrim = app.login(&user.0, &user.1).await;
    let mut bookings = Vec::new();
    for _ in 0..2 * ONLINE.len() * QUEUED.len() + 3 {
        bookings.push(pilgrim.post("/api/bookings/", temple.booking_body(1)).await.expect(201));
    }
    let gone = bookings.pop().unwrap();
    pilgrim.patch(&format!("{}/cancel", path(&gone)), json!({})).await.expect(200);
    temple.advance_to_slot(&app, &bookings[0], 60);
    let operator = app.operator().await;
    for online in ONLINE {
        for queued in QUEUED {
            let (booking, nonce) = (bookings.pop().unwrap(), unique("nonce"));
            ask_online(&operator, &temple, &booking, &nonce, online).await.expect(200);
            let result = upload(&operator, &app, &temple, &booking, &nonce, queued).await;
            assert_eq!((&result["outcome"], &result["replayed"]), (&json!("checked_in"), &json!(true)), "{online}, {queued}: {result}");
            assert_eq!(result["booking_id"], booking["id"]);

            let (booking, nonce) = (bookings.pop().unwrap(), unique("nonce"));
            let result = upload(&operator, &app, &temple, &booking, &nonce, queued).await;
            assert_eq!((&result["outcome"], &result["replayed"]), (&json!("checked_in"), &json!(false)), "{queued}: {result}");
            let answer = ask_online(&operator, &temple, &booking, &nonce, online).await;
            assert_eq!((&answer.expect(200)["id"], answer.header("idempotent-replayed")), (&booking["id"], "true"), "{queued}, {online}");
        }
    }
    // A refusal is the same refusal.
    let nonce = unique("nonce");
    let refused = ask_online(&operator, &temple, &gone, &nonce, "id").await.expect_problem(409);
    assert_eq!((&refused["reason"], refused.get("replayed")), (&json!("cancelled"), None));
    let result = upload(&operator, &app, &temple, &gone, &nonce, "code").await;
    assert_eq!((&result["outcome"], &result["reason"], &result["replayed"]), (&json!("refused"), &json!("cancelled"), &json!(true)));
    assert_eq!(ask_online(&operator, &temple, &gone, &nonce, "code").await.expect_problem(409)["replayed"], true);
    // Another booking's scan, and the same booking's with another ticket, are not.
    let (one, other, nonce) = (bookings.pop().unwrap(), bookings.pop().unwrap(), unique("nonce"));
    ask_online(&operator, &temple, &one, &nonce, "id and ticket").await.expect(200);
    assert_eq!(upload(&operator, &app, &temple, &other, &nonce, "ticket").await["reason"], "invalid");
    let mut altered = one.clone();
    altered["ticket"] = other["ticket"].clone();
    assert_eq!(upload(&operator, &app, &temple, &altered, &nonce, "id and ticket").await["reason"], "invalid");
    operator.post(&format!("{}/exit", path(&one)), json!({"nonce": nonce})).await.expect_invalid(&["nonce"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_refusal_names_the_slot_and_the_earlier_check_in() {
    let Some(app) = App::embedded(&[]).await else { return };
    let temple = Temple::create(&app, 100).await;
    let user = app.new_user("visitor", json!({"name": "Asha Mehta", "phone": "+91 98765 43210"})).await;
    let pilgrim = app.login(&user.0, &user.1).await;
    let booking = pilgrim.post("/api/bookings/", temple.booking_body(4)).await.expect(201);
    let later = pilgrim.post("/api/bookings/", temple.booking_body_with("slot", json!("07:00-08:00"))).await.expect(201);
    let slot = format!("06:00-07:00 on {}", temple.date);
    let operator = app.operator().await;
    let far = ask_online(&operator, &temple, &booking, "nonce-far", "id").await.expect_problem(409);
    assert_eq!(far["reason"], "wrong_day");
    assert!(far["detail"].as_str().unwrap().contains(&slot), "{far}");
    assert_eq!((&far["booking"]["slot"], &far["booking"]["starts_at"]), (&json!("06:00-07:00"), &booking["starts_at"]));

    temple.advance_to_slot(&app, &booking, 185);
    let operator = app.operator().await;
    let early = ask_online(&operator, &temple, &later, "nonce-early", "id").await.expect_problem(409);
    assert_eq!(early["reason"], "too_early");
    let words = early["detail"].as_str().unwrap();
    assert!(words.contains("07:00-08:00") && words.ends_with("opens at 06:30"), "{words}");

    let first = ask_online(&operator, &temple, &booking, "nonce-first", "id").await.expect(200);
    let twice = ask_online(&operator, &temple, &booking, "nonce-twice", "id and ticket").await.expect_problem(409);
    assert_eq!(twice["reason"], "already_checked_in");
    let words = twice["detail"].as_str().unwrap();
    assert!(words.contains(&format!("at 06:03 on {} at gate North", temple.date)) && words.contains(&slot), "{words}");
    assert_eq!((&twice["booking"]["checked_in_at"], &twice["booking"]["gate"]), (&first["checked_in_at"], &json!("North")));
    // Told the same when it is asked again, and to a gate that uploads.
    assert_eq!(ask_online(&operator, &temple, &booking, "nonce-twice", "id").await.expect_problem(409)["booking"], twice["booking"]);
    let uploaded = upload(&operator, &app, &temple, &booking, "nonce-queue", "ticket").await;
    assert_eq!((&uploaded["reason"], &uploaded["booking"]), (&json!("already_checked_in"), &twice["booking"]));
    assert!(uploaded["detail"].as_str().unwrap().contains("gate North"), "{uploaded}");

    // Whom to look for, or to call: for operators.
    let shown = operator.get(&path(&booking)).await.expect(200);
    assert_eq!(shown["pilgrim"], json!({"name": "Asha Mehta", "phone": "+919876543210"}));
    assert!(app.login(&user.0, &user.1).await.get(&path(&booking)).await.expect(200).get("pilgrim").is_none());
}
