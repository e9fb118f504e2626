//! How SQLite runs the statements of the routes and the scheduled runs: none goes through a table that grows from one end to the other. Plans are
//! made without statistics, and so are the same on an empty database as after ten years.

#[path = "query_plans/analytics.rs"]
mod analytics;
#[path = "query_plans/cameras.rs"]
mod cameras;
#[path = "query_plans/indexes.rs"]
mod indexes;
#[path = "polling/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};

use gatehouse_tests::camera::Camera;
use gatehouse_tests::gcs::{BUCKET, Gcs};
use gatehouse_tests::relay::Relay;
use gatehouse_tests::{App, Client, Place, root};
use reqwest::Method;
use serde_json::json;
use world::{Dice, World};

/// Tables whose rows come with use: readings, people, what they do. The others are as large as what an administrator has set up.
const GROWING: [&str; 62] = [
    "alert_groups",
    "alert_steps",
    "alerts",
    "audit_changes",
    "audit_log",
    "assignments",
    "bookings",
    "booking_scans",
    "camera_recordings",
    "camera_sessions",
    "crowd_booked",
    "crowd_quarters",
    "crowd_readings",
    "decoy_visits",
    "deliveries",
    "device_credentials",
    "device_generations",
    "device_state",
    "devices",
    "disputes",
    "email_changes",
    "emergencies",
    "emergency_history",
    "escalation_starts",
    "event_tickets",
    "events",
    "floor_plan_spots",
    "gate_overrides",
    "idempotency_keys",
    "incident_history",
    "incidents",
    "login_failures",
    "lot_counts",
    "mail_batches",
    "mail_events",
    "mail_messages",
    "mail_suppressions",
    "messages",
    "occupancy_log",
    "occupancy_quarters",
    "outbox",
    "password_resets",
    "payments",
    "reading_kept",
    "reading_rollups",
    "readings",
    "recording_gaps",
    "recording_spans",
    "recording_thumbnails",
    "recording_transfers",
    "refresh_tokens",
    "refunds",
    "registrations",
    "reservation_changes",
    "reservations",
    "revoked_families",
    "shuttle_positions",
    "slot_days",
    "spot_states",
    "spots",
    "stripe_events",
    "users",
];

/// Where all rows are wanted, or where the first of an index are enough: a piece of the statement, the table, and why.
const WHOLE: [(&str, &str, &str); 4] = [
    ("exists (select 1 from device_state where last_seen_at is not null)", "device_state", "the first that was ever seen is enough"),
    ("from spot_claim_moments", "reservation_changes", "only those that wait to be paid are kept"),
    ("min(id) from events", "events", "the first of the key"),
    ("sum(t.last_seen_at >= w.healthy_since)", "devices", "each is judged by its age, when the clock has turned one"),
];

/// The names that a text of SQL gives to growing tables: their own, and the words that follow them.
fn names(sql: &str) -> BTreeMap<String, &'static str> {
    let words: Vec<&str> = sql.split(|it: char| !it.is_alphanumeric() && it != '_').filter(|word| !word.is_empty()).collect();
    let mut names = BTreeMap::new();
    for (at, word) in words.iter().enumerate() {
        let Some(table) = GROWING.iter().find(|table| *table == word) else { continue };
        names.insert((*table).to_owned(), *table);
        let alias = words.get(at + 1).filter(|next| **next != "as").or_else(|| words.get(at + 2));
        names.extend(alias.map(|alias| ((*alias).to_owned(), *table)));
    }
    names
}

/// The growing tables that a statement goes through from one end to the other, the views that it reads included. A partial index holds what is
/// still open, and may be gone through. (That an insert looks for rows that refer to its own is run only where some were put off.)
fn scanned(db: &rusqlite::Connection, Schema { views, partial }: &Schema, sql: &str) -> BTreeSet<&'static str> {
    let mut statement = db.prepare(&format!("explain query plan {sql}")).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let read: String = views.iter().filter(|(name, _)| sql.contains(name.as_str())).map(|(_, view)| view.as_str()).collect();
    let names = names(&format!("{sql} {read}"));
    let mut rows = statement.raw_query();
    let mut found = BTreeSet::new();
    while let Some(row) = rows.next().expect("a plan") {
        let detail: String = row.get(3).expect("its words");
        let Some(scan) = detail.strip_prefix("SCAN ") else { continue };
        let index = scan.rsplit_once(" INDEX ").map(|(_, index)| index);
        if !index.is_some_and(|index| partial.contains(index)) {
            found.extend(scan.split(' ').next().and_then(|name| names.get(name)));
        }
    }
    found
}

/// What is known of the schema.
struct Schema {
    /// The views, each with what it is made of.
    views: Vec<(String, String)>,
    /// The partial indexes.
    partial: BTreeSet<String>,
}

impl Schema {
    fn of(db: &rusqlite::Connection) -> Self {
        let made = |kind: &str| {
            let mut rows = db.prepare("select name, sql || ' ' from sqlite_schema where type = ? and sql is not null").unwrap();
            let made = rows.query_map([kind], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
            made.map(Result::unwrap).collect::<Vec<_>>()
        };
        let is_partial = |sql: &str| sql.to_lowercase().split_whitespace().any(|word| word == "where");
        let partial = made("index").into_iter().filter(|(_, sql)| is_partial(sql)).map(|(name, _)| name).collect();
        Self { views: made("view"), partial }
    }
}

/// Asks for what screens, devices, drivers and the scheduled runs ask for.
async fn live(app: &App) {
    let world = World::create(app).await;
    let mut dice = Dice(11);
    for step in 0..120 {
        let done = world.change(app, &mut dice).await;
        if step % 30 == 0 {
            world.check(app, &done).await;
        }
    }
    let place = app.place(2).await;
    let device = app.new_device(&place, Some(0)).await;
    send(app, &place, &device).await;
    reserve(app, &place).await;
    indexes::ask(app, &place).await;
    read(app, &place, &device).await;
    analytics::look_back(app, &place.site).await;
}

async fn send(app: &App, place: &Place, device: &str) {
    let sender = app.device(device).await;
    sender.post("/api/telemetry/", app.reading(device, 0)).await.expect(201);
    let readings = json!([app.reading(device, 1), app.reading(device, 2)]);
    sender.post("/api/telemetry/bulk/", readings).await.expect(200);
    let lot = json!({"parking_lot": place.site, "available_spots": 3, "timestamp": app.time(0)});
    app.operator().await.post("/api/parking-data/add/", lot).await;
    let report = json!({"temple_id": "somnath", "type": "medical", "description": "somebody fell"});
    app.visitor().await.post("/api/emergency/", report).await.expect(201);
    for _ in 0..2 {
        app.tick().await;
    }
}

async fn reserve(app: &App, place: &Place) {
    let driver = app.visitor().await;
    for what in [json!({"spot_id": place.spots[0]}), json!({"site": place.site, "kind": "standard"})] {
        let mut body = what;
        for (name, value) in [("start", app.time(3_600)), ("end", app.time(7_200)), ("vehicle_plate", "GJ01AB1234".to_owned())] {
            body[name] = json!(value);
        }
        // The site has no tariff: what is refused is looked up all the same.
        driver.header("idempotency-key", &gatehouse_tests::unique("key")).post("/api/reservations", body).await;
    }
}

async fn read(app: &App, place: &Place, device: &str) {
    let (operator, admin) = (app.operator().await, app.admin().await);
    let site = &place.site;
    for path in [
        "/api/dashboard/overview".to_owned(),
        "/api/spots".to_owned(),
        "/api/spots/available".to_owned(),
        "/api/slots/".to_owned(),
        "/api/devices/".to_owned(),
        format!("/api/devices/{device}"),
        format!("/api/telemetry/?device={device}"),
        format!("/api/telemetry/?device={device}&bucket=1h"),
        "/api/alerts/".to_owned(),
        format!("/api/alerts/?site={site}&status=active"),
        "/api/reservations".to_owned(),
        format!("/api/reservations/arrivals?site={site}"),
        "/api/emergency/active".to_owned(),
        "/api/bookings/my-bookings".to_owned(),
        "/api/parking-data/".to_owned(),
        "/api/export/datex2/parking.json".to_owned(),
        format!("/api/export/apds/places?site={site}&zone={}", place.zone),
        "/api/export/geojson/zones".to_owned(),
        "/api/export/geojson/shuttles".to_owned(),
        format!("/api/export/geojson/shuttles?temple_id={site}"),
        "/ready".to_owned(),
    ] {
        operator.get(&path).await.expect(200);
    }
    for path in [
        "/api/event-logs/",
        "/api/dispatch/messages",
        "/api/dispatch/channels",
        "/api/search?q=pa",
        "/api/search?q=%2B9198",
        "/v0/api/users/users/",
        "/api/users/me/sessions",
        "/v0/api/mail/messages",
        "/v0/api/mail/messages?status=queued",
        "/v0/api/mail/suppressions",
    ] {
        admin.get(path).await.expect(200);
    }
    admin.post("/api/dispatch/messages/replay", json!({})).await.expect(202);
    follow(&operator).await;
}

/// The feed from its first event on.
async fn follow(operator: &Client) {
    let feed = operator.request(Method::GET, "/api/events?channels=alerts,parking,crowd").header("last-event-id", "0");
    let mut feed = feed.send().await.expect("a stream");
    assert!(feed.chunk().await.expect("a chunk").is_some());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn no_statement_goes_through_a_table_that_grows() {
    let (camera, relay, bucket) = (Camera::start().await, Relay::start().await, Gcs::start().await);
    let (origin, storage, account) = (relay.origin(), bucket.origin(), bucket.service_account());
    let variables = [
        ("access_token_seconds", "864000"),
        ("camera_networks", "127.0.0.1, 192.168.1.0/24"),
        ("camera_origin", "http://127.0.0.0/8:*"),
        ("relay_api_origin", &origin),
        ("relay_playback_origin", &origin),
        ("gcs_bucket", BUCKET),
        ("gcs_origin", &storage),
        ("gcs_token_origin", &storage),
        ("gcs_service_account", &account),
    ];
    let Some(app) = App::embedded(&variables).await else { return };
    relay.ask(app.base_url(), app.clock());
    live(&app).await;
    cameras::watch(&app, &camera, &relay).await;
    let db = app.db();
    let schema = Schema::of(&db);
    let count_of = "select count(*) from sqlite_schema where type = 'table' and name = ?";
    let is_there = |name: &&&str| db.query_row(count_of, [name], |row| row.get::<_, i64>(0)).unwrap() == 1;
    let gone: Vec<_> = GROWING.iter().filter(|name| !is_there(name)).collect();
    assert!(gone.is_empty(), "there are no such tables: {gone:?}");
    let statistics: i64 = db.query_row("select count(*) from sqlite_schema where name like 'sqlite_stat%'", [], |row| row.get(0)).unwrap();
    assert_eq!(statistics, 0, "plans are made without statistics");

    let statements = app.statements();
    // A migration goes through whole tables, once.
    let files = std::fs::read_dir(root().join("migrations")).unwrap().map(|file| file.unwrap().path());
    let migrations: String =
        files.filter(|path| path.extension().is_some_and(|it| it == "sql")).map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let is_query = |sql: &&String| {
        let sql = sql.trim();
        ["select", "insert", "update", "delete", "with"].iter().any(|word| sql.starts_with(word)) && !migrations.contains(sql)
    };
    let mut scans = Vec::new();
    let mut count = 0;
    for sql in statements.iter().filter(is_query) {
        count += 1;
        for table in scanned(&db, &schema, sql) {
            let is_wanted = WHOLE.iter().any(|(piece, of, _)| sql.contains(piece) && *of == table);
            if !is_wanted {
                scans.push(format!("{table}: {sql}"));
            }
        }
    }
    assert!(count > 100, "{count} statements were seen");
    indexes::check(&db, &statements);
    assert!(scans.is_empty(), "{} scans:\n{}", scans.len(), scans.join("\n\n"));
}
