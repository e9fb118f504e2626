//! A browser that shows the moving picture of a real camera.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::camera::real::{Asks, Motion};
use gatehouse_tests::camera::{PASSWORD, USERNAME};
use gatehouse_tests::{App, eventually};
use serde_json::{Value, json};

use super::support::{HERE, allow, register};

/// The picture as it is shown now, small; null before there is one.
const LOOK: &str = "
    const picture = document.querySelector('#live .live-picture img');
    if (!picture?.naturalWidth) return null;
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [64, 48];
    canvas.getContext('2d').drawImage(picture, 0, 0, 64, 48);
    return canvas.toDataURL();
";

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_picture_moves() {
    let Some(motion) = Motion::start(Asks::Digest).await else { return };
    let Some(app) = App::embedded(&HERE).await else { return };
    let admin = app.admin().await;
    let id = register(&admin, json!({ "mjpeg_url": motion.live(), "username": USERNAME, "password": PASSWORD })).await;
    let (email, password) = app.new_user("operator", json!({})).await;
    let users = admin.get(&format!("/v0/api/users/users/?email={}", email.replace('@', "%40"))).await.expect(200);
    allow(&admin, &id, users["items"][0]["id"].as_str().unwrap(), json!({})).await;

    let browser = Browser::start(1000, 800).await;
    browser.open(&format!("{}/console/", app.base_url())).await;
    browser.sign_in(&email, &password).await;
    browser.wait_visible("#site").await;
    browser.open(&format!("{}/console/s/all/cameras/{id}", app.base_url())).await;
    browser.wait_visible("#live .live-picture img").await;
    let first = eventually("a picture", Duration::from_secs(20), async || match browser.execute(LOOK).await {
        Value::String(picture) => Some(picture),
        _ => None,
    })
    .await;
    eventually("another picture", Duration::from_secs(20), async || {
        browser.execute(LOOK).await.as_str().is_some_and(|picture| *picture != first).then_some(())
    })
    .await;
    browser.wait_text("h1", |text| text == "Front gate").await;

    // A stream that ends leaves its last picture, and no word: another is asked for.
    let watched = admin.get("/v0/api/cctv/streams/active/").await.expect(200);
    for stream in watched["items"].as_array().unwrap() {
        admin.delete(&format!("/v0/api/cctv/streams/{}", stream["id"].as_str().unwrap())).await.expect(204);
    }
    eventually("the picture stands still", Duration::from_secs(20), async || {
        let picture = browser.execute(LOOK).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        (browser.execute(LOOK).await == picture).then_some(())
    })
    .await;
    let last = browser.execute(LOOK).await;
    eventually("it moves again", Duration::from_secs(40), async || {
        let picture = browser.execute(LOOK).await;
        (picture.is_string() && picture != last).then_some(())
    })
    .await;
    browser.assert_no_console_errors().await;
    browser.assert_no_horizontal_scroll("camera").await;

    // Of a camera that is not theirs they see nothing.
    let other = register(&admin, json!({ "mjpeg_url": motion.live(), "username": USERNAME, "password": PASSWORD })).await;
    browser.open(&format!("{}/console/s/all/cameras/{other}", app.base_url())).await;
    browser.wait_text("main .empty", |text| text.contains("There is no such camera.")).await;
    browser.wait_hidden("#live .live-picture img").await;
    browser.close().await;
}
