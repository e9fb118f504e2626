//! What each page of the console does while the server is slow, away, busy, or knows nobody any more: it says so, with a button that asks
//! again, and recovers by itself.

#[path = "console/world.rs"]
mod world;

use gatehouse_tests::browser::Browser;
use serde_json::json;
use world::{Account, World};

/// What is wrong from now on; nothing when it is empty.
async fn fault(browser: &Browser, what: &str) {
    browser.execute(&format!("sessionStorage.setItem('fault', {})", json!(what))).await;
}

async fn start(world: &World, who: Option<&Account>) -> Browser {
    let browser = Browser::start(1280, 900).await;
    browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": include_str!("console/faults.js") })).await;
    browser.open(&format!("{}/console/account/sign-in", world.app.base_url())).await;
    if let Some((email, password)) = who {
        browser.sign_in(email, password).await;
        browser.wait_visible("#sign-out").await;
    }
    browser
}

/// Nothing is amiss, nothing is being loaded, and the header says so.
async fn recovers(browser: &Browser, is_signed_in: bool) {
    let state = if is_signed_in { "live" } else { "public" };
    browser.wait_visible(&format!(".connection[data-state='{state}']")).await;
    browser.wait_hidden("main :is(.failed, .stale-note, .skeleton)").await;
}

/// A page that is opened while the server has trouble.
async fn opens_in_trouble(browser: &Browser, page: &str, is_signed_in: bool) {
    fault(browser, "slow").await;
    browser.open(page).await;
    browser.wait_visible(".slow-note").await;
    fault(browser, "away").await;
    browser.wait_visible("main .failed[role='alert'] button").await;
    browser.wait_text("main .failed", |text| text.contains("The server cannot be reached.")).await;
    browser.wait_visible(".connection:is([data-state='failed'], [data-state='reconnecting'])").await;
    // What is not known is not said to be nothing.
    let empty =
        browser.execute("return [...document.querySelectorAll('main .panel:has(.failed) .empty')].map((one) => one.textContent)").await;
    assert_eq!(empty, json!([]), "{page}");
    // It asks again by itself, and the button does too.
    fault(browser, "busy").await;
    browser.execute("document.querySelector('main .failed button')?.click()").await;
    browser.wait_text("main .failed", |text| text.contains("The database is being moved.")).await;
    fault(browser, "").await;
    recovers(browser, is_signed_in).await;
}

/// A page under which the server goes away, and then forgets who is signed in.
async fn is_left_alone(browser: &Browser, page: &str, (_, password): &Account) {
    fault(browser, "busy").await;
    browser.execute("window.dropFeed()").await;
    browser.wait_visible(".connection:is([data-state='failed'], [data-state='reconnecting'], [data-state='stale'])").await;
    fault(browser, "").await;
    recovers(browser, true).await;

    fault(browser, "expired").await;
    browser.execute("window.dropFeed()").await;
    browser.wait_visible("dialog.ask-password[open]").await;
    assert_eq!(browser.execute("return location.href").await, page);
    fault(browser, "").await;
    browser.fill("#password-again", password).await;
    browser.click(".ask-password button[type='submit']").await;
    browser.wait_hidden("dialog.ask-password").await;
    recovers(browser, true).await;
}

async fn walk(browser: &Browser, world: &World, pages: Vec<(String, String)>, who: Option<&Account>) {
    for (site, page) in pages {
        let address = format!("{}/console/s/{site}/{page}", world.app.base_url());
        eprintln!("{address}");
        opens_in_trouble(browser, &address, who.is_some()).await;
        if let Some(who) = who {
            is_left_alone(browser, &address, who).await;
        }
        browser.assert_no_console_errors().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_anybody_may_see_survives_a_failing_server() {
    let world = World::create().await;
    world.assert_complete();
    let browser = start(&world, None).await;
    walk(&browser, &world, world.public(), None).await;

    // A form that is sent in vain says so, keeps what was typed, and can be sent again.
    for (page, fields) in [
        ("sign-in", vec![("#email", "asha@example.com"), ("#password", "a quiet gate at dawn 7")]),
        ("forgot", vec![("input[name='email']", "asha@example.com")]),
    ] {
        fault(&browser, "away").await;
        browser.open(&format!("{}/console/account/{page}", world.app.base_url())).await;
        for (field, text) in &fields {
            browser.fill(field, text).await;
        }
        browser.click("main form button[type='submit']").await;
        browser.wait_text(":is(.login-error, .form-error)", |text| text.contains("The server cannot be reached.")).await;
        let (field, text) = fields[0];
        assert_eq!(browser.execute(&format!("return document.querySelector({}).value", json!(field))).await, text);
        fault(&browser, "").await;
        browser.click("main form button[type='submit']").await;
        let asked = "return [...document.querySelectorAll('.login-error, .form-error')].some((one) => one.textContent.includes('cannot be reached'))";
        gatehouse_tests::eventually("it was answered", std::time::Duration::from_secs(10), async || {
            (browser.execute(asked).await == false).then_some(())
        })
        .await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitors_pages_survive_a_failing_server() {
    let world = World::create().await;
    let browser = start(&world, Some(&world.visitor)).await;
    walk(&browser, &world, world.of_visitors(), Some(&world.visitor)).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_staff_survive_a_failing_server() {
    let world = World::create().await;
    let browser = start(&world, Some(&world.admin)).await;
    walk(&browser, &world, world.of_staff(), Some(&world.admin)).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_is_read_however_it_is_cut() {
    let world = World::create().await;
    let browser = start(&world, None).await;
    let script = r#"return import('/console/lib/feed.js').then(({ createReader }) => {
        const text = ': hello\nid: 7\nevent: alert\ndata: {"a": 1}\ndata: {"b": "ä"}\n\nid:8\r\nevent:spot\r\ndata:x\r\n\r\n: still here\n\ndata: half';
        const read = (...parts) => {
            const blocks = [];
            const reader = createReader((block) => blocks.push(block));
            parts.forEach((part) => reader.take(part));
            return JSON.stringify(blocks);
        };
        const whole = read(text);
        const other = [...text].map((_, at) => at).filter((at) => read(text.slice(0, at), text.slice(at)) !== whole || read(...text) !== whole);
        return [JSON.parse(whole), other];
    })"#;
    let blocks = json!([
        { "event": "alert", "data": "{\"a\": 1}\n{\"b\": \"ä\"}", "id": "7" },
        { "event": "spot", "data": "x", "id": "8" },
        { "event": "message", "data": "", "id": null },
    ]);
    assert_eq!(browser.execute(script).await, json!([blocks, []]));
    browser.close().await;
}
