//! The database's file is deleted, replaced or made read-only while the application runs: nothing is acknowledged that is not in the file of that
//! name.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::join_all;
use gatehouse_tests::{App, Client, Response, eventually, rfc3339};
use reqwest::Method;
use serde_json::json;

struct Setting {
    app: App,
    device: String,
    sender: Client,
    database: PathBuf,
}

impl Setting {
    async fn new() -> Option<Self> {
        let app = App::embedded(&[]).await?;
        let place = app.place(1).await;
        let device = app.new_device(&place, Some(0)).await;
        let sender = app.device(&device).await;
        sender.post("/api/telemetry/", app.reading(&device, -10_000)).await.expect(201);
        app.anonymous().get("/ready").await.expect(200);
        let database = app.state_dir().join("default.db");
        Some(Self { app, device, sender, database })
    }

    async fn send(&self, plus_s: i64) -> Response {
        self.sender.post("/api/telemetry/", self.app.reading(&self.device, plus_s)).await
    }

    /// Nothing is stored any more, and `/ready` says why.
    async fn expect_out(&self, reason: &str) {
        for plus_s in 0..5 {
            let answer = self.send(plus_s).await;
            assert_eq!(answer.expect_problem(503)["reason"], reason);
            assert!(!answer.header("retry-after").is_empty());
        }
        // Transactions as well.
        let (email, password) = self.app.admin_credentials();
        let login = self.app.anonymous().post("/api/auth/login", json!({"email": email, "password": password})).await;
        login.expect_problem(503);
        let not_ready = eventually("it says so", Duration::from_secs(3), async || {
            let ready = self.app.anonymous().get("/ready").await;
            (ready.status == 503).then_some(ready)
        })
        .await;
        assert_eq!(not_ready.json()["checks"]["writable"], reason, "{}", not_ready.text());
        assert!(!not_ready.header("retry-after").is_empty());
    }

    async fn expect_as_before(&self, plus_s: i64) {
        // The thread that watches has to see it.
        eventually("what is sent is stored again", Duration::from_secs(3), async || (self.send(plus_s).await.status == 201).then_some(()))
            .await;
        eventually("it is ready", Duration::from_secs(5), async || (self.app.anonymous().get("/ready").await.status == 200).then_some(()))
            .await;
    }
}

fn readings(database: &Path) -> BTreeSet<i64> {
    let db = rusqlite::Connection::open(database).unwrap();
    let mut statement = db.prepare("select at from readings").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_deleted_file_takes_nothing_more_and_is_not_made_anew_in_silence() {
    let Some(setting) = Setting::new().await else { return };
    std::fs::remove_file(&setting.database).unwrap();
    setting.expect_out("database_gone").await;
    assert!(!setting.database.exists());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_file_that_was_moved_and_is_put_back_goes_on() {
    let Some(setting) = Setting::new().await else { return };
    let aside = setting.database.with_extension("aside");
    std::fs::rename(&setting.database, &aside).unwrap();
    setting.expect_out("database_gone").await;
    std::fs::rename(&aside, &setting.database).unwrap();
    setting.expect_as_before(10).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_file_that_was_replaced_is_used_after_a_restart() {
    let Some(setting) = Setting::new().await else { return };
    let copy = setting.database.with_extension("copy");
    rusqlite::Connection::open(&setting.database).unwrap().execute("vacuum into ?", [copy.to_str().unwrap()]).unwrap();
    setting.send(-5_000).await.expect(201);
    std::fs::rename(&copy, &setting.database).unwrap();
    setting.expect_out("database_gone").await;
    let Setting { app, device, database, .. } = setting;
    let app = app.restart().await;
    assert_eq!(readings(&database).len(), 1, "what the copy has");
    app.device(&device).await.post("/api/telemetry/", app.reading(&device, 0)).await.expect(201);
    assert_eq!(readings(&database).len(), 2);
    let damage: String = app.db().query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(damage, "ok");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn without_its_log_a_commit_is_not_acknowledged() {
    let Some(setting) = Setting::new().await else { return };
    std::fs::remove_file(setting.database.with_extension("db-wal")).unwrap();
    setting.expect_out("database_gone").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_file_made_read_only_takes_nothing_until_it_is_writable_again() {
    let Some(setting) = Setting::new().await else { return };
    let set = |mode| std::fs::set_permissions(&setting.database, std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o400);
    eventually("it is noticed", Duration::from_secs(2), async || (setting.send(0).await.status == 503).then_some(())).await;
    setting.expect_out("read_only").await;
    setting.app.anonymous().get("/api/sites").await.expect(200);
    set(0o600);
    setting.expect_as_before(10).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn under_load_each_201_is_in_the_file_of_that_name() {
    let Some(setting) = Setting::new().await else { return };
    let (sender, device, app) = (&setting.sender, setting.device.as_str(), &setting.app);
    let base = app.now_ms() - 50_000_000;
    let moved = std::sync::atomic::AtomicBool::new(false);
    // A change that was sent after the file was gone must not be acknowledged, whatever shares its commit.
    let senders = (0..16_i64).map(|one| {
        let moved = &moved;
        async move {
            let (mut taken, mut late) = (Vec::new(), 0);
            for number in 0..100_000 {
                let is_late = moved.load(std::sync::atomic::Ordering::SeqCst);
                let time = base + one * 1_000_000 + number;
                let at = rfc3339(time);
                let reading = json!({"device_code": device, "voltage": 230.0, "current": 1.0, "power_factor": 1.0, "timestamp": at});
                let answer = sender.request(Method::POST, "/api/telemetry/").json(&reading).send().await.unwrap();
                match answer.status().as_u16() {
                    201 => {
                        assert!(!is_late, "acknowledged after the file was gone");
                        taken.push(time);
                    }
                    503 => late += 1,
                    other => panic!("{other}"),
                }
                if late > 5 {
                    break;
                }
            }
            taken
        }
    });
    let aside = setting.database.with_extension("aside");
    let mover = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        std::fs::rename(&setting.database, &aside).unwrap();
        moved.store(true, std::sync::atomic::Ordering::SeqCst);
        std::fs::write(&setting.database, "").unwrap();
    };
    let (taken, ()) = tokio::join!(join_all(senders), mover);
    let taken: BTreeSet<i64> = taken.into_iter().flatten().collect();
    assert!(taken.len() > 10, "{}", taken.len());
    std::fs::remove_file(&setting.database).unwrap();
    std::fs::rename(&aside, &setting.database).unwrap();
    let stored = readings(&setting.database);
    assert!(taken.is_subset(&stored), "{} of {}", taken.difference(&stored).count(), taken.len());
}
