//! What is done at Stripe and not here: refunds that staff makes at its dashboard, disputes.

use gatehouse_tests::stripe::{Stripe, WEBHOOK_SECRET, event, sign};
use gatehouse_tests::{App, Client, unique};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{car_park, minutes, path, reservation_body, reserve};
use super::{confirm, create_intent, intent_id, start_with_stripe};

async fn tell(app: &App, kind: &str, object: &Value) {
    let event = event(&unique("evt").replace('-', "_"), kind, object).to_string();
    let signature = sign(event.as_bytes(), app.now_ms() / 1000, &[WEBHOOK_SECRET]);
    let caller = app.anonymous().header("stripe-signature", &signature);
    caller.send_bytes(Method::POST, "/api/webhooks/stripe", "application/json", event).await.expect(200);
}

/// A reservation of 40.00 that was paid, with its driver and its payment.
async fn paid(app: &App) -> (Client, Value, Value) {
    let place = car_park(app, 1).await;
    let driver = app.visitor().await;
    let reservation = reserve(&driver, reservation_body(app, &place.spots[0], 90, 60)).await;
    let payment = create_intent(&driver, &reservation).await;
    confirm(&driver, &reservation, "pm_card_visa").await.expect(200);
    (driver, reservation, payment)
}

/// Waits until its refund was tried in vain.
async fn refund_waits(app: &App, payment: &Value) {
    let sql = "select count(*) from refunds where payment = ? and state = 'pending' and last_error is not null";
    gatehouse_tests::eventually("the refund waits", std::time::Duration::from_secs(20), || async {
        let waiting: i64 = app.db().query_row(sql, [payment["payment_id"].as_str()], |row| row.get(0)).unwrap();
        (waiting == 1).then_some(())
    })
    .await;
}

fn detail_path(payment: &Value) -> String {
    format!("/api/payments/{}", payment["payment_id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_made_at_stripe_is_taken_over_once() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let (driver, reservation, payment) = paid(&app).await;
    let refund = stripe.refund_by_hand(intent_id(&payment), 1500);
    // Every event that Stripe sends of it, in any order; what they say is looked up.
    let mut claimed = refund.clone();
    claimed["amount"] = json!(4000);
    for (kind, object) in [
        ("charge.refund.updated", claimed.clone()),
        ("refund.created", claimed),
        ("charge.refunded", stripe.charge(intent_id(&payment))),
        ("refund.updated", json!({"id": refund["id"]})),
    ] {
        tell(&app, kind, &object).await;
    }
    let shown = driver.get(&detail_path(&payment)).await.expect(200);
    assert_eq!((&shown["refunded"], shown["refunds"].as_array().unwrap().len()), (&json!(1500), 1), "{shown}");
    let taken = &shown["refunds"][0];
    assert_eq!((&taken["amount"], &taken["source"], &taken["state"]), (&json!(1500), &json!("stripe"), &json!("succeeded")));
    assert_eq!(driver.get(&path(&reservation)).await.expect(200)["paid"], 2500);
    // No more than the rest is promised, and asked for.
    let operator = app.operator().await;
    let refused = operator.post(&format!("{}/refund", detail_path(&payment)), json!({"amount": 3000})).await.expect_problem(409);
    assert_eq!((&refused["reason"], &refused["left"]), (&json!("nothing_left"), &json!(2500)));
    assert_eq!(driver.delete(&path(&reservation)).await.expect(200)["refund"], 2500);
    app.tick().await;
    assert_eq!(stripe.refunded(intent_id(&payment)), 4000);
    let alerts = operator.get("/api/alerts/?alert_type=refund_failed&status=active").await.expect(200);
    assert_eq!(alerts["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_gave_back_at_stripe_is_not_sent_again() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    // While we cannot reach it, staff does by hand what waits here: as much, and more than is left beside what waits.
    for (by_hand, waits, told) in [(1000, 1000, true), (3500, 1000, true), (4000, 1000, true), (4000, 1000, false)] {
        let (_, reservation, payment) = paid(&app).await;
        let operator = app.operator().await;
        stripe.set_unavailable();
        operator.post(&format!("{}/refund", detail_path(&payment)), json!({"amount": waits})).await.expect(201);
        refund_waits(&app, &payment).await;
        let refund = stripe.refund_by_hand(intent_id(&payment), by_hand);
        stripe.recover();
        // The event may be lost: then Stripe's refusal of ours is what tells us.
        if told {
            tell(&app, "refund.created", &refund).await;
        }
        app.advance(minutes(3));
        app.tick().await;
        let sum = if by_hand == waits { by_hand } else { 4000.min(by_hand + waits) };
        assert_eq!(stripe.refunded(intent_id(&payment)), sum, "{by_hand} {told}");
        let operator = app.operator().await;
        let shown = operator.get(&detail_path(&payment)).await.expect(200);
        assert_eq!(shown["refunded"], json!(sum), "{shown}");
        assert!(shown["refunds"].as_array().unwrap().iter().all(|refund| refund["state"] == "succeeded"), "{shown}");
        assert_eq!(operator.get(&path(&reservation)).await.expect(200)["paid"], json!(4000 - sum), "{by_hand} {told}");
        let alerts = operator.get("/api/alerts/?alert_type=refund_failed&status=active").await.expect(200);
        assert_eq!(alerts["items"], json!([]), "{by_hand} {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_disputed_is_not_given_back() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let (driver, reservation, payment) = paid(&app).await;
    let operator = app.operator().await;
    let dispute = stripe.dispute(intent_id(&payment), 4000);
    // Not what the event says, but what Stripe has.
    let mut claimed = dispute.clone();
    claimed["status"] = json!("won");
    tell(&app, "charge.dispute.created", &claimed).await;
    tell(&app, "charge.dispute.funds_withdrawn", &dispute).await;
    let shown = driver.get(&detail_path(&payment)).await.expect(200);
    assert_eq!((&shown["disputed"], shown["disputes"].as_array().unwrap().len()), (&json!(4000), 1), "{shown}");
    let taken = &shown["disputes"][0];
    assert_eq!((&taken["id"], &taken["status"], &taken["reason"]), (&dispute["id"], &json!("needs_response"), &json!("fraudulent")));
    assert_eq!((&taken["is_withdrawn"], &taken["amount"]), (&json!(true), &json!(4000)));
    assert!(taken["evidence_due_by"].is_string(), "{taken}");
    assert_eq!(driver.get(&path(&reservation)).await.expect(200)["paid"], 0);
    let alerts = async || operator.get("/api/alerts/?alert_type=payment_disputed&status=active").await.expect(200)["items"].clone();
    assert_eq!(alerts().await.as_array().unwrap().len(), 1);
    // It is there for nobody: neither for staff nor for who cancels.
    let refused = operator.post(&format!("{}/refund", detail_path(&payment)), json!({})).await.expect_problem(409);
    assert_eq!(refused["reason"], "nothing_left");
    // Won: the bank has given it back.
    let won = stripe.set_dispute_status(dispute["id"].as_str().unwrap(), "won");
    tell(&app, "charge.dispute.closed", &won).await;
    tell(&app, "charge.dispute.funds_reinstated", &won).await;
    let shown = driver.get(&detail_path(&payment)).await.expect(200);
    assert_eq!((&shown["disputed"], &shown["disputes"][0]["status"]), (&json!(0), &json!("won")));
    assert_eq!(alerts().await, json!([]));
    assert_eq!(driver.get(&path(&reservation)).await.expect(200)["paid"], 4000);
    assert_eq!(driver.delete(&path(&reservation)).await.expect(200)["refund"], 4000);
    app.tick().await;
    assert_eq!(stripe.refunded(intent_id(&payment)), 4000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_waits_is_dropped_when_the_bank_takes_the_money_back() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let (driver, reservation, payment) = paid(&app).await;
    stripe.set_unavailable();
    assert_eq!(driver.delete(&path(&reservation)).await.expect(200)["refund"], 4000);
    refund_waits(&app, &payment).await;
    let dispute = stripe.dispute(intent_id(&payment), 4000);
    stripe.recover();
    // No event has come: Stripe refuses the refund, and what it has is looked up.
    app.advance(minutes(3));
    app.tick().await;
    let operator = app.operator().await;
    let shown = operator.get(&detail_path(&payment)).await.expect(200);
    assert_eq!((&shown["refunds"], &shown["disputes"][0]["id"], &shown["disputed"]), (&json!([]), &dispute["id"], &json!(4000)), "{shown}");
    let alerts = operator.get("/api/alerts/?alert_type=refund_failed&status=active").await.expect(200);
    assert_eq!(alerts["items"], json!([]));
}
