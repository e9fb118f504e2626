//! Real cameras: `motion` and `ffmpeg`.

use gatehouse_tests::camera::real::{Asks, Ffmpeg, Motion};
use gatehouse_tests::camera::{PASSWORD, USERNAME};
use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

use super::studio::{MINUTE, RECORDINGS, Studio};
use super::support::{HERE, Live, path, register};

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_real_camera_shows_moving_pictures() {
    let Some(motion) = Motion::start(Asks::Digest).await else { return };
    let Some(app) = App::embedded(&HERE).await else { return };
    let admin = app.admin().await;
    let fields = json!({ "mjpeg_url": motion.live(), "snapshot_url": motion.snapshot(), "username": USERNAME, "password": PASSWORD });
    let id = register(&admin, fields).await;
    let tried = admin.post(&format!("{}/test_connection/", path(&id)), json!({})).await.expect(200);
    assert_eq!(tried["success"], true, "{tried}");
    let mut live = Live::open(&admin, &format!("{}/stream/?quality=sub", path(&id))).await;
    let pictures = live.pictures(8).await;
    let pictures: Vec<&[u8]> = parts(&pictures);
    assert!(pictures.len() >= 6 && pictures.windows(2).any(|pair| pair[0] != pair[1]), "{} pictures, all the same", pictures.len());
    let shown = admin.get(&format!("{}/snapshot/", path(&id))).await;
    assert_eq!((shown.status, shown.header("content-type")), (200, "image/jpeg"));
    assert!(shown.body.len() > 1000 && shown.body.ends_with(&[0xff, 0xd9]), "a whole picture");
    // One that asks for no password, and writes its parts in another way.
    if let Some(ffmpeg) = Ffmpeg::start().await {
        let id = register(&admin, json!({ "mjpeg_url": ffmpeg.live() })).await;
        let pictures = Live::open(&admin, &format!("{}/stream/", path(&id))).await.pictures(8).await;
        let pictures = parts(&pictures);
        assert!(pictures.len() >= 6 && pictures.windows(2).any(|pair| pair[0] != pair[1]), "{} pictures, all the same", pictures.len());
    }
    let wrong = register(&admin, json!({ "mjpeg_url": motion.live(), "username": USERNAME, "password": unique("wrong") })).await;
    let refused: Value = admin.get(&format!("{}/stream/", path(&wrong))).await.expect_problem(503);
    assert_eq!(refused["reason"], "unauthorised");
}

/// The JPEGs of a multipart stream, by their first and last bytes.
fn parts(bytes: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (0..bytes.len().saturating_sub(2)).filter(|at| bytes[*at..].starts_with(&[0xff, 0xd8, 0xff])).collect();
    starts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_recording_has_a_small_picture_of_its_beginning() {
    let Some(motion) = Motion::start(Asks::Basic).await else { return };
    let Some(studio) = Studio::start().await else { return };
    let admin = studio.admin().await;
    let camera = path(&studio.camera);
    let fields = json!({ "snapshot_url": motion.snapshot(), "username": USERNAME, "password": PASSWORD });
    admin.patch(&camera, fields).await.expect(200);
    let begun = admin.post(&format!("{camera}/start_recording/"), json!({})).await.expect(200);
    let recording = format!("{RECORDINGS}/{}", begun["recording_id"].as_str().unwrap());
    assert_eq!(admin.get(&recording).await.expect(200)["thumbnail_url"], Value::Null);
    admin.get(&format!("{recording}/thumbnail/")).await.expect_problem(404);
    studio.tick().await;
    let address = admin.get(&recording).await.expect(200)["thumbnail_url"].as_str().expect("an address").to_owned();
    let first = admin.get(&address).await;
    assert_eq!((first.status, first.header("content-type")), (200, "image/jpeg"));
    assert!((500..30_000).contains(&first.body.len()) && first.body.starts_with(&[0xff, 0xd8, 0xff]), "{} bytes", first.body.len());
    studio.advance(MINUTE);
    studio.tick().await;
    assert!(admin.get(&address).await.body == first.body, "it is of the beginning");
    studio.app.visitor().await.get(&address).await.expect_problem(404);
    studio.app.anonymous().get(&address).await.expect_problem(401);
}
