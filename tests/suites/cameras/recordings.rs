//! Recordings, against the double of the media relay.

use std::time::Duration;

use gatehouse_tests::App;
use gatehouse_tests::relay::Playback;
use serde_json::{Value, json};

use super::studio::{HOUR, MINUTE, RECORDINGS, Studio};
use super::support::{allow, path, register, user};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn one_is_begun_ended_indexed_and_downloaded() {
    let Some(studio) = Studio::start().await else { return };
    let (app, admin) = (&studio.app, studio.admin().await);
    let (keeper, keeper_id, _) = user(app, "visitor").await;
    let rule = allow(&admin, &studio.camera, &keeper_id, json!({})).await;
    let camera = path(&studio.camera);
    keeper.post(&format!("{camera}/start_recording/"), json!({})).await.expect_problem(403);
    admin.patch(&format!("/v0/api/cctv/camera-access/{rule}"), json!({ "level": "control" })).await.expect(200);
    let begun = keeper.post(&format!("{camera}/start_recording/"), json!({ "recording_name": "Delivery" })).await.expect(200);
    let id = begun["recording_id"].as_str().unwrap();
    let again = keeper.post(&format!("{camera}/start_recording/"), json!({})).await.expect_problem(409);
    assert_eq!((&again["reason"], &again["recording_id"]), (&json!("recording"), &json!(id)));
    let set = studio.relay.path(&studio.stream()).expect("a path");
    assert_eq!((&set["record"], &set["sourceOnDemand"]), (&json!(true), &json!(false)));
    assert_eq!(set["source"], "rtsp://keeper:a%20secret%3A%20of%2Fthe%20camera@192.168.1.9/stream1");
    let status = keeper.get(&format!("{camera}/recording_status/")).await.expect(200);
    assert_eq!(
        (&status["is_recording"], &status["relay_online"], &status["recording_info"]["id"]),
        (&json!(true), &json!(true), &json!(id))
    );
    keeper.get(&format!("{RECORDINGS}/{id}/download/")).await.expect_problem(409);
    keeper.delete(&format!("{RECORDINGS}/{id}")).await.expect_problem(403);
    admin.delete(&format!("{RECORDINGS}/{id}")).await.expect_problem(409);

    studio.advance(Duration::from_secs(90));
    keeper.post(&format!("{camera}/stop_recording/"), json!({})).await.expect(200);
    keeper.post(&format!("{camera}/stop_recording/"), json!({})).await.expect_problem(409);
    assert_eq!(studio.relay.path(&studio.stream()).unwrap()["record"], false);
    studio.advance(3 * MINUTE);
    assert_eq!(studio.tick().await["compared"], 1);
    let detail = keeper.get(&format!("{RECORDINGS}/{id}/")).await.expect(200);
    assert_eq!((&detail["name"], &detail["status"]), (&json!("Delivery"), &json!("completed")));
    assert!(detail["duration_seconds"].as_f64().is_some_and(|seconds| (80.0..100.0).contains(&seconds)), "{detail}");
    assert_eq!((&detail["gaps"], &detail["spans"].as_array().map(Vec::len)), (&json!([]), &Some(1)), "{detail}");
    let start = chrono::DateTime::parse_from_rfc3339(detail["spans"][0]["start"].as_str().unwrap()).unwrap().timestamp_millis();
    let whole = studio.relay.file(start, detail["spans"][0]["duration_ms"].as_i64().unwrap());
    let download = detail["file_url"].as_str().unwrap();
    // Before its size is known, a range is not answered; afterwards it is.
    let ranged = keeper.header("range", "bytes=10-19");
    for _ in 0..2 {
        let file = keeper.get(download).await;
        assert_eq!((file.status, file.header("content-type")), (200, "video/mp4"));
        assert!(file.body == whole, "the file as the relay has it");
    }
    let part = ranged.get(download).await;
    assert_eq!((part.status, part.header("content-range")), (206, format!("bytes 10-19/{}", whole.len()).as_str()));
    assert_eq!(part.body, whole[10..20]);
    let tail = keeper.header("range", "bytes=-5").get(download).await;
    assert_eq!((tail.status, &tail.body[..]), (206, &whole[whole.len() - 5..]));
    assert_eq!(keeper.header("range", "bytes=999999-").get(download).await.status, 416);
    assert_eq!(keeper.get(&format!("{RECORDINGS}/{id}/")).await.expect(200)["file_size"], json!(whole.len()));
    keeper.get(&format!("{download}?span=7")).await.expect_invalid(&["span"]);

    let stranger = app.visitor().await;
    for what in ["", "/download/"] {
        stranger.get(&format!("{RECORDINGS}/{id}{what}")).await.expect_problem(404);
    }
    assert_eq!(stranger.get(RECORDINGS).await.expect(200)["items"], json!([]));
    stranger.patch(&format!("{RECORDINGS}/{id}"), json!({ "is_protected": true })).await.expect_problem(404);
    admin.patch(&format!("{RECORDINGS}/{id}"), json!({ "is_protected": true })).await.expect(200);
    assert_eq!(admin.delete(&format!("{RECORDINGS}/{id}")).await.expect_problem(409)["reason"], "protected");
    admin.patch(&format!("{RECORDINGS}/{id}"), json!({ "is_protected": false })).await.expect(200);
    assert_eq!(studio.relay.files(&studio.stream()), 1);
    admin.delete(&format!("{RECORDINGS}/{id}")).await.expect(204);
    assert_eq!(studio.relay.files(&studio.stream()), 0);
    admin.get(&format!("{RECORDINGS}/{id}")).await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_schedule_records_a_night_exactly_once() {
    // 21:30 in India.
    let Some(studio) = Studio::at("2026-11-25T16:00:00Z").await else { return };
    studio.schedule(json!({})).await;
    assert_eq!(studio.tick().await["begun"], 0);
    studio.advance_to("2026-11-25T16:30:10Z");
    let (one, other, third) = tokio::join!(studio.tick(), studio.tick(), studio.tick());
    let begun: i64 = [one, other, third].iter().filter_map(|run| run["begun"].as_i64()).sum();
    assert_eq!((begun, studio.recordings().await.len()), (1, 1));
    let admin = studio.admin().await;
    let refused = admin.post(&format!("{}/stop_recording/", path(&studio.camera)), json!({})).await.expect_problem(409);
    assert_eq!(refused["reason"], "scheduled");
    // Midnight by the site's clock and by UTC change nothing.
    for _ in 0..7 {
        studio.advance(HOUR);
        let run = studio.tick().await;
        assert_eq!((&run["begun"], &run["ended"]), (&json!(0), &json!(0)), "{run}");
    }
    studio.advance(HOUR);
    assert_eq!(studio.tick().await["ended"], 1);
    assert_eq!(studio.tick().await["ended"], 0);
    studio.advance(3 * MINUTE);
    studio.tick().await;
    let recordings = studio.recordings().await;
    assert_eq!(recordings.len(), 1, "{recordings:?}");
    assert_eq!((&recordings[0]["status"], &recordings[0]["schedule"].is_string()), (&json!("completed"), &true));
    assert_eq!(studio.timeline("2026-11-25T16:00:00Z").await, (1, vec![]));
    assert_eq!(studio.relay.path(&studio.stream()).unwrap()["record"], false);
    // The next night is another one.
    studio.advance(15 * HOUR + 57 * MINUTE);
    assert_eq!(studio.tick().await["begun"], 1);
    assert_eq!(studio.recordings().await.len(), 2);
    // A schedule that is not followed any more ends what it has begun.
    let schedules = studio.admin().await.get("/v0/api/cctv/schedules").await.expect(200);
    let id = schedules["items"][0]["id"].as_str().unwrap();
    studio.admin().await.post(&format!("/v0/api/cctv/schedules/{id}/deactivate"), json!({})).await.expect(200);
    assert_eq!(studio.tick().await["ended"], 1);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_relay_that_is_away_or_started_anew_is_mended_and_the_gap_is_shown() {
    let Some(studio) = Studio::start().await else { return };
    studio.relay.go_away(true);
    studio.schedule(json!({ "schedule_type": "continuous" })).await;
    assert_eq!(studio.tick().await["gaps"], 1);
    studio.advance(2 * MINUTE);
    assert_eq!(studio.tick().await["gaps"], 0, "one gap, however many runs");
    let status = studio.admin().await.get(&format!("{}/recording_status/", path(&studio.camera))).await.expect(200);
    assert_eq!((&status["is_recording"], &status["missing_because"]), (&json!(false), &json!("relay_away")));
    studio.relay.go_away(false);
    assert_eq!(studio.tick().await["begun"], 1);
    studio.advance(10 * MINUTE);
    studio.tick().await;
    // Started anew, it has no paths any more: the next run sets them again.
    studio.relay.start_anew();
    assert!(studio.relay.path(&studio.stream()).is_none());
    studio.advance(3 * MINUTE);
    studio.tick().await;
    assert_eq!(studio.relay.path(&studio.stream()).unwrap()["record"], true);
    studio.advance(10 * MINUTE);
    studio.tick().await;
    // While the camera itself is away there is a gap too.
    studio.relay.sources_are_down(true);
    studio.advance(4 * MINUTE);
    studio.relay.sources_are_down(false);
    studio.advance(6 * MINUTE);
    studio.tick().await;
    let schedules = studio.admin().await.get("/v0/api/cctv/schedules").await.expect(200);
    let schedule = format!("/v0/api/cctv/schedules/{}", schedules["items"][0]["id"].as_str().unwrap());
    studio.admin().await.delete(&schedule).await.expect(204);
    // The relay is away when it is to end: it stays open, and ends when it is back.
    studio.relay.go_away(true);
    assert_eq!(studio.tick().await["ended"], 0);
    studio.relay.go_away(false);
    assert_eq!(studio.tick().await["ended"], 1);
    studio.advance(3 * MINUTE);
    studio.tick().await;
    let recordings = studio.recordings().await;
    assert_eq!(recordings.len(), 1);
    let (recorded, missing) = studio.timeline("2026-11-25T05:00:00Z").await;
    assert_eq!((recorded, missing), (3, vec![Some("relay_away".to_owned()), None, None]));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_was_to_be_recorded_while_nothing_ran_is_shown_as_missing() {
    let Some(studio) = Studio::start().await else { return };
    studio.schedule(json!({ "start_time": "12:00", "end_time": "13:00" })).await;
    studio.schedule(json!({ "start_time": "15:00", "end_time": "16:00" })).await;
    studio.tick().await;
    // From 10:30 to 15:30 nothing runs: a whole window, and half of another.
    studio.advance(5 * HOUR);
    let run = studio.tick().await;
    assert_eq!((&run["begun"], &run["gaps"]), (&json!(1), &json!(2)), "{run}");
    assert_eq!(studio.tick().await["gaps"], 0);
    let (_, missing) = studio.timeline("2026-11-25T05:00:00Z").await;
    assert_eq!(missing, [Some("not_running".to_owned()), Some("not_running".to_owned())]);
    let bad = studio.admin().await;
    bad.get(&format!("{}/timeline/", path(&studio.camera))).await.expect_invalid(&["from", "to"]);
    bad.get(&format!("{}/timeline/?from=2026-01-01T00:00:00Z&to=2026-12-01T00:00:00Z", path(&studio.camera))).await.expect_invalid(&["to"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn recordings_are_kept_as_long_as_their_camera_says() {
    let Some(studio) = Studio::start().await else { return };
    let record = async || {
        let admin = studio.admin().await;
        let begun = admin.post(&format!("{}/start_recording/", path(&studio.camera)), json!({ "duration_minutes": 1 })).await.expect(200);
        studio.advance(MINUTE);
        assert_eq!(studio.tick().await["ended"], 1, "one with a duration ends by itself");
        studio.advance(3 * MINUTE);
        studio.tick().await;
        begun["recording_id"].as_str().unwrap().to_owned()
    };
    let (protected, old) = (record().await, record().await);
    // The real relay does not say how long a file is: that is estimated by a part of it.
    studio.relay.play(Playback::WithoutLength);
    let new = record().await;
    let admin = studio.admin().await;
    admin.patch(&format!("{RECORDINGS}/{protected}"), json!({ "is_protected": true })).await.expect(200);
    // Nobody has downloaded any: the scheduled run asks how long they are.
    for id in [&protected, &old] {
        let bytes = admin.get(&format!("{RECORDINGS}/{id}/")).await.expect(200)["file_size"].as_i64();
        assert!(bytes.is_some_and(|bytes| (51_000..70_000).contains(&bytes)), "{bytes:?}");
    }
    assert_eq!(
        admin.get(&format!("{RECORDINGS}/{new}/")).await.expect(200)["file_size"],
        Value::Null,
        "an estimate is not shown as its size"
    );
    let estimated = "select r.bytes, s.bytes from camera_recordings r join camera_storage s on s.camera_id = r.camera_id where r.id = ?";
    let (bytes, all): (i64, i64) = studio.app.db().query_row(estimated, [&new], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert!((51_000..70_000).contains(&bytes) && (153_000..210_000).contains(&all), "{bytes} {all}");
    // By bytes: the newest stays, and what is protected.
    admin.patch(&path(&studio.camera), json!({ "retention_bytes": 100_000 })).await.expect(200);
    assert_eq!(studio.tick().await["removed"], 1);
    assert_eq!(studio.tick().await["removed"], 0, "it is within its bytes");
    let left: Vec<_> = studio.recordings().await.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((left, studio.relay.files(&studio.stream())), (vec![new.clone(), protected.clone()], 2));
    // By age.
    admin.patch(&path(&studio.camera), json!({ "retention_bytes": null, "retention_days": 2 })).await.expect(200);
    assert_eq!(studio.tick().await["removed"], 0);
    studio.advance(49 * HOUR);
    studio.relay.go_away(true);
    assert_eq!(studio.tick().await["removed"], 0, "its files are there still");
    studio.relay.go_away(false);
    // One whose upload was given up is here alone.
    let given_up = "insert into recording_transfers (id, recording_id, span_started_at, object, state, next_attempt_at, requested_by, created_at, updated_at)
                    values ('given-up', ?, 1, 'a', 'failed', 1, 'test', 1, 1)";
    studio.app.db().execute(given_up, [&new]).unwrap();
    assert_eq!(studio.tick().await["removed"], 0);
    studio.app.db().execute("delete from recording_transfers", []).unwrap();
    assert_eq!(studio.tick().await["removed"], 1);
    let left: Vec<_> = studio.recordings().await.iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(left, [protected.as_str()]);
    // One whose removal was cut short is kept by nobody any more, and goes.
    let (admin, address) = (studio.admin().await, format!("{RECORDINGS}/{protected}"));
    admin.patch(&address, json!({ "is_protected": false })).await.expect(200);
    studio.app.db().execute("update camera_recordings set removing_at = ended_at where id = ?", [&protected]).unwrap();
    assert_eq!(admin.patch(&address, json!({ "is_protected": true })).await.expect_problem(409)["reason"], "removing");
    assert_eq!((studio.tick().await["removed"].clone(), studio.relay.files(&studio.stream())), (json!(1), 0));
    admin.get(&address).await.expect_problem(404);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn without_a_relay_there_is_a_reason() {
    let Some(app) = App::embedded(&[]).await else { return };
    let admin = app.admin().await;
    let camera = register(&admin, json!({ "rtsp_url": "rtsp://192.168.1.9/" })).await;
    let refused = admin.post(&format!("{}/start_recording/", path(&camera)), json!({})).await.expect_problem(503);
    assert_eq!(refused["reason"], "no_relay");
    admin
        .post(&format!("{}/start_recording/", path(&camera)), json!({ "duration_minutes": 0 }))
        .await
        .expect_invalid(&["duration_minutes"]);
    let schedule = json!({ "camera": camera, "name": "Always", "schedule_type": "continuous" });
    admin.post("/v0/api/cctv/schedules", schedule).await.expect(201);
    assert_eq!(app.internal("/internal/tick/cameras").await.expect(200)["gaps"], 1);
    let status = admin.get(&format!("{}/recording_status/", path(&camera))).await.expect(200);
    assert_eq!(status["missing_because"], "no_relay");
    let bare = register(&admin, json!({})).await;
    let addresses = admin.header("accept", "application/json").get(&format!("{}/stream/", path(&bare))).await.expect(200);
    assert_eq!((&addresses["relay"], &addresses["mjpeg"]), (&Value::Null, &Value::Null));
    admin.get(&format!("{RECORDINGS}/none")).await.expect_problem(404);
    admin.get(&format!("{RECORDINGS}/?colour=red")).await.expect_invalid(&["colour"]);
    app.anonymous().get(RECORDINGS).await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn one_that_the_relay_does_not_list_keeps_no_other_waiting() {
    let Some(studio) = Studio::start().await else { return };
    let (admin, camera) = (studio.admin().await, path(&studio.camera));
    let mut ids = Vec::new();
    for _ in 0..2 {
        let begun = admin.post(&format!("{camera}/start_recording/"), json!({})).await.expect(200);
        ids.push(begun["recording_id"].as_str().unwrap().to_owned());
        studio.advance(2 * MINUTE);
        admin.post(&format!("{camera}/stop_recording/"), json!({})).await.expect(200);
    }
    studio.app.db().execute("update camera_recordings set relay_path = 'gone' where id = ?", [&ids[0]]).unwrap();
    studio.advance(3 * MINUTE);
    assert_eq!(studio.tick().await["compared"], 1);
    let spans = admin.get(&format!("{RECORDINGS}/{}/", ids[1])).await.expect(200)["spans"].clone();
    assert!(spans.as_array().is_some_and(|spans| !spans.is_empty()), "{spans}");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_schedule_without_end_is_recorded_a_day_at_a_time() {
    let Some(studio) = Studio::start().await else { return };
    studio.schedule(json!({ "schedule_type": "continuous" })).await;
    assert_eq!(studio.tick().await["begun"], 1);
    studio.advance(23 * HOUR);
    let run = studio.tick().await;
    assert_eq!((&run["begun"], &run["ended"]), (&json!(0), &json!(0)), "{run}");
    studio.advance(2 * HOUR);
    let run = studio.tick().await;
    assert_eq!((&run["begun"], &run["ended"]), (&json!(1), &json!(1)), "{run}");
    assert_eq!(studio.recordings().await.len(), 2);
    assert_eq!(studio.relay.path(&studio.stream()).unwrap()["record"], true);
}
