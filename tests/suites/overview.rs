//! The overview, the zones and slots of docs/reference/clients.md#slot-monitoring, the lot counts of docs/reference/clients.md#parking-security
//! and their anomaly.

use std::time::Duration;

use gatehouse_tests::{App, Place, unique};
use serde_json::{Value, json};

fn items(list: &Value) -> &Vec<Value> {
    list["items"].as_array().expect("items")
}

/// A reading which says that its spot is taken or free.
fn occupancy_reading(app: &App, device: &str, occupied: bool, plus_s: i64) -> Value {
    let mut reading = app.reading(device, plus_s);
    reading["occupied"] = json!(occupied);
    reading
}

/// `[total, free, occupied, reserved, out_of_service]`
fn counts(totals: &Value) -> [i64; 5] {
    ["total", "free", "occupied", "reserved", "out_of_service"].map(|field| totals[field].as_i64().expect(field))
}

/// Five spots: taken, reserved and taken, out of service and taken, free, and one without a sensor.
async fn busy_place(app: &App) -> (Place, Vec<String>) {
    let place = app.place(5).await;
    let mut devices = Vec::new();
    for spot in 0..4 {
        devices.push(app.new_device(&place, Some(spot)).await);
    }
    let admin = app.admin().await;
    for (spot, status) in [(1, "reserved"), (2, "out_of_service")] {
        admin.patch(&format!("/api/spots/{}", place.spots[spot]), json!({"status": status})).await.expect(200);
    }
    for (device, occupied) in devices.iter().zip([true, true, true, false]) {
        admin.post("/api/telemetry/", occupancy_reading(app, device, occupied, 0)).await.expect(201);
    }
    (place, devices)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_counts_each_spot_once_in_the_state_that_beats_the_others() {
    let app = App::start().await;
    let (place, devices) = busy_place(&app).await;
    let (admin, visitor) = (app.admin().await, app.visitor().await);
    let path = format!("/api/dashboard/overview/?site={}", place.site);
    let overview = visitor.get(&path).await.expect(200);
    assert_eq!(counts(&overview), [5, 2, 2, 0, 1]);
    let zone = &overview["by_zone"][0];
    assert_eq!(overview["by_zone"].as_array().map(Vec::len), Some(1));
    assert_eq!((&zone["site"], &zone["zone"], &zone["name"]), (&json!(place.site), &json!("B1"), &json!("Basement 1")));
    assert_eq!(counts(zone), [5, 2, 2, 0, 1]);
    let as_of = chrono::DateTime::parse_from_rfc3339(overview["as_of"].as_str().unwrap()).unwrap().timestamp_millis();
    assert!((app.now_ms() - as_of).abs() < 60_000, "{as_of}");

    // Who came to the reserved spot leaves: it is reserved again. The one out of service stays so, whatever its sensor says.
    for (device, at) in [(&devices[1], 1), (&devices[2], 1)] {
        admin.post("/api/telemetry/", occupancy_reading(&app, device, false, at)).await.expect(201);
    }
    assert_eq!(counts(&visitor.get(&path).await.expect(200)), [5, 2, 1, 1, 1]);
    let spots = visitor.get(&format!("/api/spots?site={}", place.site)).await.expect(200);
    let states: Vec<_> = items(&spots).iter().map(|spot| spot["status"].as_str().unwrap()).collect();
    assert_eq!(states, ["occupied", "reserved", "out_of_service", "free", "free"]);
    let taken = visitor.get(&format!("/api/spots?site={}&status=occupied", place.site)).await.expect(200);
    assert_eq!(items(&taken).len(), 1);

    // Back in service, nobody on it.
    admin.patch(&format!("/api/spots/{}", place.spots[2]), json!({"status": "in_service"})).await.expect(200);
    assert_eq!(counts(&visitor.get(&path).await.expect(200)), [5, 3, 1, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_of_all_sites_is_the_sum_of_its_zones() {
    let app = App::start().await;
    let (first, _) = busy_place(&app).await;
    let second = app.place(2).await;
    let admin = app.admin().await;
    admin.post(&format!("/api/sites/{}/zones", second.site), json!({"code": "EMPTY", "name": "No spots"})).await.expect(201);
    let whole = admin.get("/api/dashboard/overview").await.expect(200);
    let zones = whole["by_zone"].as_array().unwrap();
    for place in [&first, &second] {
        assert_eq!(zones.iter().filter(|zone| zone["site"] == json!(place.site)).count(), 1, "zones without spots are left out");
    }
    let sum = zones.iter().map(counts).fold([0; 5], |sum, zone| std::array::from_fn(|i| sum[i] + zone[i]));
    assert_eq!(counts(&whole), sum);
    let nowhere = admin.get("/api/dashboard/overview/?site=nowhere").await.expect(200);
    assert_eq!((counts(&nowhere), &nowhere["by_zone"]), ([0; 5], &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_is_for_those_who_signed_in() {
    let app = App::start().await;
    let place = app.place(1).await;
    let code = app.new_device(&place, Some(0)).await;
    for path in ["/api/dashboard/overview/", "/api/zones/", "/api/slots/"] {
        app.anonymous().get(path).await.expect_problem(401);
        app.visitor().await.get(path).await.expect(200);
        app.device(&code).await.get(path).await.expect(200);
        app.operator().await.get(&format!("{path}?colour=red")).await.expect_invalid(&["colour"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn devices_are_counted_by_the_age_of_their_heartbeat() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(2).await;
    let (early, late) = (app.new_device(&place, Some(0)).await, app.new_device(&place, Some(1)).await);
    let (_never, off) = (app.new_device(&place, None).await, app.new_device(&place, None).await);
    let admin = app.admin().await;
    admin.patch(&format!("/api/devices/{off}"), json!({"is_active": false})).await.expect(200);
    let path = format!("/api/dashboard/overview/?site={}", place.site);
    admin.post("/api/telemetry/", app.reading(&early, 0)).await.expect(201);
    let one = |overview: &Value| {
        let devices = &overview["devices"];
        for (old, new) in [("healthy_devices", "healthy"), ("warning_devices", "warning"), ("critical_devices", "offline")] {
            assert_eq!(overview[old], devices[new], "{old}");
        }
        ["healthy", "warning", "offline", "unknown"].map(|health| devices[health].as_i64().expect(health))
    };
    assert_eq!(one(&admin.get(&path).await.expect(200)), [1, 0, 0, 2], "one that is out of use does not count");
    app.advance(Duration::from_secs(121));
    admin.post("/api/telemetry/", app.reading(&late, 0)).await.expect(201);
    assert_eq!(one(&admin.get(&path).await.expect(200)), [1, 1, 0, 1]);
    app.advance(Duration::from_secs(480));
    assert_eq!(one(&admin.get(&path).await.expect(200)), [0, 1, 1, 1]);
    app.advance(Duration::from_secs(121));
    assert_eq!(one(&admin.get(&path).await.expect(200)), [0, 0, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_monitoring_client_reads_what_it_always_read() {
    let app = App::start().await;
    let (place, _) = busy_place(&app).await;
    let (email, password) = app.new_user("operator", json!({})).await;
    let login = app.anonymous().post("/api/auth/login", json!({"username": email, "password": password})).await.expect(200);
    assert!(login["refresh"].is_string());
    let client = app.with_token(login["access"].as_str().expect("access"));

    let overview = client.get(&format!("/api/dashboard/overview/?site={}", place.site)).await.expect(200);
    assert_eq!(overview["total_slots"], 5);
    assert_eq!(overview["available_slots"], 2);
    assert_eq!(overview["occupied_slots"], 3, "a slot is available or occupied");
    assert_eq!((&overview["healthy_devices"], &overview["critical_devices"]), (&json!(4), &json!(0)));

    let zones = client.get(&format!("/api/zones/?site={}", place.site)).await.expect(200);
    let zone = json!({"zone_code": "B1", "name": "Basement 1", "site": place.site, "total": 5, "available": 2});
    assert_eq!(items(&zones), std::slice::from_ref(&zone));
    let mut page = client.get("/api/zones/?limit=1").await.expect(200);
    let mut found = items(&page).contains(&zone);
    while let Some(cursor) = page["next_cursor"].as_str() {
        page = client.get(&format!("/api/zones/?limit=1&cursor={cursor}")).await.expect(200);
        found |= items(&page).contains(&zone);
    }
    assert!(found, "each zone comes once");

    for code in ["B1", "b1"] {
        let slots = client.get(&format!("/api/slots/?zone_code={code}&site={}", place.site)).await.expect(200);
        let read: Vec<_> =
            items(&slots).iter().map(|slot| (slot["slot_code"].clone(), slot["zone"].clone(), slot["status"].clone())).collect();
        let states = ["occupied", "occupied", "occupied", "available", "available"];
        let expected: Vec<_> = place.spots.iter().zip(states).map(|(spot, state)| (json!(spot), json!("B1"), json!(state))).collect();
        assert_eq!(read, expected, "{code}");
    }
    let none = client.get(&format!("/api/slots/?zone_code=B2&site={}", place.site)).await.expect(200);
    assert!(items(&none).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lot_is_counted_and_its_newest_count_is_the_latest() {
    let app = App::start().await;
    let (operator, anonymous) = (app.operator().await, app.anonymous());
    let lot = format!("Lot {}", unique("A"));
    let latest = |lot: &str| format!("/api/parking-data/?parking_lot={}", lot.replace(' ', "%20"));
    anonymous.get(&latest(&lot)).await.expect_problem(404);
    let add = |free: i64, at: String| {
        let body = json!({"parking_lot": lot, "available_spots": free, "timestamp": at});
        let operator = operator.clone();
        async move { operator.post("/api/parking-data/add/", body).await }
    };
    let (early, middle, late) = (app.time(-120), app.time(-60), app.time(60));
    let made = add(40, middle.clone()).await.expect(201);
    assert_eq!((&made["parking_lot"], &made["available_spots"]), (&json!(lot), &json!(40)));
    assert_eq!(anonymous.get(&latest(&lot)).await.expect(200), made);
    add(41, middle.clone()).await.expect_problem(409);
    assert_eq!(anonymous.get(&latest(&lot)).await.expect(200), made, "a repeat overwrites nothing");
    add(12, early).await.expect(201);
    assert_eq!(anonymous.get(&latest(&lot)).await.expect(200), made, "a late one never turns the latest back");
    add(39, late).await.expect(201);
    assert_eq!(anonymous.get(&latest(&lot.to_lowercase())).await.expect(200)["available_spots"], 39);
    let kept: i64 = app.db().query_row("select count(*) from lot_counts where parking_lot = ?", [&lot], |row| row.get(0)).unwrap();
    assert_eq!(kept, 3);

    // Without a timestamp it is now.
    let other = format!("Lot {}", unique("B"));
    let now = operator.post("/api/parking-data/add/", json!({"parking_lot": other, "available_spots": 0})).await.expect(201);
    assert!(now["timestamp"].is_string());
    let mut page = anonymous.get("/api/parking-data/?limit=1").await.expect(200);
    let mut lots = items(&page).clone();
    while let Some(cursor) = page["next_cursor"].as_str() {
        page = anonymous.get(&format!("/api/parking-data/?limit=1&cursor={cursor}")).await.expect(200);
        lots.extend(items(&page).clone());
    }
    assert_eq!(lots.iter().filter(|count| count["parking_lot"] == json!(lot) || count["parking_lot"] == json!(other)).count(), 2);
    anonymous.get("/api/parking-data/?lot=x").await.expect_invalid(&["lot"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_one_lot_reads_the_one_that_was_counted_last() {
    let app = App::start().await;
    let (operator, anonymous) = (app.operator().await, app.anonymous());
    let (first, second) = (format!("A {}", unique("lot")), format!("B {}", unique("lot")));
    for (lot, free, plus_s) in [(&second, 7, -30), (&first, 41, -60)] {
        let body = json!({"parking_lot": lot, "available_spots": free, "timestamp": app.time(plus_s)});
        operator.post("/api/parking-data/add/", body).await.expect(201);
    }
    let latest = anonymous.get("/api/parking-data/").await.expect(200);
    let counts = items(&latest);
    let newest = counts.iter().max_by_key(|count| count["timestamp"].as_str().map(str::to_owned)).expect("a count");
    for field in ["parking_lot", "available_spots", "timestamp"] {
        assert_eq!(latest[field], newest[field], "{field}: {latest}");
    }
    assert!(counts.iter().any(|count| count["parking_lot"] == json!(first)), "the list is there as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_monitoring_client_sees_the_car_parks_and_not_the_temples() {
    let app = App::start().await;
    let place = app.place(2).await;
    let client = app.operator().await;
    let zones_of = async |site: &str| client.get(&format!("/api/zones/?site={site}")).await.expect(200);
    assert_eq!(items(&zones_of(&place.site).await).len(), 1);
    // The zones of a temple are halls.
    let admin = app.admin().await;
    let temple = unique("temple");
    let site = json!({
        "slug": temple, "name": "A temple on a hill", "kind": "temple", "latitude": 22.5, "longitude": 73.5, "time_zone": "Asia/Kolkata",
        "capacity": 100,
    });
    admin.post("/api/sites", site).await.expect(201);
    admin.post(&format!("/api/sites/{temple}/zones"), json!({"code": "HALL", "name": "Hall", "capacity": 100})).await.expect(201);
    assert!(items(&zones_of(&temple).await).is_empty());
    assert!(items(&client.get(&format!("/api/slots/?site={temple}")).await.expect(200)).is_empty());

    // A temple's own car park is one.
    let code = unique("p").to_uppercase();
    admin.post(&format!("/api/sites/{temple}/zones"), json!({"code": code, "name": "Foot of the hill", "capacity": 1})).await.expect(201);
    assert!(items(&zones_of(&temple).await).is_empty(), "without spots nobody parks there");
    let spot = json!({"spot_id": format!("{code}-1"), "site": temple, "zone": code, "kind": "standard"});
    admin.post("/api/spots", spot).await.expect(201);
    let zones = zones_of(&temple).await;
    assert_eq!((items(&zones).len(), &items(&zones)[0]["total"]), (1, &json!(1)), "{zones}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_count_is_refused_and_only_senders_may_send() {
    let app = App::start().await;
    let place = app.place(1).await;
    let code = app.new_device(&place, Some(0)).await;
    let (operator, device) = (app.operator().await, app.device(&code).await);
    let path = "/api/parking-data/add/";
    operator.post(path, json!({})).await.expect_invalid(&["available_spots", "parking_lot"]);
    let bad = json!({"parking_lot": "", "available_spots": -1, "timestamp": "noon"});
    operator.post(path, bad).await.expect_invalid(&["available_spots", "parking_lot", "timestamp"]);
    let lot = unique("lot");
    let body = |at: String| json!({"parking_lot": lot, "available_spots": 30, "timestamp": at});
    operator.post(path, body(app.time(330))).await.expect_invalid(&["timestamp"]);
    operator.post(path, body("1999-12-31T23:59:59Z".to_owned())).await.expect_invalid(&["timestamp"]);
    app.anonymous().get(&format!("/api/parking-data/?parking_lot={lot}")).await.expect_problem(404);

    app.anonymous().post(path, body(app.time(0))).await.expect_problem(401);
    app.visitor().await.post(path, body(app.time(0))).await.expect_problem(403);
    let own = json!({"parking_lot": place.site, "available_spots": 30, "timestamp": app.time(270)});
    device.post(path, own).await.expect(201);
    app.admin().await.patch(&format!("/api/devices/{code}"), json!({"is_active": false})).await.expect(200);
    device.post(path, body(app.time(280))).await.expect_problem(403);
    app.admin().await.get(path).await.expect_problem(405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_counts_the_lots_of_its_own_site_and_makes_none() {
    let app = App::start().await;
    let (own, other) = (app.place(0).await, app.place(0).await);
    let device = app.device(&app.new_device(&own, None).await).await;
    let operator = app.operator().await;
    let path = "/api/parking-data/add/";
    let count = |lot: &str| json!({"parking_lot": lot, "available_spots": 1});

    // What it may count: the lot with its site's slug, in any case, and those that people gave to its site.
    let made = device.post(path, count(&own.site.to_uppercase())).await.expect(201);
    assert_eq!(made["site"], json!(own.site));
    let lot = unique("North Gate");
    device.post(path, count(&lot)).await.expect_problem(404);
    let given = json!({"parking_lot": lot, "available_spots": 40, "site": own.site});
    assert_eq!(operator.post(path, given).await.expect(201)["site"], json!(own.site));
    device.post(path, count(&lot)).await.expect(201);

    // A hundred forged lots make neither lots nor alerts.
    let count_of = |sql: &str| -> i64 { app.db().query_row(sql, [format!("{lot} %")], |row| row.get(0)).unwrap() };
    for number in 0..100 {
        device.post(path, count(&format!("{lot} {number}"))).await.expect_problem(404);
    }
    for sql in ["select count(*) from lots where parking_lot like ?", "select count(*) from alerts where subject like ?"] {
        assert_eq!(count_of(sql), 0, "{sql}");
    }
    device.post(path, count(&other.site)).await.expect_problem(404);
    let foreign = unique("South Gate");
    operator.post(path, json!({"parking_lot": foreign, "available_spots": 40, "site": other.site})).await.expect(201);
    device.post(path, count(&foreign)).await.expect_problem(403);
    let nobodys = unique("East Gate");
    operator.post(path, json!({"parking_lot": nobodys, "available_spots": 40})).await.expect(201);
    device.post(path, count(&nobodys)).await.expect_problem(403);

    // Whose a lot is, people say, and they say it of a site that there is.
    device.post(path, json!({"parking_lot": lot, "available_spots": 2, "site": own.site})).await.expect_invalid(&["site"]);
    operator.post(path, json!({"parking_lot": lot, "available_spots": 2, "site": unique("site")})).await.expect_invalid(&["site"]);
    operator.post(path, json!({"parking_lot": lot, "available_spots": 41, "site": other.site})).await.expect(201);
    device.post(path, count(&lot)).await.expect_problem(403);
    let (email, password) = app.new_user("device", json!({"device_code": app.new_device(&own, None).await})).await;
    let account = app.login(&email, &password).await;
    account.post(path, count(&own.site)).await.expect(201);
    account.post(path, count(&lot)).await.expect_problem(403);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host: while there are as many as may be, nobody else makes one")]
async fn lots_have_an_end() {
    let Some(app) = App::embedded(&[]).await else { return };
    let operator = app.operator().await;
    let path = "/api/parking-data/add/";
    let db = app.db();
    let have: i64 = db.query_row("select count(*) from lots", [], |row| row.get(0)).unwrap();
    let missing = i64::try_from(domain::site::MAX_LOTS).unwrap() - have;
    let prefix = unique("lot");
    db.execute(
        "with recursive n(n) as (select 1 union all select n + 1 from n where n < ?2)
         insert into lot_counts (parking_lot, at, available_spots, received_at, sent_by) select ?1 || '-' || n, ?3, 50, ?3, 'x' from n",
        rusqlite::params![prefix, missing, app.now_ms()],
    )
    .unwrap();
    operator.post(path, json!({"parking_lot": unique("lot"), "available_spots": 9})).await.expect_problem(409);
    operator.post(path, json!({"parking_lot": format!("{prefix}-1"), "available_spots": 9})).await.expect(201);
    db.execute("delete from lot_counts where parking_lot like ? || '-%'", [&prefix]).unwrap();
    db.execute("delete from lots where parking_lot like ? || '-%'", [&prefix]).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_count_from_many_at_once_is_stored_once() {
    let app = App::start().await;
    let operator = app.operator().await;
    let lot = unique("lot");
    let body = json!({"parking_lot": lot, "available_spots": 2, "timestamp": app.time(0)});
    let sent = (0..16).map(|_| operator.post("/api/parking-data/add/", body.clone()));
    let mut statuses: Vec<_> = futures::future::join_all(sent).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (201, &[409; 15][..]));
    assert_eq!(low_alerts(&app, &lot), (1, 1), "raised once");
}

/// All alerts about this lot: how many, how many of them not resolved.
#[tokio::test(flavor = "multi_thread")]
async fn counts_without_a_time_are_no_repeats_of_each_other() {
    let app = App::start().await;
    let operator = app.operator().await;
    let lot = unique("lot");
    let sent = (0..16).map(|free| {
        let (operator, body) = (operator.clone(), json!({"parking_lot": lot, "available_spots": 20 + free}));
        async move { operator.post("/api/parking-data/add/", body).await }
    });
    for answer in futures::future::join_all(sent).await {
        answer.expect(201);
    }
    let stored: i64 = app.db().query_row("select count(*) from lot_counts where parking_lot = ?", [&lot], |row| row.get(0)).unwrap();
    assert_eq!(stored, 16);
}

fn low_alerts(app: &App, lot: &str) -> (i64, i64) {
    let sql = "select count(*), count(*) filter (where status <> 'resolved') from alerts
               where alert_type = 'low_spots' and source = 'system' and severity = 'warning' and subject = ?";
    app.db().query_row(sql, [format!("lot:{lot}")], |row| Ok((row.get(0)?, row.get(1)?))).expect("counts")
}

#[tokio::test(flavor = "multi_thread")]
async fn few_free_spots_are_raised_once_and_resolved_with_hysteresis() {
    let app = App::start().await;
    let operator = app.operator().await;
    let lot = unique("lot");
    let mut at = -100;
    for (free, alerts, why) in [
        (10, (0, 0), "enough"),
        (5, (0, 0), "the limit itself"),
        (4, (1, 1), "fewer"),
        (3, (1, 1), "raised once"),
        (5, (1, 1), "not clear of the limit"),
        (6, (1, 0), "resolved by itself"),
        (5, (1, 0), "and stays so at the limit"),
        (0, (2, 1), "fewer again"),
    ] {
        at += 1;
        let body = json!({"parking_lot": lot, "available_spots": free, "timestamp": app.time(at)});
        operator.post("/api/parking-data/add/", body).await.expect(201);
        assert_eq!(low_alerts(&app, &lot), alerts, "{free} free: {why}");
    }
    let late = json!({"parking_lot": lot, "available_spots": 50, "timestamp": app.time(-500)});
    operator.post("/api/parking-data/add/", late).await.expect(201);
    assert_eq!(low_alerts(&app, &lot), (2, 1), "a late count says nothing about now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lot_that_is_named_as_a_site_has_the_sites_limit() {
    let app = App::start().await;
    let place = app.place(0).await;
    let admin = app.admin().await;
    admin.patch(&format!("/api/sites/{}", place.site), json!({"low_spots": 20, "capacity": 100})).await.expect(200);
    for (index, free, alerts) in [(0, 20, (0, 0)), (1, 19, (1, 1)), (2, 23, (1, 1)), (3, 24, (1, 0))] {
        let body = json!({"parking_lot": place.site, "available_spots": free, "timestamp": app.time(index)});
        admin.post("/api/parking-data/add/", body).await.expect(201);
        assert_eq!(low_alerts(&app, &place.site), alerts, "{free}");
    }
    let site: String = app
        .db()
        .query_row("select site from alerts where subject = ?", [format!("lot:{}", place.site)], |row| row.get(0))
        .expect("the alert's site");
    assert_eq!(site, place.site);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_read_of_this_section_scans_a_table_that_grows() {
    let app = App::start().await;
    app.anonymous().get("/api/parking-data/").await.expect(200);
    let database = app.db();
    // As the component asks them.
    let of_spots =
        "from spots s left join devices d on d.spot_id = s.spot_id and d.is_active = 1 left join device_state t on t.device_id = d.id";
    let statements = [
        format!("select s.spot_id, t.occupied {of_spots} where s.spot_id > coalesce(?, '') order by s.spot_id limit 51"),
        format!("select s.site, s.zone, count(*), sum(t.occupied is 1) {of_spots} where s.site = ? group by s.site, s.zone"),
        "select d.code, t.voltage from devices d join device_state t on t.device_id = d.id where d.code > coalesce(?, '') order by d.code limit 51"
            .to_owned(),
        "select id, exists (select 1 from device_history h where h.device_id = devices.id) from devices where code = ?".to_owned(),
        "select spot_id from spot_claims where starts_at <= ?1 and ends_at > ?1 and expires_at > ?1".to_owned(),
        "select parking_lot, available_spots, at, site from lots where parking_lot = ?".to_owned(),
        "select id from alerts where source = 'system' and status <> 'resolved' and alert_type in ('device_warning', 'device_offline') and subject = ?"
            .to_owned(),
        "select d.code from device_credentials c join devices d on d.id = c.device_id where c.key_hash = ? and c.revoked_at is null".to_owned(),
    ];
    for statement in statements {
        let mut explained = database.prepare(&format!("explain query plan {statement}")).expect(&statement);
        let parameters = vec![rusqlite::types::Null; explained.parameter_count()];
        let steps = explained.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).expect(&statement);
        for step in steps {
            let step = step.expect("a step");
            assert!(!step.starts_with("SCAN") || step.contains("CONSTANT"), "{statement}: {step}");
            assert!(!step.contains("AUTOMATIC"), "{statement}: {step}");
            // Each of the live statuses has many reservations: few of them are under way.
            assert!(!step.contains("reservations_by_status"), "{statement}: {step}");
        }
    }
}
