//! Crowds (docs/reference/crowd.md): counts, levels, alerts, events, history, the heat map and forecasts.

#[path = "crowd/bulk.rs"]
mod bulk;
#[path = "crowd/forecasts.rs"]
mod forecasts;

use std::time::Duration;

use gatehouse_tests::{App, Client, Response, unique};
use reqwest::Method;
use serde_json::{Value, json};

/// A temple with the zones `HALL` (1,000 people) and `YARD` (100 m²), and a caller who may count them.
struct Temple {
    site: String,
    operator: Client,
}

impl Temple {
    async fn create(app: &App) -> Self {
        let admin = app.admin().await;
        let site = unique("temple");
        let body = json!({
            "slug": site, "name": "A temple & its <yard>", "kind": "temple", "latitude": 20.888, "longitude": 70.401,
            "time_zone": "Asia/Kolkata", "capacity": 5000,
        });
        admin.post("/api/sites", body).await.expect(201);
        let zones = format!("/api/sites/{site}/zones");
        admin.post(&zones, json!({"code": "HALL", "name": "Great hall", "capacity": 1000, "position": 1})).await.expect(201);
        admin.post(&zones, json!({"code": "YARD", "name": "Yard", "area_m2": 100, "position": 2})).await.expect(201);
        Self { site, operator: app.operator().await }
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/crowd/temple/{}/{rest}", self.site)
    }

    /// Reports `count` people in the zone, at `plus_s` seconds from now.
    async fn count(&self, app: &App, zone: &str, count: i64, plus_s: i64) -> Response {
        self.operator.post(&self.path("update"), json!({"zone": zone, "count": count, "timestamp": app.time(plus_s)})).await
    }

    /// The zone as anybody sees it now.
    async fn now(&self, app: &App, zone: &str) -> Value {
        let current = app.anonymous().get(&self.path("current")).await.expect(200);
        let zones = current["zones"].as_array().expect("zones").clone();
        zones.into_iter().find(|it| it["zone"] == zone).expect("the zone")
    }

    /// The system's alerts about this temple, oldest first.
    async fn alerts(&self) -> Vec<Value> {
        let page = self.operator.get(&format!("/api/alerts/?site={}&source=system", self.site)).await.expect(200);
        let mut alerts = page["items"].as_array().expect("items").clone();
        alerts.sort_by_key(|alert| alert["id"].as_str().map(str::to_owned));
        alerts
    }

    fn events(&self, app: &App) -> Vec<Value> {
        let db = app.db();
        let mut statement = db.prepare("select public_data from events where channel = 'crowd' and site = ? order by id").unwrap();
        let rows = statement.query_map([&self.site], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_stored_and_shown() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    let empty = temple.now(&app, "HALL").await;
    assert_eq!((&empty["count"], &empty["level"], &empty["stale"]), (&Value::Null, &Value::Null, &json!(true)));

    let stored = temple.count(&app, "hall", 450, -20).await.expect(201);
    for (field, value) in
        [("zone", json!("HALL")), ("count", json!(450)), ("percent_of_capacity", json!(45.0)), ("level", json!("moderate"))]
    {
        assert_eq!(stored[field], value, "{field}: {stored}");
    }
    assert_eq!((&stored["density"], &stored["density_level"], &stored["late"]), (&Value::Null, &Value::Null, &json!(false)));
    let yard = temple.count(&app, "YARD", 360, -20).await.expect(201);
    assert_eq!((&yard["density"], &yard["density_level"], &yard["level"]), (&json!(3.6), &json!("warning"), &json!("high")));

    let current = app.anonymous().get(&temple.path("current/")).await.expect(200);
    assert_eq!((&current["temple_id"], &current["count"], &current["level"]), (&json!(temple.site), &json!(810), &json!("high")));
    assert_eq!((&current["capacity"], &current["percent_of_capacity"]), (&json!(1000), &json!(45.0)));
    let hall = temple.now(&app, "HALL").await;
    assert_eq!((&hall["count"], &hall["level"], &hall["stale"]), (&json!(450), &json!("moderate"), &json!(false)));
    let one = app.anonymous().get(&temple.path("current?zone=yard")).await.expect(200);
    assert_eq!(one["zones"].as_array().map(Vec::len), Some(1));

    app.anonymous().get("/api/crowd/temple/nowhere/current").await.expect_problem(404);
    app.anonymous().get(&temple.path("current?zone=nowhere")).await.expect_invalid(&["zone"]);
    app.anonymous().get(&temple.path("current?colour=red")).await.expect_invalid(&["colour"]);
    app.anonymous().send(Method::DELETE, &temple.path("current"), None).await.expect_problem(405);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_names_every_bad_field_and_changes_nothing() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    let path = temple.path("update");
    let all = ["count", "timestamp", "zone"];
    temple.operator.post(&path, json!({})).await.expect_invalid(&all);
    temple.operator.post(&path, json!({"zone": 7, "count": "many", "timestamp": 5})).await.expect_invalid(&all);
    for count in [json!(-1), json!(1_000_001), json!(1.5), json!(true), json!(1e300)] {
        temple.operator.post(&path, json!({"zone": "HALL", "count": count, "timestamp": app.time(0)})).await.expect_invalid(&["count"]);
    }
    for timestamp in [app.time(400), "yesterday".to_owned(), "1999-12-31T23:59:59Z".to_owned(), "2026-02-04".to_owned()] {
        let body = json!({"zone": "HALL", "count": 1, "timestamp": timestamp});
        temple.operator.post(&path, body).await.expect_invalid(&["timestamp"]);
    }
    temple.count(&app, "NOWHERE", 1, 0).await.expect_invalid(&["zone"]);
    let good = json!({"zone": "HALL", "count": 1, "timestamp": app.time(0)});
    temple.operator.post("/api/crowd/temple/nowhere/update", good.clone()).await.expect_problem(404);
    temple.operator.send_bytes(Method::POST, &path, "application/json", "{").await.expect_problem(400);
    temple.operator.send_bytes(Method::POST, &path, "application/json", "7").await.expect_invalid(&["body"]);
    temple.operator.send_bytes(Method::POST, &path, "text/plain", good.to_string()).await.expect_problem(415);
    app.anonymous().post(&path, good.clone()).await.expect_problem(401);
    app.visitor().await.post(&path, good).await.expect_problem(403);
    assert_eq!(app.anonymous().get(&temple.path("history")).await.expect(200)["items"], json!([]));
    assert_eq!(temple.now(&app, "HALL").await["count"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_counts_only_the_zone_that_it_stands_on() {
    let app = App::start().await;
    let (temple, other) = (Temple::create(&app).await, Temple::create(&app).await);
    let code = unique("CNT").to_uppercase();
    let admin = app.admin().await;
    admin.post("/api/devices/", json!({"device_code": code, "site": temple.site, "zone": "HALL"})).await.expect(201);
    let device = app.device(&code).await;
    let body = |zone: &str, plus_s: i64| json!({"zone": zone, "count": 10, "timestamp": app.time(plus_s)});
    device.post(&temple.path("update"), body("HALL", -5)).await.expect(201);
    device.post(&temple.path("update"), body("YARD", -5)).await.expect_problem(403);
    device.post(&other.path("update"), body("HALL", -5)).await.expect_problem(403);
    // Counting is a sign of life.
    assert_eq!(temple.operator.get(&format!("/api/devices/{code}")).await.expect(200)["health"], "healthy");
    admin.patch(&format!("/api/devices/{code}"), json!({"is_active": false})).await.expect(200);
    device.post(&temple.path("update"), body("HALL", -4)).await.expect_problem(404);
    assert_eq!(temple.now(&app, "YARD").await["count"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_refused_and_a_late_count_turns_nothing_back() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    let body = json!({"zone": "HALL", "count": 700, "timestamp": app.time(-10)});
    temple.operator.post(&temple.path("update"), body.clone()).await.expect(201);
    temple.operator.post(&temple.path("update"), body.clone()).await.expect_problem(409);
    let mut other = body;
    other["count"] = json!(5);
    temple.operator.post(&temple.path("update"), other).await.expect_problem(409);
    let late = temple.count(&app, "HALL", 10, -100).await.expect(201);
    assert_eq!((&late["late"], &late["level"]), (&json!(true), &json!("high")));
    let hall = temple.now(&app, "HALL").await;
    assert_eq!((&hall["count"], &hall["level"]), (&json!(700), &json!("high")));
    let page = app.anonymous().get(&temple.path("history?zone=HALL")).await.expect(200);
    let counts: Vec<_> = page["items"].as_array().unwrap().iter().map(|item| item["count"].as_i64().unwrap()).collect();
    assert_eq!(counts, [10, 700]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_changes_when_it_holds_or_is_clear() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    let counts =
        [(200, "low"), (305, "low"), (295, "low"), (305, "low"), (310, "moderate"), (295, "moderate"), (284, "low"), (900, "critical")];
    for (index, (count, level)) in counts.into_iter().enumerate() {
        let stored = temple.count(&app, "HALL", count, i64::try_from(index).unwrap() - 60).await.expect(201);
        assert_eq!(stored["level"], level, "{count} people, after {index} readings");
        assert_eq!(temple.now(&app, "HALL").await["level"], level);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crossing_to_high_or_critical_raises_an_alert_once() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    let kinds = |alerts: &[Value]| -> Vec<(String, String, String)> {
        let text = |alert: &Value, field: &str| alert[field].as_str().unwrap().to_owned();
        alerts.iter().map(|it| (text(it, "alert_type"), text(it, "severity"), text(it, "status"))).collect()
    };
    let is = |kind: &str, severity: &str, status: &str| (kind.to_owned(), severity.to_owned(), status.to_owned());

    for (plus, count) in [(-60, 100), (-59, 700), (-58, 710), (-57, 590), (-56, 700)] {
        temple.count(&app, "HALL", count, plus).await.expect(201);
    }
    let alerts = temple.alerts().await;
    assert_eq!(kinds(&alerts), [is("crowd_high", "warning", "active")]);
    assert_eq!((&alerts[0]["subject"], &alerts[0]["zones"]), (&json!(format!("{}/HALL", temple.site)), &json!(["HALL"])));

    tokio::time::sleep(Duration::from_millis(5)).await;
    for (plus, count) in [(-50, 900), (-49, 910), (-48, 700), (-47, 705), (-46, 950)] {
        temple.count(&app, "HALL", count, plus).await.expect(201);
    }
    let critical = [is("crowd_high", "warning", "resolved"), is("crowd_critical", "critical", "active")];
    assert_eq!(kinds(&temple.alerts().await), critical);
    let waiting: i64 = (app.db())
        .query_row("select count(*) from outbox where payload like ?", [format!("%{}/HALL%", temple.site)], |row| row.get(0))
        .unwrap();
    assert_eq!(waiting, 1, "one message to the world");

    temple.count(&app, "HALL", 100, -40).await.expect(201);
    let over = [is("crowd_high", "warning", "resolved"), is("crowd_critical", "critical", "resolved")];
    assert_eq!(kinds(&temple.alerts().await), over);
    assert_eq!(temple.alerts().await[1]["resolved_by"], "system");

    // A zone that is critical when it is first counted is news too; and by density.
    tokio::time::sleep(Duration::from_millis(5)).await;
    temple.count(&app, "YARD", 600, -40).await.expect(201);
    assert_eq!(kinds(&temple.alerts().await)[2], is("crowd_critical", "critical", "active"));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn events_are_public_and_at_most_every_five_seconds_a_zone() {
    let Some(app) = App::embedded(&[]).await else { return };
    let temple = Temple::create(&app).await;
    for count in 0..5 {
        temple.count(&app, "HALL", 100 + count, count - 60).await.expect(201);
    }
    temple.count(&app, "YARD", 30, -60).await.expect(201);
    let events = temple.events(&app);
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!((&events[0]["zone"], &events[0]["count"], &events[0]["level"]), (&json!("HALL"), &json!(100), &json!("low")));
    assert_eq!(events[1]["density"], json!(0.3));

    // What was held back goes out with the next count of any zone; a late one is no news.
    app.advance(Duration::from_secs(6));
    temple.count(&app, "YARD", 31, -50).await.expect(201);
    let events = temple.events(&app);
    let mut newest: Vec<_> = events[2..].iter().map(|event| event["count"].as_i64().unwrap()).collect();
    newest.sort_unstable();
    assert_eq!(newest, [31, 104]);
    app.advance(Duration::from_secs(6));
    temple.count(&app, "HALL", 1, -4000).await.expect(201);
    assert_eq!(temple.events(&app).len(), 4);
    // Where nothing follows, the scheduled run tells of it, once.
    temple.count(&app, "HALL", 120, -5).await.expect(201);
    temple.count(&app, "HALL", 130, -4).await.expect(201);
    assert_eq!(temple.events(&app).len(), 5);
    app.advance(Duration::from_secs(6));
    assert_eq!((app.tick().await["crowd"]["held_back"].clone(), app.tick().await["crowd"]["held_back"].clone()), (json!(1), json!(0)));
    assert_eq!(temple.events(&app)[5]["count"], 130);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn counts_are_kept_for_a_hundred_days_and_their_sums_for_longer() {
    let Some(app) = App::embedded(&[]).await else { return };
    let temple = Temple::create(&app).await;
    for (days, count) in [(99, 10), (101, 20), (399, 30), (401, 40)] {
        temple.count(&app, "HALL", count, -days * 86_400).await.expect(201);
    }
    app.tick().await;
    let rows = |table: &str| -> i64 {
        app.db().query_row(&format!("select count(*) from {table} where site = ?"), [&temple.site], |row| row.get(0)).unwrap()
    };
    assert_eq!((rows("crowd_readings"), rows("crowd_quarters")), (1, 3));
    assert_eq!(temple.now(&app, "HALL").await["count"], 10, "the newest state stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_paged_and_put_in_buckets() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    let counts =
        [("2026-02-04T10:00:00Z", 100), ("2026-02-04T10:04:59Z", 200), ("2026-02-04T10:05:00Z", 400), ("2026-02-04T12:30:00Z", 900)];
    for (timestamp, count) in counts {
        for zone in ["HALL", "YARD"] {
            let body = json!({"zone": zone, "count": count, "timestamp": timestamp});
            temple.operator.post(&temple.path("update"), body).await.expect(201);
        }
    }
    let anonymous = app.anonymous();
    let mut seen = Vec::new();
    let mut path = temple.path("history?limit=3");
    loop {
        let page = anonymous.get(&path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        seen.extend(items.iter().map(|item| (item["zone"].as_str().unwrap().to_owned(), item["count"].as_i64().unwrap())));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = temple.path(&format!("history?limit=3&cursor={cursor}"));
    }
    let of = |zone: &str| [100, 200, 400, 900].map(|count| (zone.to_owned(), count));
    assert_eq!(seen, [of("HALL"), of("YARD")].concat());

    let page = anonymous.get(&temple.path("history?zone=hall&bucket=5m")).await.expect(200);
    let first = &page["items"][0];
    assert_eq!((&first["from"], &first["to"]), (&json!("2026-02-04T10:00:00Z"), &json!("2026-02-04T10:05:00Z")));
    assert_eq!((&first["readings"], &first["min"], &first["mean"], &first["max"]), (&json!(2), &json!(100), &json!(150.0), &json!(200)));
    assert_eq!((&first["percent_of_capacity"], &first["level"]), (&json!(15.0), &json!("low")));
    assert_eq!(page["items"].as_array().unwrap().len(), 3);
    let hours = anonymous.get(&temple.path("history?bucket=1h&limit=3")).await.expect(200);
    assert_eq!(hours["items"][2]["zone"], "YARD");
    let cursor = hours["next_cursor"].as_str().unwrap();
    let rest = anonymous.get(&temple.path(&format!("history?bucket=1h&limit=3&cursor={cursor}"))).await.expect(200);
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["items"][0]["from"]), (1, &json!("2026-02-04T12:00:00Z")));
    let day = anonymous.get(&temple.path("history?bucket=1d&zone=HALL&from=2026-02-04T10:05:00Z")).await.expect(200);
    assert_eq!((&day["items"][0]["readings"], &day["items"][0]["mean"]), (&json!(2), &json!(650.0)));
    let span = anonymous.get(&temple.path("history?zone=HALL&from=2026-02-04T10:01:00Z&to=2026-02-04T11:00:00Z")).await.expect(200);
    assert_eq!(span["items"].as_array().unwrap().len(), 2);

    anonymous.get(&temple.path("history?from=today&to=x&bucket=2h")).await.expect_invalid(&["bucket", "from", "to"]);
    anonymous.get(&temple.path("history?bucket=2h")).await.expect_invalid(&["bucket"]);
    anonymous.get(&temple.path("history?from=2026-02-05T00:00:00Z&to=2026-02-04T00:00:00Z")).await.expect_invalid(&["to"]);
    anonymous.get(&temple.path("history?zone=none")).await.expect_invalid(&["zone"]);
    anonymous.get("/api/crowd/temple/nowhere/history").await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heat_map_is_data_and_a_picture() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    // 10:10 in UTC is 15:40 in India.
    let body = |timestamp: &str, count: i64| json!({"zone": "HALL", "count": count, "timestamp": timestamp});
    for (timestamp, count) in [("2026-02-04T10:10:00Z", 500), ("2026-02-05T10:20:00Z", 700), ("2026-02-05T10:31:00Z", 900)] {
        temple.operator.post(&temple.path("update"), body(timestamp, count)).await.expect(201);
    }
    let span = "from=2026-02-01T00:00:00Z&to=2026-02-06T00:00:00Z";
    let map = temple.operator.get(&temple.path(&format!("heatmap.json?{span}"))).await.expect(200);
    let hall = &map["zones"][0];
    assert_eq!(
        (&map["time_zone"], &hall["zone"], hall["hours"].as_array().map(Vec::len)),
        (&json!("Asia/Kolkata"), &json!("HALL"), Some(24))
    );
    let cell = &hall["hours"][15];
    assert_eq!((&cell["hour"], &cell["readings"], &cell["mean"]), (&json!(15), &json!(2), &json!(600.0)));
    assert_eq!((&cell["percent_of_capacity"], &cell["level"]), (&json!(60.0), &json!("high")));
    assert_eq!((&hall["hours"][16]["mean"], &hall["hours"][14]["mean"]), (&json!(900.0), &Value::Null));
    assert_eq!(temple.operator.get(&temple.path(&format!("heatmap?{span}"))).await.expect(200), map);

    forecasts::insert_history(&app, &temple, "HALL", 6);
    let svg = temple.operator.get(&temple.path("heatmap.svg")).await;
    assert_eq!((svg.status, svg.header("content-type")), (200, "image/svg+xml"));
    let text = svg.text();
    for part in [
        "<svg",
        "Great hall",
        "Yard",
        "Hour of the day (Asia/Kolkata)",
        "% of capacity",
        "A temple &amp; its &lt;yard&gt;",
        ">23</text>",
        "not counted",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("<yard>"));
    let png = temple.operator.get(&temple.path("heatmap.png")).await;
    assert_eq!((png.status, png.header("content-type")), (200, "image/png"));
    assert!(png.body.starts_with(b"\x89PNG\r\n\x1a\n") && png.body.len() > 2000);
    if let Some(directory) = std::env::var_os("GATEHOUSE_PICTURES") {
        std::fs::write(std::path::Path::new(&directory).join("heatmap.png"), &png.body).unwrap();
        std::fs::write(std::path::Path::new(&directory).join("heatmap.svg"), &svg.body).unwrap();
    }

    for end in ["heatmap", "heatmap.svg", "heatmap.png"] {
        app.anonymous().get(&temple.path(end)).await.expect_problem(401);
        app.visitor().await.get(&temple.path(end)).await.expect_problem(403);
        temple.operator.get(&temple.path(&format!("{end}?from=2020-01-01T00:00:00Z"))).await.expect_invalid(&["from"]);
        temple.operator.get(&temple.path(&format!("{end}?colour=red"))).await.expect_invalid(&["colour"]);
        temple.operator.get(&format!("/api/crowd/temple/nowhere/{end}")).await.expect_problem(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_that_arrive_at_once_are_each_stored_once() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    let time = app.time(-30);
    let same = json!({"zone": "HALL", "count": 5, "timestamp": time});
    let path = temple.path("update");
    let answers = futures::future::join_all((0..12).map(|_| temple.operator.post(&path, same.clone()))).await;
    let stored = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|answer| answer.status == 409).count();
    assert_eq!((stored, refused), (1, 11));
    let page = app.anonymous().get(&temple.path("history?zone=HALL")).await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}
