//! What the console keeps on a machine, and for whom.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::eventually;
use serde_json::{Value, json};

use super::support::code;
use super::{Fixture, network, type_code, verdict};

/// Holds back the answers about one's own bookings, as long as `holds`; `held` lets them go.
const HOLD: &str = "
    const send = window.fetch;
    window.held = [];
    window.holds = true;
    window.fetch = async (address, options) => {
        const answer = await send(address, options);
        if (window.holds && String(address).includes('/my-bookings')) await new Promise((done) => window.held.push(done));
        return answer;
    };
";

/// What is kept under a name.
async fn kept(browser: &Browser, name: &str) -> Value {
    browser.execute(&format!("return JSON.parse(localStorage.getItem('{name}'))")).await
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_answer_for_one_is_not_kept_for_the_next() {
    let Some(fixture) = Fixture::create(20).await else { return };
    fixture.book(2).await;
    let (email, password) = fixture.app.new_user("visitor", json!({})).await;
    let next = fixture.app.login(&email, &password).await.get("/api/users/me").await.expect(200);
    let browser = Browser::start(1280, 900).await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": HOLD })).await;
    browser.open(&format!("{}/console/s/{}/tickets", fixture.app.base_url(), fixture.temple.slug)).await;
    browser.sign_in(&fixture.visitor.0, &fixture.visitor.1).await;
    eventually("the answer is under way", Duration::from_secs(20), || async {
        (browser.execute("return window.held.length").await != 0).then_some(())
    })
    .await;
    browser.click("#sign-out").await;
    browser.wait_visible("#email").await;
    browser.execute("window.holds = false").await;
    browser.sign_in(&email, &password).await;
    eventually("the next one's bookings are kept", Duration::from_secs(20), || async {
        (kept(&browser, "gatehouse.tickets").await["owner"] == next["id"]).then_some(())
    })
    .await;
    browser.execute("window.held.forEach((go) => go())").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let tickets = kept(&browser, "gatehouse.tickets").await;
    assert_eq!((&tickets["owner"], &tickets["bookings"]), (&next["id"], &json!([])));
    assert!(kept(&browser, "gatehouse.ticket_pictures").await.as_object().is_none_or(serde_json::Map::is_empty));

    // Nor does anything stay of who signs out.
    browser.execute("localStorage.setItem('gatehouse.plate', 'GJ-01-AB-1234'); localStorage.setItem('gatehouse.filters', '{}')").await;
    browser.click("#sign-out").await;
    browser.wait_visible("#email").await;
    let own =
        "return ['tickets', 'ticket_pictures', 'plate', 'filters'].filter((name) => localStorage.getItem(`gatehouse.${name}`) !== null)";
    assert_eq!(browser.execute(own).await, json!([]));
    browser.close().await;
}

/// What the gate keeps on the machine.
const KEYS: &str = "return new Promise((done) => {
    indexedDB.open('gatehouse-gate').onsuccess = (opened) => {
        const asked = opened.target.result.transaction('temples').objectStore('temples').getAllKeys();
        asked.onsuccess = () => done(asked.result);
    };
})";
const SIGN_OUT: &str = "import('/console/state/session.js').then(({ signOut }) => signOut())";

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_gate_that_is_left_keeps_only_what_is_not_uploaded() {
    let Some(fixture) = Fixture::create(20).await else { return };
    let booking = fixture.book(2).await;
    fixture.temple.advance_to_slot(&fixture.app, &booking, 60);
    let browser = Browser::start(1280, 900).await;
    fixture.gate(&browser).await;
    network(&browser, false).await;
    type_code(&browser, code(&booking)).await;
    verdict(&browser, "Come in").await;
    browser.wait_text(".gate-connection", |text| text.ends_with("1 to upload")).await;
    browser.execute(SIGN_OUT).await;
    browser.wait_text("dialog[open]", |text| text.contains("1 scan waits to be uploaded.")).await;
    browser.click("dialog[open] .form-buttons button:first-child").await;
    browser.wait_hidden("dialog[open]").await;
    browser.wait_visible("#gate-code").await;
    browser.execute(SIGN_OUT).await;
    browser.click("dialog[open] .button-danger").await;
    browser.wait_visible("#email").await;
    let queue = format!("{}.queue", fixture.temple.slug);
    eventually("the list is gone", Duration::from_secs(5), || async { (browser.execute(KEYS).await == json!([queue])).then_some(()) })
        .await;

    // The next one at this gate uploads it, and then nothing is left.
    network(&browser, true).await;
    browser.sign_in(&fixture.operator.0, &fixture.operator.1).await;
    eventually("the scan is uploaded", Duration::from_secs(30), || async {
        (fixture.status(&booking).await == "checked_in").then_some(())
    })
    .await;
    browser.wait_text(".gate-connection", |text| text.starts_with("Online") && !text.contains("upload")).await;
    browser.execute(SIGN_OUT).await;
    browser.wait_visible("#email").await;
    eventually("nothing is left", Duration::from_secs(5), || async { (browser.execute(KEYS).await == json!([])).then_some(()) }).await;
    browser.close().await;
}
