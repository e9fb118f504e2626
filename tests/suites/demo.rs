//! The demo (design §5): `seed` fills a deployment over HTTP, and seeding again changes nothing; `simulate` drives it, and counts
//! what the application said of each reading.

use std::collections::HashSet;
use std::time::Duration;

use gatehouse::seed::{self, Credentials};
use gatehouse::simulate;
use gatehouse_tests::App;
use serde_json::Value;

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
    }
}

fn simulation(args: &seed::Args) -> simulate::Args {
    simulate::Args {
        base_url: None,
        credentials: args.credentials.clone(),
        rate: 100.0,
        duration: Some(Duration::from_secs(5)),
        devices: None,
        faults: "late=10,duplicate=10,bad=15,surge=0".parse().expect("faults"),
        silent: Vec::new(),
        concurrency: 32,
        seed: 1,
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
    assert!(made.readings >= 180 * 45, "{made}");
    // Between the two, a device may have come to its next reading.
    assert!(again.readings <= 180 && again.duplicates >= made.readings - 180, "{again}");
    assert_eq!(
        (again.sites, again.zones, again.spots, again.devices, again.users, again.keys, again.alerts),
        (0, 0, 0, 0, 0, 0, 0),
        "{again}"
    );

    let anyone = app.anonymous();
    let sites = anyone.get("/api/sites?limit=500").await.expect(200);
    let slugs: HashSet<_> = items(&sites).iter().filter_map(|site| site["slug"].as_str()).collect();
    for slug in ["city-centre", "somnath", "dwarka", "ambaji", "pavagadh"] {
        assert!(slugs.contains(slug), "no {slug}");
    }
    let zones = anyone.get("/api/sites/city-centre/zones").await.expect(200);
    let codes: HashSet<_> = items(&zones).iter().filter_map(|zone| zone["code"].as_str()).collect();
    assert_eq!(codes, HashSet::from(["B1", "B2", "OUT", "VIP"]));

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_simulated_reading_is_answered_as_its_kind_deserves() {
    let app = App::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let seeding = seed::Args { history_days: 0, ..seeding(&app, directory.path()) };
    seed::run(seeding.clone()).await.expect("seeding");
    let summary = simulate::run(simulate::Args { silent: vec!["PARK-B1-S005".to_owned()], ..simulation(&seeding) }).await.expect("a run");

    assert!(summary.unexpected.is_empty() && summary.errors == 0, "{summary}");
    assert!(summary.sent >= 250 && summary.accepted > 0 && summary.late > 0 && summary.duplicate > 0, "{summary}");
    let kinds: Vec<_> = summary.refused.keys().copied().collect();
    assert_eq!(kinds, ["future", "out of range", "unknown device"], "{summary}");
    let refused: u64 = summary.refused.values().sum();
    assert_eq!(summary.accepted + summary.duplicate + refused, summary.sent, "{summary}");

    // What was counted as accepted is what was stored; the silent device kept silent.
    let stored: i64 = app.db().query_row("select count(*) from readings", [], |row| row.get(0)).expect("a count");
    assert_eq!(u64::try_from(stored).expect("a count") - 180, summary.accepted, "{summary}");
    let silent: i64 = app
        .db()
        .query_row("select s.readings from device_state s join devices d on d.id = s.device_id where d.code = 'PARK-B1-S005'", [], |row| {
            row.get(0)
        })
        .expect("a device");
    assert_eq!(silent, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_without_keys_or_with_an_unknown_silent_device_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("demo-credentials.json");
    let args = |silent: Vec<String>| simulate::Args {
        base_url: Some("http://127.0.0.1:9".to_owned()),
        credentials: path.clone(),
        rate: 10.0,
        duration: Some(Duration::from_millis(200)),
        devices: None,
        faults: simulate::Faults::default(),
        silent,
        concurrency: 4,
        seed: 1,
    };
    let missing = simulate::run(args(Vec::new())).await.expect_err("no file");
    assert!(format!("{missing:#}").contains("gatehouse seed"), "{missing:#}");
    let mut credentials = Credentials { base_url: "http://127.0.0.1:9".to_owned(), ..Credentials::default() };
    credentials.save(&path).expect("a file");
    assert!(simulate::run(args(Vec::new())).await.is_err());
    credentials.devices.insert("PARK-B1-S001".to_owned(), "ghd_x".to_owned());
    credentials.save(&path).expect("a file");
    assert!(simulate::run(args(vec!["PARK-B9-S001".to_owned()])).await.is_err());
    // A deployment that does not answer is counted, not an error.
    let summary = simulate::run(args(Vec::new())).await.expect("a run");
    assert!(summary.sent > 0 && summary.errors == summary.sent, "{summary}");
}
