//! What the console shows of recordings, on one's way to and fro between them, and of what is recorded when an answer is lost.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use serde_json::json;

use super::losing::{self, lose, lose_nothing};
use super::studio::{MINUTE, Studio};
use super::support::path;

/// A recording of a minute and a half, ended and indexed.
async fn record(studio: &Studio) {
    let camera = path(&studio.camera);
    studio.admin().await.post(&format!("{camera}/start_recording/"), json!({})).await.expect(200);
    studio.advance(Duration::from_secs(90));
    studio.admin().await.post(&format!("{camera}/stop_recording/"), json!({})).await.expect(200);
    studio.advance(3 * MINUTE);
    assert_eq!(studio.tick().await["compared"], 1);
}

async fn enter(studio: &Studio) -> Browser {
    let who = studio.app.new_user("admin", json!({})).await;
    let browser = losing::start(studio.app.base_url(), Some(&who), (1280, 700)).await;
    browser.open(&format!("{}/console/s/all/cameras/{}?day=2026-11-25", studio.app.base_url(), studio.camera)).await;
    browser
}

const PART: &str = ".timeline-part";

/// Presses it on the keyboard, as who cannot point does.
async fn press(browser: &Browser, selector: &str) {
    browser.wait_visible(selector).await;
    browser.execute(&format!("document.querySelector({}).focus()", json!(selector))).await;
    browser.press("\u{E007}").await;
}

async fn is_focused(browser: &Browser, selector: &str) {
    let script = format!("return document.activeElement.matches({})", json!(selector));
    assert_eq!(browser.execute(&script).await, true, "{selector} has not the focus");
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_recording_is_played_as_often_as_one_likes() {
    let Some(studio) = Studio::start().await else { return };
    record(&studio).await;
    let browser = enter(&studio).await;
    for opener in [PART, PART, "#recordings .row-buttons .button"] {
        press(&browser, opener).await;
        browser.wait_text("#player .recording", |_| true).await;
        let box_ = "const box = document.querySelector('#player .recording').getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight";
        gatehouse_tests::eventually("all of the picture is in view", Duration::from_secs(5), async || {
            (browser.execute(box_).await == true).then_some(())
        })
        .await;
        let title = browser.wait_text("#player strong", |text| !text.is_empty()).await;
        assert!(!title.contains("2026-") && title.contains("25 Nov"), "{title}");
        press(&browser, "#player [aria-label='Close']").await;
        browser.wait_hidden("#player").await;
        is_focused(&browser, opener).await;
    }
    // A gap that is drawn wider than it is lies under what can be played.
    let covered = "
        const part = document.querySelector('.timeline-part');
        const gap = Object.assign(document.createElement('span'), { className: 'timeline-gap' });
        [gap.style.insetInlineStart, gap.style.inlineSize] = [part.style.insetInlineStart, part.style.inlineSize];
        part.parentElement.append(gap);
        part.scrollIntoView({ block: 'center' });
        const box = part.getBoundingClientRect();
        const found = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) === part;
        gap.remove();
        return found";
    assert_eq!(browser.execute(covered).await, true);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn whether_it_records_is_known_after_a_lost_answer() {
    let Some(studio) = Studio::start().await else { return };
    let browser = enter(&studio).await;
    let says = async |words: &str| {
        browser.wait_text("#live .panel-actions", |text| text.contains(words)).await;
    };
    says("Record now").await;
    for (verb, done, next) in [("start", "Recording has begun", "Stop recording"), ("stop", "Recording has ended", "Record now")] {
        lose(&browser, "POST", &format!("/{verb}_recording"), "lost").await;
        browser.click("#live .panel-actions .button").await;
        browser.wait_text(".toast:last-child", |text| text.contains(done)).await;
        says(next).await;
        lose_nothing(&browser).await;
        if verb == "start" {
            // How long it has gone on is not how much of it the relay has told of.
            browser.wait_text("#recordings tbody td:nth-child(2)", |text| text != "0:00").await;
        }
    }
    browser.close().await;
}
