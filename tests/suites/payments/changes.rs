//! Reservations that are changed: what is paid, for which terms, and what goes back.

use gatehouse_tests::App;
use gatehouse_tests::stripe::Stripe;
use serde_json::{Value, json};

use super::support::{self, car_park, path, reservation_body, reserve};
use super::{confirm, create_intent, intent_id, start_with_stripe, unpaid_reservation};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_changed_reservation_has_another_intent_and_the_old_one_is_cancelled() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let old = create_intent(&driver, &reservation).await;
    let mut longer = reservation_body(&app, &place.spots[0], 0, 0);
    longer["start"] = reservation["start"].clone();
    longer["end"] = json!(app.time(240 * 60));
    let changed = driver.put(&path(&reservation), longer).await.expect(200);
    let refused = driver
        .post("/api/payments/confirm", json!({"payment_intent_id": intent_id(&old), "payment_method": "pm_card_visa"}))
        .await
        .expect_problem(409);
    assert_eq!(refused["reason"], "changed");
    let new = create_intent(&driver, &reservation).await;
    assert_eq!(new["amount"], changed["price"]);
    assert_ne!(intent_id(&new), intent_id(&old));
    app.tick().await;
    assert_eq!(stripe.intent(intent_id(&old))["status"], "canceled");
    assert_eq!(stripe.intent(intent_id(&new))["status"], "requires_payment_method");
    let paid = confirm(&driver, &reservation, "pm_card_visa").await.expect(200);
    assert_eq!(paid["reservation_status"], "confirmed");

    // A longer stay: the rest is paid by another payment.
    let longer = driver.put(&path(&reservation), json!({"end": app.time(300 * 60)})).await.expect(200);
    assert!(longer["due"].as_i64().unwrap() > 0);
    let rest = create_intent(&driver, &reservation).await;
    assert_eq!(rest["amount"], longer["due"]);
    confirm(&driver, &reservation, "pm_card_visa").await.expect(200);
    let shown = driver.get(&path(&reservation)).await.expect(200);
    assert_eq!(
        (&shown["paid"], &shown["due"], &shown["due_until"], &shown["end"]),
        (&longer["price"], &json!(0), &Value::Null, &longer["end"])
    );
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_dearer_change_of_a_paid_reservation_pays_the_difference() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 2).await;
    support::set_kind(&app, &place.spots[1], "ev").await;
    let driver = app.visitor().await;
    let made = reserve(&driver, reservation_body(&app, &place.spots[0], 120, 60)).await;
    let first = create_intent(&driver, &made).await;
    confirm(&driver, &made, "pm_card_visa").await.expect(200);

    // To a dearer spot, and later: it stays what it is until the difference is paid.
    let mut other = reservation_body(&app, &place.spots[1], 180, 60);
    other["vehicle_plate"] = json!("MH12X1");
    let asked = driver.put(&path(&made), other.clone()).await.expect(200);
    for field in ["spot_id", "start", "end", "price"] {
        assert_eq!(asked[field], made[field], "{field}");
    }
    assert_eq!((&asked["status"], &asked["due"], &asked["vehicle_plate"]), (&json!("confirmed"), &json!(1000), &json!("MH12X1")));
    assert_eq!((&asked["change"]["spot_id"], &asked["change"]["price"]), (&json!(place.spots[1]), &json!(5000)));
    assert!(asked["due_until"].is_string(), "{asked}");
    // Both are kept, and another change waits.
    let rival = app.visitor().await;
    for (spot, in_minutes) in [(0, 120), (1, 180)] {
        support::expect_conflict(&rival.post("/api/reservations", reservation_body(&app, &place.spots[spot], in_minutes, 60)).await);
    }
    assert_eq!(driver.put(&path(&made), json!({"end": app.time(300 * 60)})).await.expect_problem(409)["reason"], "due");
    // A driver who comes meanwhile would come by the old terms; a plate is corrected at any time.
    assert_eq!(driver.put(&path(&made), json!({"vehicle_plate": "MH12X2"})).await.expect(200)["due"], 1000);

    let second = create_intent(&driver, &made).await;
    assert_eq!((&second["amount"], &second["expires_at"]), (&json!(1000), &asked["due_until"]));
    assert_ne!(intent_id(&second), intent_id(&first));
    confirm(&driver, &made, "pm_card_visa").await.expect(200);
    let changed = driver.get(&path(&made)).await.expect(200);
    assert_eq!(
        (&changed["spot_id"], &changed["kind"], &changed["price"], &changed["paid"], &changed["due"], &changed["change"]),
        (&json!(place.spots[1]), &json!("ev"), &json!(5000), &json!(5000), &json!(0), &Value::Null)
    );
    assert_eq!(
        (&changed["start"], &changed["end"], &changed["vehicle_plate"]),
        (&asked["change"]["start"], &asked["change"]["end"], &json!("MH12X2"))
    );
    // The old spot is free, the new one is not, and all that was paid goes back over both payments.
    support::assert_no_overlap(&app);
    reserve(&rival, reservation_body(&app, &place.spots[0], 120, 60)).await;
    support::expect_conflict(&rival.post("/api/reservations", reservation_body(&app, &place.spots[1], 180, 60)).await);
    assert_eq!(driver.delete(&path(&made)).await.expect(200)["refund"], 5000);
    app.tick().await;
    assert_eq!((stripe.refunded(intent_id(&first)), stripe.refunded(intent_id(&second))), (4000, 1000));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_pays_a_difference_at_another_site_gets_no_more_back_of_what_was_paid_before() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let (here, there) = (car_park(&app, 1).await, car_park(&app, 1).await);
    let mut lenient = support::tariff();
    lenient["per_hour"] = json!(6000);
    lenient["refund"] = json!({"full_until_minutes": 0, "late_percent": 100, "started_percent": 100});
    app.admin().await.patch(&format!("/api/sites/{}", there.site), json!({"tariff": lenient})).await.expect(200);
    let driver = app.visitor().await;
    let made = reserve(&driver, reservation_body(&app, &here.spots[0], 30, 60)).await;
    let first = create_intent(&driver, &made).await;
    confirm(&driver, &made, "pm_card_visa").await.expect(200);
    let asked = driver.put(&path(&made), json!({"spot_id": there.spots[0]})).await.expect(200);
    assert_eq!((&asked["site"], &asked["due"]), (&json!(here.site), &json!(2000)));
    let second = create_intent(&driver, &made).await;
    confirm(&driver, &made, "pm_card_visa").await.expect(200);
    assert_eq!(driver.get(&path(&made)).await.expect(200)["site"], json!(there.site));
    // All of the difference, and half of what was paid where only half goes back so late.
    assert_eq!(driver.delete(&path(&made)).await.expect(200)["refund"], 4000);
    app.tick().await;
    assert_eq!((stripe.refunded(intent_id(&first)), stripe.refunded(intent_id(&second))), (2000, 2000));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_dearer_change_that_is_not_paid_changes_nothing() {
    let stripe = Stripe::start().await;
    let Some(app) = start_with_stripe(&stripe).await else { return };
    let place = car_park(&app, 4).await;
    for spot in &place.spots[2..] {
        support::set_kind(&app, spot, "ev").await;
    }
    let mut reservations = Vec::new();
    for spot in 0..2 {
        let driver = app.visitor().await;
        let made = reserve(&driver, reservation_body(&app, &place.spots[spot], 180, 60)).await;
        create_intent(&driver, &made).await;
        confirm(&driver, &made, "pm_card_visa").await.expect(200);
        driver.put(&path(&made), reservation_body(&app, &place.spots[spot + 2], 180, 60)).await.expect(200);
        let difference = create_intent(&driver, &made).await;
        reservations.push((driver, driver_view(&app, &made).await, difference));
    }
    // One is cancelled: what it was to become goes with it, and nobody can pay for it any more.
    let (driver, cancelled, difference) = &reservations[0];
    assert_eq!(driver.delete(&path(cancelled)).await.expect(200)["refund"], 4000);
    app.tick().await;
    assert_eq!(stripe.intent(intent_id(difference))["status"], "canceled");
    let rival = app.visitor().await;
    reserve(&rival, reservation_body(&app, &place.spots[2], 180, 60)).await;
    // The other's difference comes when the time for it is over, and the spot is somebody else's.
    let (_, kept, difference) = &reservations[1];
    app.advance(support::minutes(16));
    let taken = reservation_body(&app, &place.spots[3], 164, 60);
    reserve(&app.visitor().await, taken).await;
    stripe.pay(intent_id(difference));
    let tick = app.tick().await;
    assert_eq!(tick["reservations"]["unchanged"], 1, "{tick}");
    let shown = driver_view(&app, kept).await;
    for field in ["spot_id", "start", "end", "price", "paid", "status"] {
        assert_eq!(shown[field], kept[field], "{field}");
    }
    assert_eq!((&shown["due"], &shown["change"]), (&json!(0), &Value::Null));
    assert_eq!(stripe.refunded(intent_id(difference)), 1000, "what was of no use goes back by itself");
    support::assert_no_overlap(&app);
}

/// A reservation as an operator sees it.
async fn driver_view(app: &App, reservation: &Value) -> Value {
    app.operator().await.get(&path(reservation)).await.expect(200)
}
