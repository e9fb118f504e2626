//! What is done at Stripe and not here: refunds that staff makes at its dashboard, disputes.

use gatehouse_tests::stripe::Stripe;
use gatehouse_tests::{App, Client};
use serde_json::{Value, json};

use super::support::{car_park, minutes, path, reservation_body, reserve};
use super::webhook::tell;
use super::{intent_id, pay, start_with_stripe};

/// A reservation of 40.00 that was paid, with its driver and its payment. All of it goes back to who cancels it.
async fn paid(app: &App) -> (Client, Value, Value) {
    paid_in(app, 90).await
}

/// The same, for a stay that begins in so many minutes.
async fn paid_in(app: &App, minutes: i64) -> (Client, Value, Value) {
    let place = car_park(app, 1).await;
    let driver = app.visitor().await;
    let reservation = reserve(&driver, reservation_body(app, &place.spots[0], minutes, 60)).await;
    let payment = pay(&driver, &reservation).await;
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
#[cfg_attr(remote, ignore = "needs the embedded host")]
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
#[cfg_attr(remote, ignore = "needs the embedded host")]
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
#[cfg_attr(remote, ignore = "needs the embedded host")]
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
#[cfg_attr(remote, ignore = "needs the embedded host")]
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
    let held = &shown["held_refunds"][0];
    assert_eq!((&held["dispute_id"], &held["amount"], &held["reason"]), (&dispute["id"], &json!(4000), &json!("cancelled")), "{shown}");
    let alerts = operator.get("/api/alerts/?alert_type=refund_failed&status=active").await.expect(200);
    assert_eq!(alerts["items"], json!([]));
}

/// Decides a dispute, tells the application, and lets it do what follows.
async fn decide(app: &App, stripe: &Stripe, dispute: &Value, status: &str) {
    let decided = stripe.set_dispute_status(dispute["id"].as_str().unwrap(), status);
    tell(app, "charge.dispute.closed", &decided).await;
    tell(app, "charge.dispute.funds_reinstated", &decided).await;
    app.tick().await;
}

/// What a payment's reservation has paid, and what was given back of it, here and at Stripe.
async fn balance(app: &App, stripe: &Stripe, reservation: &Value, payment: &Value) -> (i64, i64, i64) {
    let operator = app.operator().await;
    let paid = operator.get(&path(reservation)).await.expect(200)["paid"].as_i64().unwrap();
    let refunded = operator.get(&detail_path(payment)).await.expect(200)["refunded"].as_i64().unwrap();
    (paid, refunded, stripe.refunded(intent_id(payment)))
}

/// Waits until that is so: refunds are sent behind the answers.
async fn expect_balance(app: &App, stripe: &Stripe, reservation: &Value, payment: &Value, expected: (i64, i64, i64)) {
    gatehouse_tests::eventually(&format!("the balance is {expected:?}"), std::time::Duration::from_secs(20), || async {
        (balance(app, stripe, reservation, payment).await == expected).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_refund_that_a_dispute_stood_in_the_way_of_is_made_when_it_is_won() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    for (status, back) in [("won", 4000), ("lost", 0)] {
        // It waited, and the bank took the money first.
        let (driver, reservation, payment) = paid(&app).await;
        stripe.set_unavailable();
        assert_eq!(driver.delete(&path(&reservation)).await.expect(200)["refund"], 4000);
        refund_waits(&app, &payment).await;
        let dispute = stripe.dispute(intent_id(&payment), 4000);
        stripe.recover();
        tell(&app, "charge.dispute.created", &dispute).await;
        assert_eq!(balance(&app, &stripe, &reservation, &payment).await, (0, 0, 0));
        decide(&app, &stripe, &dispute, status).await;
        expect_balance(&app, &stripe, &reservation, &payment, (0, back, back)).await;

        // It is cancelled while the bank has the money; its driver is told when it comes back after all.
        let (driver, reservation, payment) = paid(&app).await;
        let dispute = stripe.dispute(intent_id(&payment), 4000);
        tell(&app, "charge.dispute.created", &dispute).await;
        assert_eq!(driver.delete(&path(&reservation)).await.expect(200)["refund"], 0);
        let shown = driver.get(&detail_path(&payment)).await.expect(200);
        assert_eq!((&shown["held_refunds"][0]["amount"], &shown["refunds"]), (&json!(4000), &json!([])), "{shown}");
        decide(&app, &stripe, &dispute, status).await;
        expect_balance(&app, &stripe, &reservation, &payment, (0, back, back)).await;
        let shown = driver.get(&detail_path(&payment)).await.expect(200);
        assert_eq!(shown["held_refunds"], json!([]));
        if back > 0 {
            assert_eq!(shown["refunds"][0]["reason"], "cancelled");
            assert_eq!(super::support::outbox_topics(&app, shown["refunds"][0]["id"].as_str().unwrap()), ["payment.refunded"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_bank_and_the_site_together_give_back_what_the_rule_does() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    // Half of it goes back so late; the bank has taken a quarter already. Of a charge that is disputed Stripe refunds nothing.
    for (status, kept, back, failed) in [("won", 2000, 2000, 0), ("lost", 3000, 0, 1)] {
        let (driver, reservation, payment) = paid_in(&app, 50).await;
        let dispute = stripe.dispute(intent_id(&payment), 1000);
        tell(&app, "charge.dispute.created", &dispute).await;
        // Nothing dearer meanwhile: what is to be paid for it depends on the bank.
        let dearer = driver.put(&path(&reservation), json!({"end": app.time(300 * 60)})).await.expect_problem(409);
        assert_eq!(dearer["reason"], "disputed");
        assert_eq!(driver.delete(&path(&reservation)).await.expect(200)["refund"], 1000);
        let shown = gatehouse_tests::eventually("both halves are held", std::time::Duration::from_secs(20), || async {
            let shown = driver.get(&detail_path(&payment)).await.expect(200);
            (shown["held_refunds"].as_array().unwrap().len() == 2).then_some(shown)
        })
        .await;
        assert_eq!((&shown["refunded"], &shown["disputed"], &shown["refunds"]), (&json!(1000), &json!(1000), &json!([])), "{shown}");
        decide(&app, &stripe, &dispute, status).await;
        expect_balance(&app, &stripe, &reservation, &payment, (kept, back, back)).await;
        // What cannot be given back at Stripe is somebody's business.
        let alerts = app.operator().await.get("/api/alerts/?alert_type=refund_failed&status=active").await.expect(200);
        assert_eq!(alerts["items"].as_array().unwrap().len(), failed, "{status} {alerts}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_refund_by_hand_beside_one_that_is_under_way_is_another() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let (_, reservation, payment) = paid(&app).await;
    let operator = app.operator().await;
    // Ours has left, and Stripe has not made it yet.
    stripe.delay_refunds();
    operator.post(&format!("{}/refund", detail_path(&payment)), json!({"amount": 1000})).await.expect(201);
    let sent = || stripe.requests().iter().any(|asked| asked.line == "POST /v1/refunds");
    gatehouse_tests::eventually("it is sent", std::time::Duration::from_secs(20), || async { sent().then_some(()) }).await;
    let by_hand = stripe.refund_by_hand(intent_id(&payment), 1000);
    tell(&app, "refund.created", &by_hand).await;
    stripe.recover();
    expect_balance(&app, &stripe, &reservation, &payment, (2000, 2000, 2000)).await;
    let shown = operator.get(&detail_path(&payment)).await.expect(200);
    let sources: Vec<_> = shown["refunds"].as_array().unwrap().iter().map(|refund| refund["source"].as_str().unwrap()).collect();
    assert_eq!(sources, ["gatehouse", "stripe"]);
    // Told again of either, nothing is counted twice.
    for refund in stripe.refunds().values() {
        tell(&app, "refund.updated", refund).await;
    }
    app.advance(minutes(3));
    app.tick().await;
    assert_eq!(balance(&app, &stripe, &reservation, &payment).await, (2000, 2000, 2000));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_refund_of_ours_that_is_made_after_one_by_hand_took_its_place_is_not_lost() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let (_, reservation, payment) = paid(&app).await;
    let operator = app.operator().await;
    stripe.set_unavailable();
    let shown = operator.post(&format!("{}/refund", detail_path(&payment)), json!({"amount": 1000})).await.expect(201);
    refund_waits(&app, &payment).await;
    stripe.recover();
    tell(&app, "refund.created", &stripe.refund_by_hand(intent_id(&payment), 1000)).await;
    assert_eq!(balance(&app, &stripe, &reservation, &payment).await, (3000, 1000, 1000));
    // Stripe has made ours too, though it answered that it was away.
    let late = stripe.refund_with_metadata(intent_id(&payment), 1000, shown["refunds"][0]["id"].as_str().unwrap());
    tell(&app, "refund.created", &late).await;
    tell(&app, "refund.updated", &late).await;
    app.advance(minutes(3));
    app.tick().await;
    assert_eq!(balance(&app, &stripe, &reservation, &payment).await, (2000, 2000, 2000));
}
