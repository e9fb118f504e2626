//! A spot that flaps does so by its sensor's own times.

use super::*;

/// Sends these changes of a spot in one request, each at so many seconds from now.
async fn send_changes(app: &App, sender: &Client, code: &str, at: impl Iterator<Item = i64>) {
    let changes = at.enumerate().map(|(index, plus_s)| {
        let mut reading = app.reading(code, plus_s);
        reading["occupied"] = json!(index % 2 == 0);
        reading
    });
    let answer = sender.post("/api/telemetry/bulk/", Value::Array(changes.collect())).await.expect(200);
    assert_eq!(answer["rejected"], 0, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_backlog_counts_as_the_hours_that_it_tells_of() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(2).await;
    let (calm, flapping) = (app.new_device(&place, Some(0)).await, app.new_device(&place, Some(1)).await);
    let (calm_sender, flapping_sender) = (app.device(&calm).await, app.device(&flapping).await);
    // Twenty changes in an hour, and as many that end with twelve in four minutes.
    send_changes(&app, &calm_sender, &calm, (0..20).map(|step| (step - 20) * 180)).await;
    send_changes(&app, &flapping_sender, &flapping, (0..8).map(|step| (step - 20) * 180).chain((0..12).map(|step| (step - 12) * 20))).await;
    app.tick().await;
    assert!(alerts(&app, "spot_flapping", &place.spots[0]).is_empty());
    assert_eq!(alerts(&app, "spot_flapping", &place.spots[1]), single("warning", "active"));
    pass(&app, 330).await;
    assert_eq!(alerts(&app, "spot_flapping", &place.spots[1]), single("warning", "resolved"));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_a_sensor_measured_elsewhere_is_not_its_new_spots() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(2).await;
    let device = app.new_device(&place, Some(0)).await;
    let sender = app.device(&device).await;
    send_changes(&app, &sender, &device, (0..12).map(|step| (step - 12) * 20)).await;
    app.admin().await.patch(&format!("/api/devices/{device}"), json!({"spot_id": place.spots[1]})).await.expect(200);
    app.tick().await;
    assert!(alerts(&app, "spot_flapping", &place.spots[1]).is_empty());
}
