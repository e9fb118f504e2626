//! A gate without a network: whom a supervisor may let in, and what it uploads in whose name.

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

/// Puts scans into the queue of a gate, as anybody may who sits at the machine.
const PLANT: &str = "return new Promise((done) => {
    const asked = indexedDB.open('gatehouse-gate', 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore('temples');
    asked.onsuccess = () => {
        const work = asked.result.transaction('temples', 'readwrite');
        work.objectStore('temples').put(scans, key);
        work.oncomplete = () => { asked.result.close(); done(true); };
    };
})";

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn scans_of_somebody_else_are_uploaded_only_when_asked_for() {
    let Some(fixture) = Fixture::create(50).await else { return };
    let booking = fixture.book(2).await;
    fixture.temple.advance_to_slot(&fixture.app, &booking, 60);
    let browser = Browser::start(1280, 900).await;
    let base = fixture.app.base_url();
    fixture.open(&browser, base, "overview", &fixture.operator).await;
    let scan = |nonce: &str, booking: &str, at: &serde_json::Value| json!({ "kind": "checkin", "nonce": nonce, "booking": booking, "scanned_at": at });
    let at = &booking["starts_at"];
    let scans = json!([
        scan("planted-1", code(&booking), at),
        // No scans of a gate: they would name another address, or stop it.
        scan("planted-2", &format!("{}/revoke?", code(&booking)), at),
        scan("planted 3", code(&booking), at),
        scan("planted-4", code(&booking), &json!("soon")),
        { "kind": "checkin", "nonce": "planted-5", "booking": code(&booking), "scanned_at": at, "ticket": "GHT1.no.ticket" },
        { "kind": "revoke", "nonce": "planted-6", "booking": code(&booking), "scanned_at": at },
        null,
    ]);
    let plant = format!("const [scans, key] = {}; {PLANT}", json!([scans, format!("{}.queue", fixture.temple.slug)]));
    assert_eq!(browser.execute(&plant).await, true);
    browser.open(&format!("{base}/console/s/{}/gate", fixture.temple.slug)).await;
    browser.wait_text(".gate-left", |text| text.starts_with("1 scan of somebody else")).await;
    browser.wait_text(".gate-connection", |text| text.starts_with("Online · list of 1 booking") && text.ends_with("1 to upload")).await;
    assert_eq!(fixture.status(&booking).await, "confirmed");
    browser.click(".gate-left button").await;
    browser.wait_text("dialog[open] li", |text| text.starts_with(code(&booking))).await;
    browser.click("dialog[open] .button-danger").await;
    eventually("the scan is uploaded", Duration::from_secs(30), || async {
        (fixture.status(&booking).await == "checked_in").then_some(())
    })
    .await;
    browser.wait_hidden(".gate-left").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

/// Holds back what the gate asks of addresses that end so, while `window.holds`; `window.let_go()` sends it on. `window.lose` sends it, and loses
/// the answer.
async fn hold_requests(browser: &Browser, ending: &str) {
    let script = format!(
        "const real = window.fetch;
         window.fetch = async (address, options) => {{
             if (!String(address).endsWith('{ending}')) return real(address, options);
             if (window.holds) await new Promise((done) => {{ window.let_go = done; }});
             const answer = await real(address, options);
             if (window.lose) throw new TypeError('the answer is lost');
             return answer;
         }}"
    );
    browser.execute(&script).await;
}

async fn set(browser: &Browser, what: &str) {
    browser.execute(&format!("Object.assign(window, {what})")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn no_verdict_is_shown_while_the_next_scan_is_judged() {
    let Some(fixture) = Fixture::create(50).await else { return };
    let (first, next) = (fixture.book(2).await, fixture.book(1).await);
    fixture.temple.advance_to_slot(&fixture.app, &first, 60);
    let browser = Browser::start(820, 1180).await;
    fixture.gate(&browser).await;
    hold_requests(&browser, "/checkin").await;
    type_code(&browser, code(&first)).await;
    verdict(&browser, "Come in").await;
    browser.wait_visible(".verdict[data-good='true']").await;
    set(&browser, "{ holds: true }").await;
    type_code(&browser, code(&next)).await;
    verdict(&browser, "Checking…").await;
    browser.wait_text(".verdict-what", |text| text == code(&next)).await;
    browser.wait_hidden(".verdict[data-good]").await;
    set(&browser, "{ holds: false }").await;
    browser.execute("window.let_go()").await;
    verdict(&browser, "Come in").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_supervisor_s_word_is_for_whom_it_was_asked_and_given_once() {
    let Some(fixture) = Fixture::create(50).await else { return };
    let listed = fixture.book(1).await;
    fixture.temple.advance_to_slot(&fixture.app, &listed, -3600);
    let browser = Browser::start(820, 1180).await;
    fixture.gate(&browser).await;
    hold_requests(&browser, "/override").await;
    // The gate's list does not have these: only the server can say whether they may come in.
    let (asked, other) = (fixture.book(2).await, fixture.book(1).await);
    type_code(&browser, code(&asked)).await;
    verdict(&browser, "Slot has not begun yet").await;
    browser.wait_text(".verdict-detail", |text| text.starts_with("Slot ")).await;
    browser.click(".verdict-overrule").await;
    browser.wait_text("dialog[open] strong", |text| text == code(&asked)).await;
    // Somebody else is scanned while the supervisor writes.
    let types = "const field = document.querySelector('#gate-code');
        field.value = '%';
        field.dispatchEvent(new Event('input', { bubbles: true }))";
    browser.execute(&types.replace('%', code(&other))).await;
    browser.execute("document.querySelector('#gate-code').form.requestSubmit()").await;
    browser.wait_text(".verdict-what", |text| text == code(&other)).await;
    browser.fill("dialog input[name='reason']", "Their bus goes at seven").await;
    // The server lets them in, and its answer does not arrive.
    set(&browser, "{ lose: true }").await;
    browser.click("dialog button[type='submit']").await;
    browser.wait_visible("dialog .form-error").await;
    assert_eq!(fixture.status(&asked).await, "checked_in");
    set(&browser, "{ lose: false }").await;
    browser.click("dialog button[type='submit']").await;
    verdict(&browser, "Come in").await;
    browser.wait_hidden("dialog[open]").await;
    assert_eq!(fixture.status(&other).await, "confirmed");
    // A hand scanner types on, wherever the dialog was.
    assert_eq!(browser.execute("return document.activeElement.id").await, "gate-code");
    browser.execute("document.activeElement.blur()").await;
    browser.press(code(&other)).await;
    assert_eq!(browser.execute("return document.querySelector('#gate-code').value").await, code(&other));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_gate_without_a_network_asks_before_it_is_closed() {
    let Some(fixture) = Fixture::create(50).await else { return };
    let booking = fixture.book(2).await;
    fixture.temple.advance_to_slot(&fixture.app, &booking, 60);
    let browser = Browser::start(820, 1180).await;
    fixture.gate(&browser).await;
    browser.wait_text(".gate-connection", |text| text.contains("list of 1 booking")).await;
    let asks = "const event = new Event('beforeunload', { cancelable: true }); dispatchEvent(event); return event.defaultPrevented";
    network(&browser, false).await;
    type_code(&browser, code(&booking)).await;
    browser.wait_text(".gate-connection", |text| text.ends_with("1 to upload")).await;
    assert_eq!(browser.execute(asks).await, true);
    network(&browser, true).await;
    browser.wait_text(".gate-connection", |text| text.starts_with("Online") && !text.contains("upload")).await;
    assert_eq!(browser.execute(asks).await, false);
    browser.close().await;
}
