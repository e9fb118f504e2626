//! What visitors read, and where they find themselves: in their language and on the clock of the site, with and without a network, before and
//! after signing in.

#[path = "console/losing.rs"]
mod losing;
#[path = "console/world.rs"]
#[allow(dead_code, reason = "shared with the suite that walks all pages")]
mod world;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::{App, unique};
use losing::{lose, lose_nothing};
use serde_json::json;
use world::World;

const PHONE: (u32, u32) = (390, 844);
const DESK: (u32, u32) = (1440, 900);

async fn open(world: &World, browser: &Browser, site: &str, page: &str) {
    browser.open(&format!("{}/console/s/{site}/{page}", world.app.base_url())).await;
}

/// Sets the value of a field that has a picker.
async fn choose(browser: &Browser, field: &str, value: &str) {
    browser.wait_visible(field).await;
    let script = format!(
        "const field = document.querySelector({}); field.value = {}; \
         for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, {{ bubbles: true }}))",
        json!(field),
        json!(value)
    );
    browser.execute(&script).await;
}

async fn value(browser: &Browser, field: &str) -> String {
    browser.execute(&format!("return document.querySelector({}).value", json!(field))).await.as_str().unwrap_or_default().to_owned()
}

/// In the temple, which is ahead of UTC by five hours and a half.
fn tomorrow(world: &World) -> String {
    let ahead = (24 * 60 + 5 * 60 + 30) * 60_000;
    chrono::DateTime::from_timestamp_millis(world.app.now_ms() + ahead).expect("a time").format("%Y-%m-%d").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_comes_back_to_what_they_had_chosen() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), None, PHONE).await;
    open(&world, &browser, &world.temple, "book/darshan").await;
    let date = tomorrow(&world);
    choose(&browser, "#darshan-date", &date).await;
    browser.click("[data-slot='06:00-07:00']").await;
    browser.fill("#party", "3").await;
    browser.fill("#visitors", "Asha").await;
    browser.click(".booking-form .button-main").await;
    browser.sign_in(&world.visitor.0, &world.visitor.1).await;
    browser.wait_text("#book", |text| text == "Book").await;
    let shown = [value(&browser, "#darshan-date").await, value(&browser, "#party").await, value(&browser, "#visitors").await];
    assert_eq!(shown, [date.as_str(), "3", "Asha"]);
    browser.wait_visible("[data-slot='06:00-07:00'][aria-pressed='true']").await;

    // Nothing of it is there for whoever comes next.
    browser.click("#sign-out").await;
    browser.wait_hidden("#sign-out").await;
    browser.wait_visible("#darshan-date").await;
    assert_ne!(value(&browser, "#darshan-date").await, date);
    browser.wait_hidden(".booking-form").await;
    // Another site is another place to park, and no darshan.
    browser.click(&format!("nav a[href='/console/s/{}/book/parking']", world.temple)).await;
    browser.click(&format!("#site option[value='{}']", world.place.site)).await;
    browser.wait_text(".found", |text| text.starts_with(|letter: char| letter.is_ascii_digit()) && !text.starts_with("0")).await;
    choose(&browser, "#reserve-from", &format!("{date}T10:00")).await;
    choose(&browser, "#reserve-to", &format!("{date}T12:00")).await;
    browser.click(".period-form button").await;
    browser.wait_text(".found", |text| text.contains("free then")).await;
    let spot = &world.place.spots[8];
    browser.click(&format!(".reserve [data-spot='{spot}']")).await;
    browser.fill("#reserve-plate", "GJ05XY0001").await;
    browser.click(".chosen .button-main").await;
    browser.sign_in(&world.visitor.0, &world.visitor.1).await;
    browser.wait_text(".chosen strong", |text| text.starts_with(spot.as_str())).await;
    let shown = [value(&browser, "#reserve-from").await, value(&browser, "#reserve-to").await, value(&browser, "#reserve-plate").await];
    assert_eq!(shown, [format!("{date}T10:00"), format!("{date}T12:00"), "GJ05XY0001".to_owned()]);
    browser.assert_no_console_errors().await;
    browser.close().await;
}

/// Chooses places in a slot on this date, and names who comes.
async fn choose_places(browser: &Browser, date: &str, visitors: &str) {
    choose(browser, "#darshan-date", date).await;
    browser.click("[data-slot='06:00-07:00']").await;
    browser.fill("#visitors", visitors).await;
}

async fn sign_out(browser: &Browser) {
    browser.click("#sign-out").await;
    browser.wait_hidden("#sign-out").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_chose_who_went_away_is_not_there_for_the_next() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), None, DESK).await;
    open(&world, &browser, &world.temple, "book/darshan").await;
    let date = tomorrow(&world);
    choose_places(&browser, &date, "Asha").await;
    // On the way to sign in it stays, also for who comes back without.
    browser.click(".booking-form .button-main").await;
    browser.wait_visible("#email").await;
    browser.execute("history.back()").await;
    browser.wait_visible("#visitors").await;
    assert_eq!(value(&browser, "#visitors").await, "Asha");
    // Over any other page it does not.
    let go = async |page: &str| browser.click(&format!("nav.pages a[href$='/{page}']")).await;
    go("home").await;
    browser.wait_visible(".home").await;
    go("book").await;
    browser.wait_visible("#darshan-date").await;
    assert_ne!(value(&browser, "#darshan-date").await, date);
    choose(&browser, "#darshan-date", &date).await;
    browser.click("[data-slot='06:00-07:00']").await;
    browser.wait_visible("#visitors").await;
    assert_eq!(value(&browser, "#visitors").await, "");

    let (site, spot) = (&world.place.site, &world.place.spots[8]);
    open(&world, &browser, site, "book/parking").await;
    browser.wait_text(".found", |text| text.contains("free then")).await;
    browser.click(&format!(".reserve [data-spot='{spot}']")).await;
    browser.fill("#reserve-plate", "GJ05XY0001").await;
    go("home").await;
    browser.wait_visible(".home").await;
    go("book").await;
    browser.click(&format!("main a[href='/console/s/{site}/book/parking']")).await;
    browser.wait_text(".found", |text| text.contains("free then")).await;
    browser.wait_hidden(".chosen").await;
    browser.click(&format!(".reserve [data-spot='{spot}']")).await;
    browser.wait_visible("#reserve-plate").await;
    assert_eq!(value(&browser, "#reserve-plate").await, "");
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_was_is_not_where_the_next_is_sent() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), DESK).await;
    open(&world, &browser, &world.temple, "book/darshan").await;
    browser.wait_visible("#darshan-date").await;
    sign_out(&browser).await;
    browser.click(".who a[href='/console/account/sign-in']").await;
    let next = world.app.new_user("visitor", json!({})).await;
    browser.sign_in(&next.0, &next.1).await;
    browser.wait_visible(".home").await;
    browser.wait_visible("#sign-out").await;

    // Who chooses something there comes back to it.
    open(&world, &browser, &world.temple, "book/darshan").await;
    browser.wait_visible("#darshan-date").await;
    sign_out(&browser).await;
    let date = tomorrow(&world);
    choose_places(&browser, &date, "Ravi").await;
    browser.click(".booking-form .button-main").await;
    browser.sign_in(&world.visitor.0, &world.visitor.1).await;
    browser.wait_text("#book", |text| text == "Book").await;
    assert_eq!([value(&browser, "#darshan-date").await, value(&browser, "#visitors").await], [date.as_str(), "Ravi"]);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_another_day_or_temple_is_shown_not_even_for_a_moment() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), None, DESK).await;
    // Without a site the page is about the first temple.
    open(&world, &browser, "all", "book/darshan").await;
    browser.wait_visible("#darshan-date").await;
    browser.click("nav.pages a[href$='/home']").await;
    browser.wait_visible(".home").await;
    let script = "window.seen = [];
        const look = () => { const title = document.querySelector('#slots h2')?.textContent; if (title && seen.at(-1) !== title) seen.push(title); };
        new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
        const link = document.body.appendChild(document.createElement('a'));
        link.href = ADDRESS;
        link.click();";
    let address = json!(format!("/console/s/{}/book/darshan", world.temple)).to_string();
    browser.execute(&script.replace("ADDRESS", &address)).await;
    browser.wait_visible("[data-slot='06:00-07:00']").await;
    assert_eq!(browser.execute("return seen").await, json!(["Darshan at Hill temple"]));

    // The slots of the day before could be pressed, and would be taken for this day's.
    lose(&browser, "GET", "/slots", "hangs").await;
    let script = "const field = document.querySelector('#darshan-date'); field.value = DATE; field.dispatchEvent(new Event('change', { bubbles: true }));
        return Promise.resolve().then(() => {}).then(() => document.querySelectorAll('[data-slot]').length)";
    assert_eq!(browser.execute(&script.replace("DATE", &json!(tomorrow(&world)).to_string())).await, json!(0));
    lose_nothing(&browser).await;
    browser.wait_visible("[data-slot='06:00-07:00']").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_ticket_is_shown_without_an_answer_and_on_the_clock_of_its_temple() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), PHONE).await;
    // In New York it is still the day before.
    browser.devtools("Emulation.setTimezoneOverride", json!({ "timezoneId": "America/New_York" })).await;
    let ticket = format!(".ticket[data-booking='{}']", world.booking);
    let (place, when) = (format!("{ticket} .ticket-place"), format!("{ticket} .ticket-when"));
    open(&world, &browser, "all", "tickets").await;
    browser.wait_text(&place, |text| text == "Hill temple").await;
    let online = browser.wait_text(&when, |text| text.contains("IST") || text.contains("GMT+5:30")).await;
    for how in ["away", "hangs"] {
        lose(&browser, "*", "/api", how).await;
        open(&world, &browser, "all", "tickets").await;
        browser.wait_text(&place, |text| text == "Hill temple").await;
        browser.wait_text(&when, |text| text == online).await;
        browser.wait_visible("#mine .stale-note").await;
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_feed_keeps_up_to_date_is_old_without_it() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), DESK).await;
    open(&world, &browser, &world.temple, "crowd").await;
    browser.wait_visible(".crowd-zone").await;
    browser.wait_visible(".connection[data-state='live']").await;
    lose(&browser, "*", "/api/", "away").await;
    browser.execute("window.dropFeed()").await;
    browser.wait_text(".stale-note", |text| text.starts_with("As of ")).await;
    browser.wait_visible(".fresh[data-stale='true'] .crowd-zone").await;
    browser.wait_visible(".crowd-now[data-stale='true']").await;
    lose_nothing(&browser).await;
    browser.wait_visible(".connection[data-state='live']").await;
    browser.wait_hidden(".stale-note").await;
    browser.close().await;
}

/// Letters of English in what is shown, beside names and what is measured.
fn english(text: &str) -> Vec<&str> {
    text.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| word.len() > 1 && *word != "SOS").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_fragments_of_english_stand_in_other_languages() {
    let world = World::create().await;
    let admin = world.app.admin().await;
    let visitor = world.app.login(&world.visitor.0, &world.visitor.1).await;
    let alert = json!({ "alert_type": "broadcast", "severity": "info", "message": "…", "is_public": true, "expires_at": world.app.time(11 * 3600 + 3120) });
    admin.post("/api/alerts/", alert).await.expect(201);
    let report = visitor.post("/api/emergency/", json!({ "type": "medical", "temple_id": world.temple })).await.expect(201);
    let crews = admin.get(&format!("/api/resources/?temple_id={}", world.temple)).await.expect(200);
    let path = format!("/api/emergency/{}/assign", report["id"].as_str().unwrap());
    admin.post(&path, json!({ "resource_id": crews["items"][0]["id"] })).await.expect(200);
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), DESK).await;
    for language in ["hi", "gu"] {
        browser.execute(&format!("localStorage.setItem('gatehouse.language', '{language}')")).await;
        for (page, selector) in
            [("crowd", ".crowd-trend"), ("broadcasts", ".cast-ends"), ("sos", ".report .report-help"), ("me", "#profile .hint")]
        {
            open(&world, &browser, &world.temple, page).await;
            let text = browser.wait_text(selector, |text| !text.is_empty()).await;
            let said = text.replace(&world.visitor.0, "");
            assert!(english(&said).is_empty(), "{language}: {page}: {text}");
        }
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_in_plain_words() {
    let world = World::create().await;
    let browser = losing::start(world.app.base_url(), Some(&world.visitor), PHONE).await;
    open(&world, &browser, &world.place.site, "book/parking").await;
    let spot = &world.place.spots[7];
    browser.wait_text(".found", |text| text.contains("free then")).await;
    browser.click(&format!(".reserve [data-spot='{spot}']")).await;
    browser.wait_text(".chosen strong", |text| text.starts_with(spot)).await;
    browser.fill("#reserve-plate", "GJ01AB1234").await;
    let stay = json!({ "spot_id": spot, "start": world.app.time(60), "end": world.app.time(36_000), "vehicle_plate": "GJ01AB9999" });
    world.app.visitor().await.post("/api/reservations", stay).await.expect(201);
    browser.execute("scrollTo(0, document.body.scrollHeight); document.querySelector('.chosen .button-main').click()").await;
    let said = browser.wait_text(".chosen .form-error[role='alert']", |text| text.contains("can begin at")).await;
    assert!(said.starts_with("The spot is taken at that time.") && !said.contains('Z'), "{said}");
    browser.wait_visible(&format!(".reserve [data-spot='{spot}'][aria-disabled]")).await;
    assert!(losing::is_in_reach(&browser, ".chosen .form-error").await, "{said}");

    // Also where the server's sentence is all there is.
    let script = "return Promise.all([import('/console/parts/form.js'), import('/console/lib/request.js')]).then(([{ reasons }, { ApiError }]) => \
        reasons(new ApiError(409, { detail: 'it is free from 2026-11-27T15:15:00Z, or on 2026-11-29' })))";
    let said = browser.execute(script).await;
    let said = said.as_str().expect("words");
    assert!(said.contains("27 Nov") && said.contains("29 November") && !said.contains("2026-"), "{said}");

    // A date and a time are never clipped.
    for width in [390, 820, 1280, 1440] {
        browser.resize(width, 900).await;
        let clipped = browser
            .execute(
                "return [...document.querySelectorAll('.period-form input')].map((one) => {
                    const whole = one.cloneNode();
                    whole.style.cssText = 'position: absolute; inline-size: max-content; flex: none';
                    one.parentNode.append(whole);
                    const wanted = whole.offsetWidth;
                    whole.remove();
                    return one.offsetWidth < wanted ? [one.offsetWidth, wanted] : null;
                }).filter(Boolean)",
            )
            .await;
        assert_eq!(clipped, json!([]), "{width}");
    }
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_address_that_is_not_confirmed_is_led_to_where_it_can_be() {
    let Some(app) = App::embedded(&[("confirm_email", "true")]).await else { return };
    let world = World::of(app).await;
    let who = (format!("{}@example.org", unique("asha")), "a quiet gate at dawn 7".to_owned());
    let account = json!({ "name": "Asha Mehta", "email": who.0, "password": who.1 });
    world.app.anonymous().post("/api/auth/register", account).await.expect(201);
    let browser = losing::start(world.app.base_url(), Some(&who), DESK).await;
    open(&world, &browser, &world.temple, "book/darshan").await;
    choose(&browser, "#darshan-date", &tomorrow(&world)).await;
    browser.click("[data-slot='06:00-07:00']").await;
    browser.click("#book").await;
    browser
        .wait_text(".booking-form .form-error", |text| text.starts_with("Confirm your e-mail address first.") && !text.contains("/api"))
        .await;
    browser.click(".booking-form .form-error a").await;
    browser.wait_text("#profile .tag", |text| text == format!("{} is not confirmed", who.0)).await;
    // A new address that waits for its code is said by its name, too.
    let next = format!("{}@example.org", unique("new"));
    let caller = world.app.login(&who.0, &who.1).await;
    caller.patch("/api/users/me", json!({ "email": next, "current_password": who.1 })).await.expect(200);
    open(&world, &browser, &world.temple, "me").await;
    browser.wait_text("#profile .tag", |text| text == format!("{next} is not confirmed")).await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}
