//! The first minutes: what works while the demo is seeded, and what a first start says.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gatehouse::seed::{self, Credentials};
use gatehouse_tests::receiver::Receiver;
use gatehouse_tests::terminal::Terminal;
use gatehouse_tests::{App, cache_directory, eventually, root};
use reqwest::Method;
use serde_json::{Value, json};

use super::seeding;

/// How long an emergency may wait for its answer and to be told while the demo is seeded: generous, for machines that are busy with more.
const ANSWERED_WITHIN: Duration = Duration::from_secs(8);
const TOLD_WITHIN: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_emergency_gets_through_while_the_demo_is_seeded() {
    let receiver = Receiver::start().await;
    let Some(app) = App::with_webhook(&receiver).await else { return };
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

/// An empty state directory, save that the components are compiled: that takes longer than all else.
fn new_state_dir() -> tempfile::TempDir {
    let state_dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(cache_directory()).expect("a directory");
    std::os::unix::fs::symlink(cache_directory(), state_dir.path().join("cache")).expect("a link");
    state_dir
}

impl Up {
    fn start() -> Self {
        let state_dir = new_state_dir();
        let file = |name: &str| std::fs::File::create(state_dir.path().join(name)).expect("a file");
        let process = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["--exact", "first_start::up_process", "--nocapture"])
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
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_first_start_is_ready_with_its_demo_and_its_log_holds_neither_that_nor_secrets() {
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

    // Its past can be looked at from the beginning.
    let operator = &secrets.users["operator"];
    let sign_in = http.post(format!("{address}/api/auth/login")).json(&json!({"email": operator.email, "password": operator.password}));
    let signed_in: Value = sign_in.send().await.expect("an answer").json().await.expect("JSON");
    let access = signed_in["access"].as_str().expect("an access token");
    let look = async |analysis: &str| -> Value {
        let asked = http.get(format!("{address}/api/analytics/{analysis}")).bearer_auth(access);
        asked.send().await.expect("an answer").json().await.expect("JSON")
    };
    let occupancy = look("occupancy?site=city-centre&period=day&by=site").await;
    let days = occupancy["items"].as_array().expect("items");
    assert!(days.len() >= 14, "{occupancy}");
    let is_whole = |day: &Value| day["known"].as_f64() > Some(179.0) && day["arrivals"].as_i64() > Some(300);
    assert!(days[1..13].iter().all(is_whole), "{occupancy}");
    let revenue = look("revenue?site=city-centre").await;
    assert!(revenue["totals"][0]["paid"].as_i64() > Some(1_000_000), "{revenue}");
    for temple in ["somnath", "dwarka", "ambaji", "pavagadh"] {
        let footfall = look(&format!("footfall?site={temple}")).await;
        let came = footfall["items"].as_array().expect("items").iter().filter(|day| day["footfall"].as_i64() > Some(50)).count();
        assert!(came >= 14, "{footfall}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_on_a_terminal_ends_with_the_address_and_who_can_sign_in() {
    let state_dir = new_state_dir();
    let output = state_dir.path().join("terminal");
    let terminal = Terminal::run_test("first_start::up_process", &[(UP_STATE_DIR, state_dir.path())], output);
    let framed = |lines: &[String]| lines.last().is_some_and(|line| line.starts_with('└') && line.ends_with('┘'));
    let screen = eventually("the frame", Duration::from_secs(300), async || Some(terminal.screen()).filter(|lines| framed(lines))).await;
    let shown = screen.join("\n");
    eprintln!("{shown}");
    // The last thing on the screen, whole: where to go, and with which users and passwords.
    let frame = &screen[screen.iter().rposition(|line| line.starts_with('┌')).expect("its top")..];
    let sides = &frame[1..frame.len() - 1];
    assert!(sides.iter().all(|line| line.starts_with('│') && line.ends_with('│')), "{shown}");
    let text = sides.join("\n");
    assert!(text.contains("http://127.0.0.1:") && text.contains("/console/"), "{shown}");
    let credentials = Credentials::load(&state_dir.path().join("demo-credentials.json")).expect("the file");
    assert_eq!(credentials.users.len(), 3);
    for user in credentials.users.values() {
        assert!(text.contains(&user.email) && text.contains(&user.password), "{shown}");
    }
    // Before it a bar for each part of the demo, which nothing drowns and of which nothing is left.
    let written = String::from_utf8_lossy(&terminal.written()).into_owned();
    for part in ["places and devices", "device keys", "readings", "crowds"] {
        assert!(written.contains(part) && !shown.contains(part), "{part}: {shown}");
    }
    let logged = written.matches("\"level\"").count() + written.matches("\"request_id\"").count();
    assert_eq!(logged, 0, "JSON on a terminal");
    assert!(screen.len() < 40, "all that was said fits on a screen: {shown}");
}
