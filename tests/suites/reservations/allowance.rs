//! One person makes so many reservations in a minute, and has so many ahead.

use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::App;

use crate::support::{car_park, insert_payment, path, reservation_body};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn one_person_makes_so_many_reservations_in_a_minute_and_has_so_many_ahead() {
    let Some(app) = App::embedded(&[("reservations_per_minute", "3"), ("live_reservations", "4")]).await else { return };
    let place = car_park(&app, 8).await;
    let driver = app.visitor().await;
    let reserve = async |spot: usize| driver.post("/api/reservations", reservation_body(&app, &place.spots[spot], 60, 60)).await;
    // However many come at the same time.
    let answers = join_all((0..8).map(&reserve)).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).map(gatehouse_tests::Response::json).collect();
    assert_eq!(made.len(), 3);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(refused.expect_problem(429)["reason"], "too_often");
        assert_eq!(refused.header("retry-after"), "60");
    }
    made.iter().for_each(|reservation| insert_payment(&app, reservation));
    let free: Vec<_> = (0..8).filter(|spot| answers[*spot].status != 201).collect();
    let operator = app.operator().await;
    for _ in 0..4 {
        let body = reservation_body(&app, &place.spots[free[4]], 60, 60);
        let own = operator.post("/api/reservations", body).await.expect(201);
        operator.delete(&path(&own)).await.expect(200);
    }

    app.advance(Duration::from_secs(61));
    reserve(free[0]).await.expect(201);
    assert_eq!(reserve(free[1]).await.expect_problem(409)["reason"], "too_many_live");
    driver.delete(&path(&made[0])).await.expect(200);
    reserve(free[1]).await.expect(201);
}
