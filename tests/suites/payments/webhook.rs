//! Stripe's webhook: replayed, reordered, late, forged, signed twice.

use gatehouse_tests::stripe::{Stripe, WEBHOOK_SECRET, event, sign};
use gatehouse_tests::{App, Response, unique};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{car_park, id, outbox_topics};
use super::{create_intent, intent_id, start_with_stripe, status, unpaid_reservation};

const PATH: &str = "/api/webhooks/stripe";

async fn deliver(app: &App, event: &Value, signature: &str) -> Response {
    let caller = app.anonymous().header("stripe-signature", signature);
    caller.send_bytes(Method::POST, PATH, "application/json; charset=utf-8", event.to_string()).await
}

async fn deliver_now(app: &App, event: &Value) -> Response {
    let signature = sign(event.to_string().as_bytes(), app.now_ms() / 1000, &[WEBHOOK_SECRET]);
    deliver(app, event, &signature).await
}

fn new_event(kind: &str, object: &Value) -> Value {
    event(&unique("evt").replace('-', "_"), kind, object)
}

/// Stripe tells of a new event, and is heard.
pub async fn tell(app: &App, kind: &str, object: &Value) {
    deliver_now(app, &new_event(kind, object)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn each_event_is_taken_once() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &reservation).await;
    stripe.pay(intent_id(&payment));
    let paid = new_event("payment_intent.succeeded", &stripe.intent(intent_id(&payment)));
    let answers = futures::future::join_all((0..8).map(|_| deliver_now(&app, &paid))).await;
    assert_eq!(answers.iter().filter(|answer| answer.expect(200)["duplicate"] == false).count(), 1);
    assert_eq!(deliver_now(&app, &paid).await.expect(200), json!({"received": true, "duplicate": true}));
    assert_eq!(status(&driver, &reservation).await, "confirmed");
    assert_eq!(outbox_topics(&app, id(&reservation)), ["reservation.confirmed"]);
    assert!(stripe.refunds().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_it_says_is_not_believed_but_looked_up() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &reservation).await;
    // Signed well, yet not so at Stripe.
    let mut claim = stripe.intent(intent_id(&payment));
    claim["status"] = json!("succeeded");
    deliver_now(&app, &new_event("payment_intent.succeeded", &claim)).await.expect(200);
    assert_eq!(status(&driver, &reservation).await, "pending_payment");
    // Late news of something that came before: the order does not matter.
    stripe.pay(intent_id(&payment));
    let mut old = stripe.intent(intent_id(&payment));
    old["status"] = json!("requires_payment_method");
    deliver_now(&app, &new_event("payment_intent.payment_failed", &old)).await.expect(200);
    assert_eq!(status(&driver, &reservation).await, "confirmed");
    deliver_now(&app, &new_event("payment_intent.created", &old)).await.expect(200);
    assert_eq!(status(&driver, &reservation).await, "confirmed");
    // Nothing of ours, or nothing that is understood.
    for other in [
        new_event("customer.created", &json!({"id": "cus_1"})),
        new_event("payment_intent.succeeded", &json!({"id": "pi_of_somebody_else"})),
        new_event("payment_intent.succeeded", &json!({"id": "pi/../../x"})),
        new_event("refund.updated", &json!({"id": "re_of_somebody_else"})),
    ] {
        deliver_now(&app, &other).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn only_stripe_is_heard_and_only_in_time() {
    let stripe = Stripe::start().await;
    let variables = stripe.variables();
    let both = format!("whsec_of_before,{WEBHOOK_SECRET}");
    let Some(app) = App::embedded(&[variables[0], variables[1], ("stripe_webhook_secret", &both)]).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &reservation).await;
    stripe.pay(intent_id(&payment));
    let paid = new_event("payment_intent.succeeded", &stripe.intent(intent_id(&payment)));
    let body = paid.to_string();
    let now = app.now_ms() / 1000;
    let refused = async |signature: String, reason: &str| {
        let problem = deliver(&app, &paid, &signature).await.expect_problem(400);
        assert_eq!(problem["reason"], reason, "{signature}");
        assert_eq!(status(&driver, &reservation).await, "pending_payment");
    };
    refused(String::new(), "unsigned").await;
    refused("t=1".to_owned(), "unsigned").await;
    refused(sign(body.as_bytes(), now, &["whsec_of_somebody_else"]), "bad_signature").await;
    refused(sign(format!("{body} ").as_bytes(), now, &[WEBHOOK_SECRET]), "bad_signature").await;
    refused(sign(body.as_bytes(), now, &[WEBHOOK_SECRET]).replace(&format!("t={now}"), &format!("t={}", now + 1)), "bad_signature").await;
    refused(sign(body.as_bytes(), now - 310, &[WEBHOOK_SECRET]), "too_late").await;
    refused(sign(body.as_bytes(), now + 320, &[WEBHOOK_SECRET]), "too_late").await;
    let nonsense = app.anonymous().header("stripe-signature", &sign(b"{}", now, &[WEBHOOK_SECRET]));
    nonsense.send_bytes(Method::POST, PATH, "application/json", "{}").await.expect_problem(400);
    app.anonymous().get(PATH).await.expect_problem(405);

    // Two signatures while a secret is being rotated, of which one is ours; and the old secret alone.
    let signature = sign(body.as_bytes(), now, &["whsec_unknown", WEBHOOK_SECRET]);
    deliver(&app, &paid, &signature).await.expect(200);
    assert_eq!(status(&driver, &reservation).await, "confirmed");
    let more = new_event("customer.created", &json!({"id": "cus_1"}));
    deliver(&app, &more, &sign(more.to_string().as_bytes(), now, &["whsec_of_before"])).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn without_a_secret_nothing_is_taken_and_without_a_key_nothing_is_sold() {
    let Some(app) = App::embedded(&[]).await else { return };
    let more = new_event("customer.created", &json!({"id": "cus_1"}));
    let answer = deliver(&app, &more, &sign(more.to_string().as_bytes(), app.now_ms() / 1000, &[""])).await;
    answer.expect_problem(503);
    assert!(!answer.header("retry-after").is_empty());
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let answer = driver.post("/api/payments/create-intent", json!({"reservation_id": id(&reservation)})).await;
    answer.expect_problem(503);
    assert!(!answer.header("retry-after").is_empty());
    let rows: i64 = app.db().query_row("select count(*) from payments", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
    app.tick().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_event_that_could_not_be_looked_up_is_sent_again() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &reservation).await;
    stripe.pay(intent_id(&payment));
    let paid = new_event("payment_intent.succeeded", &stripe.intent(intent_id(&payment)));
    stripe.set_unavailable();
    deliver_now(&app, &paid).await.expect_problem(503);
    stripe.recover();
    assert_eq!(deliver_now(&app, &paid).await.expect(200)["duplicate"], false);
    assert_eq!(status(&driver, &reservation).await, "confirmed");
}
