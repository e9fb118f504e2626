//! A session's end in the console, and who comes after it: nothing of one user reaches the next.

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, Client, eventually};
use serde_json::{Value, json};

use super::{Fixture, proxy};

/// Ends all sessions of this client's user but its own, as if elsewhere.
async fn end_all(fixture: &Fixture, client: &Client) {
    for session in fixture.sessions_of(client).await {
        client.delete(&format!("/api/users/me/sessions/{}", session["id"].as_str().expect("an id"))).await;
    }
}

/// The page asks for the password.
async fn is_asked(browser: &Browser) {
    browser.wait_visible("dialog.ask-password[open]").await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_password_is_asked_for_again_and_again_and_once_for_all_tabs() {
    let Some(app) = App::embedded(&[("access_token_seconds", "6")]).await else { return };
    let fixture = Fixture::create(app).await;
    let browser = Browser::start(1280, 800).await;
    fixture.enter(&browser, fixture.app.base_url(), "alerts").await;
    end_all(&fixture, &fixture.operator().await).await;
    is_asked(&browser).await;
    browser.click(".ask-password button[type='button']:not(.reveal)").await;

    // Whoever signs in next is asked as well when that session ends.
    let (email, password) = fixture.app.new_user("operator", json!({})).await;
    browser.sign_in(&email, &password).await;
    browser.wait_visible(".connection[data-state='live']").await;
    browser.new_tab(1280, 800).await;
    browser.open(&fixture.page(fixture.app.base_url(), "alerts")).await;
    browser.wait_visible(".connection[data-state='live']").await;
    end_all(&fixture, &fixture.app.login(&email, &password).await).await;
    is_asked(&browser).await;
    browser.switch_tab(0).await;
    is_asked(&browser).await;
    browser.fill("#password-again", &password).await;
    browser.click(".ask-password button[type='submit']").await;
    browser.wait_hidden("dialog.ask-password").await;
    browser.switch_tab(1).await;
    browser.wait_hidden("dialog.ask-password").await;
    browser.wait_visible(".connection[data-state='live']").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_cookie_of_another_account_is_not_gone_on_with() {
    let Some(app) = App::embedded(&[("access_token_seconds", "6")]).await else { return };
    let fixture = Fixture::create(app).await;
    let (email, password) = fixture.app.new_user("visitor", json!({})).await;
    let browser = Browser::start(1280, 800).await;
    fixture.enter(&browser, fixture.app.base_url(), "alerts").await;
    let plant = format!(
        "return fetch('/api/auth/login', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, credentials: 'same-origin', \
         body: JSON.stringify({}) }}).then((answer) => answer.status)",
        json!({ "email": email, "password": password, "cookie": true })
    );
    assert_eq!(browser.execute(&plant).await, 200);
    // The token's end is near: the next one would be the stranger's.
    browser.wait_visible("#email").await;
    assert!(browser.execute("return localStorage.getItem('gatehouse.signed_in')").await.is_null());
    let stranger = fixture.app.login(&email, &password).await;
    eventually("the session of the cookie is ended", Duration::from_secs(5), || async {
        fixture.sessions_of(&stranger).await.is_empty().then_some(())
    })
    .await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_signs_out_without_a_network_is_signed_out_as_soon_as_there_is_one() {
    let Some(app) = App::embedded(&[]).await else { return };
    let fixture = Fixture::create(app).await;
    let proxy = proxy::Proxy::start(fixture.app.base_url()).await;
    let browser = Browser::start(1280, 800).await;
    fixture.enter(&browser, proxy.base_url(), "alerts").await;
    proxy.cut();
    browser.click("#sign-out").await;
    browser.wait_text(".login-untold", |text| text.contains("could not be told yet")).await;
    assert_eq!(fixture.sessions().await.len(), 1, "nobody told the server");
    // What was left is not gone on with, whatever is opened.
    proxy.forward_to(fixture.app.base_url());
    browser.open(&format!("{}/console/", proxy.base_url())).await;
    browser.wait_visible("#email").await;
    browser.wait_hidden(".login-untold").await;
    assert_eq!(fixture.sessions().await, Vec::<Value>::new());
    // The next session is not taken for the one that was left.
    browser.sign_in(&fixture.email, &fixture.password).await;
    browser.wait_visible(".connection[data-state='live']").await;
    browser.open(&fixture.page(proxy.base_url(), "alerts")).await;
    browser.wait_visible("#sign-out").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_still_be_undone_is_done_before_its_user_leaves_and_never_by_another() {
    let fixture = Fixture::create(App::start().await).await;
    let browser = Browser::start(1280, 800).await;
    fixture.enter(&browser, fixture.app.base_url(), "alerts").await;
    let id = fixture.alert("warning", "A gate is stuck").await;
    browser.click(&format!("#alert-{id} .alert-buttons button:first-child")).await;
    browser.wait_visible(&format!("#alert-{id}[data-pending]")).await;
    browser.click("#sign-out").await;
    browser.wait_visible("#email").await;
    assert_eq!(fixture.status(&id).await, "acknowledged");

    // What could not be sent is not the next one's to do.
    let id = fixture.alert("warning", "Another gate is stuck").await;
    browser.sign_in(&fixture.email, &fixture.password).await;
    browser.wait_visible(&format!("#alert-{id}")).await;
    browser.block(&["*/acknowledge"]).await;
    browser.click(&format!("#alert-{id} .alert-buttons button:first-child")).await;
    browser.wait_visible(&format!("#alert-{id}[data-pending]")).await;
    browser.click("#sign-out").await;
    browser.wait_visible("#email").await;
    browser.block(&[]).await;
    let (email, password) = fixture.app.new_user("operator", json!({})).await;
    browser.sign_in(&email, &password).await;
    browser.wait_visible(&format!("#alert-{id}[data-status='active']")).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(fixture.status(&id).await, "active");
    browser.close().await;
}
