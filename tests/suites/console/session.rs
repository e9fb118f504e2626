//! The console through the life of a session: in, out, renewed, ended elsewhere, cut off.

use std::time::Duration;

use gatehouse_tests::App;
use gatehouse_tests::browser::Browser;
use serde_json::{Value, json};

use super::{Fixture, proxy};

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_and_out() {
    let fixture = Fixture::create(App::start().await).await;
    let browser = Browser::start(1280, 800).await;
    browser.open(&format!("{}/console/", fixture.app.base_url())).await;
    browser.sign_in(&fixture.email, "not the password at all").await;
    browser.wait_text("#login-error", |text| text.contains("do not match")).await;

    browser.sign_in(&fixture.email, &fixture.password).await;
    browser.wait_visible(".connection[data-state='live']").await;
    // No script can read what a session goes on with.
    assert_eq!(browser.execute("return document.cookie + JSON.stringify(sessionStorage)").await, "{}");
    let kept = browser.execute("return localStorage.getItem('gatehouse.signed_in')").await;
    let kept: Value = serde_json::from_str(kept.as_str().expect("who was here")).expect("JSON");
    assert_eq!(kept["email"], fixture.email.as_str());
    assert!(kept.get("refresh").is_none() && kept.get("access").is_none(), "{kept}");

    // A reload goes on with the session.
    browser.open(&format!("{}/console/", fixture.app.base_url())).await;
    browser.wait_visible("#sign-out").await;
    // A page of this origin goes on by the cookie; a page of another does not.
    let elsewhere = fixture.app.anonymous().header("cookie", "__Host-gatehouse_session=x").post("/api/auth/refresh", json!({})).await;
    elsewhere.expect_problem(403);

    browser.click("#sign-out").await;
    browser.wait_visible("#email").await;
    let ended =
        "return performance.getEntriesByType('resource').some((one) => one.name.endsWith('/api/auth/logout') && one.responseEnd > 0)";
    gatehouse_tests::eventually("the session is ended", Duration::from_secs(5), || async {
        (browser.execute(ended).await == true).then_some(())
    })
    .await;
    assert_eq!(fixture.sessions().await, Vec::<Value>::new(), "it has ended on the server");
    let refresh = "return fetch('/api/auth/refresh', { method: 'POST', credentials: 'same-origin' }).then((answer) => answer.status)";
    assert_eq!(browser.execute(refresh).await, 422, "the cookie is gone");
    browser.open(&format!("{}/console/", fixture.app.base_url())).await;
    browser.wait_visible("#email").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn tokens_are_renewed_before_and_after_their_end() {
    let Some(app) = App::embedded(&[("access_token_seconds", "6")]).await else { return };
    let fixture = Fixture::create(app).await;
    let browser = Browser::start(1280, 800).await;
    fixture.enter(&browser, fixture.app.base_url(), "alerts").await;
    let refreshes = "return performance.getEntriesByType('resource').filter((entry) => entry.name.endsWith('/api/auth/refresh')).length";
    gatehouse_tests::eventually("a token is renewed before its end", Duration::from_secs(15), || async {
        (browser.execute(refreshes).await.as_i64() >= Some(2)).then_some(())
    })
    .await;

    // The server's clock jumps past the token's end: the request is refused, the token renewed, the request sent again.
    let id = fixture.alert("warning", "The lights are out").await;
    browser.wait_visible(&format!("#alert-{id}")).await;
    fixture.app.advance(Duration::from_secs(3600));
    browser.click(&format!("#alert-{id} .alert-buttons button:first-child")).await;
    browser.wait_visible(&format!("#alert-{id}[data-status='acknowledged']")).await;

    fixture.wait_status(&id, "acknowledged").await;

    // A session that was ended elsewhere asks for the password over the page, and what was being written stays.
    browser.click("nav.pages a[href$='/broadcasts']").await;
    browser.fill("#cast-message", "Half a sentence").await;
    let operator = fixture.operator().await;
    for session in fixture.sessions_of(&operator).await {
        operator.delete(&format!("/api/users/me/sessions/{}", session["id"].as_str().unwrap())).await;
    }
    browser.wait_visible("dialog.ask-password[open]").await;
    browser.fill("#password-again", "not the password at all").await;
    browser.click(".ask-password button[type='submit']").await;
    browser.wait_text(".ask-password .login-error", |text| text.contains("do not match")).await;
    browser.fill("#password-again", &fixture.password).await;
    browser.click(".ask-password button[type='submit']").await;
    browser.wait_hidden("dialog.ask-password").await;
    assert_eq!(browser.execute("return document.querySelector('#cast-message').value").await, "Half a sentence");
    browser.wait_visible(".connection[data-state='live']").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn it_comes_back_after_the_application_was_restarted() {
    let Some(app) = App::embedded(&[]).await else { return };
    let mut fixture = Fixture::create(app).await;
    let proxy = proxy::Proxy::start(fixture.app.base_url()).await;
    let browser = Browser::start(1280, 800).await;
    fixture.enter(&browser, proxy.base_url(), "parking").await;
    browser.wait_visible(&fixture.bay(0)).await;
    browser.execute("window.sameDocument = true").await;

    proxy.cut();
    browser.wait_visible(".connection[data-state='reconnecting']").await;
    // What is shown says how old it is, and looks it.
    browser.wait_text(".stale-note", |text| text.starts_with("As of ") && text.ends_with("retrying")).await;
    browser.wait_visible(".fresh[data-stale='true'] .bay").await;
    fixture.app = fixture.app.restart().await;
    // What happens while the line is cut is not lost.
    fixture.report(0, true, 0).await;
    let id = fixture.alert("critical", "While you were away").await;
    proxy.forward_to(fixture.app.base_url());
    browser.wait_visible(".connection[data-state='live']").await;
    browser.wait_visible(&fixture.bay_is(0, "occupied")).await;
    browser.wait_hidden(".stale-note").await;
    fixture.report(1, true, 1).await;
    browser.wait_visible(&fixture.bay_is(1, "occupied")).await;
    fixture.go(&browser, "alerts").await;
    browser.wait_visible(&format!("#alert-{id}")).await;
    assert_eq!(browser.execute("return window.sameDocument").await, true);
    browser.assert_no_console_errors().await;
    browser.close().await;
}
