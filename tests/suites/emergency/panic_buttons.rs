//! Devices that raise emergencies: panic buttons, each for its own site.

use gatehouse_tests::App;
use serde_json::{Value, json};

use super::{emergency_body, path};

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_button_raises_an_emergency_where_it_is() {
    let app = App::start().await;
    let (admin, operator) = (app.admin().await, app.operator().await);
    let place = app.place(1).await;
    let code = app.new_device(&place, Some(0)).await;
    admin.patch(&format!("/api/devices/{code}"), json!({"is_panic_button": true, "name": "By the lift"})).await.expect(200);
    let button = app.device(&code).await;
    let emergency = button.post("/api/emergency/", json!({"type": "security"})).await.expect(201);
    let place_words = format!("By the lift, spot {}, Basement 1", place.spots[0]);
    assert_eq!((&emergency["temple_id"], &emergency["place"]), (&json!(place.site), &json!(place_words)));
    assert_eq!((&emergency["location"], &emergency["location_approximate"]), (&Value::Null, &json!(true)));
    assert_eq!(emergency["notes"], json!({"description": ["was not sent"]}));
    let shown = operator.get(&path(&emergency)).await.expect(200);
    assert_eq!((&shown["reported_by"], &shown["reporter_name"]), (&json!(format!("device:{code}")), &Value::Null));
    // It follows its own, and may name its own site and a position.
    assert_eq!(button.get(&path(&emergency)).await.expect(200)["status"], "reported");
    let whole = button.post("/api/emergency/", emergency_body(&place.site)).await.expect(201);
    assert_eq!((&whole["location"], &whole["notes"]), (&emergency_body(&place.site)["location"], &json!({})));
    // A site that is none is no other site.
    let misnamed = button.post("/api/emergency/", emergency_body("atlantis")).await.expect(201);
    assert_eq!(misnamed["temple_id"], json!(place.site));
    assert!(misnamed["notes"]["temple_id"].is_array(), "{misnamed}");
    // Whoever pressed it by mistake takes it back.
    assert_eq!(button.patch(&format!("{}/cancel", path(&emergency)), json!({})).await.expect(200)["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_raises_none_for_another_site_and_a_sensor_none_at_all() {
    let app = App::start().await;
    let (admin, operator) = (app.admin().await, app.operator().await);
    let (place, elsewhere) = (app.place(0).await, app.place(0).await);
    let code = app.new_device(&place, None).await;
    let path = format!("/api/devices/{code}");
    let device = app.device(&code).await;
    // A sensor: neither for its own site nor for another, named or not.
    for body in [emergency_body(&place.site), emergency_body(&elsewhere.site), json!({"type": "fire"})] {
        device.post("/api/emergency/", body).await.expect_problem(403);
    }
    admin.patch(&path, json!({"is_panic_button": true})).await.expect(200);
    let problem = device.post("/api/emergency/", emergency_body(&elsewhere.site)).await.expect_problem(403);
    assert_eq!(problem["detail"], "a device raises emergencies for its own site alone");
    device.post("/api/emergency/", emergency_body(&place.site)).await.expect(201);
    // Put out of use, or made a sensor again, it raises none.
    admin.patch(&path, json!({"is_active": false})).await.expect(200);
    device.post("/api/emergency/", emergency_body(&place.site)).await.expect_problem(403);
    admin.patch(&path, json!({"is_active": true, "is_panic_button": false})).await.expect(200);
    device.post("/api/emergency/", emergency_body(&place.site)).await.expect_problem(403);
    for (site, raised) in [(&place.site, 1), (&elsewhere.site, 0)] {
        assert_eq!(super::listed(&operator, &format!("/api/emergency/active?temple_id={site}")).await.len(), raised);
    }
    let alerts = operator.get(&format!("/api/alerts/?alert_type=sos_flood&site={}", place.site)).await.expect(200);
    assert_eq!(alerts["items"], json!([]));
}
