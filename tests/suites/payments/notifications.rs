//! Notifications of a reservation and a refund go to the driver and the webhook, not to the control room.

use gatehouse_tests::receiver::Receiver;
use gatehouse_tests::stripe::Stripe;
use gatehouse_tests::{App, channels};
use serde_json::json;

use super::pay;
use super::support::{car_park, path, reservation_body, reserve};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_driver_hears_of_the_reservation_and_of_the_money() {
    let (stripe, receiver) = (Stripe::start().await, Receiver::start().await);
    let origin = receiver.origin();
    let mut variables = stripe.variables().to_vec();
    variables.extend(channels::webhook(&origin));
    variables.extend(channels::mail(&origin));
    let Some(app) = App::embedded(&variables).await else { return };
    let place = car_park(&app, 1).await;
    let (email, password) = app.new_user("visitor", json!({})).await;
    let driver = app.login(&email, &password).await;
    let reservation = reserve(&driver, reservation_body(&app, &place.spots[0], 90, 60)).await;
    pay(&driver, &reservation).await;
    app.tick().await;
    driver.delete(&path(&reservation)).await.expect(200);
    // The run of payments comes first: what it makes is sent by the same run.
    app.tick().await;

    let mut topics: Vec<_> = receiver.requests_to("/hooks").iter().map(|told| told.json()["topic"].as_str().unwrap().to_owned()).collect();
    topics.sort_unstable();
    assert_eq!(topics, ["payment.refunded", "reservation.cancelled", "reservation.confirmed"]);
    let mails = receiver.requests_to("/v3/mail/send");
    assert!(mails.iter().all(gatehouse_tests::receiver::Received::accepted));
    let to: Vec<_> = mails.iter().map(|mail| mail.json()["personalizations"][0]["to"][0]["email"].as_str().unwrap().to_owned()).collect();
    assert_eq!(to, [email.as_str(); 3]);
    let texts: String = mails.iter().map(|mail| mail.json()["content"][0]["value"].as_str().unwrap().to_owned()).collect();
    for word in ["is confirmed", "is cancelled", "a refund is on its way (4000 INR in minor units)"] {
        assert!(texts.contains(word), "{word}: {texts}");
    }
    assert!(!texts.contains("GJ01AB1234"), "a plate is nobody's business: {texts}");
}
