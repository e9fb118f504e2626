//! Coming, staying, leaving: by the spot's sensor or by staff, and what the spot and the overview say meanwhile.

use gatehouse_tests::{App, Client, Place};
use serde_json::{Value, json};

use super::support::{car_park, id, minutes, path, reservation_body, reserve, reserve_and_pay};

async fn report_occupancy(app: &App, sender: &Client, device: &str, occupied: bool) {
    let mut reading = app.reading(device, 0);
    reading["occupied"] = json!(occupied);
    sender.post("/api/telemetry/", reading).await.expect(201);
}

async fn status(app: &App, reservation: &Value) -> String {
    let sql = "select status from reservations where id = ?";
    app.db().query_row(sql, [id(reservation)], |row| row.get(0)).unwrap()
}

async fn spot_status(app: &App, place: &Place, spot: usize) -> String {
    let spot = app.anonymous().get(&format!("/api/spots/{}", place.spots[spot])).await.expect(200);
    spot["status"].as_str().unwrap().to_owned()
}

async fn counts(app: &App, place: &Place) -> (i64, i64, i64) {
    let overview = app.operator().await.get(&format!("/api/dashboard/overview/?site={}", place.site)).await.expect(200);
    let number = |value: &Value, name: &str| value[name].as_i64().unwrap();
    let zone = &overview["by_zone"][0];
    for name in ["free", "occupied", "reserved"] {
        assert_eq!(overview[name], zone[name], "{overview}");
    }
    let slots = app.operator().await.get("/api/slots/?limit=500").await.expect(200);
    let available =
        slots["items"].as_array().unwrap().iter().filter(|slot| slot["site"] == json!(place.site) && slot["status"] == "available");
    assert_eq!(i64::try_from(available.count()).unwrap(), number(&overview, "free"));
    (number(&overview, "free"), number(&overview, "occupied"), number(&overview, "reserved"))
}

/// The spot's states in the event feed, in order.
fn spot_events(app: &App, spot: &str) -> Vec<String> {
    let db = app.db();
    let sql = "select data ->> 'status' from events where kind = 'spot' and data ->> 'spot_id' = ? order by id";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([spot], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

fn open_alerts(app: &App, alert_type: &str, reservation: &Value) -> i64 {
    let sql = "select count(*) from alerts where alert_type = ? and subject = ? and status = 'active'";
    app.db().query_row(sql, [alert_type, id(reservation)], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_sensor_sees_a_driver_come_and_leave() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = car_park(&app, 2).await;
    let device = app.new_device(&place, Some(0)).await;
    let sender = app.device(&device).await;
    report_occupancy(&app, &sender, &device, false).await;
    let driver = app.visitor().await;
    let made = reserve_and_pay(&app, &driver, reservation_body(&app, &place.spots[0], 30, 60)).await;
    assert_eq!((spot_status(&app, &place, 0).await.as_str(), counts(&app, &place).await), ("free", (2, 0, 0)));

    // Half an hour ahead a car on the spot is somebody else's; from 15 minutes before, it is the driver's.
    report_occupancy(&app, &sender, &device, true).await;
    assert_eq!(status(&app, &made).await, "confirmed");
    report_occupancy(&app, &sender, &device, false).await;
    app.advance(minutes(31));
    app.tick().await;
    assert_eq!((spot_status(&app, &place, 0).await.as_str(), counts(&app, &place).await), ("reserved", (1, 0, 1)));
    report_occupancy(&app, &sender, &device, true).await;
    let shown = app.operator().await.get(&path(&made)).await.expect(200);
    assert_eq!(shown["status"], "arrived");
    assert!(shown["arrived_at"].is_string());
    assert_eq!((spot_status(&app, &place, 0).await.as_str(), counts(&app, &place).await), ("occupied", (1, 1, 0)));

    // A car that is moved a little has not left.
    report_occupancy(&app, &sender, &device, false).await;
    assert_eq!(spot_status(&app, &place, 0).await, "reserved");
    app.advance(minutes(2));
    app.tick().await;
    report_occupancy(&app, &sender, &device, true).await;
    app.advance(minutes(6));
    app.tick().await;
    assert_eq!(status(&app, &made).await, "arrived");
    // One that is away for five minutes has: the rest of the stay is free for others.
    report_occupancy(&app, &sender, &device, false).await;
    app.advance(minutes(5) + std::time::Duration::from_secs(1));
    assert_eq!(app.tick().await["reservations"]["completed"], 1);
    assert_eq!(status(&app, &made).await, "completed");
    assert_eq!((spot_status(&app, &place, 0).await.as_str(), counts(&app, &place).await), ("free", (2, 0, 0)));
    assert_eq!(
        spot_events(&app, &place.spots[0]),
        ["free", "occupied", "free", "reserved", "occupied", "reserved", "occupied", "reserved", "free"]
    );
    reserve(&app.visitor().await, reservation_body(&app, &place.spots[0], 0, 20)).await;
    assert_eq!(spot_status(&app, &place, 0).await, "reserved");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_comes_early_is_the_driver_and_who_stays_on_is_told_of() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = car_park(&app, 1).await;
    let device = app.new_device(&place, Some(0)).await;
    let sender = app.device(&device).await;
    report_occupancy(&app, &sender, &device, false).await;
    let first = reserve_and_pay(&app, &app.visitor().await, reservation_body(&app, &place.spots[0], 10, 20)).await;
    let mut body = reservation_body(&app, &place.spots[0], 0, 0);
    body["start"] = first["end"].clone();
    body["end"] = json!(app.time(60 * 60));
    let second = reserve_and_pay(&app, &app.visitor().await, body).await;
    report_occupancy(&app, &sender, &device, true).await;
    assert_eq!((status(&app, &first).await.as_str(), status(&app, &second).await.as_str()), ("arrived", "confirmed"));
    app.advance(minutes(31));
    let tick = app.tick().await;
    assert_eq!(tick["reservations"]["overstayed"], 1, "{tick}");
    assert_eq!((status(&app, &first).await.as_str(), open_alerts(&app, "overstay", &first)), ("overstayed", 1));
    // Whoever is on the spot of the next one is in its way.
    assert_eq!(open_alerts(&app, "spot_blocked", &second), 1);
    app.tick().await;
    assert_eq!(open_alerts(&app, "spot_blocked", &second), 1);
    // It leaves; the next one comes within the same minutes.
    report_occupancy(&app, &sender, &device, false).await;
    report_occupancy(&app, &sender, &device, true).await;
    assert_eq!((status(&app, &first).await.as_str(), status(&app, &second).await.as_str()), ("overstayed", "arrived"));
    app.advance(minutes(6));
    app.tick().await;
    assert_eq!((status(&app, &first).await.as_str(), status(&app, &second).await.as_str()), ("completed", "arrived"));
    assert_eq!((open_alerts(&app, "overstay", &first), open_alerts(&app, "spot_blocked", &second)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_unpaid_or_absent_driver_does_not_arrive() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = car_park(&app, 2).await;
    let device = app.new_device(&place, Some(0)).await;
    let sender = app.device(&device).await;
    report_occupancy(&app, &sender, &device, false).await;
    let held = reserve(&app.visitor().await, reservation_body(&app, &place.spots[0], 0, 60)).await;
    report_occupancy(&app, &sender, &device, true).await;
    assert_eq!(status(&app, &held).await, "pending_payment");
    let missed = reserve_and_pay(&app, &app.visitor().await, reservation_body(&app, &place.spots[1], 0, 20)).await;
    app.advance(minutes(21));
    assert_eq!(app.tick().await["reservations"]["no_shows"], 1);
    assert_eq!(status(&app, &missed).await, "no_show");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn staff_sees_a_driver_in_and_out_where_there_is_no_sensor() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = car_park(&app, 1).await;
    let made = reserve_and_pay(&app, &app.visitor().await, reservation_body(&app, &place.spots[0], 30, 60)).await;
    let operator = app.operator().await;
    let (arrive, depart) = (format!("{}/arrive", path(&made)), format!("{}/depart", path(&made)));
    assert_eq!(operator.post(&arrive, json!({})).await.expect_problem(409)["reason"], "too_early");
    assert_eq!(operator.post(&depart, json!({})).await.expect_problem(409)["reason"], "not_possible");
    app.advance(minutes(16));
    let operator = app.operator().await;
    let shown = operator.post(&arrive, json!({})).await.expect(200);
    assert_eq!(shown["status"], "arrived");
    operator.post(&arrive, json!({})).await.expect_problem(409);
    operator.delete(&path(&made)).await.expect_problem(409);
    operator.put(&path(&made), json!({"start": app.time(-60)})).await.expect_invalid(&["start"]);
    let shown = operator.post(&depart, json!({})).await.expect(200);
    assert_eq!(shown["status"], "completed");
    assert!(shown["left_at"].is_string() && shown["ended_at"].is_string());
    operator.post("/api/reservations/nobody/arrive", json!({})).await.expect_problem(404);
    operator.post("/api/reservations/nobody/depart", json!({})).await.expect_problem(404);
}
