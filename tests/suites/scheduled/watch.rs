//! How devices are watched (docs/reference/rules.md#health): that the monitor was away is nobody's silence, and a device put back in use is
//! judged like any other.

use super::*;

/// The overview's counts of healthy, warning and offline devices.
async fn overview(app: &App) -> [i64; 3] {
    let overview = app.operator().await.get("/api/dashboard/overview/").await.expect(200);
    ["healthy", "warning", "offline"].map(|health| overview["devices"][health].as_i64().expect(health))
}

async fn three_devices(app: &App) -> Vec<(String, Client)> {
    let place = app.place(3).await;
    let mut devices = Vec::new();
    for spot in 0..3 {
        devices.push(live_device(app, &place, spot).await);
    }
    devices
}

fn gaps(app: &App) -> Vec<(String, String)> {
    alerts(app, "monitoring_gap", "devices")
}

/// Of these devices, the first speaks after the gap that just began, and the others do not.
async fn expect_grace_after_a_gap(app: &App, devices: &[(String, Client)]) {
    assert_eq!(overview(app).await, [3, 0, 0], "before the first run");
    app.tick().await;
    ticks_at_once(app, 3).await;
    assert_eq!((overview(app).await, gaps(app)), ([3, 0, 0], single("warning", "active")));
    let operator = app.operator().await;
    let (speaking, sender) = &devices[0];
    assert_eq!(operator.get(&format!("/api/devices/{speaking}")).await.expect(200)["health"], "healthy");
    sender.post("/api/telemetry/", app.reading(speaking, 0)).await.expect(201);
    pass(app, 85).await;
    assert_eq!((overview(app).await, gaps(app)), ([3, 0, 0], single("warning", "active")));
    sender.post("/api/telemetry/", app.reading(speaking, 0)).await.expect(201);
    pass(app, 60).await;
    assert_eq!((overview(app).await, gaps(app)), ([1, 0, 2], single("warning", "resolved")), "who did not speak is judged");
    pass(app, 30).await;
    assert_eq!(gaps(app).len(), 1, "it is told once");
    for (device, _) in &devices[1..] {
        assert_eq!(alerts(app, "device_offline", device), single("critical", "active"));
        assert!(alerts(app, "device_warning", device).is_empty());
    }
    assert!(alerts(app, "device_offline", speaking).is_empty() && alerts(app, "device_warning", speaking).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_jump_of_the_clock_is_nobodys_silence() {
    let Some(app) = App::embedded(&[]).await else { return };
    let devices = three_devices(&app).await;
    pass(&app, 30).await;
    app.advance(Duration::from_secs(610));
    expect_grace_after_a_gap(&app, &devices).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_time_in_which_the_program_was_away_is_nobodys_silence() {
    let Some(app) = App::embedded(&[]).await else { return };
    let devices = three_devices(&app).await;
    app.tick().await;
    app.advance(Duration::from_secs(20 * 60));
    let app = app.restart().await;
    let mut again = Vec::new();
    for (code, _) in devices {
        let sender = app.device(&code).await;
        again.push((code, sender));
    }
    expect_grace_after_a_gap(&app, &again).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_device_that_was_silent_before_a_gap_stays_so() {
    let Some(app) = App::embedded(&[]).await else { return };
    let devices = three_devices(&app).await;
    pass(&app, 60).await;
    for (device, sender) in &devices[1..] {
        sender.post("/api/telemetry/", app.reading(device, 0)).await.expect(201);
    }
    pass(&app, 90).await;
    assert_eq!(overview(&app).await, [2, 1, 0]);
    app.advance(Duration::from_secs(3600));
    assert_eq!(overview(&app).await, [2, 1, 0]);
    app.tick().await;
    assert_eq!(overview(&app).await, [2, 1, 0]);
    let silent = &devices[0].0;
    assert_eq!((health(&app, silent), alerts(&app, "device_offline", silent)), ("warning".to_owned(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_gap_that_no_device_can_have_noticed_is_not_told() {
    let Some(app) = App::embedded(&[]).await else { return };
    app.tick().await;
    app.advance(Duration::from_secs(3600));
    app.tick().await;
    assert!(gaps(&app).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_device_put_back_in_use_is_judged_like_any_other() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(2).await;
    let (silent, _) = live_device(&app, &place, 0).await;
    let (hot, sender) = live_device(&app, &place, 1).await;
    let load = |plus_s: i64| {
        let mut reading = app.reading(&hot, plus_s);
        reading["current"] = json!(9.0);
        reading
    };
    sender.post("/api/telemetry/", load(1)).await.expect(201);
    pass(&app, 630).await;
    assert_eq!(alerts(&app, "device_offline", &silent), single("critical", "active"));
    let admin = app.admin().await;
    let set_active = async |code: &str, is_active: bool| {
        admin.patch(&format!("/api/devices/{code}"), json!({"is_active": is_active})).await.expect(200);
    };
    set_active(&silent, false).await;
    set_active(&hot, false).await;
    pass(&app, 60).await;
    assert_eq!(alerts(&app, "device_offline", &silent), single("critical", "resolved"));
    set_active(&silent, true).await;
    set_active(&hot, true).await;
    app.tick().await;
    app.tick().await;
    let both = [("critical", "resolved"), ("critical", "active")].map(|(severity, status)| (severity.to_owned(), status.to_owned()));
    assert_eq!(alerts(&app, "device_offline", &silent), both);
    assert_eq!(health(&app, &silent), "offline");
    // What still lasts is raised anew as well.
    sender.post("/api/telemetry/", load(0)).await.expect(201);
    let both = [("warning", "resolved"), ("warning", "active")].map(|(severity, status)| (severity.to_owned(), status.to_owned()));
    assert_eq!((health(&app, &hot), alerts(&app, "high_power", &hot)), ("healthy".to_owned(), both.to_vec()));
}
