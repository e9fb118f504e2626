//! The demo: `seed` fills a deployment over HTTP, and seeding again changes nothing; `simulate` drives it, and counts
//! what the application said of each reading.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gatehouse::seed::{self, Credentials, Deployment};
use gatehouse::simulate;
use gatehouse_tests::receiver::{Receiver, WEBHOOK_SECRET};
use gatehouse_tests::{App, cache_directory, eventually, root};
use reqwest::Method;
use serde_json::{Value, json};

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
        deployment: args.deployment.clone(),
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

/// How long an emergency may wait for its answer and to be told while the demo is seeded: generous, for machines that are busy with more.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
const TOLD_WITHIN: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_emergency_gets_through_while_the_demo_is_seeded() {
    let receiver = Receiver::start().await;
    let origin = receiver.origin();
    let webhook = [("webhook_origin", origin.as_str()), ("webhook_path", "/hooks/in"), ("webhook_secret", WEBHOOK_SECRET)];
    let Some(app) = App::embedded(&webhook).await else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let visitor = app.visitor().await;
    let body = json!({
        "temple_id": "dwarka", "type": "medical", "description": "Somebody has fallen", "location": {"lat": 22.2376, "lng": 68.9674},
    });
    let began = Instant::now();
    let args = seed::Args { history_days: 6, every_minutes: 20, ..seeding(&app, directory.path()) };
    // On a thread of its own, as a program of its own would be.
    let seeding = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(seed::run(args))
    });
    let (mut answered, mut told) = (Vec::new(), Vec::new());
    while !seeding.is_finished() {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let begun = Instant::now();
        let reported = visitor.post("/api/emergency/", body.clone()).await.expect(201);
        answered.push(begun.elapsed());
        let id = reported["id"].as_str().expect("an id").to_owned();
        let names = |body: &[u8]| String::from_utf8_lossy(body).contains(&id);
        let arrived = eventually("the webhook arrives", Duration::from_secs(60), async || {
            receiver.requests().into_iter().find(|request| names(&request.body)).map(|request| request.at)
        });
        told.push(arrived.await.saturating_duration_since(begun));
    }
    let summary = seeding.join().expect("a thread").expect("seeding");
    answered.sort_unstable();
    told.sort_unstable();
    eprintln!(
        "{} readings and {} counts in {:?}; of {} emergencies the median was answered after {:?} and told after {:?}, the slowest after {:?} and {:?}",
        summary.readings,
        summary.crowd_counts,
        began.elapsed(),
        answered.len(),
        answered[answered.len() / 2],
        told[told.len() / 2],
        answered[answered.len() - 1],
        told[told.len() - 1],
    );
    assert!(answered.last() <= Some(&ANSWERED_WITHIN) && told.last() <= Some(&TOLD_WITHIN), "{answered:?} {told:?}");
}

const UP_STATE_DIR: &str = "GATEHOUSE_TEST_UP_STATE_DIR";

/// `gatehouse up`, as the native program runs it, when the test below started this program; otherwise it ends at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn up_process() {
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        up: gatehouse::up::Up,
    }
    let Some(state_dir) = std::env::var_os(UP_STATE_DIR) else { return };
    let (state_dir, manifest) = (PathBuf::from(state_dir), root().join("spin.toml"));
    let options = ["up", "--listen", "127.0.0.1:0", "--demo", "data"].map(std::ffi::OsString::from);
    let options = options.into_iter().chain(["--state-dir".into(), state_dir.into(), "--from".into(), manifest.into()]);
    gatehouse::up::run(<Cli as clap::Parser>::parse_from(options).up).await.expect("it runs");
}

struct Up {
    process: std::process::Child,
    state_dir: tempfile::TempDir,
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Up {
    fn start() -> Self {
        let state_dir = tempfile::tempdir().expect("a directory");
        // Compiling every component takes longer than all else.
        std::os::unix::fs::symlink(cache_directory(), state_dir.path().join("cache")).expect("a link");
        let file = |name: &str| std::fs::File::create(state_dir.path().join(name)).expect("a file");
        let process = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", "up_process", "--nocapture"])
            .env(UP_STATE_DIR, state_dir.path())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("this program runs again");
        Self { process, state_dir }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.state_dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.file(name)).expect("a file")).into_owned()
    }
}

fn is_whole(credentials: &Path) -> bool {
    Credentials::load(credentials).is_ok_and(|credentials| credentials.users.len() == 3 && credentials.devices.len() == 180)
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_is_ready_with_its_demo_and_its_log_holds_neither_that_nor_secrets() {
    std::fs::create_dir_all(cache_directory()).expect("a directory");
    let up = Up::start();
    let address = eventually("it serves", Duration::from_secs(300), async || {
        let stdout = up.text("stdout");
        let (_, rest) = stdout.split_once("Gatehouse serves ")?;
        rest.split_once('\n').map(|(address, _)| address.to_owned())
    })
    .await;
    gatehouse::tls::install();
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let pending = std::cell::Cell::new(0);
    eventually("it is ready", Duration::from_secs(300), async || {
        let answer = http.get(format!("{address}/ready")).send().await.ok()?;
        let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await.ok()?);
        pending.set(pending.get() + usize::from(body["checks"]["demo"] == "pending"));
        (status == 200).then_some(())
    })
    .await;
    let credentials = up.file("demo-credentials.json");
    assert!(pending.get() > 0 && is_whole(&credentials), "not ready while it was seeded, and whole once it was");
    http.request(Method::PUT, format!("{address}/api/auth/login")).send().await.expect("an answer");

    // Piped: an address and the file of the users, and JSON lines of others' requests alone.
    let said =
        eventually("how to sign in", Duration::from_secs(20), async || Some(up.text("stdout")).filter(|stdout| stdout.contains("sign in")))
            .await;
    assert!(said.contains(&address) && said.contains(&credentials.display().to_string()), "{said}");
    let log = eventually("the refused request is logged", Duration::from_secs(20), async || {
        Some(up.text("stderr")).filter(|stderr| stderr.contains("\"method\":\"PUT\""))
    })
    .await;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    // The test's own, and whatever failed: none of thousands that the demo sent.
    let others: Vec<Value> =
        lines.filter(|line| line["message"] == "request" && line["path"] != "/ready" && line["method"] != "PUT").collect();
    assert!(others.is_empty(), "{others:?}");
    let secrets = Credentials::load(&credentials).expect("the file");
    for user in secrets.users.values() {
        assert!(!log.contains(&user.password) && !up.text("stdout").contains(&user.password), "a password in what may be a log file");
    }
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
