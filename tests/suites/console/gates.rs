//! A gate without a network: whom a supervisor may let in.

use std::time::Duration;

use domain::booking::{Refusal, Status, may_overrule};
use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, eventually};
use serde_json::json;
use strum::VariantArray as _;

use super::support::code;
use super::{Fixture, decide, network, type_code, verdict};

/// Lets in who was refused, by a supervisor's word.
async fn overrule(browser: &Browser) {
    browser.click(".verdict-overrule").await;
    browser.fill("dialog input[name='reason']", "Their bus goes at seven").await;
    browser.click("dialog button[type='submit']").await;
    browser.wait_hidden("dialog[open]").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_supervisor_lets_in_once_without_a_network() {
    let Some(fixture) = Fixture::create(50).await else { return };
    let early = fixture.book(2).await;
    fixture.temple.advance_to_slot(&fixture.app, &early, -3600);
    let browser = Browser::start(1280, 900).await;
    fixture.gate(&browser).await;
    browser.wait_text(".gate-connection", |text| text.contains("list of 1 booking")).await;
    network(&browser, false).await;
    type_code(&browser, code(&early)).await;
    verdict(&browser, "Slot has not begun yet").await;
    overrule(&browser).await;
    verdict(&browser, "Come in").await;
    browser.wait_text(".gate-connection", |text| text.ends_with("1 to upload")).await;

    // They are in: no word lets them in again.
    type_code(&browser, code(&early)).await;
    verdict(&browser, "Already checked in").await;
    browser.wait_hidden(".verdict-overrule").await;
    network(&browser, true).await;
    eventually("the scan is uploaded", Duration::from_secs(30), || async { (fixture.status(&early).await == "checked_in").then_some(()) })
        .await;
    browser.wait_text(".gate-connection", |text| text.starts_with("Online") && !text.contains("upload")).await;
    // Nor is it offered where the server says the same.
    type_code(&browser, code(&early)).await;
    verdict(&browser, "Already checked in").await;
    browser.wait_hidden(".verdict-overrule").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_may_do_offline_what_the_server_would_allow() {
    let app = App::start().await;
    let browser = Browser::start(1280, 900).await;
    browser.open(&format!("{}/console/", app.base_url())).await;
    let mut cases = Vec::new();
    let mut expected = Vec::new();
    for refusal in Refusal::VARIANTS.iter().copied() {
        for status in Status::VARIANTS.iter().copied() {
            cases.push(json!([refusal.into_str(), status.into_str()]));
            // Whose a forged ticket is nobody knows without the server.
            expected.push(refusal != Refusal::BadSignature && may_overrule(refusal, status));
        }
    }
    let judged = decide(&browser, &format!("return {}.map(([reason, status]) => gate.mayOverrule(reason, status))", json!(cases))).await;
    assert_eq!(judged, json!(expected), "{cases:?}");
    let unknown = decide(&browser, "return [gate.mayOverrule('too_early', undefined), gate.mayOverrule(undefined, 'confirmed')]").await;
    assert_eq!(unknown, json!([false, false]));
    browser.close().await;
}
