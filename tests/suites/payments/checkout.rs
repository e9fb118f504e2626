//! Checkout pages: one at a time, never beside an intent, and settled as every payment is.

use futures::future::join_all;
use gatehouse_tests::stripe::Stripe;
use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

use super::support::{car_park, id, minutes, outbox_topics, path, reservation_body, reserve};
use super::webhook::tell;
use super::{confirm, create_intent, intent_id, status, unpaid_reservation};

const ORIGIN: &str = "https://gate.example";

async fn start(stripe: &Stripe) -> Option<App> {
    let [base, key, secret] = stripe.variables();
    App::embedded(&[base, key, secret, ("public_origin", ORIGIN)]).await
}

fn body(reservation: &Value) -> Value {
    json!({"reservation_id": id(reservation)})
}

async fn open_page(driver: &Client, reservation: &Value) -> Value {
    driver.post("/api/payments/checkout", body(reservation)).await.expect(201)
}

fn session_id(page: &Value) -> &str {
    page["checkout_session_id"].as_str().expect("a session")
}

async fn payments(driver: &Client, reservation: &Value) -> Vec<Value> {
    let listed = driver.get(&format!("/api/payments?reservation_id={}", id(reservation))).await.expect(200);
    listed["items"].as_array().expect("a list").clone()
}

async fn look_up(driver: &Client, reservation: &Value) -> Value {
    driver.post("/api/payments/confirm", body(reservation)).await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_driver_pays_on_stripes_page() {
    let stripe = Stripe::start().await;
    let Some(app) = start(&stripe).await else { return };
    assert_eq!(app.anonymous().get("/api/payments/setup").await.expect(200), json!({"is_set_up": true, "has_checkout": true}));
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let page = open_page(&driver, &reservation).await;
    let session = stripe.session(session_id(&page));
    assert_eq!((&page["url"], &page["amount"], &page["currency"]), (&session["url"], &json!(4000), &json!("INR")));
    assert_eq!(page["expires_at"], reservation["hold_expires_at"]);
    assert_eq!((&session["client_reference_id"], &session["amount_total"]), (&json!(id(&reservation)), &json!(4000)));
    assert_eq!(session["success_url"], format!("{ORIGIN}/console/reservations/{}?payment=success", id(&reservation)));
    assert_eq!(session["cancel_url"], format!("{ORIGIN}/console/reservations/{}?payment=cancelled", id(&reservation)));
    let item = session["line_item"].as_str().unwrap();
    assert!(item.contains(place.spots[0].as_str()), "{item}");
    let asked = &stripe.requests()[0];
    assert_eq!((asked.line.as_str(), asked.version.as_str()), ("POST /v1/checkout/sessions", "2026-02-25.clover"));
    assert_eq!(asked.key, format!("{}-checkout", page["payment_id"].as_str().unwrap()));

    // Asked again, also by many at once, it is the same page.
    let again = join_all((0..6).map(|_| open_page(&driver, &reservation))).await;
    assert!(again.iter().all(|again| again["url"] == page["url"]), "{again:?}");
    assert_eq!(stripe.sessions().len(), 1);
    assert_eq!(look_up(&driver, &reservation).await["status"], "open");
    assert_eq!(status(&driver, &reservation).await, "pending_payment");

    let intent = stripe.pay_on_page(session_id(&page), "succeeded");
    tell(&app, "checkout.session.completed", &stripe.session(session_id(&page))).await;
    let shown = driver.get(&path(&reservation)).await.expect(200);
    assert_eq!((&shown["status"], &shown["paid"], &shown["due"]), (&json!("confirmed"), &json!(4000), &json!(0)));
    assert_eq!(outbox_topics(&app, id(&reservation)), ["reservation.confirmed"]);
    // The intent's own event and the driver's question change nothing more.
    tell(&app, "payment_intent.succeeded", &stripe.intent(&intent)).await;
    let told = look_up(&driver, &reservation).await;
    assert_eq!((&told["status"], &told["payment_intent_id"], &told["refunded"]), (&json!("succeeded"), &json!(intent), &json!(0)));
    assert_eq!(driver.post("/api/payments/checkout", body(&reservation)).await.expect_problem(409)["reason"], "paid");
    let listed = payments(&driver, &reservation).await;
    assert_eq!((listed.len(), &listed[0]["checkout_session_id"]), (1, &json!(session_id(&page))));
    assert_eq!((&listed[0]["state"], &listed[0]["received"]), (&json!("succeeded"), &json!(4000)));
    assert!(stripe.refunds().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_intent_and_a_page_are_never_open_at_once() {
    let stripe = Stripe::start().await;
    let Some(app) = start(&stripe).await else { return };
    let place = car_park(&app, 2).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let intent = create_intent(&driver, &reservation).await;
    let page = open_page(&driver, &reservation).await;
    assert_eq!(stripe.intent(intent_id(&intent))["status"], "canceled");
    let next = create_intent(&driver, &reservation).await;
    assert_eq!(stripe.session(session_id(&page))["status"], "expired");
    assert_ne!(intent_id(&next), intent_id(&intent));
    confirm(&driver, &reservation, "pm_card_visa").await.expect(200);
    assert_eq!(driver.post("/api/payments/checkout", body(&reservation)).await.expect_problem(409)["reason"], "paid");
    let states: Vec<_> = payments(&driver, &reservation).await.iter().map(|payment| payment["state"].clone()).collect();
    assert_eq!(states, [json!("succeeded"), json!("failed"), json!("cancelled")]);

    // Paid just before the other way is asked for: that is what counts.
    let (driver, reservation) = unpaid_reservation(&app, &place, 1).await;
    let page = open_page(&driver, &reservation).await;
    stripe.pay_on_page(session_id(&page), "succeeded");
    assert_eq!(driver.post("/api/payments/create-intent", body(&reservation)).await.expect_problem(409)["reason"], "paid");
    assert_eq!(status(&driver, &reservation).await, "confirmed");
    assert!(stripe.refunds().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_page_closes_with_its_hold() {
    let stripe = Stripe::start().await;
    let Some(app) = start(&stripe).await else { return };
    let place = car_park(&app, 2).await;
    let (email, password) = app.new_user("visitor", json!({})).await;
    let driver = app.login(&email, &password).await;
    let reservation = reserve(&driver, reservation_body(&app, &place.spots[0], 60, 60)).await;
    let page = open_page(&driver, &reservation).await;
    let attempt = stripe.pay_on_page(session_id(&page), "requires_payment_method");
    tell(&app, "payment_intent.payment_failed", &stripe.intent(&attempt)).await;
    assert_eq!(status(&driver, &reservation).await, "pending_payment");
    // A declined card leaves the page open: the next one may do.
    assert_eq!(open_page(&driver, &reservation).await["url"], page["url"]);
    app.advance(minutes(2));
    app.tick().await;
    assert_eq!(stripe.session(session_id(&page))["status"], "open");
    app.advance(minutes(14));
    app.tick().await;
    assert_eq!(stripe.session(session_id(&page))["status"], "expired");
    // A session's access token is over by then.
    let driver = app.login(&email, &password).await;
    assert_eq!(payments(&driver, &reservation).await[0]["state"], "cancelled");
    let refused = driver.post("/api/payments/checkout", body(&reservation)).await.expect_problem(409);
    assert_eq!(refused["reason"], "lapsed");

    // Closed at Stripe while it may still be paid: another takes its place.
    let (driver, reservation) = unpaid_reservation(&app, &place, 1).await;
    let page = open_page(&driver, &reservation).await;
    tell(&app, "checkout.session.expired", &stripe.expire_page(session_id(&page))).await;
    assert_eq!(payments(&driver, &reservation).await[0]["state"], "failed");
    assert_ne!(open_page(&driver, &reservation).await["url"], page["url"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_bank_that_takes_its_time_settles_it_later() {
    let stripe = Stripe::start().await;
    let Some(app) = start(&stripe).await else { return };
    let place = car_park(&app, 2).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let page = open_page(&driver, &reservation).await;
    let intent = stripe.pay_on_page(session_id(&page), "processing");
    tell(&app, "checkout.session.completed", &stripe.session(session_id(&page))).await;
    assert_eq!(status(&driver, &reservation).await, "pending_payment");
    for route in ["/api/payments/checkout", "/api/payments/create-intent"] {
        assert_eq!(driver.post(route, body(&reservation)).await.expect_problem(409)["reason"], "processing", "{route}");
    }
    stripe.pay_by_bank(&intent);
    tell(&app, "checkout.session.async_payment_succeeded", &stripe.session(session_id(&page))).await;
    assert_eq!(status(&driver, &reservation).await, "confirmed");

    let (driver, reservation) = unpaid_reservation(&app, &place, 1).await;
    let page = open_page(&driver, &reservation).await;
    let intent = stripe.pay_on_page(session_id(&page), "processing");
    tell(&app, "checkout.session.completed", &stripe.session(session_id(&page))).await;
    stripe.set_status(&intent, "requires_payment_method");
    tell(&app, "checkout.session.async_payment_failed", &stripe.session(session_id(&page))).await;
    assert_eq!(payments(&driver, &reservation).await[0]["state"], "cancelled");
    assert_ne!(open_page(&driver, &reservation).await["url"], page["url"]);
    assert!(stripe.refunds().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_lost_answer_makes_no_second_page_and_a_changed_price_closes_the_old_one() {
    let stripe = Stripe::start().await;
    let Some(app) = start(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    stripe.drop_responses();
    driver.post("/api/payments/checkout", body(&reservation)).await.expect_problem(503);
    stripe.recover();
    let page = open_page(&driver, &reservation).await;
    assert_eq!(stripe.sessions().len(), 1);
    let mut longer = reservation_body(&app, &place.spots[0], 0, 0);
    longer["start"] = reservation["start"].clone();
    longer["end"] = json!(app.time(240 * 60));
    let changed = driver.put(&path(&reservation), longer).await.expect(200);
    let next = open_page(&driver, &reservation).await;
    assert_eq!((&next["amount"], next["url"] == page["url"]), (&changed["price"], false));
    assert_eq!(stripe.session(session_id(&page))["status"], "expired");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_page_is_its_drivers_alone_and_confirmed_there() {
    let stripe = Stripe::start().await;
    let Some(app) = start(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let route = "/api/payments/checkout";
    for stranger in [app.visitor().await, app.operator().await] {
        stranger.post(route, body(&reservation)).await.expect_problem(404);
    }
    app.anonymous().post(route, body(&reservation)).await.expect_problem(401);
    driver.post(route, json!({})).await.expect_invalid(&["reservation_id"]);
    driver.post(route, json!({"reservation_id": id(&reservation), "number": "4242424242424242"})).await.expect_invalid(&["number"]);
    assert!(stripe.requests().is_empty());
    let keyed = driver.header("idempotency-key", &unique("key"));
    let first = keyed.post(route, body(&reservation)).await.expect(201);
    assert_eq!(keyed.post(route, body(&reservation)).await.expect(201), first);
    assert_eq!(confirm(&driver, &reservation, "pm_card_visa").await.expect_problem(409)["reason"], "checkout");
    assert_eq!(status(&driver, &reservation).await, "pending_payment");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn where_payments_are_not_set_up_it_says_so() {
    let stripe = Stripe::start().await;
    let Some(app) = App::embedded(&stripe.variables()).await else { return };
    assert_eq!(app.anonymous().get("/api/payments/setup").await.expect(200), json!({"is_set_up": true, "has_checkout": false}));
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let refused = driver.post("/api/payments/checkout", body(&reservation)).await.expect_problem(503);
    assert_eq!(refused["reason"], "payments_not_set_up");
    assert!(stripe.requests().is_empty());
    let Some(app) = App::embedded(&[("public_origin", ORIGIN)]).await else { return };
    assert_eq!(app.anonymous().get("/api/payments/setup").await.expect(200), json!({"is_set_up": false, "has_checkout": false}));
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let refused = driver.post("/api/payments/checkout", body(&reservation)).await.expect_problem(503);
    assert_eq!(refused["reason"], "payments_not_set_up");
}
