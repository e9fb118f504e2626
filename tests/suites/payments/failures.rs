//! What goes wrong: Stripe away, answers lost, payments that come too late. No money is lost, and nobody pays twice.

use std::time::Duration;

use gatehouse_tests::App;
use gatehouse_tests::stripe::Stripe;
use serde_json::{Value, json};

use super::support::{car_park, id, minutes, outbox_topics, path, reservation_body, reserve};
use super::webhook::tell;
use super::{confirm, create_intent, intent_id, pay, start_with_stripe, status, unpaid_reservation};

fn refund_rows(app: &App, reservation: &Value) -> Vec<(i64, String, String, String)> {
    let db = app.db();
    let sql =
        "select f.amount, f.reason, f.state, f.id from refunds f join payments p on p.id = f.payment where p.reservation = ? order by f.no";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([id(reservation)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

async fn tell_of_success(app: &App, stripe: &Stripe, payment: &Value) {
    tell(app, "payment_intent.succeeded", &stripe.intent(intent_id(payment))).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_payment_after_the_hold_takes_the_spot_if_it_is_still_free() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 2).await;
    let (driver, swept) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &swept).await;
    let (second_driver, unswept) = unpaid_reservation(&app, &place, 1).await;
    let second = create_intent(&second_driver, &unswept).await;
    stripe.pay(intent_id(&payment));
    stripe.pay(intent_id(&second));
    app.advance(minutes(16));
    tell_of_success(&app, &stripe, &second).await;
    app.tick().await;
    tell_of_success(&app, &stripe, &payment).await;
    let operator = app.operator().await;
    for reservation in [&swept, &unswept] {
        assert_eq!(status(&operator, reservation).await, "confirmed");
        assert!(refund_rows(&app, reservation).is_empty());
    }
    assert!(stripe.refunds().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_payment_after_somebody_else_took_the_spot_is_given_back_by_itself() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &reservation).await;
    app.advance(minutes(16));
    let other = reserve(&app.visitor().await, reservation_body(&app, &place.spots[0], 44, 60)).await;
    stripe.pay(intent_id(&payment));
    tell_of_success(&app, &stripe, &payment).await;
    tell_of_success(&app, &stripe, &payment).await;
    app.tick().await;
    let rows = refund_rows(&app, &reservation);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0].0, rows[0].1.as_str(), rows[0].2.as_str()), (4000, "late", "succeeded"));
    assert_eq!(stripe.refunded(intent_id(&payment)), 4000);
    assert_eq!(outbox_topics(&app, &rows[0].3), ["payment.refunded"]);
    let message: String =
        app.db().query_row("select payload ->> 'message' from outbox where subject = ?", [&rows[0].3], |row| row.get(0)).unwrap();
    assert!(message.contains("on its way back") && message.contains("4000 INR"), "{message}");
    let operator = app.operator().await;
    assert_eq!(status(&operator, &reservation).await, "expired");
    assert_eq!(status(&operator, &other).await, "pending_payment");
    // It shows in what the driver is answered, too.
    let shown = operator.get(&format!("/api/payments/{}", payment["payment_id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&shown["received"], &shown["refunded"]), (&json!(4000), &json!(4000)));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn nobody_can_pay_any_more_for_what_has_lapsed() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 2).await;
    let (driver, lapsed) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &lapsed).await;
    let (other, cancelled) = unpaid_reservation(&app, &place, 1).await;
    let second = create_intent(&other, &cancelled).await;
    other.delete(&path(&cancelled)).await.expect(200);
    gatehouse_tests::eventually("its intent is cancelled at once", Duration::from_secs(20), || async {
        (stripe.intent(intent_id(&second))["status"] == "canceled").then_some(())
    })
    .await;
    assert_eq!(confirm(&other, &cancelled, "pm_card_visa").await.expect(200)["status"], "canceled");
    app.advance(Duration::from_secs(14 * 60 + 50));
    // Access tokens have lasted: 15 minutes. Ten seconds on, the hold is over, and the tokens are.
    app.advance(Duration::from_secs(15));
    app.tick().await;
    assert_eq!(stripe.intent(intent_id(&payment))["status"], "canceled");
    let sql = "select state from payments where reservation = ?";
    let state: String = app.db().query_row(sql, [id(&lapsed)], |row| row.get(0)).unwrap();
    assert_eq!(state, "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn when_stripe_is_away_it_is_said_and_later_done() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let body = json!({"reservation_id": id(&reservation)});
    stripe.set_unavailable();
    let answer = driver.post("/api/payments/create-intent", body.clone()).await;
    answer.expect_problem(503);
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(app.tick().await["skipped"], false);
    stripe.recover();
    let payment = driver.post("/api/payments/create-intent", body).await.expect(201);
    assert_eq!(stripe.intents().len(), 1);
    stripe.set_unavailable();
    confirm(&driver, &reservation, "pm_card_visa").await.expect_problem(503);
    stripe.recover();
    confirm(&driver, &reservation, "pm_card_visa").await.expect(200);

    // A refund waits until it is taken.
    stripe.set_unavailable();
    let operator = app.operator().await;
    let detail = format!("/api/payments/{}", payment["payment_id"].as_str().unwrap());
    operator.post(&format!("{detail}/refund"), json!({"amount": 1000})).await.expect(201);
    app.tick().await;
    assert_eq!(operator.get(&detail).await.expect(200)["refunds"][0]["state"], "pending");
    stripe.recover();
    app.advance(minutes(3));
    app.tick().await;
    assert_eq!(stripe.refunded(intent_id(&payment)), 1000);
    assert_eq!(app.operator().await.get(&detail).await.expect(200)["refunds"][0]["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_stripe_that_never_answers_does_not_hold_anybody() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    stripe.stall();
    let began = std::time::Instant::now();
    driver.post("/api/payments/create-intent", json!({"reservation_id": id(&reservation)})).await.expect_problem(503);
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_answer_that_is_lost_after_the_deed_loses_no_payment() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 2).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let body = json!({"reservation_id": id(&reservation)});
    // The intent is made, and nobody here hears of it. Asked again, Stripe gives the same one.
    stripe.drop_responses();
    driver.post("/api/payments/create-intent", body.clone()).await.expect_problem(503);
    stripe.recover();
    assert_eq!(stripe.intents().len(), 1);
    let payment = driver.post("/api/payments/create-intent", body).await.expect(201);
    assert_eq!(stripe.intents().len(), 1);
    // It is charged, and nobody here hears of it: the scheduled run asks.
    create_intent(&driver, &reservation).await;
    let mood = async {
        // The method is given while Stripe is well, the confirmation's answer is lost.
        while !stripe.requests().iter().any(|asked| asked.form.contains_key("payment_method")) {
            tokio::task::yield_now().await;
        }
        stripe.drop_responses();
    };
    let (answer, ()) = tokio::join!(confirm(&driver, &reservation, "pm_card_visa"), mood);
    assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
    stripe.recover();
    if stripe.intent(intent_id(&payment))["status"] != "succeeded" {
        stripe.pay(intent_id(&payment));
    }
    app.advance(Duration::from_secs(70));
    app.tick().await;
    assert_eq!(status(&driver, &reservation).await, "confirmed");

    // A refund is made, and nobody here hears of it: it is made once.
    stripe.drop_responses();
    let operator = app.operator().await;
    let detail = format!("/api/payments/{}", payment["payment_id"].as_str().unwrap());
    operator.post(&format!("{detail}/refund"), json!({"amount": 700})).await.expect(201);
    gatehouse_tests::eventually("it is made", Duration::from_secs(20), || async { (stripe.refunds().len() == 1).then_some(()) }).await;
    stripe.recover();
    app.advance(minutes(3));
    app.tick().await;
    assert_eq!((stripe.refunds().len(), stripe.refunded(intent_id(&payment))), (1, 700));
    assert_eq!(operator.get(&detail).await.expect(200)["refunds"][0]["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn two_runs_at_once_do_each_thing_once() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 6).await;
    let operator = app.operator().await;
    for spot in 0..6 {
        let (driver, reservation) = unpaid_reservation(&app, &place, spot).await;
        create_intent(&driver, &reservation).await;
        confirm(&driver, &reservation, "pm_card_visa").await.expect(200);
        stripe.set_unavailable();
        operator.delete(&path(&reservation)).await.expect(200);
        tokio::time::sleep(Duration::from_millis(50)).await;
        stripe.recover();
    }
    app.advance(minutes(3));
    futures::future::join_all((0..6).map(|_| app.internal("/internal/tick/payments"))).await;
    let asked = stripe.requests().into_iter().filter(|asked| asked.line == "POST /v1/refunds").map(|asked| asked.key);
    let keys: std::collections::BTreeSet<_> = asked.collect();
    assert_eq!((stripe.refunds().len(), keys.len()), (6, 6));
    let refunded: i64 = stripe.intents().keys().map(|intent| stripe.refunded(intent)).sum();
    assert_eq!(refunded, 6 * 4000);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_refund_that_stripe_refuses_or_that_fails_is_somebodys_business() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let payment = pay(&driver, &reservation).await;
    let operator = app.operator().await;
    let detail = format!("/api/payments/{}", payment["payment_id"].as_str().unwrap());
    operator.post(&format!("{detail}/refund"), json!({"amount": 500})).await.expect(201);
    let refund =
        gatehouse_tests::eventually("it is made", Duration::from_secs(20), || async { stripe.refunds().keys().next().cloned() }).await;
    gatehouse_tests::eventually("it is written down", Duration::from_secs(20), || async {
        (operator.get(&detail).await.expect(200)["refunds"][0]["state"] == "succeeded").then_some(())
    })
    .await;
    // The bank sends it back, days later.
    stripe.set_refund_status(&refund, "failed");
    tell(&app, "refund.failed", &stripe.refunds()[&refund]).await;
    let shown = operator.get(&detail).await.expect(200);
    assert_eq!((&shown["refunds"][0]["state"], &shown["refunded"]), (&json!("failed"), &json!(0)));
    let alerts = operator.get("/api/alerts/?alert_type=refund_failed&status=active").await.expect(200);
    assert_eq!(alerts["items"].as_array().unwrap().len(), 1, "{alerts}");
    assert_eq!(alerts["items"][0]["severity"], "critical");
    // The site has it again, its driver is told, and staff can give it back once more.
    assert_eq!(driver.get(&path(&reservation)).await.expect(200)["paid"], 4000);
    let id = shown["refunds"][0]["id"].as_str().unwrap();
    assert_eq!(outbox_topics(&app, id), ["payment.refunded", "payment.refund_failed"]);
    let message: String = app
        .db()
        .query_row("select payload ->> 'message' from outbox where subject = ? and topic = 'payment.refund_failed'", [id], |row| row.get(0))
        .unwrap();
    assert!(message.contains("did not reach you (500 INR in minor units)"), "{message}");
    operator.post(&format!("{detail}/refund"), json!({})).await.expect(201);
    gatehouse_tests::eventually("all of it is back", Duration::from_secs(20), || async {
        (stripe.refunded(intent_id(&payment)) == 4000).then_some(())
    })
    .await;
    assert_eq!(driver.get(&path(&reservation)).await.expect(200)["paid"], 0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_refund_that_stripe_never_takes_is_kept_by_the_site() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let driver = app.visitor().await;
    let reservation = reserve(&driver, reservation_body(&app, &place.spots[0], 90, 60)).await;
    let payment = pay(&driver, &reservation).await;
    stripe.set_status(intent_id(&payment), "canceled");
    assert_eq!(driver.delete(&path(&reservation)).await.expect(200)["refund"], 4000);
    gatehouse_tests::eventually("it has failed", Duration::from_secs(20), || async {
        (refund_rows(&app, &reservation)[0].2 == "failed").then_some(())
    })
    .await;
    let shown = driver.get(&path(&reservation)).await.expect(200);
    assert_eq!((&shown["status"], &shown["paid"]), (&json!("cancelled"), &json!(4000)), "{shown}");
}
