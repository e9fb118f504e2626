//! The demo: `seed` fills a deployment over HTTP, and seeding again changes nothing; `simulate` drives it, and counts
//! what the application said of each reading.

#[path = "demo/first_start.rs"]
mod first_start;
#[path = "demo/simulation.rs"]
mod simulation;

use std::collections::HashSet;

use gatehouse::seed::{self, Credentials, Deployment};
use gatehouse_tests::App;
use serde_json::Value;

fn deployment(app: &App) -> Deployment {
    Deployment { clock: app.clock(), request_id: None }
}

/// The arguments of a small seeding of this application.
fn seeding(app: &App, directory: &std::path::Path) -> seed::Args {
    let (email, password) = app.admin_credentials();
    seed::Args {
        base_url: app.base_url().to_owned(),
        admin_email: email.to_owned(),
        admin_password: password.to_owned(),
        credentials: directory.join("demo-credentials.json"),
        seed: 1,
        history_days: 1,
        every_minutes: 30,
        batch: seed::DEFAULT_BATCH,
        tick_secret: None,
        deployment: deployment(app),
    }
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().expect("a list")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seeded_deployment_has_the_demo_and_seeding_again_changes_nothing() {
    let app = App::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let args = seeding(&app, directory.path());
    let made = seed::run(args.clone()).await.expect("seeding");
    let again = seed::run(args.clone()).await.expect("seeding again");

    assert_eq!(made.rejected + again.rejected, 0, "{made}\n{again}");
    assert_eq!((made.sites, made.zones), (1, 4), "the car park: the temples and their zones are in every installation\n{made}");
    assert!(made.readings >= 180 * 45, "{made}");
    // Between the two, a device may have come to its next reading.
    assert!(again.readings <= 180 && again.duplicates >= made.readings - 180, "{again}");
    assert_eq!(
        (again.sites, again.zones, again.spots, again.devices, again.users, again.keys, again.alerts, again.slots, again.bookings),
        (0, 0, 0, 0, 0, 0, 0, 0, 0),
        "{again}"
    );
    // Three days of hours for each of the sixteen zones; between the two seedings a zone may have come to its next count.
    assert!(made.crowd_counts >= 16 * 3 * 24 && again.crowd_counts <= 32, "{made}\n{again}");
    assert_eq!((made.routes, made.shuttles, again.routes, again.shuttles), (2, 6, 0, 0), "{made}\n{again}");
    assert_eq!((again.resources, again.emergencies, again.incidents), (0, 0, 0), "{again}");

    let anonymous = app.anonymous();
    let sites = anonymous.get("/api/sites?limit=500").await.expect(200);
    let slugs: HashSet<_> = items(&sites).iter().filter_map(|site| site["slug"].as_str()).collect();
    for slug in ["city-centre", "somnath", "dwarka", "ambaji", "pavagadh"] {
        assert!(slugs.contains(slug), "no {slug}");
    }
    let zones = anonymous.get("/api/sites/city-centre/zones").await.expect(200);
    let codes: HashSet<_> = items(&zones).iter().filter_map(|zone| zone["code"].as_str()).collect();
    assert_eq!(codes, HashSet::from(["B1", "B2", "OUT", "VIP"]));

    // A newcomer's temple is alive: counted, forecast, served by shuttles that are on their way.
    let crowd = anonymous.get("/api/crowd/temple/somnath/current").await.expect(200);
    let counted = crowd["zones"].as_array().expect("zones").iter();
    assert!(counted.clone().all(|zone| zone["count"].is_number() && zone["stale"] == false), "{crowd}");
    assert!(counted.clone().all(|zone| zone["level"] == "low" || zone["level"] == "moderate"), "{crowd}");
    let next = anonymous.get("/api/crowd/temple/somnath/predictions?zone=garbhaGriha").await.expect(200);
    assert_eq!(next["zones"][0]["predictions"].as_array().map(Vec::len), Some(6), "{next}");
    let shuttle = anonymous.get("/api/transport/shuttles/SH-101/location").await.expect(200);
    assert_eq!((&shuttle["location"]["stale"], shuttle["stops"].as_array().map(Vec::len)), (&Value::Bool(false), Some(7)));
    assert!(shuttle["stops"].as_array().is_some_and(|stops| stops.iter().all(|stop| stop["basis"] != "timetable")), "{shuttle}");

    let credentials = Credentials::load(&args.credentials).expect("the credentials file");
    assert_eq!(credentials.devices.len(), 180);
    assert!(credentials.devices["PARK-B1-S005"].starts_with("ghd_"));
    for (role, user) in &credentials.users {
        let me = app.login(&user.email, &user.password).await.get("/api/users/me").await.expect(200);
        assert_eq!(me["role"], role.as_str());
    }

    let operator = &credentials.users["operator"];
    let operator = app.login(&operator.email, &operator.password).await;
    let overview = operator.get("/api/dashboard/overview/?site=city-centre").await.expect(200);
    assert_eq!(overview["total"], 180);
    assert_eq!(overview["out_of_service"], 3);
    let sum: i64 = ["free", "occupied", "reserved", "out_of_service"].iter().filter_map(|state| overview[*state].as_i64()).sum();
    assert_eq!(sum, 180);
    assert_eq!(overview["devices"]["healthy"], 180);

    // Each temple has slots every day, and the visitor has tickets to show.
    for temple in ["somnath", "dwarka", "ambaji", "pavagadh"] {
        let templates = anonymous.get(&format!("/api/sites/{temple}/slots?limit=500")).await.expect(200);
        let weekdays: HashSet<_> = items(&templates).iter().filter_map(|slot| slot["weekday"].as_str()).collect();
        assert_eq!(weekdays.len(), 7, "{temple}: {templates}");
    }
    let visitor = &credentials.users["visitor"];
    let visitor = app.login(&visitor.email, &visitor.password).await;
    let bookings = visitor.get("/api/bookings/my-bookings").await.expect(200);
    // Of today's two, none may be left late in the evening.
    assert!(items(&bookings).len() >= 2 && items(&bookings).len() == made.bookings, "{bookings}");
    assert!(items(&bookings).iter().all(|booking| booking["status"] == "confirmed" && booking["ticket"].is_string()), "{bookings}");

    // History alone raises nothing, and what is seeded is not for dispatch.
    let alerts = operator.get("/api/alerts/?limit=500").await.expect(200);
    // Of the two sample lots one is nearly full: the rule for few spots says so.
    let sample = |alert: &serde_json::Value| alert["alert_type"] == "low_spots" && alert["subject"] == "lot:Lot B";
    assert!(
        items(&alerts).iter().all(|alert| (alert["source"] == "manual" || sample(alert)) && alert["severity"] != "critical"),
        "{alerts}"
    );
    assert_eq!(items(&alerts).iter().filter(|alert| sample(alert)).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_days_of_the_demo_have_figures() {
    let app = App::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let args = seed::Args { history_days: 3, tick_secret: Some(app.tick_secret().to_owned()), ..seeding(&app, directory.path()) };
    seed::run(args).await.expect("seeding");
    let operator = app.operator().await;
    let look = async |analysis: &str, query: &str| operator.get(&format!("/api/analytics/{analysis}?{query}")).await.expect(200);
    let hours_ago = |hours: i64| app.time(-3_600 * hours);

    // From the second hour of the history on, every sensor has told how its spot is.
    let range = format!("site=city-centre&from={}&to={}", hours_ago(70), hours_ago(2));
    let occupancy = look("occupancy", &format!("{range}&by=site&period=quarter")).await;
    assert!(items(&occupancy).len() >= 4 * 67, "{occupancy}");
    for quarter in items(&occupancy) {
        let [occupied, known] = ["occupied", "known"].map(|field| quarter[field].as_f64().expect("a number"));
        assert!((known - 180.0).abs() < 0.01 && 0.0 < occupied && occupied < known, "{quarter}");
    }
    let [arrivals, departures] =
        ["arrivals", "departures"].map(|field| items(&occupancy).iter().filter_map(|quarter| quarter[field].as_i64()).sum::<i64>());
    assert!(arrivals > 1_000 && (arrivals - departures).abs() <= 180, "{arrivals} {departures}");
    let trends = look("trends", &range).await;
    assert!(items(&trends).len() >= 60 && !trends["weeks"].as_array().expect("weeks").is_empty(), "{trends}");
    let peak = look("peak-hours", &range).await;
    assert_eq!(items(&peak).len(), 24, "{peak}");
    assert!(items(&peak).iter().all(|hour| hour["occupied"].is_number()), "{peak}");
    let next = look("predictions", "site=city-centre").await;
    assert_eq!(items(&next).len(), 5 * 24, "the site and its four zones");

    for temple in ["somnath", "dwarka", "ambaji", "pavagadh"] {
        let range = format!("site={temple}&from={}&to={}", hours_ago(9 * 24), hours_ago(0));
        let footfall = look("footfall", &range).await;
        assert!(items(&footfall).len() >= 9, "{footfall}");
        assert!(items(&footfall).iter().all(|day| day["mean_people"].as_f64() > Some(0.0)), "{footfall}");
        assert_eq!(items(&look("peak-hours", &range).await).len(), 24);
        let emergencies = look("emergencies", &format!("site={temple}")).await;
        let total = items(&emergencies).iter().find(|figure| figure["dimension"] == "total").expect("a total");
        assert!(total["count"].as_i64() >= Some(2), "{emergencies}");
    }
    let devices = look("devices", &format!("site=city-centre&from={}", hours_ago(48))).await;
    assert_eq!(items(&devices).len(), 180);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_temples_have_crews_and_a_past_that_pages_nobody() {
    let app = App::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    seed::run(seed::Args { history_days: 0, ..seeding(&app, directory.path()) }).await.expect("seeding");
    let operator = app.operator().await;
    for temple in ["somnath", "dwarka", "ambaji", "pavagadh"] {
        let crews = operator.get(&format!("/api/resources/?temple_id={temple}&status=available")).await.expect(200);
        let kinds: HashSet<_> = items(&crews).iter().filter_map(|crew| crew["type"].as_str()).collect();
        assert!(kinds.contains("ambulance") && kinds.contains("security"), "{temple}: {kinds:?}");
        let figures = operator.get(&format!("/api/emergency/stats/temple/{temple}")).await.expect(200);
        assert!(figures["total"].as_i64() >= Some(2) && figures["active"] == 0, "{figures}");
        assert!(figures["time_to_acknowledge"]["median_seconds"].as_f64() >= Some(60.0), "{figures}");
    }
    let incidents = operator.get("/api/incidents/").await.expect(200);
    assert!(items(&incidents).iter().all(|incident| incident["status"] == "closed" && incident["emergency_id"].is_string()));
    assert!(items(&incidents).len() >= 4);
    let told = app.anonymous().get("/api/alerts/temple/dwarka").await.expect(200);
    assert!(items(&told)[0]["message"].as_str().is_some_and(|message| message.contains("tide")), "{told}");

    // Nothing is to be sent, save to the demo visitor of their bookings, and nothing climbs.
    app.tick().await;
    for sql in [
        "select count(*) from outbox where topic not like 'booking.%'",
        "select count(*) from messages",
        "select count(*) from events where channel = 'emergency'",
    ] {
        let count: i64 = app.db().query_row(sql, [], |row| row.get(0)).expect("a count");
        assert_eq!(count, 0, "{sql}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_credentials_are_their_owners_alone_and_a_lost_file_is_made_anew() {
    use std::os::unix::fs::PermissionsExt as _;

    let app = App::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let args = seed::Args { history_days: 0, ..seeding(&app, directory.path()) };
    seed::run(args.clone()).await.expect("seeding");
    let mode = std::fs::metadata(&args.credentials).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    std::fs::remove_file(&args.credentials).expect("the file is lost");
    let again = seed::run(args.clone()).await.expect("seeding again");
    assert_eq!((again.users, again.keys), (3, 180), "{again}");
    let credentials = Credentials::load(&args.credentials).expect("the credentials file");
    let admin = &credentials.users["admin"];
    app.login(&admin.email, &admin.password).await.get("/api/users/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_seeds_nothing_and_says_so() {
    let app = App::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let args = seed::Args { admin_password: "not the password".to_owned(), ..seeding(&app, directory.path()) };
    let refused = seed::run(args.clone()).await.expect_err("a refusal");
    assert!(format!("{refused:#}").contains("signing in"), "{refused:#}");
    assert!(!args.credentials.exists());
}
