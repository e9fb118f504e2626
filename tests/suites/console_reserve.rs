//! The console's pages for drivers and for the staff of a car park: pick a spot for a period, reserve, pay, arrive, leave.

#[path = "reservations/support.rs"]
mod support;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::stripe::{Stripe, WEBHOOK_SECRET, event, sign};
use gatehouse_tests::{App, Place, unique};
use reqwest::Method;
use serde_json::{Value, json};
use support::{car_park, id, path, reservation_body, reserve, reserve_and_pay};

/// Where people reach the application: Stripe sends nobody to plain HTTP.
const ORIGIN: &str = "https://gate.example";

struct Fixture {
    app: App,
    place: Place,
    driver: (String, String),
    operator: (String, String),
}

impl Fixture {
    async fn create(stripe: &Stripe) -> Option<Self> {
        Self::of(App::embedded(&stripe.variables()).await?).await
    }

    /// One where people pay on Stripe's own page.
    async fn with_checkout(stripe: &Stripe) -> Option<Self> {
        let [base, key, secret] = stripe.variables();
        Self::of(App::embedded(&[base, key, secret, ("public_origin", ORIGIN)]).await?).await
    }

    async fn of(app: App) -> Option<Self> {
        let place = car_park(&app, 6).await;
        let driver = app.new_user("visitor", json!({})).await;
        let operator = app.new_user("operator", json!({})).await;
        Some(Self { app, place, driver, operator })
    }

    /// Signs in at the console and opens a page about the car park.
    async fn open(&self, browser: &Browser, page: &str, user: &(String, String)) {
        browser.open(&format!("{}/console/", self.app.base_url())).await;
        browser.sign_in(&user.0, &user.1).await;
        browser.wait_visible("#sign-out").await;
        browser.open(&format!("{}/console/s/{}/{page}", self.app.base_url(), self.place.site)).await;
    }

    fn bay(&self, spot: usize) -> String {
        format!(".reserve [data-spot='{}']", self.place.spots[spot])
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_driver_picks_a_spot_pays_and_gives_it_back() {
    let stripe = Stripe::start().await;
    let Some(fixture) = Fixture::create(&stripe).await else { return };
    // Somebody else has the first spot all day.
    let other = fixture.app.visitor().await;
    reserve(&other, reservation_body(&fixture.app, &fixture.place.spots[0], 1, 600)).await;

    let browser = Browser::start(1280, 900).await;
    fixture.open(&browser, "book/parking", &fixture.driver).await;
    browser.wait_visible(&format!("{}[aria-disabled]", fixture.bay(0))).await;
    browser.wait_text(".found", |text| text == "5 spots are free then.").await;
    browser.wait_text(".mine .empty", |text| text == "You have no reservations.").await;
    browser.assert_layout("reserve").await;
    // What is taken cannot be picked.
    browser.click(&fixture.bay(0)).await;
    browser.wait_hidden(".chosen").await;
    browser.click(&fixture.bay(2)).await;
    browser.wait_text(".chosen .price", |text| text.contains("80.00")).await;
    browser.fill("#reserve-plate", "gj 01 ab 1234").await;
    // What a refund would be is said before.
    browser.wait_text(".chosen .hint", |text| text.contains("comes back")).await;
    browser.click(".chosen button").await;

    // The hold is there at once. No card and no secret is ever on this page: it is paid on Stripe's, or at the car park.
    browser.wait_text(".reservation .hold-left", |text| text.starts_with("held for 14:") || text.ends_with("15:00")).await;
    browser.wait_text(".reservation-facts", |text| text.starts_with("GJ01AB1234")).await;
    browser.assert_layout("held").await;
    let driver = fixture.app.login(&fixture.driver.0, &fixture.driver.1).await;
    let held = driver.get("/api/reservations").await.expect(200)["items"][0].clone();
    let intent = driver.post("/api/payments/create-intent", json!({ "reservation_id": id(&held) })).await.expect(201);
    let confirmation = json!({ "payment_intent_id": intent["payment_intent_id"], "payment_method": "pm_card_visa" });
    driver.post("/api/payments/confirm", confirmation).await.expect(200);
    browser.wait_text(".reservation .tag", |text| text == "Confirmed").await;
    // Where Stripe's page leads back to says how it stands, whatever its address says.
    browser.open(&format!("{}/console/reservations/{}?payment=success", fixture.app.base_url(), id(&held))).await;
    browser.wait_text("#paid .big", |text| text.contains("Paid")).await;
    browser.wait_text("#paid .plate", |text| text == "GJ01AB1234").await;
    browser.assert_layout("paid").await;
    browser.open(&format!("{}/console/s/{}/book/parking", fixture.app.base_url(), fixture.place.site)).await;
    let mine = driver.get("/api/reservations").await.expect(200)["items"].clone();
    assert_eq!(mine.as_array().unwrap().len(), 1, "{mine}");
    assert_eq!(
        (&mine[0]["spot_id"], &mine[0]["status"], &mine[0]["paid"]),
        (&json!(fixture.place.spots[2]), &json!("confirmed"), &json!(8000))
    );
    browser.wait_visible(&format!("{}[aria-disabled]", fixture.bay(2))).await;
    browser.assert_layout("reserved").await;

    browser.click(".reservation-cancel").await;
    browser.wait_text("dialog[open] p", |text| text.contains("comes back")).await;
    browser.click("dialog[open] .button-danger").await;
    browser.wait_text(".reservation .tag", |text| text == "Cancelled").await;
    assert_eq!(driver.get(&path(&mine[0])).await.expect(200)["status"], "cancelled");
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn who_comes_too_late_for_a_spot_is_told_when_it_is_free() {
    let stripe = Stripe::start().await;
    let Some(fixture) = Fixture::create(&stripe).await else { return };
    let browser = Browser::start(1280, 900).await;
    fixture.open(&browser, "book/parking", &fixture.driver).await;
    browser.wait_text(".found", |text| text == "6 spots are free then.").await;
    browser.click(&fixture.bay(1)).await;
    browser.fill("#reserve-plate", "GJ01AB1234").await;
    // Between the look and the click another takes it.
    reserve(&fixture.app.visitor().await, reservation_body(&fixture.app, &fixture.place.spots[1], 1, 600)).await;
    browser.click(".chosen button").await;
    browser.wait_text(".form-error", |text| text.contains("taken at that time") && text.contains("can begin at")).await;
    browser.wait_visible(&format!("{}[aria-disabled]", fixture.bay(1))).await;
    let same = "const f = document.querySelector('#reserve-to'); f.value = document.querySelector('#reserve-from').value; \
        f.dispatchEvent(new Event('input', { bubbles: true }))";
    browser.execute(same).await;
    browser.click(".period-form button").await;
    browser.wait_text(".form-error", |text| text == "The end must come after the start.").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_operator_sees_who_comes_today_and_lets_them_in_and_out() {
    let stripe = Stripe::start().await;
    let Some(fixture) = Fixture::create(&stripe).await else { return };
    let driver = fixture.app.visitor().await;
    let coming = reserve_and_pay(&fixture.app, &driver, reservation_body(&fixture.app, &fixture.place.spots[3], 1, 60)).await;
    let browser = Browser::start(1280, 900).await;
    fixture.open(&browser, "arrivals", &fixture.operator).await;
    let row = format!("tr[data-id='{}']", id(&coming));
    browser.wait_text(&format!("{row} .plate"), |text| text == "GJ01AB1234").await;
    browser.assert_layout("arrivals").await;
    browser.resize(1280, 900).await;
    browser.fill("#arrivals-search", "zz").await;
    browser.wait_hidden(&row).await;
    browser.fill("#arrivals-search", "ab12").await;
    let status = async |wanted: &str| {
        browser.wait_visible(&format!("{row}[data-status='{wanted}']")).await;
        let shown: Value = driver.get(&path(&coming)).await.expect(200);
        assert_eq!(shown["status"], wanted);
    };
    status("confirmed").await;
    browser.click(&format!("{row} button[aria-label^='Arrived']")).await;
    status("arrived").await;
    browser.click(&format!("{row} button[aria-label^='Left']")).await;
    browser.wait_hidden(&row).await;
    browser.click("#arrivals-past").await;
    status("completed").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

/// Stripe's webhook of a session.
async fn tell(app: &App, kind: &str, session: &Value) {
    let event = event(&unique("evt").replace('-', "_"), kind, session).to_string();
    let signature = sign(event.as_bytes(), app.now_ms() / 1000, &[WEBHOOK_SECRET]);
    let caller = app.anonymous().header("stripe-signature", &signature);
    caller.send_bytes(Method::POST, "/api/webhooks/stripe", "application/json; charset=utf-8", event).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_driver_is_sent_to_stripes_page_and_comes_back() {
    let stripe = Stripe::start().await;
    let Some(fixture) = Fixture::with_checkout(&stripe).await else { return };
    let browser = Browser::start(1280, 900).await;
    fixture.open(&browser, "book/parking", &fixture.driver).await;
    browser.wait_text(".found", |text| text == "6 spots are free then.").await;
    browser.click(&fixture.bay(2)).await;
    browser.fill("#reserve-plate", "gj 01 ab 1234").await;
    browser.click(".chosen button").await;

    // Reserved, and sent there at once: where, what for and how much.
    browser.wait_text("#item", |text| text.contains(&fixture.place.spots[2])).await;
    browser.wait_text("#amount", |text| text == "8000 inr").await;
    let sessions = stripe.sessions();
    let (session, document) = sessions.iter().next().expect("a session");
    let address = |name: &str| document[name].as_str().and_then(|url| url.strip_prefix(ORIGIN)).expect("an address of ours").to_owned();
    let open = async |path: &str| browser.open(&format!("{}{path}", fixture.app.base_url())).await;

    // Who changes their mind comes back to a spot that is still held, and can go on.
    open(&address("cancel_url")).await;
    browser.wait_text("#paid .big", |text| text.contains("You did not pay")).await;
    browser.assert_layout("not-paid").await;
    browser.open(&format!("{}/console/s/{}/tickets", fixture.app.base_url(), fixture.place.site)).await;
    browser.wait_text(".reservation .hold-left", |text| text.starts_with("held for")).await;
    browser.click(".reservation .button-main").await;
    browser.wait_text("#amount", |text| text == "8000 inr").await;
    assert_eq!(stripe.sessions().len(), 1, "it is the same page");

    // The page that leads back believes the server alone, who has it from Stripe.
    stripe.pay_on_page(session, "processing");
    open(&address("success_url")).await;
    browser.wait_text("#paid .big", |text| text.contains("being confirmed")).await;
    let intent = stripe.session(session)["payment_intent"].as_str().expect("an intent").to_owned();
    stripe.pay_by_bank(&intent);
    tell(&fixture.app, "checkout.session.async_payment_succeeded", &stripe.session(session)).await;
    browser.wait_text("#paid .big", |text| text.contains("Your spot is yours")).await;
    browser.wait_text("#paid .plate", |text| text == "GJ01AB1234").await;
    let driver = fixture.app.login(&fixture.driver.0, &fixture.driver.1).await;
    let reservation = driver.get("/api/reservations").await.expect(200)["items"][0].clone();
    assert_eq!((&reservation["status"], &reservation["paid"]), (&json!("confirmed"), &json!(8000)));
    browser.click("#paid .button-main").await;
    browser.wait_text(".reservation .tag", |text| text == "Confirmed").await;
    browser.assert_no_console_errors().await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn where_payments_are_not_set_up_nobody_is_asked_to_pay_here() {
    let Some(app) = App::embedded(&[]).await else { return };
    let Some(fixture) = Fixture::of(app).await else { return };
    let driver = fixture.app.login(&fixture.driver.0, &fixture.driver.1).await;
    reserve(&driver, reservation_body(&fixture.app, &fixture.place.spots[1], 1, 60)).await;
    let browser = Browser::start(390, 844).await;
    fixture.open(&browser, "tickets", &fixture.driver).await;
    browser.wait_text(".reservation .hint", |text| text.contains("It cannot be paid here.")).await;
    assert_eq!(browser.execute("return document.querySelectorAll('.reservation .button-main').length").await, 0);
    browser.assert_no_console_errors().await;
    browser.close().await;
}
