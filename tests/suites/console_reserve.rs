//! The console's pages for drivers and for the staff of a car park: pick a spot for a period, reserve, pay, arrive, leave.

#[path = "reservations/support.rs"]
mod support;

use gatehouse_tests::browser::Browser;
use gatehouse_tests::stripe::Stripe;
use gatehouse_tests::{App, Place};
use serde_json::{Value, json};
use support::{car_park, id, paid, path, reserve, wish};

struct Stage {
    app: App,
    place: Place,
    driver: (String, String),
    operator: (String, String),
}

impl Stage {
    async fn set(stripe: &Stripe) -> Option<Self> {
        let app = App::embedded(&stripe.variables()).await?;
        let place = car_park(&app, 6).await;
        let driver = app.new_user("visitor", json!({})).await;
        let operator = app.new_user("operator", json!({})).await;
        Some(Self { app, place, driver, operator })
    }

    /// Opens a page of the console, signs in and chooses the car park.
    async fn open(&self, browser: &Browser, page: &str, user: &(String, String)) {
        browser.open(&format!("{}/console/#/{page}", self.app.base_url())).await;
        browser.fill("#email", &user.0).await;
        browser.fill("#password", &user.1).await;
        browser.click("form button[type='submit']").await;
        browser.see(&format!("#site option[value='{}']", self.place.site)).await;
        browser.click(&format!("#site option[value='{}']", self.place.site)).await;
    }

    fn bay(&self, spot: usize) -> String {
        format!(".reserve [data-spot='{}']", self.place.spots[spot])
    }
}

async fn quiet(browser: &Browser) {
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Nothing is wider than the screen and all text can be read, at each width, in the light and in the dark; pictures when they are asked
/// for.
async fn looks_right(browser: &Browser, name: &str) {
    for (width, height) in [(390, 844), (1280, 900)] {
        browser.resize(width, height).await;
        for dark in [false, true] {
            browser.prefer_dark(dark).await;
            tokio::time::sleep(std::time::Duration::from_millis(400)).await;
            let widths = browser.run("return [document.documentElement.scrollWidth, window.innerWidth]").await;
            assert_eq!(widths[0], widths[1], "{name} scrolls sideways at {width}");
            assert_eq!(browser.run(include_str!("console/contrast.js")).await, json!([]), "{name}, {width}, dark: {dark}");
            if let Some(directory) = std::env::var_os("GATEHOUSE_PICTURES") {
                let file = format!("{name}-{width}-{}.png", if dark { "dark" } else { "light" });
                std::fs::write(std::path::Path::new(&directory).join(file), browser.screenshot().await).unwrap();
            }
        }
    }
    let nameless = "return [...document.querySelectorAll('.page :is(button, input, select, textarea, a)')].filter((element) => \
        !element.hidden && !element.innerText?.trim() && !element.getAttribute('aria-label') && !element.labels?.length).length";
    assert_eq!(browser.run(nameless).await, 0, "every control has a name");
    browser.prefer_dark(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_picks_a_spot_pays_and_gives_it_back() {
    let stripe = Stripe::start().await;
    let Some(stage) = Stage::set(&stripe).await else { return };
    // Somebody else has the first spot all day.
    let other = stage.app.visitor().await;
    reserve(&other, wish(&stage.app, &stage.place.spots[0], 1, 600)).await;

    let browser = Browser::start(1280, 900).await;
    stage.open(&browser, "reserve", &stage.driver).await;
    browser.see(&format!("{}[aria-disabled]", stage.bay(0))).await;
    browser.read(".found", |text| text == "5 spots are free then.").await;
    browser.read(".mine .empty", |text| text == "You have no reservations.").await;
    looks_right(&browser, "reserve").await;
    // What is taken cannot be picked.
    browser.click(&stage.bay(0)).await;
    browser.miss(".chosen").await;
    browser.click(&stage.bay(2)).await;
    browser.read(".chosen .price", |text| text.contains("80.00")).await;
    browser.fill("#reserve-plate", "gj 01 ab 1234").await;
    browser.click(".chosen button").await;

    // A card that is declined, then one that is not.
    browser.read(".pay-amount", |text| text.contains("80.00")).await;
    browser.read(".pay-left", |text| text.starts_with("Held for you for 14:") || text.contains("15:00")).await;
    looks_right(&browser, "pay").await;
    browser.click("#pay-method option[value='pm_card_visa_chargeDeclined']").await;
    browser.click(".pay-form button[type='submit']").await;
    browser.see(".pay-form .form-error").await;
    browser.click("#pay-method option[value='pm_card_visa']").await;
    browser.click(".pay-form button[type='submit']").await;
    browser.miss(".pay-form").await;
    browser.read(".reservation .chip", |text| text == "Confirmed").await;
    browser.read(".reservation-facts", |text| text.starts_with("GJ01AB1234")).await;
    let driver = stage.app.login(&stage.driver.0, &stage.driver.1).await;
    let mine = driver.get("/api/reservations").await.expect(200)["items"].clone();
    assert_eq!(mine.as_array().unwrap().len(), 1, "{mine}");
    assert_eq!(
        (&mine[0]["spot_id"], &mine[0]["status"], &mine[0]["paid"]),
        (&json!(stage.place.spots[2]), &json!("confirmed"), &json!(8000))
    );
    browser.see(&format!("{}[aria-disabled]", stage.bay(2))).await;
    looks_right(&browser, "reserved").await;

    browser.click(".reservation .form-buttons button:not(.button-main)").await;
    browser.read(".reservation .chip", |text| text == "Cancelled").await;
    assert_eq!(driver.get(&path(&mine[0])).await.expect(200)["status"], "cancelled");
    quiet(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_too_late_for_a_spot_is_told_when_it_is_free() {
    let stripe = Stripe::start().await;
    let Some(stage) = Stage::set(&stripe).await else { return };
    let browser = Browser::start(1280, 900).await;
    stage.open(&browser, "reserve", &stage.driver).await;
    browser.read(".found", |text| text == "6 spots are free then.").await;
    browser.click(&stage.bay(1)).await;
    browser.fill("#reserve-plate", "GJ01AB1234").await;
    // Between the look and the click another takes it.
    reserve(&stage.app.visitor().await, wish(&stage.app, &stage.place.spots[1], 1, 600)).await;
    browser.click(".chosen button").await;
    browser.read(".form-error", |text| text.contains("taken at that time") && text.contains("can begin at")).await;
    browser.see(&format!("{}[aria-disabled]", stage.bay(1))).await;
    browser.run("const f = document.querySelector('#reserve-to'); f.value = document.querySelector('#reserve-from').value").await;
    browser.click(".period-form button").await;
    browser.read(".form-error", |text| text == "The end must come after the start.").await;
    quiet(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_who_comes_today_and_lets_them_in_and_out() {
    let stripe = Stripe::start().await;
    let Some(stage) = Stage::set(&stripe).await else { return };
    let driver = stage.app.visitor().await;
    let coming = paid(&stage.app, &driver, wish(&stage.app, &stage.place.spots[3], 1, 60)).await;
    let browser = Browser::start(1280, 900).await;
    stage.open(&browser, "arrivals", &stage.operator).await;
    let row = format!("tr[data-id='{}']", id(&coming));
    browser.read(&format!("{row} .plate"), |text| text == "GJ01AB1234").await;
    looks_right(&browser, "arrivals").await;
    browser.resize(1280, 900).await;
    browser.fill("#arrivals-search", "zz").await;
    browser.miss(&row).await;
    browser.fill("#arrivals-search", "ab12").await;
    let status = async |wanted: &str| {
        browser.see(&format!("{row}[data-status='{wanted}']")).await;
        let shown: Value = driver.get(&path(&coming)).await.expect(200);
        assert_eq!(shown["status"], wanted);
    };
    status("confirmed").await;
    browser.click(&format!("{row} button[aria-label^='Arrived']")).await;
    status("arrived").await;
    browser.click(&format!("{row} button[aria-label^='Left']")).await;
    browser.miss(&row).await;
    browser.click("#arrivals-past").await;
    status("completed").await;
    quiet(&browser).await;
    browser.close().await;
}
