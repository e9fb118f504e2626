//! What staff ask for is refused, and no answer was lost: it is said to be refused, also where what is there looks the same.

use gatehouse_tests::browser::Browser;
use gatehouse_tests::unique;
use serde_json::json;

use super::world::World;
use super::{enter, lose, lose_nothing, open};

/// Sends the form of the sheet: it stays, with the refusal.
async fn is_refused(browser: &Browser) {
    browser.click("dialog button[type='submit']").await;
    browser.wait_visible("dialog .form-error[role='alert']").await;
}

/// Sets a field that has a picker.
async fn set(browser: &Browser, name: &str, value: &str) {
    let script = format!(
        "const one = document.querySelector(\"dialog [name='{name}']\"); one.value = '{value}'; one.dispatchEvent(new Event('input', {{ bubbles: true }}))"
    );
    browser.execute(&script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crew_of_a_name_that_is_taken_and_its_maintenance_twice() {
    let world = World::create().await;
    let (admin, name) = (world.app.admin().await, unique("Crew"));
    let crew = json!({ "temple_id": world.temple, "type": "security", "name": name });
    let made = admin.post("/api/resources/", crew).await.expect(201);
    let id = made["id"].as_str().expect("an id");
    let browser = enter(&world, &world.temple, "resources").await;
    browser.click("#resources .panel-actions button").await;
    browser.fill("dialog input[name='name']", &name).await;
    browser.fill("dialog input[name='type']", "security").await;
    is_refused(&browser).await;
    browser.click("dialog .form-buttons .button:not(.button-main)").await;
    browser.wait_hidden("dialog").await;

    // The form is on the clock of the temple.
    let window = json!({ "start": "2099-02-04T04:30:00Z", "end": "2099-02-04T10:30:00Z", "reason": "Tyres" });
    let path = format!("/api/resources/{id}/maintenance");
    admin.post(&path, window).await.expect(201);
    browser.click(&format!("#resources tr[data-resource='{id}'] .row-buttons button:nth-of-type(2)")).await;
    browser.wait_text("dialog tbody", |text| text.contains("Tyres")).await;
    set(&browser, "start", "2099-02-04T10:00").await;
    set(&browser, "end", "2099-02-04T16:00").await;
    browser.fill("dialog input[name='reason']", "Tyres").await;
    is_refused(&browser).await;
    let listed = admin.get(&path).await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_there_and_slots_that_are_there() {
    let world = World::create().await;
    let (admin, name) = (world.app.admin().await, unique("Meena"));
    let (email, password) = (format!("{}@example.org", name.to_lowercase()), "seven lanterns by the river");
    let person = json!({ "name": name, "email": email, "role": "operator", "password": password });
    admin.post("/v0/api/users/users/", person).await.expect(201);
    let browser = enter(&world, "all", "users").await;
    browser.click("#users .panel-actions button").await;
    for (field, value) in [("name", name.as_str()), ("email", email.as_str()), ("password", "another lantern by the sea")] {
        browser.fill(&format!("dialog input[name='{field}']"), value).await;
    }
    is_refused(&browser).await;
    world.app.login(&email, password).await;

    open(&world, &browser, &world.temple, "slots").await;
    browser.click("#weekly .panel-actions button").await;
    browser.fill("dialog input[name='slot']", "06:00-07:00").await;
    browser.fill("dialog input[name='capacity']", "50").await;
    is_refused(&browser).await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_with_another_password_than_the_one_that_was_lost() {
    let world = World::create().await;
    let browser = enter(&world, "all", "users").await;
    let (email, password) = (format!("{}@example.org", unique("asha")), "seven lanterns by the river");
    browser.click("#users .panel-actions button").await;
    for (field, value) in [("name", "Asha Mehta"), ("email", email.as_str()), ("password", password)] {
        browser.fill(&format!("dialog input[name='{field}']"), value).await;
    }
    lose(&browser, "*", "/users/users", "lost").await;
    is_refused(&browser).await;
    lose_nothing(&browser).await;
    browser.fill("dialog input[name='password']", "another lantern by the sea").await;
    browser.click("dialog button[type='submit']").await;
    browser.wait_text("dialog .form-error", |text| !text.contains("not known")).await;
    // As it was asked for first, it is there.
    world.app.login(&email, password).await;
    browser.close().await;
}
