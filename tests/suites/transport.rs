//! Shuttles (docs/reference/transport.md): routes, positions and arrival times.

use std::time::Duration;

use gatehouse_tests::{App, Client, Response, unique};
use reqwest::Method;
use serde_json::{Value, json};

const SHUTTLES: &str = "/api/transport/shuttles";
const ROUTES: &str = "/api/transport/routes";

/// A temple with a route of about 2.2 km to the north and three stops, and a shuttle on it.
struct Line {
    site: String,
    route: String,
    stops: [String; 3],
    shuttle: String,
    operator: Client,
}

impl Line {
    async fn create(app: &App) -> Self {
        let operator = app.operator().await;
        let (site, id) = (unique("temple"), unique("R").to_uppercase());
        let body = json!({
            "slug": site, "name": "A temple", "kind": "temple", "latitude": 20.0, "longitude": 70.0, "time_zone": "Asia/Kolkata", "capacity": 10,
        });
        app.admin().await.post("/api/sites", body).await.expect(201);
        let stops = ["A", "B", "C"].map(|stop| format!("{id}-{stop}"));
        let line = Self { site, route: id.clone(), stops, shuttle: format!("{id}-S"), operator };
        line.operator.post(ROUTES, line.body()).await.expect(201);
        let shuttle = json!({"id": line.shuttle, "temple_id": line.site, "name": "Shuttle 1", "capacity": 20, "route_id": line.route});
        line.operator.post(SHUTTLES, shuttle).await.expect(201);
        line
    }

    fn body(&self) -> Value {
        let stop = |index: usize, lat: f64, offset: i64| json!({"id": self.stops[index], "name": format!("Stop {index}"), "lat": lat, "lng": 70.0, "offset_s": offset});
        json!({
            "id": self.route, "temple_id": self.site, "name": "Car park to temple", "polyline": [[20.0, 70.0], [20.01, 70.0], [20.02, 70.0]],
            "typical_kmh": 36, "departures": ["06:00", "18:30"],
            "stops": [stop(0, 20.0, 0), stop(1, 20.01, 120), stop(2, 20.02, 240)],
        })
    }

    fn location(&self) -> String {
        format!("{SHUTTLES}/{}/location", self.shuttle)
    }

    /// Reports the shuttle `metres` along its route, at `plus_s` seconds from now.
    async fn report_position(&self, app: &App, metres: f64, plus_s: i64) -> Response {
        let body = json!({"lat": 20.0 + metres / 111_194.9, "lng": 70.0, "passengers": 12, "timestamp": app.time(plus_s)});
        self.operator.post(&self.location(), body).await
    }

    async fn eta(&self, app: &App, stop: usize) -> Value {
        app.anonymous().get(&format!("/api/transport/stops/{}/eta", self.stops[stop])).await.expect(200)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_are_made_read_changed_and_taken_out_of_service() {
    let app = App::start().await;
    let line = Line::create(&app).await;
    let anonymous = app.anonymous();
    let path = format!("{ROUTES}/{}", line.route);
    let route = anonymous.get(&path).await.expect(200);
    assert_eq!((&route["temple_id"], &route["departures"]), (&json!(line.site), &json!(["06:00", "18:30"])));
    assert_eq!(route["polyline"], json!([[20.0, 70.0], [20.01, 70.0], [20.02, 70.0]]));
    assert!((route["length_m"].as_f64().unwrap() - 2223.9).abs() < 1.0);
    let along: Vec<_> = route["stops"].as_array().unwrap().iter().map(|stop| stop["along_m"].as_f64().unwrap().round()).collect();
    assert_eq!(along, [0.0, 1112.0, 2224.0]);
    let page = anonymous.get(&format!("{ROUTES}/?temple_id={}&is_active=true", line.site)).await.expect(200);
    assert_eq!(page, json!({"items": [route], "next_cursor": null}));

    let changed = line.operator.patch(&path, json!({"name": "Night line", "departures": ["22:00", "21:00", "22:00"]})).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["departures"], &changed["stops"]),
        (&json!("Night line"), &json!(["21:00", "22:00"]), &route["stops"])
    );
    let mut fewer = line.body()["stops"].clone();
    fewer.as_array_mut().unwrap().remove(1);
    let changed = line.operator.patch(&path, json!({"stops": fewer})).await.expect(200);
    assert_eq!(changed["stops"].as_array().unwrap().len(), 2);
    anonymous.get(&format!("/api/transport/stops/{}/eta", line.stops[1])).await.expect_problem(404);
    line.operator.patch(&path, json!({"polyline": [[1, 2], [3, 4]]})).await.expect_invalid(&["stops"]);
    line.operator.patch(&path, json!({"temple_id": "other", "id": "other", "is_loop": true})).await.expect_invalid(&[
        "id",
        "is_loop",
        "temple_id",
    ]);

    assert_eq!(line.operator.delete(&path).await.status, 204);
    assert_eq!(anonymous.get(&path).await.expect(200)["is_active"], false);
    assert_eq!(line.eta(&app, 0).await["arrivals"], json!([]));
    anonymous.get(&format!("{ROUTES}/none")).await.expect_problem(404);
    line.operator.delete(&format!("{ROUTES}/none")).await.expect_problem(404);
    line.operator.patch(&format!("{ROUTES}/none"), json!({})).await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_route_is_named_field_by_field() {
    let app = App::start().await;
    let line = Line::create(&app).await;
    line.operator.post(ROUTES, json!({})).await.expect_invalid(&["name", "polyline", "stops", "temple_id"]);
    line.operator.post(ROUTES, line.body()).await.expect_problem(409);
    let with = |field: &str, value: Value| {
        let mut body = line.body();
        body["id"] = Value::Null;
        for stop in body["stops"].as_array_mut().unwrap() {
            stop["id"] = Value::Null;
        }
        body[field] = value;
        body
    };
    for polyline in [json!([]), json!([[20, 70]]), json!([[20, 70], [20, 70]]), json!([[91, 0], [0, 0]]), json!("x"), json!([[1], [2]])] {
        line.operator.post(ROUTES, with("polyline", polyline)).await.expect_invalid(&["polyline"]);
    }
    line.operator.post(ROUTES, with("departures", json!(["6:00"]))).await.expect_invalid(&["departures"]);
    line.operator.post(ROUTES, with("typical_kmh", json!(0))).await.expect_invalid(&["typical_kmh"]);
    line.operator.post(ROUTES, with("temple_id", json!("nowhere"))).await.expect_invalid(&["temple_id"]);
    let stops =
        json!([{"name": "", "lat": 20.0, "lng": 70.0}, {"name": "far", "lat": 21.0, "lng": 70.0}, {"name": "x", "lat": "20", "lng": 70.0}]);
    line.operator.post(ROUTES, with("stops", stops)).await.expect_invalid(&["stops[0].name", "stops[1].lat", "stops[2].lat"]);
    // Another route's stop.
    let mut taken = with("name", json!("Another"));
    taken["stops"][0]["id"] = json!(line.stops[0]);
    line.operator.post(ROUTES, taken).await.expect_problem(409);
    let page = app.anonymous().get(&format!("{ROUTES}?temple_id={}", line.site)).await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "what was refused is not there");
    line.operator.post(ROUTES, with("name", json!("With ids of its own"))).await.expect(201);

    app.anonymous().post(ROUTES, line.body()).await.expect_problem(401);
    app.visitor().await.post(ROUTES, line.body()).await.expect_problem(403);
    app.visitor().await.delete(&format!("{ROUTES}/{}", line.route)).await.expect_problem(403);
    app.anonymous().get(&format!("{ROUTES}?colour=red")).await.expect_invalid(&["colour"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn shuttles_are_made_read_changed_and_taken_out_of_service() {
    let app = App::start().await;
    let line = Line::create(&app).await;
    let anonymous = app.anonymous();
    let path = format!("{SHUTTLES}/{}", line.shuttle);
    let shuttle = anonymous.get(&path).await.expect(200);
    assert_eq!((&shuttle["capacity"], &shuttle["passengers"], &shuttle["location"]), (&json!(20), &Value::Null, &Value::Null));
    let page = anonymous.get(&format!("{SHUTTLES}/?temple_id={}&route_id={}", line.site, line.route)).await.expect(200);
    assert_eq!(page, json!({"items": [shuttle], "next_cursor": null}));

    line.operator.post(SHUTTLES, json!({})).await.expect_invalid(&["capacity", "name", "temple_id"]);
    let bad = json!({"temple_id": line.site, "name": "x", "capacity": 0, "id": "a b"});
    line.operator.post(SHUTTLES, bad).await.expect_invalid(&["capacity", "id"]);
    let other = json!({"temple_id": line.site, "name": "x", "capacity": 5, "route_id": "none", "device_code": "NONE"});
    line.operator.post(SHUTTLES, other).await.expect_invalid(&["device_code", "route_id"]);
    line.operator.post(SHUTTLES, json!({"temple_id": "nowhere", "name": "x", "capacity": 5})).await.expect_invalid(&["temple_id"]);
    let again = json!({"id": line.shuttle, "temple_id": line.site, "name": "x", "capacity": 5});
    line.operator.post(SHUTTLES, again.clone()).await.expect_problem(409);
    app.visitor().await.post(SHUTTLES, again.clone()).await.expect_problem(403);
    anonymous.post(SHUTTLES, again).await.expect_problem(401);

    let changed =
        line.operator.patch(&path, json!({"name": "Two", "capacity": 30, "route_id": null, "plate": "GJ01AB1234"})).await.expect(200);
    assert_eq!((&changed["name"], &changed["capacity"], &changed["route_id"]), (&json!("Two"), &json!(30), &Value::Null));
    line.operator.patch(&path, json!({"capacity": "x", "temple_id": "other"})).await.expect_invalid(&["capacity", "temple_id"]);
    app.visitor().await.patch(&path, json!({})).await.expect_problem(403);

    assert_eq!(line.operator.delete(&path).await.status, 204);
    assert_eq!(anonymous.get(&path).await.expect(200)["is_active"], false);
    line.report_position(&app, 0.0, 0).await.expect_problem(404);
    anonymous.get(&format!("{SHUTTLES}/none")).await.expect_problem(404);
    anonymous.get(&format!("{SHUTTLES}/none/location")).await.expect_problem(404);
    anonymous.get(&format!("{SHUTTLES}?colour=red")).await.expect_invalid(&["colour"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_is_stored_once_and_never_moves_the_shuttle_back() {
    let app = App::start().await;
    let line = Line::create(&app).await;
    let body = json!({
        "lat": 20.005, "lng": 70.0, "speed_kmh": 22.5, "heading": 0, "passengers": 25, "timestamp": app.time(-5),
    });
    let stored = line.operator.post(&line.location(), body.clone()).await.expect(201);
    assert_eq!((&stored["passengers"], &stored["late"]), (&json!(25), &json!(false)));
    line.operator.post(&line.location(), body).await.expect_problem(409);
    // The old names of the fields, by PATCH, and late.
    let late = json!({"latitude": 20.001, "longitude": 70.0, "passengers": 1, "timestamp": app.time(-50)});
    assert_eq!(line.operator.patch(&line.location(), late).await.expect(200)["late"], true);

    let shown = app.anonymous().get(&line.location()).await.expect(200);
    assert_eq!((&shown["shuttle_id"], &shown["location"]["lat"]), (&json!(line.shuttle), &json!(20.005)));
    assert_eq!((&shown["passengers"], &shown["free_places"], &shown["load_percent"]), (&json!(25), &json!(0), &json!(125.0)));
    assert_eq!(shown["location"]["stale"], false);
    assert_eq!(app.anonymous().get(&format!("/api/transport/{}/location", line.shuttle)).await.expect(200)["shuttle_id"], line.shuttle);

    let names = ["heading", "lat", "lng", "passengers", "speed_kmh", "timestamp"];
    let bad = json!({"lat": 91, "lng": -181, "speed_kmh": -1, "heading": 361, "passengers": -1, "timestamp": "now"});
    line.operator.post(&line.location(), bad).await.expect_invalid(&names);
    line.operator.post(&line.location(), json!({})).await.expect_invalid(&["lat", "lng", "timestamp"]);
    let ahead = json!({"lat": 20, "lng": 70, "timestamp": app.time(400)});
    line.operator.post(&line.location(), ahead).await.expect_invalid(&["timestamp"]);
    line.operator.send_bytes(Method::POST, &line.location(), "application/json", "{").await.expect_problem(400);
    let good = json!({"lat": 20, "lng": 70, "timestamp": app.time(0)});
    line.operator.post(&format!("{SHUTTLES}/none/location"), good.clone()).await.expect_problem(404);
    app.anonymous().post(&line.location(), good.clone()).await.expect_problem(401);
    app.visitor().await.post(&line.location(), good).await.expect_problem(403);
    assert_eq!(app.anonymous().get(&line.location()).await.expect(200)["location"]["lat"], 20.005);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_tells_only_its_own_shuttles_position() {
    let app = App::start().await;
    let line = Line::create(&app).await;
    let admin = app.admin().await;
    admin.post(&format!("/api/sites/{}/zones", line.site), json!({"code": "Z", "name": "Depot"})).await.expect(201);
    let code = unique("GPS").to_uppercase();
    admin.post("/api/devices/", json!({"device_code": code, "site": line.site, "zone": "Z"})).await.expect(201);
    let device = app.device(&code).await;
    let body = |plus_s: i64| json!({"lat": 20, "lng": 70, "timestamp": app.time(plus_s)});
    device.post(&line.location(), body(-3)).await.expect_problem(403);
    line.operator.patch(&format!("{SHUTTLES}/{}", line.shuttle), json!({"device_code": code.to_lowercase()})).await.expect(200);
    device.post(&line.location(), body(-2)).await.expect(201);
    assert_eq!(line.operator.get(&format!("/api/devices/{code}")).await.expect(200)["health"], "healthy");
    let other = Line::create(&app).await;
    device.post(&other.location(), body(-1)).await.expect_problem(403);
    // One device, one shuttle.
    other.operator.patch(&format!("{SHUTTLES}/{}", other.shuttle), json!({"device_code": code})).await.expect_problem(409);
    device.post(&other.location(), body(-1)).await.expect_problem(403);
    device.post(SHUTTLES, json!({})).await.expect_problem(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_no_shuttle_can_have_got_to_is_refused() {
    let app = App::start().await;
    let line = Line::create(&app).await;
    line.report_position(&app, 100.0, -60).await.expect(201);
    let leap = json!({"lat": 20.5, "lng": 70.0, "timestamp": app.time(-30)});
    let problem = line.operator.post(&line.location(), leap).await.expect_invalid(&["lat"]);
    assert!(problem["errors"]["lat"][0].as_str().unwrap().contains("no shuttle goes so fast"), "{problem}");
    // Late ones are judged by the same rule; what can be is taken.
    line.operator.post(&line.location(), json!({"lat": 20.5, "lng": 70.0, "timestamp": app.time(-90)})).await.expect_invalid(&["lat"]);
    line.report_position(&app, 1_500.0, -20).await.expect(201);
    assert!((app.anonymous().get(&line.location()).await.expect(200)["location"]["lat"].as_f64().unwrap() - 20.01349).abs() < 1e-4);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn positions_are_kept_for_a_week_and_the_newest_for_good() {
    let Some(app) = App::embedded(&[]).await else { return };
    let (line, silent) = (Line::create(&app).await, Line::create(&app).await);
    line.report_position(&app, 0.0, -8 * 86_400).await.expect(201);
    line.report_position(&app, 10.0, -6 * 86_400).await.expect(201);
    silent.report_position(&app, 0.0, -8 * 86_400).await.expect(201);
    app.tick().await;
    let rows: i64 = app.db().query_row("select count(*) from shuttle_positions", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
    assert_eq!(app.anonymous().get(&silent.location()).await.expect(200)["location"]["lat"], 20.0);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn arrivals_say_what_they_rest_on() {
    let Some(app) = App::embedded(&[]).await else { return };
    let line = Line::create(&app).await;
    // Nothing is known but the timetable.
    let by_timetable = line.eta(&app, 1).await;
    assert_eq!((&by_timetable["arrivals"][0]["basis"], &by_timetable["arrivals"][0]["shuttle_id"]), (&json!("timetable"), &Value::Null));
    assert_eq!(by_timetable["without_position"], json!([line.shuttle]));
    let next = by_timetable["scheduled"][0].as_str().unwrap();
    assert!(next.contains("T00:32:00") || next.contains("T13:02:00"), "06:00 or 18:30 in India and two minutes: {next}");

    // One position: the typical speed, 10 m/s.
    line.report_position(&app, 100.0, -1).await.expect(201);
    let typical = line.eta(&app, 1).await;
    let arrival = &typical["arrivals"][0];
    assert_eq!(
        (&arrival["basis"], &arrival["shuttle_id"], &arrival["capacity"]),
        (&json!("typical_speed"), &json!(line.shuttle), &json!(20))
    );
    assert!((arrival["distance_m"].as_i64().unwrap() - 1012).abs() <= 2, "{arrival}");
    assert!((arrival["in_s"].as_i64().unwrap() - 100).abs() <= 3, "{arrival}");
    assert_eq!((&arrival["passengers"], &arrival["free_places"]), (&json!(12), &json!(8)));

    // Half a minute at 5 m/s.
    app.advance(Duration::from_secs(40));
    line.report_position(&app, 300.0, 0).await.expect(201);
    let recent = line.eta(&app, 1).await;
    let arrival = &recent["arrivals"][0];
    assert_eq!(arrival["basis"], "recent_speed");
    assert!((arrival["in_s"].as_i64().unwrap() - 166).abs() <= 8, "{arrival}");
    let stops = app.anonymous().get(&line.location()).await.expect(200)["stops"].clone();
    assert_eq!((&stops[0]["stop_id"], &stops[0]["eta"]), (&json!(line.stops[0]), &Value::Null), "it has passed the first");
    assert!(stops[2]["in_s"].as_i64() > stops[1]["in_s"].as_i64());

    // Silent for longer than two minutes: marked, and back to the timetable.
    app.advance(Duration::from_secs(130));
    let silent = line.eta(&app, 1).await;
    assert_eq!((&silent["arrivals"][0]["basis"], &silent["without_position"]), (&json!("timetable"), &json!([line.shuttle])));
    let shown = app.anonymous().get(&line.location()).await.expect(200);
    assert_eq!((&shown["location"]["stale"], &shown["stops"][2]["basis"]), (&json!(true), &json!("timetable")));

    // Off the route.
    let away = json!({"lat": 20.003, "lng": 70.01, "timestamp": app.time(0)});
    line.operator.post(&line.location(), away).await.expect(201);
    assert_eq!(line.eta(&app, 1).await["without_position"], json!([line.shuttle]));
    app.anonymous().get("/api/transport/stops/none/eta").await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_shuttle_that_drives_away_from_the_last_stop_has_no_arrival_there() {
    let Some(app) = App::embedded(&[]).await else { return };
    let line = Line::create(&app).await;
    let arrivals = async || {
        let stops = app.anonymous().get(&line.location()).await.expect(200)["stops"].clone();
        let of_stop = line.eta(&app, 2).await["arrivals"].clone();
        let has_shuttle = of_stop.as_array().unwrap().iter().any(|arrival| arrival["shuttle_id"] == json!(line.shuttle));
        let at_last = stops[2]["basis"].is_string();
        assert_eq!(at_last, has_shuttle, "both routes agree: {stops} {of_stop}");
        at_last
    };
    line.report_position(&app, 2_000.0, -40).await.expect(201);
    line.report_position(&app, 2_220.0, 0).await.expect(201);
    assert!(arrivals().await);
    // On and beyond the last stop, then back on the street that it came by.
    app.advance(Duration::from_secs(20));
    line.report_position(&app, 2_300.0, 0).await.expect(201);
    assert!(!arrivals().await);
    for metres in [2_100.0, 1_800.0, 1_500.0] {
        app.advance(Duration::from_secs(40));
        line.report_position(&app, metres, 0).await.expect(201);
        assert!(!arrivals().await, "{metres}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn events_are_public_and_at_most_every_ten_seconds_a_shuttle() {
    let Some(app) = App::embedded(&[]).await else { return };
    let line = Line::create(&app).await;
    let events = || -> Vec<Value> {
        let db = app.db();
        let mut statement = db.prepare("select public_data from events where channel = 'transport' and site = ? order by id").unwrap();
        let rows = statement.query_map([&line.site], |row| row.get::<_, String>(0)).unwrap();
        rows.map(|row| serde_json::from_str(&row.unwrap()).unwrap()).collect()
    };
    for step in 0..4 {
        line.report_position(&app, f64::from(step), i64::from(step) - 30).await.expect(201);
    }
    assert_eq!(events().len(), 1);
    assert_eq!((&events()[0]["shuttle_id"], &events()[0]["passengers"]), (&json!(line.shuttle), &json!(12)));
    app.advance(Duration::from_secs(11));
    line.report_position(&app, 50.0, -1).await.expect(201);
    line.report_position(&app, 60.0, 0).await.expect(201);
    assert_eq!(events().len(), 2);
    assert!((events()[1]["lat"].as_f64().unwrap() - 20.00045).abs() < 1e-5);
    // What was held back goes out with the scheduled run.
    app.advance(Duration::from_secs(11));
    assert_eq!((app.tick().await["transport"]["held_back"].clone(), events().len()), (json!(1), 3));
    assert!((events()[2]["lat"].as_f64().unwrap() - 20.00054).abs() < 1e-5);
}
