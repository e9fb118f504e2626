//! What staff meet when the answer to what they did is lost on its way, or comes late: nothing is said that is not so, and what is shown is as it
//! is.

#[path = "console/losing.rs"]
#[allow(dead_code, reason = "shared with the suite of lost answers")]
mod losing;
#[path = "console/refused.rs"]
mod refused;
#[path = "console/world.rs"]
#[allow(dead_code, reason = "shared with the suite that walks all pages")]
mod world;

use std::time::Duration;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, eventually, unique};
use losing::{lose, lose_nothing};
use serde_json::{Value, json};
use world::World;

const DESK: (u32, u32) = (1280, 900);
const UNKNOWN: &str = "It is not known whether that was done";

async fn enter(world: &World, site: &str, page: &str) -> Browser {
    let browser = losing::start(world.app.base_url(), Some(&world.admin), DESK).await;
    open(world, &browser, site, page).await;
    browser
}

async fn open(world: &World, browser: &Browser, site: &str, page: &str) {
    browser.open(&format!("{}/console/s/{site}/{page}", world.app.base_url())).await;
    browser.wait_visible(".connection[data-state='live']").await;
}

async fn says(browser: &Browser, selector: &str, words: &str) {
    browser.wait_text(selector, |text| text.contains(words)).await;
}

async fn shows_nothing(browser: &Browser, selector: &str) {
    let count = browser.execute(&format!("return document.querySelectorAll({}).length", json!(selector))).await;
    assert_eq!(count, 0, "{selector}");
}

/// The status of the document at this address, once it is as wanted.
async fn wait_status(world: &World, path: &str, wanted: &str) {
    let admin = world.app.admin().await;
    eventually(&format!("{path} is {wanted}"), Duration::from_secs(10), async || {
        (admin.get(path).await.expect(200)["status"] == wanted).then_some(())
    })
    .await;
}

async fn id_of(browser: &Browser, selector: &str) -> String {
    let script = format!("return document.querySelector({}).id.replace('alert-', '')", json!(selector));
    browser.execute(&script).await.as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "counts what is there: needs an application of its own")]
async fn what_was_done_can_be_undone_as_long_as_it_says_so() {
    let world = World::create().await;
    let browser = enter(&world, &world.place.site, "alerts").await;
    let first = "#alerts .alert[data-severity='info']";
    browser.wait_visible(first).await;
    let id = id_of(&browser, first).await;
    let button = |verb: &str| format!("{first} button[aria-label^='{verb}']");
    browser.click(&button("Acknowledge")).await;
    browser.click(".toast-undo").await;
    browser.wait_visible(&format!("{first}[data-status='active']")).await;
    browser.click(&button("Acknowledge")).await;
    browser.wait_visible(".toast-undo").await;
    // The notice outlives the button.
    browser.wait_hidden(".toast-undo").await;
    browser.wait_visible(".toast").await;
    wait_status(&world, &format!("/api/alerts/{id}"), "acknowledged").await;

    // Nothing else is said beside a failure.
    lose(&browser, "*", "/api/alerts/", "away").await;
    browser.click(&button("Resolve")).await;
    says(&browser, ".toast[data-severity='warning']", UNKNOWN).await;
    let said = browser.execute("return [...document.querySelectorAll('.toast strong')].map((one) => one.textContent)").await;
    assert!(!said.to_string().contains("Resolved"), "{said}");
    lose_nothing(&browser).await;
    // Where the answer is lost, the server is asked how it stands.
    lose(&browser, "PATCH", "/api/alerts/", "lost").await;
    browser.execute("document.querySelectorAll('.toast [aria-label=\"Dismiss\"]').forEach((one) => one.click())").await;
    browser.click(&button("Resolve")).await;
    wait_status(&world, &format!("/api/alerts/{id}"), "resolved").await;
    // The list stays as it is under a pointer.
    browser.point_at(".brand").await;
    browser.wait_hidden(&format!("#alerts #alert-{id}")).await;
    shows_nothing(&browser, ".toast[data-severity='warning']").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_board_is_as_the_server_has_it_whatever_answers_are_lost() {
    let world = World::create().await;
    let browser = enter(&world, &world.temple, "emergencies").await;
    browser.wait_visible("#sos-waiting .sos-card").await;
    lose(&browser, "PATCH", "/acknowledge", "504").await;
    browser.click("#sos-waiting .sos-next").await;
    browser.wait_visible("#sos-hand .sos-card").await;
    shows_nothing(&browser, ".toast[data-severity='warning']").await;
    lose(&browser, "*", "/api/emergency/", "lost").await;
    browser.click("#sos-hand .sos-next").await;
    says(&browser, ".toast[data-severity='warning']", UNKNOWN).await;
    lose_nothing(&browser).await;
    browser.wait_visible("#sos-hand .sos-card[data-status='in_progress']").await;

    // Whom somebody else sends is offered no more.
    let crew = browser.wait_visible("#sos-hand [data-assign]").await.attr("data-assign").await.unwrap().expect("an id");
    let operator = world.app.operator().await;
    let report = json!({ "temple_id": world.temple, "type": "medical", "description": "At the gate" });
    let other = operator.post("/api/emergency/", report).await.expect(201);
    let path = format!("/api/emergency/{}", other["id"].as_str().unwrap());
    operator.patch(&format!("{path}/acknowledge"), json!({})).await.expect(200);
    operator.patch(&format!("{path}/assign"), json!({ "resource_id": crew })).await.expect(200);
    browser.wait_hidden(&format!("#sos-hand [data-assign='{crew}']")).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_has_not_said_is_not_said_to_be_nothing() {
    let world = World::create().await;
    let browser = enter(&world, &world.temple, "overview").await;
    let name = world.app.admin().await.get(&format!("/api/bookings/{}", world.booking)).await.expect(200);
    let code = name["booking_code"].as_str().or_else(|| name["code"].as_str()).expect("a code").to_owned();
    lose(&browser, "GET", "/api/search", "hangs").await;
    browser.execute("dispatchEvent(new KeyboardEvent('keydown', { key: 'k', ctrlKey: true }))").await;
    browser.fill("#search", &code).await;
    browser.wait_visible(".search-asked").await;
    shows_nothing(&browser, ".search-results .empty").await;
    lose(&browser, "GET", "/api/search", "away").await;
    says(&browser, ".search-results .stale-note", "could not be searched").await;
    shows_nothing(&browser, ".search-results .empty").await;
    // It asks again by itself.
    lose_nothing(&browser).await;
    browser.wait_text(".search-results", |text| text.contains(&code)).await;
    browser.fill("#search", "nothing of the kind").await;
    says(&browser, ".search-results .empty", "Nothing found.").await;

    // What is not there is said to be not there, once.
    for page in ["devices/NONE-1", "cameras/NONE-1"] {
        open(&world, &browser, &world.place.site, page).await;
        says(&browser, "main .empty", "There is no such").await;
        shows_nothing(&browser, "main .failed").await;
        browser.wait_visible(".connection[data-state='live']").await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_however_many_there_are_and_added_once() {
    let world = World::create().await;
    let many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 130)
        insert into users (id, email, name, role, password_hash, created_at, updated_at, updated_by)
        select printf('00000000-0000-7000-8000-%012d', i), printf('crowd%d@example.org', i), 'Somebody', 'visitor', 'none', 1, 1, 'system' from n";
    world.app.db().execute(many, []).expect("rows");
    let browser = enter(&world, "all", "users").await;
    let (email, _) = &world.admin;
    let part = email.split('@').next().unwrap();
    // As it is typed, without losing the field.
    browser.click("input[aria-label='Find a person']").await;
    browser.press(part).await;
    browser.wait_text("#users tbody", |text| text.contains(email.as_str())).await;
    assert_eq!(browser.execute("return document.querySelector(\"input[aria-label='Find a person']\").value").await, part);

    let (name, email) = (unique("Meena"), format!("{}@example.org", unique("meena")));
    browser.click("#users .panel-actions button").await;
    browser.fill("dialog input[name='name']", &name).await;
    browser.fill("dialog input[name='email']", &email).await;
    browser.fill("dialog input[name='password']", "seven lanterns by the river").await;
    lose(&browser, "*", "/users/users", "lost").await;
    browser.click("dialog button[type='submit']").await;
    says(&browser, "dialog .form-error", "It is not known whether it was done.").await;
    lose_nothing(&browser).await;
    browser.click("dialog button[type='submit']").await;
    browser.wait_hidden("dialog").await;
    browser.fill("input[aria-label='Find a person']", &name).await;
    browser.wait_text("#users tbody", |text| text.contains(&email)).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_made_once_and_an_announcement_begins_anew() {
    let world = World::create().await;
    let browser = enter(&world, &world.place.site, &format!("cameras/{}", world.camera)).await;
    says(&browser, "#schedules .empty", "only when started by hand").await;
    browser.click("#schedules .panel-actions button").await;
    browser.fill("dialog input[name='name']", "Night").await;
    browser.click("dialog select[name='schedule_type'] option[value='daily']").await;
    for (name, value) in [("start_time", "22:00"), ("end_time", "06:00")] {
        let script = format!(
            "const one = document.querySelector(\"dialog input[name='{name}']\"); one.value = '{value}'; one.dispatchEvent(new Event('input', {{ bubbles: true }}))"
        );
        browser.execute(&script).await;
    }
    lose(&browser, "*", "/schedules", "lost").await;
    browser.click("dialog button[type='submit']").await;
    says(&browser, "dialog .form-error", "It is not known whether it was done.").await;
    lose_nothing(&browser).await;
    browser.click("dialog button[type='submit']").await;
    browser.wait_hidden("dialog").await;
    // By the clock of the reader.
    says(&browser, "#schedules tbody", "10:00").await;
    assert_eq!(browser.execute("return document.querySelectorAll('#schedules tbody tr').length").await, 1);

    open(&world, &browser, &world.temple, "broadcasts").await;
    browser.execute("document.querySelector(\"input[name='cast-severity'][value='critical']\").click()").await;
    browser.fill("#cast-message", "Keep off the bridge").await;
    browser.click("#cast-send").await;
    browser.wait_text("#cast-message", str::is_empty).await;
    let chosen = browser.execute("return document.querySelector(\"input[name='cast-severity']:checked\").value").await;
    assert_eq!(chosen, "info");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_cancelled_on_a_second_thought_only() {
    let world = World::create().await;
    let browser = enter(&world, &world.place.site, "arrivals").await;
    let cancel = format!("tr[data-id='{}'] button[aria-label^='Cancel']", world.reservation);
    browser.click(&cancel).await;
    browser.click("dialog .form-buttons .button:not(.button-danger)").await;
    browser.wait_hidden("dialog").await;
    let path = format!("/api/reservations/{}", world.reservation);
    assert_ne!(world.app.admin().await.get(&path).await.expect(200)["status"], "cancelled");
    browser.click(&cancel).await;
    lose(&browser, "DELETE", "/api/reservations/", "lost").await;
    browser.click("dialog .button-danger").await;
    browser.wait_hidden("dialog").await;
    wait_status(&world, &path, "cancelled").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_outbox_says_what_is_still_to_be_sent() {
    // Nobody answers there.
    let Some(app) = App::embedded(&[("ntfy_origin", "http://127.0.0.1:9"), ("ntfy_topic", "gate")]).await else { return };
    let world = World::of(app).await;
    let browser = enter(&world, &world.temple, "outbox").await;
    says(&browser, "#outbox .empty", "Some messages are still to be sent.").await;
    browser.click("#outbox .empty a").await;
    says(&browser, "#outbox tbody", "ntfy").await;
    browser.click("#outbox tbody button").await;
    browser.wait_text("dialog .facts", |text| text.contains("Queued") || text.contains("Sending")).await;

    open(&world, &browser, &world.temple, "integrations").await;
    let test = "[data-channel='ntfy'] button";
    lose(&browser, "POST", "/test", "lost").await;
    browser.click(test).await;
    says(&browser, ".toast[data-severity='warning']", UNKNOWN).await;
    lose_nothing(&browser).await;
    browser.resize(390, 844).await;
    let apart = "const [name, tag] = ['h3', '.tag'].map((one) => document.querySelector(`[data-channel='webhook'] ${one}`)); \
        const range = document.createRange(); range.selectNodeContents(name); \
        const [a, b] = [range.getBoundingClientRect(), tag.getBoundingClientRect()]; return a.right <= b.left || a.bottom <= b.top";
    assert_eq!(browser.execute(apart).await, true, "a name lies under its tag");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_amount_of_nothing_is_not_free() {
    let world = World::create().await;
    let browser = enter(&world, &world.temple, "history").await;
    let script = "return import('/console/lib/reservations.js').then(({ amount, money }) => [amount(0, 'inr'), money(0, 'inr'), amount(4000, 'INR'), money(4000, 'INR')])";
    let said: Value = browser.execute(script).await;
    assert_eq!(said, json!(["₹0.00", "Free of charge", "₹40.00", "₹40.00"]));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crew_is_added_once_and_what_can_be_done_with_it_is_in_reach() {
    let world = World::create().await;
    let browser = enter(&world, &world.temple, "resources").await;
    // The temple by its name.
    says(&browser, "#resources tbody", "Hill temple").await;
    let name = unique("Crew");
    browser.click("#resources .panel-actions button").await;
    browser.fill("dialog input[name='name']", &name).await;
    browser.fill("dialog input[name='type']", "security").await;
    lose(&browser, "*", "/api/resources", "lost").await;
    browser.click("dialog button[type='submit']").await;
    says(&browser, "dialog .form-error", "It is not known whether it was done.").await;
    lose_nothing(&browser).await;
    browser.click("dialog button[type='submit']").await;
    browser.wait_hidden("dialog").await;
    let listed = world.app.admin().await.get(&format!("/api/resources/?temple_id={}", world.temple)).await.expect(200);
    let count = listed["items"].as_array().unwrap().iter().filter(|one| one["name"] == name).count();
    assert_eq!(count, 1, "{listed}");

    browser.resize(820, 1180).await;
    for page in ["resources", "users"] {
        open(&world, &browser, &world.temple, page).await;
        let last = format!("#{page} tbody tr:first-child .row-buttons button:last-child");
        browser.wait_visible(&last).await;
        assert!(losing::is_in_reach(&browser, &last).await, "{page}");
    }
    browser.close().await;
}
