//! What others read in the forms of their standards (docs/reference/exports.md). The published schemas may not be handed on: what they ask for is
//! asked for here, element by element.

use std::collections::BTreeSet;
use std::time::Duration;

use gatehouse_tests::{App, Place, Response, unique};
use serde_json::{Value, json};

#[path = "exports/datex2.rs"]
mod datex2;
#[path = "exports/standards.rs"]
mod standards;

/// A car park of three spots, with prices, two sensors, and one spot that is occupied.
async fn car_park(app: &App) -> (Place, String) {
    let (admin, place) = (app.admin().await, app.place(3).await);
    let tariff = json!({
        "currency": "INR", "per_hour": 4000, "per_day": 30000, "free_minutes": 10, "kinds": {"ev": {"per_hour": 5000}},
    });
    let name = "Straße & \"Nord\" <1>";
    admin.patch(&format!("/api/sites/{}", place.site), json!({"name": name, "tariff": tariff})).await.expect(200);
    admin.patch(&format!("/api/spots/{}", place.spots[1]), json!({"kind": "ev"})).await.expect(200);
    admin.patch(&format!("/api/spots/{}", place.spots[2]), json!({"status": "out_of_service"})).await.expect(200);
    let device = app.new_device(&place, Some(0)).await;
    occupy(app, &device, true).await;
    (place, device)
}

async fn occupy(app: &App, device: &str, occupied: bool) {
    // The newest time wins.
    tokio::time::sleep(Duration::from_millis(5)).await;
    let event = json!({"device_code": device, "is_occupied": occupied, "timestamp": app.time(0)});
    app.operator().await.post("/api/parking-log/", event).await.expect(201);
}

/// Everything that is exported of a site, each with its media type.
fn paths(site: &str) -> Vec<(String, &'static str)> {
    vec![
        (format!("/api/export/datex2/parking?site={site}"), "application/xml"),
        (format!("/api/export/datex2/parking.xml?site={site}"), "application/xml"),
        (format!("/api/export/datex2/parking.json?site={site}"), "application/json"),
        (format!("/api/export/datex2/parking.xml?site={site}&publication=status"), "application/xml"),
        (format!("/api/export/apds/places?site={site}"), "application/json"),
        (format!("/api/export/geojson/sites?site={site}"), "application/geo+json"),
        (format!("/api/export/geojson/zones?site={site}"), "application/geo+json"),
    ]
}

#[track_caller]
fn strong_tag(answer: &Response) -> String {
    let tag = answer.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 20, "{}: {tag:?}", answer.request);
    tag
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "what others change beside it makes another document")]
async fn what_has_not_changed_is_not_sent_again_and_what_has_is() {
    let app = App::start().await;
    let (place, device) = car_park(&app).await;
    let anybody = app.anonymous();
    for (path, media_type) in paths(&place.site) {
        let first = anybody.get(&path).await;
        assert_eq!((first.status, first.header("content-type")), (200, media_type), "{path}: {}", first.text());
        let tag = strong_tag(&first);
        let again = anybody.header("if-none-match", &tag).get(&path).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag.as_str()), "{path}");

        let packed = anybody.header("accept-encoding", "gzip").get(&path).await;
        if packed.header("content-encoding") == "gzip" {
            assert_eq!(strong_tag(&packed), format!("\"{}-gzip\"", tag.trim_matches('"')), "{path}: other bytes");
        }

        occupy(&app, &device, false).await;
        let changed = anybody.header("if-none-match", &tag).get(&path).await;
        assert_eq!(changed.status, 200, "{path}: who is told of it sees it at once");
        assert_eq!(changed.header("content-type"), media_type);
        occupy(&app, &device, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_reservation_that_begins_by_the_clock_alone_is_told() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(1).await;
    let body = json!({"spot_id": place.spots[0], "start": app.time(600), "end": app.time(4_200), "vehicle_plate": "GJ01AB1234"});
    app.visitor().await.post("/api/reservations", body).await.expect(201);
    let path = format!("/api/export/geojson/sites?site={}", place.site);
    let spots = async || app.anonymous().get(&path).await.expect(200)["features"][0]["properties"]["spots"].clone();
    assert_eq!(spots().await, json!({"total": 1, "free": 1, "occupied": 0, "reserved": 0, "out_of_service": 0}));
    // Its hold is not over yet.
    app.advance(Duration::from_secs(660));
    assert_eq!(spots().await, json!({"total": 1, "free": 0, "occupied": 0, "reserved": 1, "out_of_service": 0}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_is_refused() {
    let app = App::start().await;
    let place = app.place(1).await;
    let anybody = app.anonymous();
    for path in ["/api/export/datex2/parking", "/api/export/datex2/parking.json", "/api/export/apds/places", "/api/export/apds/rates"] {
        anybody.get(&format!("{path}?site=no-such-site")).await.expect_invalid(&["site"]);
        anybody.get(&format!("{path}?zone={}", place.zone)).await.expect_invalid(&["site"]);
        anybody.get(&format!("{path}?site={}&zone=NONE", place.site)).await.expect_invalid(&["zone"]);
        anybody.get(&format!("{path}?site={}&zone={}", place.site, place.zone.to_lowercase())).await.expect_ok();
        anybody.get(&format!("{path}?colour=red&site=A B")).await.expect_invalid(&["colour", "site"]);
    }
    anybody.get("/api/export/datex2/parking?publication=all").await.expect_invalid(&["publication"]);
    anybody.get("/api/export/geojson/sites?site=no-such-site").await.expect_invalid(&["site"]);
    anybody.get("/api/export/nothing").await.expect_problem(404);
    anybody.post("/api/export/apds/places", json!({})).await.expect_problem(405);
    // A temple where nobody parks is no car park, and is on the map.
    anybody.get("/api/export/datex2/parking?site=somnath").await.expect_invalid(&["site"]);
    anybody.get("/api/export/geojson/zones?site=somnath").await.expect(200);
}

/// An answer that may be no JSON.
trait Well {
    /// Checks that its status is 200.
    fn expect_ok(&self);
}

impl Well for Response {
    #[track_caller]
    fn expect_ok(&self) {
        assert_eq!(self.status, 200, "{}: {}", self.request, self.text());
    }
}
