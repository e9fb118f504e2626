//! The whole story against `localstripe`, with the webhooks that it sends by itself.

use std::time::Duration;

use gatehouse_tests::localstripe::LocalStripe;
use gatehouse_tests::{App, eventually};
use serde_json::json;

use super::support::{car_park, path, reservation_body, reserve};
use super::{confirm, create_intent, intent_id, status, unpaid_reservation};

const SECRET: &str = "whsec_local";

async fn start() -> Option<(LocalStripe, App)> {
    let stripe = LocalStripe::start().await;
    let app = App::embedded(&stripe.variables(SECRET)).await?;
    stripe.send_events_to(&format!("{}/api/webhooks/stripe", app.base_url()), SECRET).await;
    Some((stripe, app))
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_webhook_of_a_payment_confirms_its_reservation() {
    let Some((stripe, app)) = start().await else { return };
    let place = car_park(&app, 1).await;
    let (driver, reservation) = unpaid_reservation(&app, &place, 0).await;
    let payment = create_intent(&driver, &reservation).await;
    assert!(payment["client_secret"].as_str().unwrap().contains("_secret_"));
    // The driver's device pays and says nothing here: Stripe does.
    assert_eq!(stripe.pay(intent_id(&payment), "pm_card_visa").await, 200);
    eventually("the webhook arrives", Duration::from_secs(20), || async {
        (status(&driver, &reservation).await == "confirmed").then_some(())
    })
    .await;
    let events: i64 =
        app.db().query_row("select count(*) from stripe_events where type = 'payment_intent.succeeded'", [], |row| row.get(0)).unwrap();
    assert_eq!(events, 1);
    let shown = driver.get(&path(&reservation)).await.expect(200);
    assert_eq!(shown["paid"], 4000);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn it_is_paid_here_declined_here_and_refunded() {
    let Some((stripe, app)) = start().await else { return };
    let place = car_park(&app, 1).await;
    let driver = app.visitor().await;
    let reservation = reserve(&driver, reservation_body(&app, &place.spots[0], 90, 60)).await;
    let payment = create_intent(&driver, &reservation).await;
    // A card that is taken when it is given, and declined when it is charged.
    let declined = confirm(&driver, &reservation, "pm_card_chargeCustomerFail").await.expect_problem(402);
    assert_eq!(declined["reason"], "declined");
    assert_eq!(status(&driver, &reservation).await, "pending_payment");
    let reservation = {
        // localstripe lets nobody try again with an intent that was declined: another reservation.
        driver.delete(&path(&reservation)).await.expect(200);
        reserve(&driver, reservation_body(&app, &place.spots[0], 90, 60)).await
    };
    let second = create_intent(&driver, &reservation).await;
    assert_ne!(intent_id(&second), intent_id(&payment));
    let paid = confirm(&driver, &reservation, "pm_card_visa").await.expect(200);
    assert_eq!((&paid["status"], &paid["reservation_status"]), (&json!("succeeded"), &json!("confirmed")));
    let cancelled = driver.delete(&path(&reservation)).await.expect(200);
    assert_eq!(cancelled["refund"], 4000);
    let refunds = eventually("the refund is made", Duration::from_secs(20), || async {
        let refunds = stripe.get(&format!("/v1/refunds?payment_intent={}", intent_id(&second))).await;
        (!refunds["data"].as_array()?.is_empty()).then_some(refunds)
    })
    .await;
    assert_eq!((refunds["data"].as_array().unwrap().len(), &refunds["data"][0]["amount"]), (1, &json!(4000)));
    app.tick().await;
    let detail = driver.get(&format!("/api/payments/{}", second["payment_id"].as_str().unwrap())).await.expect(200);
    assert_eq!(detail["refunds"][0]["state"], "succeeded");
}
