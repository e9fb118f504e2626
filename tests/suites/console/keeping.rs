//! What the console keeps on a machine, and for whom.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::eventually;
use serde_json::{Value, json};

use super::Fixture;

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
    browser.close().await;
}
