//! A clock that is set back stops nothing (docs/reference/rules.md#times): what was stored by the clock that ran ahead is taken as now.

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

fn status_of(app: &App, spot: &str) -> Option<bool> {
    let sql = "select t.occupied from devices d join device_state t on t.device_id = d.id where d.spot_id = ?";
    app.db().query_row(sql, [spot], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_clock_set_back_an_hour_stops_neither_health_nor_spots_nor_escalation() {
    let escalation = [("escalation_minutes", "5"), ("escalation_contacts", "sms:+911111111111 | sms:+912222222222")];
    let Some(app) = App::embedded(&escalation).await else { return };
    let place = app.place(3).await;
    let (speaking, sender) = live_device(&app, &place, 0).await;
    let (silent, _) = live_device(&app, &place, 1).await;
    let (gone, _) = live_device(&app, &place, 2).await;
    let logged = json!({"device_code": speaking, "is_occupied": false, "timestamp": app.time(1)});
    pass(&app, 450).await;
    for device in [&speaking, &silent] {
        let caller = app.device(device).await;
        caller.post("/api/telemetry/", app.reading(device, 0)).await.expect(201);
    }
    occupy(&app, &sender, &speaking, true).await;
    sender.post("/api/parking-log/", logged).await.expect(201);
    pass(&app, 180).await;
    assert_eq!((health(&app, &gone), health(&app, &silent)), ("offline".to_owned(), "warning".to_owned()));
    let raise = json!({"alert_type": "intrusion", "severity": "critical", "message": "A gate is open"});
    let alert = app.operator().await.post("/api/alerts/", raise).await.expect(201);
    app.operator().await.post("/api/parking-data/add/", json!({"parking_lot": "North", "available_spots": 3})).await.expect(201);
    // A run that died holds the lease.
    app.db()
        .execute("update leases set owner = 'dead', lease_until = ?1 + 60000, started_at = ?1 where name = 'tick'", [app.now_ms()])
        .unwrap();

    app.set_back(HOUR);
    let operator = app.operator().await;
    occupy(&app, &sender, &speaking, false).await;
    assert_eq!(status_of(&app, &place.spots[0]), Some(false), "the newer state counts");
    operator.post("/api/parking-data/add/", json!({"parking_lot": "North", "available_spots": 9})).await.expect(201);
    let lot = operator.get("/api/parking-data/?parking_lot=North").await.expect(200);
    assert_eq!(lot["available_spots"], 9);
    let first = app.tick().await;
    assert_eq!(first["skipped"], false, "the lease of the run that died is over");
    assert_eq!(alerts(&app, "monitoring_gap", "devices"), single("warning", "active"), "and it is told");
    let device = |code: &str| format!("/api/devices/{code}");
    assert_eq!(operator.get(&device(&gone)).await.expect(200)["health"], "offline", "what was known stays known");
    assert_eq!(operator.get(&device(&silent)).await.expect(200)["health"], "warning");

    for seconds in [200, 200, 240] {
        pass(&app, seconds).await;
        sender.post("/api/telemetry/", app.reading(&speaking, 0)).await.expect(201);
    }
    assert_eq!((health(&app, &speaking), health(&app, &silent)), ("healthy".to_owned(), "offline".to_owned()));
    assert_eq!(alerts(&app, "device_offline", &silent), single("critical", "active"));
    let path = format!("/api/alerts/{}", alert["id"].as_str().unwrap());
    assert_eq!(app.operator().await.get(&path).await.expect(200)["escalation"], 2, "it climbs");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_clock_set_back_an_hour_stops_neither_crowds_nor_shuttles() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (site, admin) = (unique("temple"), app.admin().await);
    let body = json!({
        "slug": site, "name": "A temple", "kind": "temple", "latitude": 20.0, "longitude": 70.0, "time_zone": "Asia/Kolkata", "capacity": 10,
    });
    admin.post("/api/sites", body).await.expect(201);
    admin.post(&format!("/api/sites/{site}/zones"), json!({"code": "HALL", "name": "Hall", "capacity": 100})).await.expect(201);
    let shuttle = unique("S");
    let made = json!({"id": shuttle, "temple_id": site, "name": "Shuttle", "capacity": 20});
    admin.post("/api/transport/shuttles", made).await.expect(201);
    let count = async |count: i64| {
        let body = json!({"zone": "HALL", "count": count, "timestamp": app.time(0)});
        app.operator().await.post(&format!("/api/crowd/temple/{site}/update"), body).await.expect(201)
    };
    let drive = async |lat: f64| {
        let body = json!({"lat": lat, "lng": 70.0, "timestamp": app.time(0)});
        app.operator().await.post(&format!("/api/transport/shuttles/{shuttle}/location"), body).await.expect(201)
    };
    let told = |channel: &str, field: &str| -> Value {
        let sql = "select data ->> ?2 from events where channel = ?1 and kind <> 'alert' order by id desc limit 1";
        app.db().query_row(sql, [channel, field], |row| row.get::<_, f64>(0)).map(Value::from).unwrap()
    };
    count(10).await;
    drive(20.0).await;
    app.set_back(HOUR);
    assert_eq!(count(20).await["late"], false);
    assert_eq!(drive(20.5).await["late"], false);
    assert_eq!((told("crowd", "count"), told("transport", "lat")), (json!(20.0), json!(20.5)));
    // What is held back goes out with the scheduled run.
    count(30).await;
    drive(20.5001).await;
    app.advance(Duration::from_secs(11));
    app.tick().await;
    assert_eq!((told("crowd", "count"), told("transport", "lat")), (json!(30.0), json!(20.5001)));
}
