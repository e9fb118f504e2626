//! Downloads of recordings: how many at once, and whose right to them ends, against the double of the media relay.

use std::time::Duration;

use gatehouse_tests::relay::Playback;
use gatehouse_tests::{Client, eventually};
use reqwest::Method;
use serde_json::json;

use super::studio::{MINUTE, RECORDINGS, Studio};
use super::support::{allow, path, user};

/// A recording of a minute and a half, with the person who may see it and their access rule.
async fn recorded(studio: &Studio) -> (Client, String, String) {
    let admin = studio.admin().await;
    let begun = admin.post(&format!("{}/start_recording/", path(&studio.camera)), json!({})).await.expect(200);
    studio.advance(Duration::from_secs(90));
    admin.post(&format!("{}/stop_recording/", path(&studio.camera)), json!({})).await.expect(200);
    studio.advance(3 * MINUTE);
    studio.tick().await;
    let (viewer, id, _) = user(&studio.app, "visitor").await;
    let rule = allow(&studio.admin().await, &studio.camera, &id, json!({})).await;
    (viewer, format!("{RECORDINGS}/{}/download/", begun["recording_id"].as_str().unwrap()), rule)
}

/// Begins a download.
async fn begin(caller: &Client, download: &str) -> reqwest::Response {
    let answer = caller.request(Method::GET, download).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_download_breaks_off_with_the_right_to_it() {
    let Some(studio) = Studio::start().await else { return };
    let (viewer, download, rule) = recorded(&studio).await;
    studio.relay.play(Playback::Slowly);
    let (refused, allowed) = (begin(&viewer, &download).await, begin(&studio.admin().await, &download).await);
    studio.admin().await.delete(&format!("/v0/api/cctv/camera-access/{rule}")).await.expect(204);
    let cut = tokio::time::timeout(Duration::from_secs(10), refused.bytes()).await.expect("it ends long before the file does");
    assert!(cut.is_err(), "it looks whole");
    let whole = allowed.bytes().await.expect("the whole file");
    assert!((80_000..100_000).contains(&whole.len()), "{}", whole.len());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn so_many_download_at_once() {
    let Some(studio) = Studio::start().await else { return };
    let (viewer, download, _) = recorded(&studio).await;
    studio.relay.play(Playback::Slowly);
    let mut own = Vec::new();
    for _ in 0..4 {
        own.push(begin(&viewer, &download).await);
    }
    let refused = viewer.get(&download).await;
    refused.expect_problem(429);
    assert_eq!(refused.header("retry-after"), "10");
    assert_eq!(viewer.send(Method::HEAD, &download, None).await.status, 200, "a look at the headers takes no place");
    // One person leaves places to others.
    drop(begin(&studio.admin().await, &download).await);
    // Who leaves makes room.
    own.pop();
    eventually("the place of who has left is free", Duration::from_secs(15), async || {
        let count: i64 = studio.app.db().query_row("select count(*) from recording_downloads", [], |row| row.get(0)).unwrap();
        (count == 3).then_some(())
    })
    .await;
    drop(begin(&viewer, &download).await);
    drop(own);
    // What an instance that is gone has left behind holds no place for ever.
    let left = "insert into recording_downloads (id, recording_id, user_id, started_at, last_seen_at) select 'left', id, 'x', 1, 1 from camera_recordings";
    studio.app.db().execute(left, []).unwrap();
    assert_eq!(studio.tick().await["lost_downloads"], 1);
}
