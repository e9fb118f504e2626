//! Analyses over time (docs/reference/analytics.md): figures that were worked out by hand, by each site's own clock.

#[path = "analytics/devices.rs"]
mod devices;
#[path = "analytics/emergencies.rs"]
mod emergencies;
#[path = "analytics/exports.rs"]
mod exports;
#[path = "analytics/holidays.rs"]
mod holidays;
#[path = "analytics/occupancy.rs"]
mod occupancy;
#[path = "analytics/people.rs"]
mod people;
#[path = "analytics/predictions.rs"]
mod predictions;
#[path = "analytics/revenue.rs"]
mod revenue;

use gatehouse_tests::{App, Client, unique};
use serde_json::{Value, json};

/// The analyses.
const ROUTES: [&str; 8] = ["occupancy", "trends", "predictions", "footfall", "peak-hours", "emergencies", "revenue", "devices"];

const HOUR: i64 = 3_600_000;
const QUARTER: i64 = HOUR / 4;

/// A moment, milliseconds.
fn ms(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).expect("a moment").timestamp_millis()
}

/// A site with the zones `A` and `B`.
struct Site {
    slug: String,
    operator: Client,
}

impl Site {
    async fn create(app: &App, kind: &str, time_zone: &str) -> Self {
        let (admin, slug) = (app.admin().await, unique("site"));
        let body = json!({
            "slug": slug, "name": "A place", "kind": kind, "latitude": 20.9, "longitude": 70.4, "time_zone": time_zone, "capacity": 100,
        });
        admin.post("/api/sites", body).await.expect(201);
        for code in ["A", "B"] {
            admin.post(&format!("/api/sites/{slug}/zones"), json!({"code": code, "name": code, "capacity": 100})).await.expect(201);
        }
        Self { slug, operator: app.operator().await }
    }

    fn path(&self, analysis: &str, query: &str) -> String {
        format!("/api/analytics/{analysis}?site={}&{query}", self.slug)
    }

    async fn figures(&self, analysis: &str, query: &str) -> Value {
        self.operator.get(&self.path(analysis, query)).await.expect(200)
    }

    async fn items(&self, analysis: &str, query: &str) -> Vec<Value> {
        self.figures(analysis, query).await["items"].as_array().expect("items").clone()
    }

    /// What is known of a quarter of an hour: of so many spots so many were occupied throughout it.
    fn quarter(&self, app: &App, zone: &str, kind: &str, start: i64, (occupied, known): (i64, i64), (arrivals, departures): (i64, i64)) {
        app.db()
            .execute(
                "insert into occupancy_quarters (site, zone, kind, start, occupied_ms, known_ms, arrivals, departures)
                 values (?1, ?2, ?3, ?4, ?5 * 900000, ?6 * 900000, ?7, ?8)",
                (&self.slug, zone, kind, start, occupied, known, arrivals, departures),
            )
            .expect("a quarter");
    }

    /// The same for each quarter from a moment to before another, with one that came and none that left in each.
    fn quarters(&self, app: &App, zone: &str, (from, to): (i64, i64), occupied: (i64, i64)) {
        app.db()
            .execute(
                "with recursive quarter (start) as (select ?3 union all select start + 900000 from quarter where start + 900000 < ?4)
                 insert into occupancy_quarters (site, zone, kind, start, occupied_ms, known_ms, arrivals, departures)
                 select ?1, ?2, 'standard', start, ?5 * 900000, ?6 * 900000, 1, 0 from quarter",
                (&self.slug, zone, from, to, occupied.0, occupied.1),
            )
            .expect("quarters");
    }

    /// So many people in the mean of a quarter of an hour.
    fn people(&self, app: &App, zone: &str, start: i64, people: i64) {
        let insert = "insert into crowd_quarters (site, zone, start, readings, total) values (?1, ?2, ?3, 2, ?4 * 2)";
        app.db().execute(insert, (&self.slug, zone, start, people)).expect("a quarter");
    }
}

/// These fields of a document, in this order.
fn fields<const N: usize>(value: &Value, names: [&str; N]) -> [Value; N] {
    names.map(|name| value.get(name).unwrap_or_else(|| panic!("no {name} in {value}")).clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn analyses_are_for_operators() {
    let app = App::start().await;
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let (anonymous, visitor, device) = (app.anonymous(), app.visitor().await, app.device(&device).await);
    for (caller, status) in [(anonymous, 401), (visitor, 403), (device, 403)] {
        for route in ROUTES {
            for suffix in ["", ".csv", ".ndjson"] {
                caller.get(&format!("/api/analytics/{route}{suffix}")).await.expect_problem(status);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_for_is_refused_with_every_bad_parameter() {
    let app = App::start().await;
    let site = Site::create(&app, "car_park", "Asia/Kolkata").await;
    let operator = &site.operator;
    for route in ROUTES.into_iter().filter(|route| *route != "predictions") {
        operator
            .get(&format!("/api/analytics/{route}?from=today&to=2026-02-30&colour=red"))
            .await
            .expect_invalid(&["colour", "from", "to"]);
        operator.get(&site.path(route, "from=2026-02-05&to=2026-02-04")).await.expect_invalid(&["to"]);
        operator.get(&site.path(route, "from=2026-02-05T01:00:00Z&to=2026-02-05T00:00:00Z")).await.expect_invalid(&["to"]);
        operator.get(&site.path(route, "from=2024-01-01&to=2026-02-04")).await.expect_invalid(&["to"]);
        operator.get(&site.path(route, "from=2024-01-01")).await.expect_invalid(&["from"]);
    }
    for route in ROUTES {
        operator.get(&format!("/api/analytics/{route}?site=nowhere")).await.expect_invalid(&["site"]);
        operator.get(&format!("/api/analytics/{route}?zone=A")).await.expect_invalid(&["zone"]);
        operator.get(&site.path(route, "zone=nowhere")).await.expect_invalid(&["zone"]);
    }
    operator.get(&site.path("occupancy", "period=year&by=colour&kind=boat")).await.expect_invalid(&["by", "kind", "period"]);
    operator.get(&site.path("occupancy", "period=quarter&from=2026-01-01&to=2026-03-01")).await.expect_invalid(&["to"]);
    operator.get(&site.path("footfall", "period=yearly")).await.expect_invalid(&["period"]);
    operator.get(&site.path("predictions", "hours=25")).await.expect_invalid(&["hours"]);
    operator.get(&site.path("peak-hours", "weekday=8")).await.expect_invalid(&["weekday"]);
    operator.get("/api/analytics/weather").await.expect_problem(404);
    operator.post("/api/analytics/occupancy", json!({})).await.expect_problem(405);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_happened_the_answer_is_empty() {
    let app = App::start().await;
    let site = Site::create(&app, "temple", "Asia/Kolkata").await;
    for query in ["", "from=2026-02-04T10:07:00Z&to=2026-02-04T10:07:00Z", "from=2026-02-04&to=2026-02-04", "from=2027-01-01"] {
        for route in ROUTES {
            let query = if route == "predictions" { "" } else { query };
            assert_eq!(site.figures(route, query).await["items"], json!([]), "{route} {query}");
            let (base, rest) = site.path(route, query).split_once('?').map(|(base, rest)| (base.to_owned(), rest.to_owned())).unwrap();
            let csv = site.operator.get(&format!("{base}.csv?{rest}")).await;
            assert_eq!((csv.status, csv.text().lines().count()), (200, 1), "{route} {query}: its head alone");
            let ndjson = site.operator.get(&format!("{base}.ndjson?{rest}")).await;
            assert_eq!((ndjson.status, ndjson.text()), (200, String::new()), "{route} {query}");
        }
    }
}
