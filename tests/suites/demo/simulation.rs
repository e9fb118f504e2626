//! `simulate`: a fleet that drives a deployment, and counts what was said of each reading.

use std::time::Duration;

use gatehouse::seed::{self, Credentials, Deployment};
use gatehouse::simulate;
use gatehouse_tests::App;

use super::{deployment, items, seeding};
fn simulation(args: &seed::Args) -> simulate::Args {
    simulate::Args {
        base_url: None,
        mqtt: None,
        credentials: args.credentials.clone(),
        rate: 100.0,
        duration: Some(Duration::from_secs(5)),
        devices: None,
        faults: "late=10,duplicate=10,bad=15,surge=0".parse().expect("faults"),
        silent: Vec::new(),
        concurrency: 32,
        seed: 1,
        deployment: args.deployment.clone(),
    }
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
        mqtt: None,
        credentials: path.clone(),
        rate: 10.0,
        duration: Some(Duration::from_millis(200)),
        devices: None,
        faults: simulate::Faults::default(),
        silent,
        concurrency: 4,
        seed: 1,
        deployment: Deployment::default(),
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_live_demo_counts_crowds_and_drives_shuttles() {
    let app = App::start().await;
    let directory = tempfile::tempdir().expect("a directory");
    let seeding = seed::Args { history_days: 0, ..seeding(&app, directory.path()) };
    seed::run(seeding.clone()).await.expect("seeding");
    let credentials = Credentials::load(&seeding.credentials).expect("the credentials file");
    let anonymous = app.anonymous();
    let seen = async || {
        let mut times = Vec::new();
        for temple in ["somnath", "dwarka", "ambaji", "pavagadh"] {
            let crowd = anonymous.get(&format!("/api/crowd/temple/{temple}/current")).await.expect(200);
            times.extend(crowd["zones"].as_array().expect("zones").iter().map(|zone| zone["timestamp"].as_str().map(str::to_owned)));
        }
        let shuttles = anonymous.get("/api/transport/shuttles?temple_id=somnath").await.expect(200);
        times.extend(items(&shuttles).iter().map(|shuttle| shuttle["location"]["timestamp"].as_str().map(str::to_owned)));
        times
    };
    let before = seen().await;
    assert_eq!(before.len(), 16 + 6);
    let stop = tokio_util::sync::CancellationToken::new();
    let deployment = deployment(&app);
    let fleet = simulate::run_gentle(app.base_url(), &credentials, &deployment, stop.clone());
    let moved = gatehouse_tests::eventually("every zone and shuttle has moved", Duration::from_secs(30), || async {
        let after = seen().await;
        before.iter().zip(&after).all(|(before, after)| before < after).then_some(())
    });
    let (summary, ()) = tokio::join!(fleet, async {
        moved.await;
        stop.cancel();
    });
    summary.expect("a fleet");
}
