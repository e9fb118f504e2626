//! Sites, zones, spots, devices and their keys.

#[path = "places/devices.rs"]
mod devices;

use std::collections::BTreeSet;

use gatehouse_tests::{App, Client, unique};
use reqwest::Method;
use serde_json::{Value, json};

fn site_body(slug: &str) -> Value {
    json!({
        "slug": slug, "name": "North car park", "kind": "car_park", "latitude": 20.9, "longitude": 70.4,
        "time_zone": "Asia/Kolkata", "capacity": 120,
    })
}

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().expect("items")
}

/// Every item of a list, page by page.
async fn all(client: &Client, path: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut page = client.get(path).await.expect(200);
    loop {
        found.extend(items(&page).clone());
        let Some(cursor) = page["next_cursor"].as_str() else { return found };
        page = client.get(&format!("{path}&cursor={cursor}")).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_is_made_read_listed_and_changed() {
    let app = App::start().await;
    let (admin, anonymous) = (app.admin().await, app.anonymous());
    let slug = unique("site");
    let mut body = site_body(&slug);
    body["thresholds"] = json!({"low_spots": 7});
    body["tariff"] = json!({"currency": "INR", "per_hour": 4000});
    let made = admin.post("/api/sites", body).await.expect(201);
    assert_eq!(made["slug"], slug);
    assert_eq!((&made["low_spots"], &made["thresholds"]), (&json!(7), &json!({"low_spots": 7})), "one number by two names");
    assert_eq!(made["tariff"]["per_hour"], 4000);

    assert_eq!(anonymous.get(&format!("/api/sites/{slug}")).await.expect(200), made);
    let listed = all(&anonymous, "/api/sites?limit=2").await;
    assert!(listed.contains(&made));
    let temples = all(&anonymous, "/api/sites?kind=temple").await;
    assert!(temples.iter().all(|site| site["kind"] == "temple"));

    let change = json!({"name": "South", "low_spots": 9, "tariff": {"currency": "EUR", "per_hour": 150}});
    let changed = admin.patch(&format!("/api/sites/{slug}"), change).await.expect(200);
    assert_eq!(changed["name"], "South");
    assert_eq!((&changed["low_spots"], &changed["thresholds"]), (&json!(9), &json!({"low_spots": 9})));
    assert_eq!(changed["tariff"]["currency"], "EUR");
    assert_eq!(changed["time_zone"], "Asia/Kolkata", "what is not sent stays");
    assert_eq!(anonymous.get(&format!("/api/sites/{slug}/")).await.expect(200), changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_four_temples_and_their_zones_are_in_every_installation() {
    let app = App::start().await;
    let (operator, anonymous) = (app.operator().await, app.anonymous());
    for temple in ["somnath", "dwarka", "ambaji", "pavagadh"] {
        let site = anonymous.get(&format!("/api/sites/{temple}")).await.expect(200);
        assert_eq!((&site["kind"], &site["time_zone"]), (&json!("temple"), &json!("Asia/Kolkata")));
        let zones = anonymous.get(&format!("/api/sites/{temple}/zones")).await.expect(200);
        assert!(items(&zones).iter().all(|zone| zone["capacity"].is_number() && zone["area_m2"].is_number()), "{zones}");
        let crowd = anonymous.get(&format!("/api/crowd/temple/{temple}/current")).await.expect(200);
        assert_eq!(crowd["zones"].as_array().map(Vec::len), Some(4), "{crowd}");
        anonymous.get(&format!("/api/bookings/temple/{temple}/slots")).await.expect(200);
        operator.get(&format!("/api/emergency/temple/{temple}")).await.expect(200);
    }
    let zones = anonymous.get("/api/sites/somnath/zones").await.expect(200);
    let codes: Vec<_> = items(&zones).iter().map(|zone| &zone["code"]).collect();
    assert_eq!(codes, ["mainDarshan", "garbhaGriha", "pradakshina", "museum"]);
    // A pilgrim's app counts a zone by the name that it knows.
    let count = json!({"zone": "mainDarshan", "count": 1200, "timestamp": app.time(-5)});
    operator.post("/api/crowd/temple/somnath/update", count).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_site_is_refused_with_every_bad_field_named() {
    let app = App::start().await;
    let (admin, anonymous) = (app.admin().await, app.anonymous());
    let every = ["capacity", "kind", "latitude", "longitude", "name", "slug", "time_zone"];
    admin.post("/api/sites", json!({})).await.expect_invalid(&every);
    let bad = json!({
        "slug": "North Park", "name": "", "kind": "garage", "latitude": 90.1, "longitude": "east", "time_zone": "+05:30",
        "capacity": -1, "low_spots": 1.5, "thresholds": [], "tariff": {"currency": "rupees"},
    });
    let all_fields = ["capacity", "kind", "latitude", "longitude", "low_spots", "name", "slug", "tariff", "thresholds", "time_zone"];
    admin.post("/api/sites", bad.clone()).await.expect_invalid(&all_fields);

    let slug = unique("site");
    admin.post("/api/sites", site_body(&slug)).await.expect(201);
    admin.post("/api/sites", site_body(&slug)).await.expect_problem(409);
    let path = format!("/api/sites/{slug}");
    admin.patch(&path, bad).await.expect_invalid(&all_fields);
    assert_eq!(anonymous.get(&path).await.expect(200)["name"], "North car park", "what was refused changed nothing");
    admin.patch("/api/sites/nowhere", json!({"name": "x"})).await.expect_problem(404);
    anonymous.get("/api/sites/nowhere").await.expect_problem(404);
    anonymous.get("/api/sites?kind=garage").await.expect_invalid(&["kind"]);
    anonymous.get("/api/sites?name=x").await.expect_invalid(&["name"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_could_come_of_is_refused_when_it_is_written() {
    let app = App::start().await;
    let admin = app.admin().await;
    let place = app.place(1).await;
    let path = format!("/api/sites/{}", place.site);
    // A zone of the right shape that is none; one whose rules are known.
    for zone in ["Mars/Phobos", "Asia/Bombay", "EST/EDT"] {
        let mut body = site_body(&unique("site"));
        body["time_zone"] = json!(zone);
        admin.post("/api/sites", body).await.expect_invalid(&["time_zone"]);
        admin.patch(&path, json!({"time_zone": zone})).await.expect_invalid(&["time_zone"]);
    }
    admin.patch(&path, json!({"time_zone": "America/Argentina/Buenos_Aires"})).await.expect(200);
    // A limit that nothing looks at, and one that is no number of spots.
    admin
        .patch(&path, json!({"thresholds": {"power_w": 2000, "low_spots": -1}}))
        .await
        .expect_invalid(&["thresholds.low_spots", "thresholds.power_w"]);
    // A spot that no path would lead to.
    for id in ["available", "AVAILABLE"] {
        admin.post("/api/spots", json!({"spot_id": id, "site": place.site, "zone": place.zone})).await.expect_invalid(&["spot_id"]);
    }
    for id in ["routes", "Stops"] {
        let shuttle = json!({"id": id, "temple_id": place.site, "name": "Shuttle", "capacity": 32});
        admin.post("/api/transport/shuttles", shuttle).await.expect_invalid(&["id"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_sites_own_threshold_of_free_spots_goes_before_the_usual_one() {
    let Some(app) = App::embedded(&[]).await else { return };
    let admin = app.admin().await;
    let (many, few) = (app.place(6).await, app.place(2).await);
    admin.patch(&format!("/api/sites/{}", many.site), json!({"thresholds": {"low_spots": 7}, "low_spots": 2})).await.expect(200);
    admin.patch(&format!("/api/sites/{}", few.site), json!({"thresholds": {"low_spots": 0}})).await.expect(200);
    app.tick().await;
    let alerts = async |site: &str| {
        let alerts = admin.get(&format!("/api/alerts/?alert_type=low_spots&status=active&site={site}")).await.expect(200);
        items(&alerts).len()
    };
    assert_eq!((alerts(&many.site).await, alerts(&few.site).await), (1, 0));
    // The lot that is counted under the name of the site has the same threshold.
    let count = json!({"parking_lot": many.site, "available_spots": 6});
    app.operator().await.post("/api/parking-data/add/", count).await.expect(201);
    assert_eq!(alerts(&many.site).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_belong_to_a_site_and_come_in_the_order_of_the_plan() {
    let app = App::start().await;
    let (admin, anonymous) = (app.admin().await, app.anonymous());
    let slug = unique("site");
    admin.post("/api/sites", site_body(&slug)).await.expect(201);
    let path = format!("/api/sites/{slug}/zones");
    assert_eq!(anonymous.get(&path).await.expect(200), json!({"items": [], "next_cursor": null}));
    for (code, position) in [("VIP", 3), ("B1", 1), ("B2", 2)] {
        let body = json!({"code": code, "name": format!("Zone {code}"), "position": position, "area_m2": 250.5, "capacity": 40});
        let zone = admin.post(&path, body).await.expect(201);
        assert_eq!((&zone["code"], &zone["site"]), (&json!(code), &json!(slug)));
        assert_eq!(zone["area_m2"], 250.5);
    }
    let codes: Vec<_> = all(&anonymous, &format!("{path}?limit=1")).await.iter().map(|zone| zone["code"].clone()).collect();
    assert_eq!(codes, ["B1", "B2", "VIP"]);

    let changed = admin.patch(&format!("{path}/b1"), json!({"name": "Basement", "area_m2": null})).await.expect(200);
    assert_eq!((&changed["name"], &changed["area_m2"], &changed["capacity"]), (&json!("Basement"), &Value::Null, &json!(40)));

    admin.post(&path, json!({"code": "b1", "name": "again"})).await.expect_problem(409);
    admin
        .post(&path, json!({"code": "a b", "area_m2": 0, "capacity": -1, "position": "first"}))
        .await
        .expect_invalid(&["area_m2", "capacity", "code", "name", "position"]);
    admin.patch(&format!("{path}/B1"), json!({"name": "", "area_m2": -2, "code": "B9"})).await.expect_invalid(&["area_m2", "code", "name"]);
    admin.patch(&format!("{path}/NONE"), json!({"name": "x"})).await.expect_problem(404);
    admin.post("/api/sites/nowhere/zones", json!({"code": "B1", "name": "x"})).await.expect_problem(404);
    anonymous.get("/api/sites/nowhere/zones").await.expect_problem(404);
    anonymous.get(&format!("{path}?floor=1")).await.expect_invalid(&["floor"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_and_twenty_spots_are_paged_and_each_comes_once() {
    let app = App::start().await;
    let place = app.place(120).await;
    let anonymous = app.anonymous();
    let path = format!("/api/spots?site={}", place.site);
    let first = anonymous.get(&path).await.expect(200);
    assert_eq!(items(&first).len(), 50, "the default page");
    let mut pages = 1;
    let mut seen: Vec<String> = items(&first).iter().map(|spot| spot["spot_id"].as_str().unwrap().to_owned()).collect();
    let mut page = first;
    while let Some(cursor) = page["next_cursor"].as_str() {
        page = anonymous.get(&format!("{path}&cursor={cursor}")).await.expect(200);
        seen.extend(items(&page).iter().map(|spot| spot["spot_id"].as_str().unwrap().to_owned()));
        pages += 1;
    }
    assert_eq!((pages, seen.len()), (3, 120));
    assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), place.spots.iter().cloned().collect::<BTreeSet<_>>());
    assert_eq!(items(&anonymous.get(&format!("{path}&limit=500")).await.expect(200)).len(), 120);
    anonymous.get(&format!("{path}&limit=501")).await.expect_invalid(&["limit"]);
    anonymous.get(&format!("{path}&cursor=nonsense")).await.expect_invalid(&["cursor"]);
    anonymous.get(&format!("{path}&colour=red")).await.expect_invalid(&["colour"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn spots_are_filtered_changed_and_checked() {
    let app = App::start().await;
    let place = app.place(3).await;
    let (admin, anonymous) = (app.admin().await, app.anonymous());
    let id = |index: usize| place.spots[index].as_str();
    let path = |index: usize| format!("/api/spots/{}", place.spots[index]);
    let ev = admin.patch(&path(0), json!({"kind": "ev"})).await.expect(200);
    assert_eq!((&ev["kind"], &ev["status"]), (&json!("ev"), &json!("free")));
    assert_eq!(admin.patch(&path(1), json!({"status": "reserved"})).await.expect(200)["status"], "reserved");
    assert_eq!(admin.patch(&path(2), json!({"status": "out_of_service"})).await.expect(200)["status"], "out_of_service");

    let listed = |filter: &str| {
        let (anonymous, path) = (anonymous.clone(), format!("/api/spots?site={}&{filter}", place.site));
        async move {
            let list = anonymous.get(&path).await.expect(200);
            items(&list).iter().map(|spot| spot["spot_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(listed("kind=ev").await, [id(0)]);
    assert_eq!(listed("status=free").await, [id(0)]);
    assert_eq!(listed("status=reserved").await, [id(1)]);
    assert_eq!(listed("status=out_of_service").await, [id(2)]);
    assert_eq!(listed("zone=b1").await, [id(0), id(1), id(2)], "a zone's case does not matter");
    assert!(listed("zone=B7").await.is_empty());
    anonymous.get("/api/spots?kind=boat&limit=0").await.expect_invalid(&["kind", "limit"]);
    anonymous.get("/api/spots?kind=boat").await.expect_invalid(&["kind"]);
    anonymous.get("/api/spots?status=taken").await.expect_invalid(&["status"]);

    assert_eq!(anonymous.get(&path(1).to_lowercase()).await.expect(200)["spot_id"], id(1));
    assert_eq!(admin.patch(&path(1), json!({"status": "free"})).await.expect(200)["status"], "free");
    admin.patch(&path(1), json!({"status": "occupied", "kind": "boat"})).await.expect_invalid(&["kind", "status"]);
    admin.patch(&path(1), json!({"site": "elsewhere"})).await.expect_invalid(&["site"]);
    admin.patch(&path(1), json!({"zone": "B9", "kind": "vip"})).await.expect_invalid(&["zone"]);
    admin.patch(&path(1), json!({"spot_id": "OTHER"})).await.expect_invalid(&["spot_id"]);
    assert_eq!(anonymous.get(&path(1)).await.expect(200)["kind"], "standard", "what was refused changed nothing");
    admin.patch("/api/spots/NONE", json!({"kind": "ev"})).await.expect_problem(404);
    anonymous.get("/api/spots/NONE").await.expect_problem(404);

    let spot = |spot_id: &str, site: &str, zone: &str| json!({"spot_id": spot_id, "site": site, "zone": zone});
    admin.post("/api/spots", spot(id(0), &place.site, &place.zone)).await.expect_problem(409);
    admin.post("/api/spots", spot("NEW-1", "nowhere", "B1")).await.expect_invalid(&["site"]);
    admin.post("/api/spots", spot("NEW-1", &place.site, "B9")).await.expect_invalid(&["zone"]);
    admin.post("/api/spots", json!({"spot_id": "a/b", "kind": 3})).await.expect_invalid(&["kind", "site", "spot_id", "zone"]);
    anonymous.get("/api/spots/NEW-1").await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_changed_by_administrators_alone_and_devices_read_by_operators() {
    let app = App::start().await;
    let place = app.place(1).await;
    let code = app.new_device(&place, Some(0)).await;
    let callers = [
        (app.anonymous(), 401),
        (app.visitor().await, 403),
        (app.device(&code).await, 403),
        (app.operator().await, 403),
        (app.user("developer").await, 403),
    ];
    let site = &place.site;
    let for_admins = [
        (Method::POST, "/api/sites".to_owned()),
        (Method::PATCH, format!("/api/sites/{site}")),
        (Method::POST, format!("/api/sites/{site}/zones")),
        (Method::PATCH, format!("/api/sites/{site}/zones/B1")),
        (Method::POST, "/api/spots".to_owned()),
        (Method::PATCH, format!("/api/spots/{}", place.spots[0])),
        (Method::POST, "/api/devices/".to_owned()),
        (Method::PATCH, format!("/api/devices/{code}")),
        (Method::DELETE, format!("/api/devices/{code}")),
        (Method::POST, format!("/api/devices/{code}/credentials")),
        (Method::GET, format!("/api/devices/{code}/credentials")),
        (Method::DELETE, format!("/api/devices/{code}/credentials/x")),
    ];
    for (caller, status) in &callers {
        for (method, path) in &for_admins {
            let body = json!({"name": "changed", "status": "reserved", "is_active": false});
            let body = (method != Method::GET && method != Method::DELETE).then_some(&body);
            caller.send(method.clone(), path, body).await.expect_problem(*status);
        }
        // What is public stays so, whoever asks.
        for path in ["/api/sites", &format!("/api/sites/{site}"), &format!("/api/sites/{site}/zones"), "/api/spots"] {
            caller.get(path).await.expect(200);
        }
    }
    let [_, (visitor, _), (device, _), (operator, _), _] = &callers;
    visitor.get("/api/devices/").await.expect_problem(403);
    device.get(&format!("/api/devices/{code}")).await.expect_problem(403);
    operator.get("/api/devices/").await.expect(200);
    assert_eq!(operator.get(&format!("/api/devices/{code}")).await.expect(200)["is_active"], true, "what was refused changed nothing");
    assert_eq!(operator.get(&format!("/api/sites/{site}")).await.expect(200)["name"], "A car park");
}
