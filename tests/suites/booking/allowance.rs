//! One person books so many slots in a minute, and has so many ahead.

use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::App;
use serde_json::json;

use crate::support::{Temple, path};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn one_person_makes_so_many_bookings_in_a_minute_and_has_so_many_ahead() {
    let Some(app) = App::embedded(&[("bookings_per_minute", "3"), ("live_bookings", "5")]).await else { return };
    let temple = Temple::create(&app, 200).await;
    let pilgrim = app.visitor().await;
    let book = async || pilgrim.post("/api/bookings/", temple.booking_body(10)).await;
    // However many come at the same time.
    let answers = join_all((0..10).map(|_| book())).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(made.len(), 3);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.expect_problem(429)["reason"], "too_often");
        assert_eq!(refused.header("retry-after"), "60");
    }
    let refused = pilgrim.post("/api/bookings/waitlist", temple.booking_body(10)).await;
    assert_eq!(refused.expect_problem(429)["reason"], "too_often");
    assert_eq!(temple.places_sold(&app), 30, "what was refused took no places");
    // Others, and staff, who book for many, are not held up.
    app.visitor().await.post("/api/bookings/", temple.booking_body(1)).await.expect(201);
    let operator = app.operator().await;
    for _ in 0..7 {
        operator.post("/api/bookings/", temple.booking_body(1)).await.expect(201);
    }

    app.advance(Duration::from_secs(61));
    for _ in 0..2 {
        book().await.expect(201);
    }
    assert_eq!(book().await.expect_problem(409)["reason"], "too_many_live");
    // What was given back does not count.
    pilgrim.patch(&format!("{}/cancel", path(&made[0].json())), json!({})).await.expect(200);
    book().await.expect(201);
    app.advance(Duration::from_secs(61));
    assert_eq!(book().await.expect_problem(409)["reason"], "too_many_live");
}
