//! Litestream: a copy of the database elsewhere, and the way back.

use std::process::Command;
use std::time::Duration;

use gatehouse_tests::tools::{Running, output, python_program};
use gatehouse_tests::{App, eventually};

use super::{replaced, text};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_litestream_has_copied_can_be_restored() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = app.place(1).await;
    let device = app.new_device(&place, Some(0)).await;
    let sender = app.device(&device).await;
    let directory = tempfile::tempdir().unwrap();
    let (copies, restored) = (directory.path().join("copies"), directory.path().join("restored.db"));
    let database = app.db().path().expect("it is a file").to_owned();
    let configuration = text("litestream/litestream.yml");
    let configuration = replaced(&configuration, "path: /var/lib/gatehouse/default.db", &format!("path: {database}"));
    let configuration = replaced(&configuration, "url: s3://gatehouse-backup/default.db", &format!("url: file://{}", copies.display()));
    let configuration = replaced(&configuration, "      region: eu-central-1\n", "");
    let file = directory.path().join("litestream.yml");
    std::fs::write(&file, configuration).unwrap();

    let litestream = python_program("litestream");
    let running = Running::start(Command::new(&litestream).args(["replicate", "-log-level", "warn", "-config"]).arg(&file));
    eventually("Litestream begins to copy", Duration::from_secs(30), || async { copies.exists().then_some(()) }).await;
    // Written while it copies, and checkpointed by the application's own connections beside it.
    for minute in 0..50 {
        sender.post("/api/telemetry/", app.reading(&device, -60 * minute)).await.expect(201);
    }
    app.db().query_row("pragma wal_checkpoint(passive)", [], |_| Ok(())).unwrap();
    sender.post("/api/telemetry/", app.reading(&device, -9_000)).await.expect(201);
    running.terminate();

    output(Command::new(&litestream).args(["restore", "-config"]).arg(&file).arg("-o").arg(&restored).arg(&database));
    let copy = rusqlite::Connection::open(&restored).unwrap();
    let check: String = copy.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    let readings: i64 = copy.query_row("select count(*) from readings", [], |row| row.get(0)).unwrap();
    assert_eq!((check.as_str(), readings), ("ok", 51));
}
