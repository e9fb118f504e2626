//! Spots (docs/reference/spots.md): which are available for a period, at what price.

#[path = "reservations/support.rs"]
mod support;

use gatehouse_tests::{App, Place};
use serde_json::{Value, json};
use support::{car_park, reservation_body, reserve, reserve_and_pay, set_kind};

fn spots(page: &Value) -> Vec<&str> {
    page["items"].as_array().expect("a list").iter().map(|item| item["spot_id"].as_str().unwrap()).collect()
}

async fn available(app: &App, place: &Place, more: &str) -> Value {
    app.anonymous().get(&format!("/api/spots/available?site={}{more}", place.site)).await.expect(200)
}

fn period(app: &App, in_minutes: i64, minutes: i64) -> String {
    format!("&from={}&to={}", app.time(in_minutes * 60), app.time((in_minutes + minutes) * 60))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_free_for_a_period_is_offered_with_its_price() {
    let app = App::start().await;
    let place = car_park(&app, 4).await;
    set_kind(&app, &place.spots[3], "ev").await;
    let driver = app.visitor().await;
    let all = available(&app, &place, &period(&app, 60, 90)).await;
    assert_eq!(spots(&all), place.spots);
    assert_eq!((&all["items"][0]["price"], &all["items"][0]["currency"]), (&json!(6000), &json!("INR")));
    assert_eq!(all["items"][3]["price"], json!(7500));
    let ev = available(&app, &place, &format!("&kind=ev{}", period(&app, 60, 90))).await;
    assert_eq!(spots(&ev), [&place.spots[3]]);

    // Taken by a hold, by one that is paid; what only touches does not count.
    reserve(&driver, reservation_body(&app, &place.spots[0], 60, 60)).await;
    reserve_and_pay(&app, &driver, reservation_body(&app, &place.spots[1], 120, 60)).await;
    assert_eq!(spots(&available(&app, &place, &period(&app, 90, 60)).await), place.spots[2..]);
    let free = |in_minutes, minutes| {
        let (app, place) = (&app, &place);
        async move { spots(&available(app, place, &period(app, in_minutes, minutes)).await).len() }
    };
    assert_eq!(free(15, 44).await, 4);
    assert_eq!(free(181, 60).await, 4);
    assert_eq!(free(119, 62).await, 2);
    // Out of service, or kept by the site.
    let admin = app.admin().await;
    admin.patch(&format!("/api/spots/{}", place.spots[2]), json!({"status": "out_of_service"})).await.expect(200);
    admin.patch(&format!("/api/spots/{}", place.spots[3]), json!({"status": "reserved"})).await.expect(200);
    assert_eq!(spots(&available(&app, &place, &period(&app, 300, 60)).await), place.spots[..2]);
    // Pages.
    let period = period(&app, 300, 60);
    let first = available(&app, &place, &format!("&limit=1{period}")).await;
    assert_eq!(spots(&first), [&place.spots[0]]);
    let next = format!("&limit=1&cursor={}{period}", first["next_cursor"].as_str().unwrap());
    assert_eq!(spots(&available(&app, &place, &next).await), [&place.spots[1]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spot_on_which_somebody_stands_is_not_offered_for_now() {
    let app = App::start().await;
    let place = car_park(&app, 2).await;
    let device = app.new_device(&place, Some(0)).await;
    let mut reading = app.reading(&device, 0);
    reading["occupied"] = json!(true);
    app.operator().await.post("/api/telemetry/", reading).await.expect(201);
    assert_eq!(spots(&available(&app, &place, "").await), [&place.spots[1]]);
    assert_eq!(spots(&available(&app, &place, &period(&app, 10, 60)).await), [&place.spots[1]]);
    assert_eq!(spots(&available(&app, &place, &period(&app, 16, 60)).await), place.spots);
    let driver = app.visitor().await;
    let refused = support::expect_conflict(&driver.post("/api/reservations", reservation_body(&app, &place.spots[0], 0, 60)).await);
    assert!(refused["next_free_at"].is_string());
    reserve(&driver, reservation_body(&app, &place.spots[0], 20, 60)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_unpaid_hold_is_ignored_from_the_second_it_ends() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = car_park(&app, 1).await;
    let driver = app.visitor().await;
    let body = reservation_body(&app, &place.spots[0], 60, 60);
    let held = reserve(&driver, body.clone()).await;
    assert_eq!(spots(&available(&app, &place, &period(&app, 60, 60)).await).len(), 0);
    app.advance(std::time::Duration::from_secs(15 * 60 - 5));
    let anonymous = app.anonymous();
    let path =
        format!("/api/spots/available?site={}&from={}&to={}", place.site, held["start"].as_str().unwrap(), held["end"].as_str().unwrap());
    assert_eq!(spots(&anonymous.get(&path).await.expect(200)).len(), 0);
    app.advance(std::time::Duration::from_secs(6));
    // No scheduled run has come by.
    assert_eq!(spots(&anonymous.get(&path).await.expect(200)).len(), 1);
    let driver = app.visitor().await;
    let taken = reserve(&driver, body).await;
    assert_eq!(taken["status"], "pending_payment");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_questions_are_refused() {
    let app = App::start().await;
    let anonymous = app.anonymous();
    anonymous.get("/api/spots/available?colour=red&limit=0").await.expect_invalid(&["colour", "limit"]);
    anonymous.get("/api/spots/available?kind=boat").await.expect_invalid(&["kind"]);
    anonymous.get("/api/spots/available?from=noon").await.expect_invalid(&["from"]);
    let period = |from: i64, to: i64| format!("/api/spots/available?from={}&to={}", app.time(from * 60), app.time(to * 60));
    anonymous.get(&period(60, 60)).await.expect_invalid(&["to"]);
    anonymous.get(&period(60, 31 * 24 * 60)).await.expect_invalid(&["to"]);
    assert_eq!(anonymous.get("/api/spots/available?site=no-such-site").await.expect(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_offered_only_when_it_can_be_reserved() {
    const HOUR: i64 = 60;
    const DAY: i64 = 24 * HOUR;
    let app = App::start().await;
    let place = car_park(&app, 1).await;
    let (anonymous, driver) = (app.anonymous(), app.visitor().await);
    // When it begins and how long it lasts, minutes, and which of its ends is refused, of both when both are bad.
    for (start, length, bad) in [
        (-6, 60, &["start"][..]),
        (-DAY, HOUR, &["start"]),
        (60, 5, &["end"]),
        (60, 14, &["end"]),
        (60, 30 * DAY + 1, &["end"]),
        (120 * DAY + 1, 60, &["start"]),
        (-10, 5, &["end", "start"]),
        (-4, 60, &[]),
        (60, 15, &[]),
        (119 * DAY, 30 * DAY, &[]),
    ] {
        let offered = anonymous.get(&format!("/api/spots/available?site={}{}", place.site, period(&app, start, length))).await;
        let reserved = driver.post("/api/reservations", reservation_body(&app, &place.spots[0], start, length)).await;
        if bad.is_empty() {
            assert_eq!(spots(&offered.expect(200)), place.spots, "from {start} for {length}");
            driver.delete(&support::path(&reserved.expect(201))).await.expect(200);
        } else {
            let refused = reserved.expect_invalid(bad);
            // In the order of their names: `from` and `to`, where a reservation has `end` and `start`.
            let names: Vec<_> =
                ["from", "to"].into_iter().filter(|name| bad.contains(if *name == "from" { &"start" } else { &"end" })).collect();
            let asked = offered.expect_invalid(&names);
            for name in bad {
                let other = if *name == "start" { "from" } else { "to" };
                assert_eq!(refused["errors"][*name], asked["errors"][other], "from {start} for {length}");
            }
        }
    }
    // What costs more than can be charged at once is neither offered nor reserved.
    let dear = json!({"currency": "INR", "per_hour": 50_000_000});
    app.admin().await.patch(&format!("/api/sites/{}", place.site), json!({"tariff": dear})).await.expect(200);
    assert_eq!(spots(&available(&app, &place, &period(&app, 60, 60)).await), place.spots);
    assert_eq!(spots(&available(&app, &place, &period(&app, 60, 3 * HOUR)).await).len(), 0);
    driver.post("/api/reservations", reservation_body(&app, &place.spots[0], 60, 3 * HOUR)).await.expect_invalid(&["end"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_can_never_be_charged_is_refused_when_it_is_set() {
    let app = App::start().await;
    let place = app.place(1).await;
    let admin = app.admin().await;
    let path = format!("/api/sites/{}", place.site);
    for bad in [
        json!({"currency": "XXQ", "per_hour": 100}),
        json!({"currency": "XXX"}),
        json!({"currency": "KWD", "per_hour": 333}),
        json!({"currency": "ISK", "per_hour": 150}),
        json!({"currency": "UGX", "per_hour": 10_000, "kinds": {"ev": {"per_hour": 10_050}}}),
        json!({"currency": "KWD", "per_hour": 330, "daily_cap": 3_333}),
        json!({"currency": "HUF", "per_hour": 50_000, "minimum": 17_000}),
        json!({"currency": "EUR", "per_hour": 100_000_000}),
        json!({"kinds": {"ev": {"per_hour": 100}}}),
    ] {
        let problem = admin.patch(&path, json!({"tariff": bad})).await.expect_invalid(&["tariff"]);
        assert_eq!(problem["errors"]["tariff"].as_array().unwrap().len(), 1, "{problem}");
    }
    assert_eq!(admin.get(&path).await.expect(200)["tariff"], json!({}));
    // Twenty minutes in each: rounded to an amount that the currency has, and no less than may be charged. At noon in India, since a stay
    // past midnight is rounded twice.
    let day = &app.time(86_400)[..10];
    let noon = format!("&from={day}T06:30:00Z&to={day}T06:50:00Z");
    for (tariff, price) in [
        (json!({"currency": "KWD", "per_hour": 1_000}), 330),
        (json!({"currency": "ISK", "per_hour": 50_000}), 16_700),
        (json!({"currency": "UGX", "per_hour": 200}), 100),
        (json!({"currency": "JPY", "per_hour": 200}), 67),
        (json!({"currency": "INR", "per_hour": 60}), 50),
    ] {
        admin.patch(&path, json!({"tariff": tariff})).await.expect(200);
        let offers = available(&app, &place, &noon).await;
        assert_eq!(offers["items"][0]["price"], json!(price), "{tariff}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tariff_is_checked_when_it_is_set() {
    let app = App::start().await;
    let place = app.place(1).await;
    let admin = app.admin().await;
    let path = format!("/api/sites/{}", place.site);
    let bad = json!({"currency": "rupees", "per_hour": -1, "kinds": {"boat": {"per_hour": 1}}, "refund": {"late_percent": 101}});
    let problem = admin.patch(&path, json!({"tariff": bad})).await.expect_invalid(&["tariff"]);
    assert_eq!(problem["errors"]["tariff"].as_array().unwrap().len(), 4, "{problem}");
    app.operator().await.patch(&path, json!({"tariff": support::tariff()})).await.expect_problem(403);
    // Without a tariff it is free of charge.
    let offers = available(&app, &place, &period(&app, 60, 60)).await;
    assert_eq!((&offers["items"][0]["price"], &offers["items"][0]["currency"]), (&json!(0), &Value::Null));
    let free = reserve(&app.visitor().await, reservation_body(&app, &place.spots[0], 60, 60)).await;
    assert_eq!((&free["status"], &free["price"], &free["currency"]), (&json!("confirmed"), &json!(0), &Value::Null));
    let other = json!({"currency": "INR", "per_hour": 4000, "daily_cap": 6000, "by_kind": {"standard": {"per_hour": 5000}}});
    admin.patch(&path, json!({"tariff": other})).await.expect(200);
    let offers = available(&app, &place, &period(&app, 180, 60)).await;
    assert_eq!((&offers["items"][0]["price"], &offers["items"][0]["currency"]), (&json!(5000), &json!("INR")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spot_that_is_reserved_is_closed_only_by_force() {
    let app = App::start().await;
    let place = car_park(&app, 1).await;
    let driver = app.visitor().await;
    let reservation = reserve_and_pay(&app, &driver, reservation_body(&app, &place.spots[0], 60, 60)).await;
    let admin = app.admin().await;
    let path = format!("/api/spots/{}", place.spots[0]);
    let refused = admin.patch(&path, json!({"status": "out_of_service"})).await.expect_problem(409);
    assert_eq!((&refused["reason"], &refused["reservations"]), (&json!("reserved"), &json!(1)));
    assert_eq!(admin.get(&path).await.expect(200)["status"], "free");
    admin.patch(&path, json!({"status": "out_of_service", "force": true})).await.expect(200);
    // Staff cancels what it cannot keep, and gives everything back.
    let cancelled = app.operator().await.delete(&support::path(&reservation)).await.expect(200);
    assert_eq!((&cancelled["status"], &cancelled["refund"]), (&json!("cancelled"), &json!(4000)));
    let refused = driver.post("/api/reservations", reservation_body(&app, &place.spots[0], 60, 60)).await.expect_problem(409);
    assert_eq!(refused["reason"], "out_of_service");
}
