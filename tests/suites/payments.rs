//! Payments through Stripe (docs/reference/payments.md). Against `localstripe`, a real process with real webhooks, and for what it cannot play against a
//! double that follows the published API.

#[path = "payments/changes.rs"]
mod changes;
#[path = "payments/checkout.rs"]
mod checkout;
#[path = "payments/failures.rs"]
mod failures;
#[path = "payments/localstripe.rs"]
mod localstripe;
#[path = "payments/notifications.rs"]
mod notifications;
#[path = "reservations/support.rs"]
mod support;
#[path = "payments/taken_over.rs"]
mod taken_over;
#[path = "payments/webhook.rs"]
mod webhook;

use futures::future::join_all;
use gatehouse_tests::stripe::Stripe;
use gatehouse_tests::{App, Client, Place, unique};
use reqwest::Method;
use serde_json::{Value, json};
use support::{car_park, id, path, reservation_body, reserve};

/// An application whose Stripe is the test double.
pub async fn start_with_stripe(stripe: &Stripe) -> Option<App> {
    App::embedded(&stripe.variables()).await
}

/// A driver with an unpaid reservation of the place's spot, an hour from now for an hour: 40.00.
pub async fn unpaid_reservation(app: &App, place: &Place, spot: usize) -> (Client, Value) {
    let driver = app.visitor().await;
    let reservation = reserve(&driver, reservation_body(app, &place.spots[spot], 60, 60)).await;
    (driver, reservation)
}

/// Creates the reservation's payment intent.
pub async fn create_intent(driver: &Client, reservation: &Value) -> Value {
    driver.post("/api/payments/create-intent", json!({"reservation_id": id(reservation)})).await.expect(201)
}

/// Stripe's id of the payment's intent.
pub fn intent_id(payment: &Value) -> &str {
    payment["payment_intent_id"].as_str().expect("an intent")
}

/// Confirms its payment with a payment method of Stripe's.
pub async fn confirm(driver: &Client, reservation: &Value, method: &str) -> gatehouse_tests::Response {
    driver.post("/api/payments/confirm", json!({"reservation_id": id(reservation), "payment_method": method})).await
}

/// Pays it by card; the payment as it was before.
pub async fn pay(driver: &Client, reservation: &Value) -> Value {
    let payment = create_intent(driver, reservation).await;
    confirm(driver, reservation, "pm_card_visa").await.expect(200);
    payment
}

/// The reservation's state.
pub async fn status(driver: &Client, reservation: &Value) -> String {
    driver.get(&path(reservation)).await.expect(200)["status"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_driver_pays_and_the_reservation_is_confirmed() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &reservation).await;
    assert_eq!(
        (&payment["amount"], &payment["currency"], &payment["status"]),
        (&json!(4000), &json!("INR"), &json!("requires_payment_method"))
    );
    assert!(payment["client_secret"].as_str().unwrap().starts_with(intent_id(&payment)));
    assert_eq!(payment["expires_at"], reservation["hold_expires_at"]);
    // Asked again it is the same, at Stripe too.
    assert_eq!(create_intent(&driver, &reservation).await["payment_intent_id"], payment["payment_intent_id"]);
    assert_eq!(stripe.intents().len(), 1);
    let asked = &stripe.requests()[0];
    assert_eq!((asked.line.as_str(), asked.key.as_str()), ("POST /v1/payment_intents", payment["payment_id"].as_str().unwrap()));
    assert_eq!(asked.version, "2026-02-25.clover");
    assert_eq!((asked.form["amount"].as_str(), asked.form["currency"].as_str()), ("4000", "inr"));
    assert_eq!(asked.form["metadata[reservation_id]"], id(&reservation));

    // The driver's device pays at Stripe; then it says so here.
    stripe.pay(intent_id(&payment));
    let confirmed = driver.post("/api/payments/confirm", json!({"payment_intent_id": intent_id(&payment)})).await.expect(200);
    assert_eq!((&confirmed["status"], &confirmed["reservation_status"]), (&json!("succeeded"), &json!("confirmed")));
    let shown = driver.get(&path(&reservation)).await.expect(200);
    assert_eq!((&shown["status"], &shown["paid"], &shown["due"]), (&json!("confirmed"), &json!(4000), &json!(0)));
    assert_eq!(support::outbox_topics(&app, id(&reservation)), ["reservation.confirmed"]);
    // Once more changes nothing, and there is nothing left to pay.
    driver.post("/api/payments/confirm", json!({"payment_id": payment["payment_id"]})).await.expect(200);
    let refused = driver.post("/api/payments/create-intent", json!({"reservation_id": id(&reservation)})).await.expect_problem(409);
    assert_eq!(refused["reason"], "paid");
    assert_eq!(driver.get(&path(&reservation)).await.expect(200)["paid"], 4000);

    let listed = driver.get(&format!("/api/payments?reservation_id={}&state=succeeded", id(&reservation))).await.expect(200);
    assert_eq!((&listed["items"][0]["received"], &listed["items"][0]["refunded"]), (&json!(4000), &json!(0)));
    let text = format!("{listed}");
    assert!(!text.contains("_secret_"), "{text}");
    let detail = driver.get(&format!("/api/payments/{}", payment["payment_id"].as_str().unwrap())).await.expect(200);
    assert_eq!(detail["refunds"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_method_that_stripe_knows_is_confirmed_here() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 2).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    create_intent(&driver, &reservation).await;
    let declined = confirm(&driver, &reservation, "pm_card_visa_chargeDeclined").await.expect_problem(402);
    assert_eq!((&declined["reason"], &declined["detail"]), (&json!("declined"), &json!("Your card was declined.")));
    assert_eq!(status(&driver, &reservation).await, "pending_payment");
    confirm(&driver, &reservation, "pm_nobody").await.expect_invalid(&["payment_method"]);
    // Another card.
    let paid = confirm(&driver, &reservation, "pm_card_visa").await.expect(200);
    assert_eq!((&paid["status"], &paid["reservation_status"]), (&json!("succeeded"), &json!("confirmed")));
    // A bank that wants its customer to take a step.
    let (driver, reservation) = unpaid_reservation(&app, &place, 1).await;
    let payment = create_intent(&driver, &reservation).await;
    let step = confirm(&driver, &reservation, "pm_card_threeDSecure2Required").await.expect(200);
    assert_eq!((&step["status"], &step["reservation_status"]), (&json!("requires_action"), &json!("pending_payment")));
    assert_eq!(step["client_secret"], payment["client_secret"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn no_card_data_is_taken_and_every_bad_field_is_named() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let driver = app.visitor().await;
    driver.post("/api/payments/create-intent", json!({})).await.expect_invalid(&["reservation_id"]);
    let card = json!({"reservation_id": 3, "card": {"number": "4242424242424242"}, "cvc": "123"});
    driver.post("/api/payments/create-intent", card).await.expect_invalid(&["card", "cvc", "reservation_id"]);
    driver.post("/api/payments/confirm", json!({"number": "4242424242424242"})).await.expect_invalid(&["number"]);
    driver.post("/api/payments/confirm", json!({})).await.expect_invalid(&["payment_id"]);
    driver
        .post("/api/payments/confirm", json!({"payment_id": 1, "payment_method": "pm_/../x"}))
        .await
        .expect_invalid(&["payment_id", "payment_method"]);
    driver.post("/api/payments/create-intent", json!({"reservation_id": "nobody"})).await.expect_problem(404);
    driver.post("/api/payments/confirm", json!({"payment_id": "nobody"})).await.expect_problem(404);
    for path in ["/api/payments/create-intent", "/api/payments/confirm"] {
        driver.send_bytes(Method::POST, path, "application/json", "{").await.expect_problem(400);
        app.anonymous().post(path, json!({})).await.expect_problem(401);
    }
    driver.get("/api/payments?colour=red").await.expect_invalid(&["colour"]);
    driver.get("/api/payments?state=lost").await.expect_invalid(&["state"]);
    app.anonymous().get("/api/payments").await.expect_problem(401);
    driver.get("/api/payments/nobody").await.expect_problem(404);
    app.internal("/internal/tick/payments").await.expect(200);
    app.anonymous().send(Method::POST, "/internal/tick/payments", None).await.expect_problem(401);
    assert!(stripe.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_payment_is_its_drivers_alone() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &reservation).await;
    let detail = format!("/api/payments/{}", payment["payment_id"].as_str().unwrap());
    let (other, operator) = (app.visitor().await, app.operator().await);
    for stranger in [&other, &operator] {
        stranger.post("/api/payments/create-intent", json!({"reservation_id": id(&reservation)})).await.expect_problem(404);
        stranger.post("/api/payments/confirm", json!({"payment_id": payment["payment_id"]})).await.expect_problem(404);
    }
    other.get(&detail).await.expect_problem(404);
    other.post(&format!("{detail}/refund"), json!({})).await.expect_problem(403);
    assert_eq!(other.get("/api/payments").await.expect(200)["items"], json!([]));
    operator.get(&detail).await.expect(200);
    let device = app.device(&app.new_device(&place, None).await).await;
    device.post("/api/payments/create-intent", json!({"reservation_id": id(&reservation)})).await.expect_problem(403);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_retry_with_its_key_is_answered_the_same() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 2).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let keyed = driver.header("idempotency-key", &unique("key"));
    let body = json!({"reservation_id": id(&reservation)});
    let first = keyed.post("/api/payments/create-intent", body.clone()).await.expect(201);
    let again = keyed.post("/api/payments/create-intent", body.clone()).await;
    assert_eq!((again.expect(201), again.header("idempotent-replayed")), (first, "true"));
    let other = reserve(&driver, reservation_body(&app, &place.spots[1], 60, 60)).await;
    keyed.post("/api/payments/create-intent", json!({"reservation_id": id(&other)})).await.expect_invalid(&["Idempotency-Key"]);
    assert_eq!(stripe.intents().len(), 1);
    // Many at once make one intent.
    let answers = join_all((0..10).map(|_| driver.post("/api/payments/create-intent", json!({"reservation_id": id(&other)})))).await;
    let intents: std::collections::BTreeSet<_> = answers.iter().map(|answer| answer.expect(201)["payment_intent_id"].to_string()).collect();
    assert_eq!(intents.len(), 1);
    assert_eq!(stripe.intents().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_cancelled_reservation_is_refunded_at_stripe_and_its_driver_told() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let driver = app.visitor().await;
    let reservation = reserve(&driver, reservation_body(&app, &place.spots[0], 90, 60)).await;
    let payment = pay(&driver, &reservation).await;
    let cancelled = driver.delete(&path(&reservation)).await.expect(200);
    assert_eq!(cancelled["refund"], 4000);
    // The component of payments is woken: no scheduled run is needed.
    gatehouse_tests::eventually("the refund is made", std::time::Duration::from_secs(20), || async {
        (stripe.refunded(intent_id(&payment)) == 4000).then_some(())
    })
    .await;
    let detail = format!("/api/payments/{}", payment["payment_id"].as_str().unwrap());
    let refund = gatehouse_tests::eventually("it is written down", std::time::Duration::from_secs(20), || async {
        let refund = driver.get(&detail).await.expect(200)["refunds"][0].clone();
        (refund["state"] == "succeeded").then_some(refund)
    })
    .await;
    assert_eq!((&refund["amount"], &refund["reason"]), (&json!(4000), &json!("cancelled")));
    assert_eq!(support::outbox_topics(&app, refund["id"].as_str().unwrap()), ["payment.refunded"]);
    let asked = stripe.requests().into_iter().filter(|asked| asked.line == "POST /v1/refunds").collect::<Vec<_>>();
    assert_eq!((asked.len(), asked[0].key.as_str()), (1, refund["id"].as_str().unwrap()));
    let tick = app.tick().await;
    assert_eq!(stripe.refunds().len(), 1, "{tick}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn staff_gives_money_back() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &reservation).await;
    let refund = format!("/api/payments/{}/refund", payment["payment_id"].as_str().unwrap());
    let operator = app.operator().await;
    assert_eq!(operator.post(&refund, json!({})).await.expect_problem(409)["reason"], "nothing_left");
    confirm(&driver, &reservation, "pm_card_visa").await.expect(200);
    operator.post(&refund, json!({"amount": 0})).await.expect_invalid(&["amount"]);
    operator.post(&refund, json!({"ammount": 1500})).await.expect_invalid(&["ammount"]);
    let too_much = operator.post(&refund, json!({"amount": 4001})).await.expect_problem(409);
    assert_eq!(too_much["left"], 4000);
    let keyed = operator.header("idempotency-key", &unique("key"));
    let shown = keyed.post(&refund, json!({"amount": 1500})).await.expect(201);
    assert_eq!((&shown["refunded"], &shown["refunds"][0]["reason"]), (&json!(1500), &json!("operator")));
    keyed.post(&refund, json!({"amount": 1500})).await.expect(201);
    gatehouse_tests::eventually("the refund is made", std::time::Duration::from_secs(20), || async {
        (stripe.refunded(intent_id(&payment)) == 1500).then_some(())
    })
    .await;
    assert_eq!(driver.get(&path(&reservation)).await.expect(200)["paid"], 2500);
    // All that is left, once.
    let answers = join_all((0..5).map(|_| operator.post(&refund, json!({})))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    app.tick().await;
    assert_eq!(stripe.refunded(intent_id(&payment)), 4000);
    operator.post("/api/payments/nobody/refund", json!({})).await.expect_problem(404);
}
