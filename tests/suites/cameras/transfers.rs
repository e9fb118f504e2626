//! Uploads of recordings to Google Cloud Storage.

use std::sync::Arc;
use std::time::Duration;

use gatehouse_tests::gcs::{BUCKET, FakeGcs, Fault, Gcs};
use gatehouse_tests::process::{Options, Process};
use gatehouse_tests::relay::{Playback, Relay};
use gatehouse_tests::{App, eventually, unique};
use serde_json::{Value, json};

use super::support::{allow, path, user};

const RECORDINGS: &str = "/v0/api/cctv/recordings";

/// An application with a relay, a bucket, and a recording of a minute, which the relay plays back as so many bytes.
struct Archive {
    app: App,
    relay: Relay,
    recording: String,
    content: Vec<u8>,
}

fn variables<'a>(relay: &'a str, bucket: &'a str, account: &'a str, further: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let own = [
        ("relay_api_origin", relay),
        ("relay_playback_origin", relay),
        ("gcs_bucket", BUCKET),
        ("gcs_origin", bucket),
        ("gcs_token_origin", bucket),
        ("gcs_service_account", account),
    ];
    own.into_iter().chain(further.iter().copied()).collect()
}

impl Archive {
    async fn start(bucket: &str, account: &str, bytes: i64) -> Option<Self> {
        Self::start_with(bucket, account, bytes, &[]).await
    }

    async fn start_with(bucket: &str, account: &str, bytes: i64, further: &[(&str, &str)]) -> Option<Self> {
        let relay = Relay::start().await;
        relay.play_back(bytes / 60);
        let app = App::embedded(&variables(&relay.origin(), bucket, account, further)).await?;
        relay.ask(app.base_url(), app.clock());
        let admin = app.admin().await;
        let camera = unique("CAM");
        admin
            .post("/v0/api/cctv/cameras/", json!({ "camera_id": camera, "name": "Gate", "rtsp_url": "rtsp://192.168.1.9/x" }))
            .await
            .expect(201);
        let begun = admin.post(&format!("{}/start_recording/", path(&camera)), json!({ "duration_minutes": 1 })).await.expect(200);
        let recording = begun["recording_id"].as_str().unwrap().to_owned();
        let archive = Self { app, relay, recording, content: Vec::new() };
        archive.advance(Duration::from_secs(60));
        archive.tick().await;
        archive.advance(Duration::from_secs(180));
        archive.tick().await;
        let detail = archive.app.admin().await.get(&format!("{RECORDINGS}/{}", archive.recording)).await.expect(200);
        let start = chrono::DateTime::parse_from_rfc3339(detail["spans"][0]["start"].as_str().unwrap()).unwrap().timestamp_millis();
        let content = archive.relay.file(start, detail["spans"][0]["duration_ms"].as_i64().unwrap());
        Some(Self { content, ..archive })
    }

    fn advance(&self, by: Duration) {
        self.app.advance(by);
    }

    async fn tick(&self) -> Value {
        self.app.internal("/internal/tick/cameras").await.expect(200)
    }

    async fn ask(&self) -> Value {
        self.app
            .admin()
            .await
            .post(&format!("{RECORDINGS}/transfer-to-gcp/"), json!({ "recording_ids": [self.recording] }))
            .await
            .expect(200)
    }

    async fn transfer(&self) -> Value {
        let listed = self.app.admin().await.get(&format!("{RECORDINGS}/gcp-transfers/?recording_id={}", self.recording)).await.expect(200);
        listed["items"][0].clone()
    }

    async fn recording(&self) -> Value {
        self.app.admin().await.get(&format!("{RECORDINGS}/{}", self.recording)).await.expect(200)
    }
}

fn checksum(content: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(crc32c::crc32c(content).to_be_bytes())
}

const SIZE: i64 = 5_400_000;

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_real_fake_gcs_server_has_what_was_recorded() {
    let bucket = FakeGcs::start().await;
    let Some(archive) = Archive::start(&bucket.origin(), "", SIZE).await else { return };
    assert_eq!(archive.recording().await["transfer_status"], Value::Null);
    let asked = archive.ask().await;
    assert_eq!((&asked["initiated_transfers"], &asked["failed_initiations"]), (&json!(1), &json!(0)), "{asked}");
    assert_eq!(archive.ask().await["already_transferred"], 1);
    assert_eq!(archive.recording().await["transfer_status"], "pending");
    // What waits is not removed, by nobody.
    let kept = archive.app.admin().await.delete(&format!("{RECORDINGS}/{}", archive.recording)).await.expect_problem(409);
    assert_eq!(kept["reason"], "kept");
    assert_eq!(archive.tick().await["uploaded"], 1);
    let transfer = archive.transfer().await;
    assert_eq!((&transfer["transfer_status"], &transfer["error_message"]), (&json!("completed"), &Value::Null), "{transfer}");
    assert_eq!((&transfer["total_bytes"], &transfer["crc32c"]), (&json!(archive.content.len()), &json!(checksum(&archive.content))));
    let (about, content) = bucket.object(transfer["gcp_storage_path"].as_str().unwrap()).await;
    assert_eq!(about["crc32c"], transfer["crc32c"], "{about}");
    assert!(content == archive.content);
    let recording = archive.recording().await;
    assert_eq!((&recording["transfer_status"], &recording["file_size"]), (&json!("completed"), &json!(archive.content.len())));
    let told: Vec<Value> = {
        let db = archive.app.db();
        let mut rows = db.prepare("select data from events where kind = 'recording_transfer' and public_data is null order by id").unwrap();
        let told = rows.query_map([], |row| row.get::<_, String>(0)).unwrap();
        told.map(|told| serde_json::from_str(&told.unwrap()).unwrap()).collect()
    };
    let steps: Vec<_> = told.iter().map(|told| told["transfer_status"].as_str().unwrap()).collect();
    assert_eq!(steps, ["uploading", "completed"]);
    let document = archive.app.anonymous().get("/api/asyncapi.json").await.expect(200);
    let known = document["components"]["schemas"]["RecordingTransferEvent"]["properties"].as_object().unwrap().keys();
    assert!(known.eq(told[1].as_object().unwrap().keys()), "{}", told[1]);
    archive.app.admin().await.delete(&format!("{RECORDINGS}/{}", archive.recording)).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_session_that_keeps_less_is_away_or_gone_ends_with_the_whole() {
    let bucket = Gcs::start().await;
    let Some(archive) = Archive::start(&bucket.origin(), &bucket.service_account(), SIZE).await else { return };
    archive.ask().await;
    bucket.fail(&[Fault::KeepsLess, Fault::KeepsLess, Fault::Away]);
    let run = archive.tick().await;
    assert_eq!(run["uploaded"], 0, "{run}");
    let transfer = archive.transfer().await;
    assert_eq!((&transfer["transfer_status"], &transfer["retry_count"]), (&json!("uploading"), &json!(1)), "{transfer}");
    assert_eq!(transfer["sent_bytes"], 2 * 256 * 1024);
    assert_eq!(archive.tick().await["uploaded"], 0, "not before the pause is over");
    archive.advance(Duration::from_secs(90));
    // A session that is gone is begun anew.
    bucket.fail(&[Fault::KeepsLess, Fault::Gone, Fault::KeepsLess]);
    assert_eq!(archive.tick().await["uploaded"], 1);
    let transfer = archive.transfer().await;
    assert!(bucket.object(transfer["gcp_storage_path"].as_str().unwrap()).unwrap() == archive.content);
    let (_, asked, begun) = bucket.counts();
    assert_eq!((asked, begun), (1, 2), "asked where it stands, and begun anew once");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_wrong_checksum_is_no_upload_and_what_is_refused_waits_for_somebody() {
    let bucket = Gcs::start().await;
    let Some(archive) = Archive::start(&bucket.origin(), &bucket.service_account(), 300_000).await else { return };
    archive.ask().await;
    bucket.fail(&[Fault::WrongChecksum]);
    assert_eq!(archive.tick().await["uploaded"], 1, "begun anew at once");
    assert_eq!(bucket.counts().2, 2);
    let Some(archive) = Archive::start(&bucket.origin(), &bucket.service_account(), 300_000).await else { return };
    archive.ask().await;
    bucket.fail(&[Fault::Forbidden]);
    assert_eq!(archive.tick().await["uploaded"], 0);
    let transfer = archive.transfer().await;
    assert_eq!((&transfer["transfer_status"], &transfer["error_message"]), (&json!("failed"), &json!("the bucket answered 403")));
    archive.advance(Duration::from_secs(48 * 3600));
    assert_eq!(archive.tick().await["uploaded"], 0);
    assert_eq!(archive.ask().await["initiated_transfers"], 1, "asked for again");
    assert_eq!(archive.tick().await["uploaded"], 1);
    // Neither key nor token nor session is told or kept in the open.
    let listed = archive.app.admin().await.get(&format!("{RECORDINGS}/gcp-transfers/")).await;
    assert!(!listed.text().contains("ya29.") && !listed.text().contains("upload_id") && !listed.text().contains("PRIVATE"));
    let directory: Arc<tempfile::TempDir> = archive.app.stop_keeping_state().await;
    for file in std::fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in [&b"upload_id="[..], b"ya29.", b"PRIVATE KEY"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", file.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_relay_that_stops_in_the_middle_holds_no_run_and_is_tried_again() {
    let bucket = Gcs::start().await;
    let Some(archive) = Archive::start(&bucket.origin(), &bucket.service_account(), SIZE).await else { return };
    archive.ask().await;
    archive.relay.play(Playback::Stalls);
    assert_eq!(archive.tick().await["uploaded"], 0);
    let transfer = archive.transfer().await;
    assert_eq!(
        (&transfer["transfer_status"], &transfer["error_message"]),
        (&json!("uploading"), &json!("the relay has stopped in the middle")),
        "{transfer}"
    );
    archive.relay.play(Playback::WithoutLength);
    archive.advance(Duration::from_secs(600));
    assert_eq!(archive.tick().await["uploaded"], 1);
    assert!(bucket.object(archive.transfer().await["gcp_storage_path"].as_str().unwrap()).unwrap() == archive.content);
}

/// Slower than a piece in a run, and than a lease where a piece is large.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_slow_upload_sends_a_piece_when_it_may_and_holds_nothing_between() {
    let bucket = Gcs::start().await;
    let limit = [("gcs_bytes_per_second", "17000")];
    let Some(archive) = Archive::start_with(&bucket.origin(), &bucket.service_account(), 600_000, &limit).await else { return };
    archive.ask().await;
    for sent in [256 * 1024, 512 * 1024] {
        for _ in 0..2 {
            assert_eq!(archive.tick().await["uploaded"], 0);
            let transfer = archive.transfer().await;
            assert_eq!((&transfer["sent_bytes"], &transfer["retry_count"]), (&json!(sent), &json!(0)), "{transfer}");
            let lease: Option<i64> =
                archive.app.db().query_row("select lease_until from recording_transfers", [], |row| row.get(0)).unwrap();
            assert_eq!(lease, None);
        }
        archive.advance(Duration::from_secs(60));
    }
    assert_eq!(archive.tick().await["uploaded"], 1);
    assert!(bucket.object(archive.transfer().await["gcp_storage_path"].as_str().unwrap()).unwrap() == archive.content);
    assert_eq!(bucket.counts().0, archive.content.len() as u64, "no piece is sent twice");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_run_whose_lease_another_has_taken_says_nothing_of_the_upload() {
    let bucket = Gcs::start().await;
    let limit = [("gcs_bytes_per_second", "1000000")];
    let Some(archive) = Archive::start_with(&bucket.origin(), &bucket.service_account(), SIZE, &limit).await else { return };
    archive.ask().await;
    let taken = eventually("a piece is sent", Duration::from_secs(30), async || {
        let take = "update recording_transfers set lease_owner = 'another' where sent_bytes > 0";
        (archive.app.db().execute(take, []).unwrap() == 1).then_some(())
    });
    let (run, ()) = tokio::join!(archive.tick(), taken);
    assert_eq!(run["uploaded"], 0, "{run}");
    let row =
        archive.app.db().query_row("select lease_owner, state, attempts, lease_until is not null from recording_transfers", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?, row.get::<_, bool>(3)?))
        });
    assert_eq!(row.unwrap(), ("another".to_owned(), "uploading".to_owned(), 0, true));
    archive.advance(Duration::from_secs(300));
    assert_eq!(archive.tick().await["uploaded"], 1, "the lease of who has gone is over");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_upload_goes_on_after_kill_9() {
    for is_real in [false, true] {
        let (double, real) = (Gcs::start().await, FakeGcs::start().await);
        let (origin, account) = if is_real { (real.origin(), String::new()) } else { (double.origin(), double.service_account()) };
        let Some(archive) = Archive::start(&origin, &account, 2 * SIZE).await else { return };
        archive.ask().await;
        let Archive { app, relay, recording, content } = archive;
        let now = app.now_ms();
        let directory = app.stop_keeping_state().await;
        let clock = |ms: i64| gatehouse::Clock::starting_at(Duration::from_millis(u64::try_from(ms).unwrap()));
        let start = |ms: i64, limit: &str| {
            let relay_origin = relay.origin();
            let variables = variables(&relay_origin, &origin, &account, &[("gcs_bytes_per_second", limit)]);
            let clock = clock(ms);
            let server = Process::start_with(directory.path(), &variables, Options { clock: Some(clock.clone()), ..Options::default() });
            relay.ask(server.app.base_url(), clock);
            server
        };
        // Slow enough to be killed in the middle.
        let server = start(now, "2000000");
        let sent = || -> i64 {
            let db = server.app.db();
            db.query_row("select sent_bytes from recording_transfers", [], |row| row.get(0)).unwrap()
        };
        tokio::select! {
            _ = server.app.internal("/internal/tick/cameras") => panic!("it was to be killed before"),
            () = eventually("some of it is sent", Duration::from_secs(60), async || (sent() >= 4 * 1024 * 1024).then_some(())) => {}
        }
        let before = sent();
        server.kill_9();
        // Until its lease is over nobody else works on it.
        let server = start(now + 60_000, "0");
        assert_eq!(server.app.internal("/internal/tick/cameras").await.expect(200)["uploaded"], 0);
        server.kill_9();
        let server = start(now + 300_000, "0");
        let run = server.app.internal("/internal/tick/cameras").await.expect(200);
        assert_eq!(run["uploaded"], 1, "{run}");
        let admin = server.app.admin().await;
        let listed = admin.get(&format!("{RECORDINGS}/gcp-transfers/?recording_id={recording}")).await.expect(200);
        let transfer = &listed["items"][0];
        assert_eq!((&transfer["transfer_status"], &transfer["crc32c"]), (&json!("completed"), &json!(checksum(&content))), "{transfer}");
        let name = transfer["gcp_storage_path"].as_str().unwrap();
        if is_real {
            // It ends an upload when it is asked where that stands, which the real one does not: the checksum tells, and it is sent again.
            let (about, object) = real.object(name).await;
            assert!(about["crc32c"] == transfer["crc32c"] && object == content);
        } else {
            assert!(double.object(name).unwrap() == content);
            let (received, asked, begun) = double.counts();
            assert_eq!((asked, begun), (1, 1), "asked where it stands, and gone on from there");
            let whole = content.len() as u64;
            assert!(received < whole + 3 * 1024 * 1024, "{received} bytes for {whole}, of which {before} were there");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn only_who_may_has_them_uploaded() {
    let bucket = Gcs::start().await;
    let Some(archive) = Archive::start(&bucket.origin(), &bucket.service_account(), 60_000).await else { return };
    let (app, admin) = (&archive.app, archive.app.admin().await);
    let ask = format!("{RECORDINGS}/transfer-to-gcp/");
    let (keeper, keeper_id, _) = user(app, "operator").await;
    keeper.post(&ask, json!({})).await.expect_problem(403);
    keeper.post(&ask, json!({ "recording_ids": [archive.recording] })).await.expect_problem(404);
    keeper.get(&format!("{RECORDINGS}/gcp-transfers/")).await.expect_problem(403);
    let camera = archive.recording().await["camera"].as_str().unwrap().to_owned();
    let rule = allow(&admin, &camera, &keeper_id, json!({ "level": "control" })).await;
    keeper.post(&ask, json!({ "recording_ids": [archive.recording] })).await.expect_problem(403);
    admin.patch(&format!("/v0/api/cctv/camera-access/{rule}"), json!({ "level": "admin" })).await.expect(200);
    assert_eq!(
        keeper.post(&ask, json!({ "recording_ids": [archive.recording], "batch_size": 5 })).await.expect(200)["initiated_transfers"],
        1
    );
    admin.post(&ask, json!({ "recording_ids": [], "batch_size": 50 })).await.expect_invalid(&["batch_size", "recording_ids"]);
    admin.post(&ask, json!({ "recordings": [archive.recording] })).await.expect_invalid(&["recordings"]);
    assert_eq!(admin.post(&ask, json!({})).await.expect(200)["total_recordings"], 0, "all were asked for");
    app.anonymous().post(&ask, json!({})).await.expect_problem(401);
    let Some(bare) = App::embedded(&[]).await else { return };
    assert_eq!(bare.admin().await.post(&ask, json!({})).await.expect_problem(503)["reason"], "no_bucket");
}
