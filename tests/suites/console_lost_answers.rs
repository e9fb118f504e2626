//! What visitors meet when the answer to what they did is lost on its way: it is not done twice, nothing is said that is not so, and they can
//! go on.

#[path = "console/losing.rs"]
mod losing;
#[path = "console/world.rs"]
#[allow(dead_code, reason = "shared with the suite that walks all pages")]
mod world;

use std::time::{Duration, Instant};

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{Client, eventually, unique};
use losing::{is_in_reach, lose, lose_nothing};
use serde_json::json;
use world::World;

const PHONE: (u32, u32) = (390, 844);
const DESK: (u32, u32) = (1280, 900);

async fn open(world: &World, browser: &Browser, site: &str, page: &str) {
    browser.open(&format!("{}/console/s/{site}/{page}", world.app.base_url())).await;
}

async fn says(browser: &Browser, selector: &str, words: &str) {
    browser.wait_text(selector, |text| text.contains(words)).await;
}

async fn visitor(world: &World) -> Client {
    world.app.login(&world.visitor.0, &world.visitor.1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spot_is_reserved_once() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), PHONE).await;
    open(&world, &browser, &world.place.site, "book/parking").await;
    browser.wait_text(".found", |text| text.contains("free then")).await;
    browser.click(&format!(".reserve [data-spot='{}']", world.place.spots[7])).await;
    browser.wait_text(".chosen strong", |text| text.starts_with(&world.place.spots[7])).await;
    browser.fill("#reserve-plate", "GJ01AB1234").await;
    // Wherever the page stands, the button can be tapped: neither the bar nor the way to call for help lies over it.
    for place in ["0", "document.body.scrollHeight"] {
        browser.execute(&format!("scrollTo(0, {place})")).await;
        assert!(is_in_reach(&browser, ".chosen .button-main").await, "{place}");
    }
    lose(&browser, "POST", "/api/reservations", "504").await;
    browser.execute("scrollTo(0, document.body.scrollHeight); document.querySelector('.chosen .button-main').click()").await;
    says(&browser, ".chosen .form-error[role='alert']", "It is not known whether it was reserved.").await;
    assert!(is_in_reach(&browser, ".chosen .form-error").await, "it is said where it was pressed");
    // What a proxy refuses says nothing of the try before.
    lose(&browser, "POST", "/api/reservations", "429").await;
    browser.click(".chosen .button-main").await;
    says(&browser, ".chosen .form-error[role='alert']", "429").await;
    lose_nothing(&browser).await;
    // The spot is theirs by now, and free no more: the button is there all the same.
    browser.execute("window.dropFeed()").await;
    browser.wait_visible(&format!(".reserve [data-spot='{}'][aria-disabled]", world.place.spots[7])).await;
    browser.click(".chosen .button-main").await;
    browser.wait_hidden(".chosen").await;
    let mine = visitor(&world).await.get("/api/reservations").await.expect(200);
    let spots: Vec<_> = mine["items"].as_array().unwrap().iter().map(|one| one["spot_id"].clone()).collect();
    assert_eq!(spots.iter().filter(|spot| **spot == world.place.spots[7]).count(), 1, "{spots:?}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_booked_once_and_not_waited_for() {
    let world = World::create().await;
    let slot = json!({ "weekdays": ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], "start": "23:00", "end": "24:00",
        "capacity": 2, "bookings_per_person": 5 });
    world.app.admin().await.post(&format!("/api/sites/{}/slots", world.temple), slot).await.expect(201);
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), DESK).await;
    open(&world, &browser, &world.temple, "book/darshan").await;
    let tomorrow = chrono::DateTime::from_timestamp_millis(world.app.now_ms() + 86_400_000).unwrap().format("%Y-%m-%d");
    let choose = format!(
        "const d = document.querySelector('#darshan-date'); d.value = '{tomorrow}'; d.dispatchEvent(new Event('change', {{ bubbles: true }}))"
    );
    browser.wait_visible("#darshan-date").await;
    browser.execute(&choose).await;
    browser.click("[data-slot='23:00-24:00']").await;
    browser.fill("#party", "2").await;
    lose(&browser, "POST", "/api/bookings", "lost").await;
    browser.click("#book").await;
    says(&browser, ".booking-form .form-error", "It is not known whether it was booked.").await;
    // The last places are taken by then, by this very booking.
    browser.wait_visible("[data-slot='23:00-24:00'][data-status='full']").await;
    browser.wait_text("#book", |text| text == "Book").await;
    lose_nothing(&browser).await;
    browser.click("#book").await;
    browser.wait_hidden(".booking-form").await;
    // What is said of it has a date as it is written everywhere.
    let toast = browser.wait_text(".toast p", |text| text.contains("Hill temple")).await;
    assert!(!toast.contains(&tomorrow.to_string()), "{toast}");
    let mine = visitor(&world).await.get("/api/bookings/my-bookings").await.expect(200);
    let made: Vec<_> =
        mine["items"].as_array().unwrap().iter().filter(|one| one["slot"] == "23:00-24:00").map(|one| &one["status"]).collect();
    assert_eq!(made, ["confirmed"]);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_is_given_back_once() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), DESK).await;
    open(&world, &browser, &world.temple, "tickets").await;
    let card = format!(".reservation[data-id='{}']", world.reservation);
    // It is done, and neither that nor how it stands can be heard.
    browser.click(&format!("{card} .reservation-cancel")).await;
    lose(&browser, "*", "/api/reservations", "lost").await;
    browser.click("dialog[open] .button-danger").await;
    says(&browser, "dialog[open] .form-error", "It is not known whether it was done.").await;
    lose_nothing(&browser).await;
    browser.click("dialog[open] .button-danger").await;
    browser.wait_hidden("dialog[open]").await;
    browser.wait_visible(&format!("{card}[data-status='cancelled']")).await;

    // Where the server can be asked how it stands, nobody has to press again.
    let ticket = format!(".ticket[data-booking='{}']", world.booking);
    browser.click(&format!("{ticket} .ticket-cancel")).await;
    lose(&browser, "PATCH", "/cancel", "lost").await;
    browser.click(&format!("{ticket} .ticket-yes")).await;
    browser.wait_hidden(&ticket).await;
    browser.wait_hidden(".form-error").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_registered_is_signed_in() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), None, DESK).await;
    let register = async |email: &str, password: &str| {
        browser.open(&format!("{}/console/account/register", world.app.base_url())).await;
        for (name, text) in [("name", "Asha Mehta"), ("email", email), ("password", password)] {
            browser.fill(&format!("input[name='{name}']"), text).await;
        }
    };
    let (email, password) = (format!("{}@example.org", unique("asha")), "a quiet gate at dawn 7");
    register(&email, password).await;
    for (part, how) in [("/api/auth/register", "lost"), ("/api/auth/login", "away")] {
        lose(&browser, "POST", part, how).await;
        browser.click("main form button[type='submit']").await;
        says(&browser, ".form-error", "The server cannot be reached.").await;
        gatehouse_tests::eventually("it is answered", Duration::from_secs(10), async || {
            (browser.execute("return document.querySelector('main form [aria-busy]') === null").await == true).then_some(())
        })
        .await;
    }
    lose_nothing(&browser).await;
    browser.click("main form button[type='submit']").await;
    browser.wait_visible("#sign-out").await;
    browser.click("#sign-out").await;
    browser.wait_visible("#email, .home").await;

    // An account of somebody with another password is not entered, and it is said what can be done.
    register(&email, "another quiet gate at dusk 8").await;
    browser.click("main form button[type='submit']").await;
    says(&browser, ".form-error", "has an account already, with another password").await;
    browser.wait_visible("main a[href='/console/account/forgot']").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "reads the mail from the database")]
async fn who_has_chosen_a_new_password_is_signed_in() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), None, DESK).await;
    // The code is used, and nobody hears of it, or cannot sign in yet.
    for (part, how) in [("", "lost"), ("/api/auth/login", "away")] {
        let (email, _) = world.app.new_user("visitor", json!({})).await;
        browser.open(&format!("{}/console/account/forgot", world.app.base_url())).await;
        browser.fill("input[name='email']", &email).await;
        browser.click("main form button[type='submit']").await;
        browser.wait_visible("input[name='otp']").await;
        let sql = "select payload ->> 'message' from outbox where topic = 'account.reset_code' and mail_to = ?";
        let message: String = world.app.db().query_row(sql, [&email], |row| row.get(0)).expect("a mail");
        browser.fill("input[name='otp']", message.split(' ').next().expect("a code")).await;
        browser.fill("input[name='new_password']", "a quiet gate at dawn 7").await;
        lose(&browser, "POST", part, how).await;
        browser.click("main form button[type='submit']").await;
        says(&browser, ".form-error", "It is not known whether it was done.").await;
        lose_nothing(&browser).await;
        browser.click("main form button[type='submit']").await;
        browser.wait_visible("#sign-out").await;
        browser.click("#sign-out").await;
        browser.wait_hidden("#sign-out").await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_leaves_its_owner_signed_in() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), DESK).await;
    open(&world, &browser, &world.temple, "me").await;
    browser.fill("#profile input[name='name']", "Asha Mehta-Shah").await;
    browser.click("#profile button[type='submit']").await;
    browser.wait_text(".who-name", |text| text == "Asha Mehta-Shah").await;

    let mut known = world.visitor.1.clone();
    for (next, how) in [("a quiet gate at dusk 8", None), ("a loud gate at noon 99", Some("lost"))] {
        if let Some(how) = how {
            lose(&browser, "PATCH", "/api/users/me", how).await;
        }
        browser.execute("document.querySelectorAll('.toast button').forEach((one) => one.click())").await;
        browser.wait_hidden(".toast").await;
        browser.fill("#password-panel input[name='current_password']", &known).await;
        browser.fill("#password-panel input[name='password']", next).await;
        browser.click("#password-panel button[type='submit']").await;
        says(&browser, ".toast", "Your password is changed.").await;
        world.app.login(&world.visitor.0, next).await;
        next.clone_into(&mut known);
    }
    lose_nothing(&browser).await;
    // The feed has ended with the session before, and goes on with the next.
    browser.execute("window.dropFeed()").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    browser.wait_visible(".connection[data-state='live']").await;
    browser.wait_hidden("dialog.ask-password").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_while_the_password_changes_stays_signed_out() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), DESK).await;
    open(&world, &browser, &world.temple, "me").await;
    lose(&browser, "POST", "/api/auth/login", "hangs").await;
    let next = "a quiet gate at dusk 8";
    browser.fill("#password-panel input[name='current_password']", &world.visitor.1).await;
    browser.fill("#password-panel input[name='password']", next).await;
    browser.click("#password-panel button[type='submit']").await;
    let client = reqwest::Client::new();
    let login = json!({ "email": world.visitor.0, "password": next });
    eventually("the password is changed", Duration::from_secs(20), || async {
        let answer = client.post(format!("{}/api/auth/login", world.app.base_url())).json(&login).send().await.expect("an answer");
        answer.status().is_success().then_some(())
    })
    .await;
    browser.click("#sign-out").await;
    browser.wait_hidden("#sign-out").await;
    lose_nothing(&browser).await;
    // The session that came of it is ended, and nobody is remembered.
    eventually("the server is told", Duration::from_secs(20), || async {
        (browser.execute("return localStorage.getItem('gatehouse.leaving')").await.is_null()).then_some(())
    })
    .await;
    assert_eq!(browser.execute("return localStorage.getItem('gatehouse.signed_in')").await, json!(null));
    open(&world, &browser, &world.temple, "home").await;
    browser.wait_visible(".connection[data-state='public']").await;
    browser.wait_hidden("#sign-out").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_calls_for_help_is_never_left_without_a_word() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), DESK).await;
    // Also on a wide screen there is a way.
    open(&world, &browser, &world.temple, "home").await;
    browser.click(".sos-fixed").await;
    browser.wait_visible(".sos-type[data-type='medical']").await;
    lose(&browser, "POST", "/api/emergency", "hangs").await;
    let tapped = Instant::now();
    browser.click(".sos-type[data-type='medical']").await;
    browser.wait_visible(".sos-slow[role='alert'] a[href='tel:112']").await;
    assert!(tapped.elapsed() < Duration::from_secs(8), "{:?}", tapped.elapsed());
    browser.open("about:blank").await;
    open(&world, &browser, &world.temple, "sos").await;
    browser.wait_visible(".sos-type[data-type='medical']").await;
    lose(&browser, "POST", "/api/emergency", "lost").await;
    browser.click(".sos-type[data-type='medical']").await;
    says(&browser, ".sos-form .form-error", "Tap again").await;
    lose_nothing(&browser).await;
    browser.click(".sos-type[data-type='medical']").await;
    browser.wait_visible(".report[data-status='reported']").await;
    browser.wait_hidden(".sos-form .form-error").await;
    assert_eq!(browser.execute("return document.querySelectorAll('.report').length").await, 1);

    // What was tried in vain is not said for ever.
    browser.click(".report-cancel").await;
    lose(&browser, "*", "/api/emergency", "away").await;
    browser.click(".report-cancel").await;
    says(&browser, ".report .form-error", "It is not known whether it was done.").await;
    browser.wait_text(".report-help", |text| text.starts_with("The control room has it.")).await;
    lose_nothing(&browser).await;
    browser.click(".report-cancel").await;
    browser.wait_text(".report[data-status='cancelled'] .report-help", |text| text == "Cancelled by you.").await;
    browser.wait_hidden(".report .form-error").await;

    // The question for the password lies over everything: it has the way to call for help as well.
    let visitor = visitor(&world).await;
    let sessions = visitor.get("/api/users/me/sessions").await.expect(200);
    for session in sessions["items"].as_array().unwrap().iter().filter(|one| one["is_current"] == false) {
        visitor.delete(&format!("/api/users/me/sessions/{}", session["id"].as_str().unwrap())).await;
    }
    browser.wait_visible("dialog.ask-password[open] a[href='tel:112']").await;
    browser.close().await;
}
