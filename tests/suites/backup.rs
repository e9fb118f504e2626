//! Backups (docs/guide/backup.md): made beside a running application under load, killed in the middle, restored elsewhere.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser as _;
use futures::future::join_all;
use gatehouse::backup::{self, Made, Restored};
use gatehouse_tests::disk::SmallDisk;
use gatehouse_tests::process::{Process, serve_if_asked};
use gatehouse_tests::{eventually, rfc3339};
use serde_json::{Value, json};

#[path = "backup/refusals.rs"]
mod refusals;

#[tokio::test(flavor = "multi_thread")]
async fn server_process() {
    serve_if_asked().await;
}

#[derive(clap::Parser)]
enum Cli {
    Backup(backup::Backup),
    Restore(backup::Restore),
}

fn parsed(command: &str, file: &Path, state_dir: &Path, more: &[&str]) -> Cli {
    let options: [OsString; 5] = ["gatehouse".into(), command.into(), file.into(), "--state-dir".into(), state_dir.into()];
    Cli::parse_from(options.into_iter().chain(more.iter().map(OsString::from)))
}

/// `gatehouse backup`.
async fn make(file: &Path, state_dir: &Path, more: &[&str]) -> anyhow::Result<Made> {
    let Cli::Backup(args) = parsed("backup", file, state_dir, more) else { panic!("a backup") };
    backup::run(args).await
}

/// `gatehouse restore`.
async fn restore(file: &Path, state_dir: &Path, more: &[&str]) -> anyhow::Result<Restored> {
    let Cli::Restore(args) = parsed("restore", file, state_dir, more) else { panic!("a restore") };
    backup::run_restore(args).await
}

const BACKUP: &str = "GATEHOUSE_TEST_BACKUP";
const BACKUP_STATE: &str = "GATEHOUSE_TEST_BACKUP_STATE";

/// `gatehouse backup` in a process of its own, when a test below started this program.
#[tokio::test(flavor = "multi_thread")]
async fn backup_process() {
    let (Some(file), Some(state)) = (std::env::var_os(BACKUP), std::env::var_os(BACKUP_STATE)) else { return };
    make(Path::new(&file), Path::new(&state), &["--force"]).await.expect("a backup");
}

/// Makes the database so large that copying it takes a while.
fn enlarge(server: &Process, mebibytes: u32) {
    let db = server.app.db();
    db.execute_batch("create table if not exists ballast (x blob) strict").unwrap();
    let sql = "insert into ballast with recursive n (i) as (select 1 union all select i + 1 from n where i < ?) select randomblob(1048576) from n";
    db.execute(sql, [mebibytes]).unwrap();
}

fn opened(file: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
}

fn readings(db: &rusqlite::Connection) -> Vec<i64> {
    let mut statement = db.prepare("select at from readings order by at").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

/// The names in a directory that begin so.
fn named(directory: &Path, start: &str) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(start)).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_was_acknowledged_before_it_began_is_in_it_and_the_restored_application_answers_the_same() {
    let (state, place_of_backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, secrets) = (place_of_backups.path().join("gatehouse.db"), place_of_backups.path().join("secrets.json"));
    let server = Process::start(state.path(), &[]);
    let place = server.app.place(2).await;
    let device = server.app.new_device(&place, Some(0)).await;
    let operator = server.app.operator().await;
    enlarge(&server, 48);

    let (heard, stop) = (Mutex::new(Vec::<(i64, Duration)>::new()), AtomicBool::new(false));
    let base_ms = server.app.now_ms() - 10_000_000;
    let senders = (0..8_i64).map(|sender| {
        let (operator, device, heard, stop) = (&operator, &device, &heard, &stop);
        async move {
            for count in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let at = base_ms + sender * 500_000 + count;
                let timestamp = rfc3339(at);
                let reading = json!({"device_code": device, "voltage": 230.0, "current": 1.0, "power_factor": 1.0, "timestamp": timestamp});
                let sent = Instant::now();
                operator.post("/api/telemetry/", reading).await.expect(201);
                heard.lock().unwrap().push((at, sent.elapsed()));
            }
        }
    });
    let keeper = async {
        eventually("readings are taken", Duration::from_secs(120), async || (heard.lock().unwrap().len() >= 200).then_some(())).await;
        let before: Vec<_> = heard.lock().unwrap().clone();
        let began = Instant::now();
        let secrets = secrets.to_str().unwrap();
        let made = make(&file, state.path(), &["--secrets", secrets]).await;
        let (took, during) = (began.elapsed(), heard.lock().unwrap()[before.len()..].to_vec());
        stop.store(true, Ordering::Relaxed);
        (made, before, during, took)
    };
    let (_, (made, before, during, took)) = tokio::join!(join_all(senders), keeper);
    let made = made.unwrap();
    assert!(made.bytes > 48 << 20 && !made.needs_secrets, "{made}");
    let slowest = during.iter().map(|(_, took)| *took).max().unwrap();
    eprintln!("{} KiB in {took:?}, {} readings beside it, the slowest in {slowest:?}", made.bytes / 1024, during.len());
    assert!(during.len() >= 20 && slowest < Duration::from_secs(5), "the application goes on: {} {slowest:?}", during.len());

    assert_eq!((mode(&file), mode(&secrets)), (0o600, 0o600));
    assert_eq!(named(place_of_backups.path(), ""), ["gatehouse.db", "secrets.json"], "a single file each");
    let copy = opened(&file);
    let check: String = copy.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let copied = readings(&copy);
    let missing = before.iter().filter(|(at, _)| copied.binary_search(at).is_err()).count();
    assert_eq!(missing, 0, "of {} acknowledged readings", before.len());
    let counted: i64 = copy.query_row("select readings from device_state where readings > 0", [], |row| row.get(0)).unwrap();
    assert_eq!(usize::try_from(counted).unwrap(), copied.len(), "it is of one moment");

    // Elsewhere, with the secrets: also who was signed in still is.
    let answers = async |server: &Process| -> Vec<Value> {
        let operator = server.app.with_token(operator.token());
        let mut answers = Vec::new();
        for path in ["/api/users/me", "/api/sites?limit=500", &format!("/api/spots?site={}", place.site), &format!("/api/devices/{device}")]
        {
            let mut answer = operator.get(path).await.expect(200);
            // A device's own last words may have come after the backup.
            if let Some(device) = answer.as_object_mut().filter(|it| it.contains_key("device_code")) {
                device.retain(|name, _| ["device_code", "site", "zone", "spot_id", "is_active"].contains(&name.as_str()));
            }
            answers.push(answer);
        }
        answers
    };
    let said = answers(&server).await;
    server.kill_9();
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere = elsewhere.path().join("new");
    let restored = restore(&file, &elsewhere, &["--secrets", secrets.to_str().unwrap()]).await.unwrap();
    assert!(restored.has_secrets && restored.aside.is_empty(), "{restored}");
    assert_eq!((mode(&elsewhere.join("default.db")), mode(&elsewhere)), (0o600, 0o700));
    let server = Process::start(&elsewhere, &[]);
    assert_eq!(answers(&server).await, said);
    assert_eq!(readings(&server.app.db()), copied);
    let operator = server.app.with_token(operator.token());
    operator.post("/api/telemetry/", server.app.reading(&device, 0)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn one_that_is_killed_in_the_middle_leaves_no_file_of_that_name() {
    let (state, place_of_backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, partial) = (place_of_backups.path().join("a.db"), place_of_backups.path().join("a.db.partial"));
    let server = Process::start(state.path(), &[]);
    server.app.admin().await;
    enlarge(&server, 96);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "backup_process", "--nocapture"])
        .envs([(BACKUP, file.as_os_str()), (BACKUP_STATE, state.path().as_os_str())])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while partial.metadata().map_or(0, |it| it.len()) < 4 << 20 {
        assert_eq!(child.try_wait().unwrap(), None, "it is at work");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(9), "it had not ended");
    assert!(!file.exists() && partial.exists());
    server.app.admin().await;

    // The next one is not disturbed by what is left, and takes it away.
    make(&file, state.path(), &[]).await.unwrap();
    assert_eq!(named(place_of_backups.path(), ""), ["a.db"]);
    server.kill_9();
    // Also when the application has ended without a word: its log is read.
    let made = make(&file, state.path(), &["--force"]).await.unwrap();
    assert!(made.needs_secrets && made.to_string().contains("--secrets"), "{made}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_was_there_before_a_restore_is_kept() {
    let (state, place_of_backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = place_of_backups.path().join("a.db");
    let server = Process::start(state.path(), &[]);
    let early = server.app.place(1).await;
    make(&file, state.path(), &[]).await.unwrap();
    let late = server.app.place(1).await;
    server.kill_9();
    assert!(state.path().join("default.db-wal").exists(), "what came last is in the log alone");

    let restored = restore(&file, state.path(), &[]).await.unwrap();
    let [aside]: [PathBuf; 1] = restored.aside.clone().try_into().expect("one file");
    assert!(restored.has_secrets, "they stay as they are");
    let sites = |db: &rusqlite::Connection, site: &str| -> i64 {
        db.query_row("select count(*) from sites where slug = ?", [site], |row| row.get(0)).unwrap()
    };
    let kept = opened(&aside);
    assert_eq!((sites(&kept, &early.site), sites(&kept, &late.site)), (1, 1), "with what was in its log");
    drop(kept);
    let server = Process::start(state.path(), &[]);
    server.app.anonymous().get(&format!("/api/sites/{}", early.site)).await.expect(200);
    server.app.anonymous().get(&format!("/api/sites/{}", late.site)).await.expect(404);
    server.kill_9();

    // The way back is a restore as well.
    restore(&aside, state.path(), &[]).await.unwrap();
    assert_eq!(sites(&opened(&state.path().join("default.db")), &late.site), 1);
    assert_eq!(named(state.path(), "default.db.before-restore-").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_damaged_database_is_replaced_and_kept_with_its_log() {
    let (state, place_of_backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = place_of_backups.path().join("a.db");
    let server = Process::start(state.path(), &[]);
    server.app.admin().await;
    make(&file, state.path(), &[]).await.unwrap();
    server.kill_9();
    std::fs::write(state.path().join("default.db"), "not a database, far from it; ".repeat(1_000)).unwrap();
    // SQLite would take the pages that it has from a good log.
    std::fs::write(state.path().join("default.db-wal"), "nor is this a log").unwrap();
    restore(&file, state.path(), &[]).await.unwrap();
    assert_eq!(named(state.path(), "default.db.before-restore-").iter().filter(|name| name.ends_with("Z-wal")).count(), 1);
    assert!(!state.path().join("default.db-wal").exists(), "it would be taken as that of the new file");
    let server = Process::start(state.path(), &[]);
    server.app.admin().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_full_disk_leaves_nothing_half() {
    let Some(disk) = SmallDisk::mount(24) else { return };
    let (state, place_of_backups) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = place_of_backups.path().join("a.db");
    let server = Process::start(state.path(), &[]);
    server.app.admin().await;
    make(&file, state.path(), &[]).await.unwrap();
    let small_state = disk.path().join("state");
    restore(&file, &small_state, &[]).await.unwrap();
    let before = std::fs::read(small_state.join("default.db")).unwrap();

    enlarge(&server, 32);
    make(&file, state.path(), &["--force"]).await.unwrap();
    let refused = make(&disk.path().join("b.db"), state.path(), &[]).await.unwrap_err();
    assert!(format!("{refused:#}").contains("full"), "{refused:#}");
    restore(&file, &small_state, &[]).await.unwrap_err();
    assert_eq!(named(disk.path(), "b.db"), Vec::<String>::new());
    assert_eq!(named(&small_state, ""), ["default.db"]);
    assert!(std::fs::read(small_state.join("default.db")).unwrap() == before, "it is the one that was there");
}
