//! Changing a reservation.

use gatehouse_tests::App;
use serde_json::{Value, json};

use super::support::{
    assert_no_overlap, car_park, expect_conflict, id, minutes, path, reservation_body, reservation_body_by_kind, reserve, reserve_and_pay,
    set_kind,
};

fn refunded(app: &App, reservation: &Value) -> i64 {
    let sql = "select coalesce(sum(f.amount), 0) from refunds f join payments p on p.id = f.payment where p.reservation = ?";
    app.db().query_row(sql, [id(reservation)], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpaid_one_is_priced_anew() {
    let app = App::start().await;
    let place = car_park(&app, 3).await;
    set_kind(&app, &place.spots[2], "ev").await;
    let driver = app.visitor().await;
    let made = reserve(&driver, reservation_body(&app, &place.spots[0], 60, 60)).await;
    let longer = driver.put(&path(&made), json!({"end": app.time(180 * 60)})).await.expect(200);
    assert_eq!((&longer["status"], &longer["hold_expires_at"]), (&json!("pending_payment"), &made["hold_expires_at"]));
    assert!((7900..=8100).contains(&longer["price"].as_i64().unwrap()), "{longer}");
    let moved = driver.put(&path(&made), json!({"spot_id": place.spots[2], "start": made["start"], "end": made["end"]})).await.expect(200);
    assert_eq!((&moved["kind"], &moved["price"]), (&json!("ev"), &json!(5000)));
    let plate = driver.patch(&path(&made), json!({"vehicle_plate": "mh 12 x 1"})).await.expect(200);
    assert_eq!((&plate["vehicle_plate"], &plate["price"]), (&json!("MH12X1"), &json!(5000)));
    // Its own kind again: it stays where it is if that will do.
    let kept = driver.put(&path(&made), reservation_body_by_kind(&app, &place, "ev", 60, 90)).await.expect(200);
    assert_eq!(kept["spot_id"], json!(place.spots[2]));
    let standard = driver.put(&path(&made), reservation_body_by_kind(&app, &place, "standard", 60, 60)).await.expect(200);
    assert_eq!(standard["spot_id"], json!(place.spots[0]));

    driver.put(&path(&made), json!({})).await.expect_invalid(&["body"]);
    driver.put(&path(&made), json!({"start": "soon", "vehicle_plate": "?"})).await.expect_invalid(&["start", "vehicle_plate"]);
    driver.put(&path(&made), json!({"start": app.time(-3600)})).await.expect_invalid(&["start"]);
    driver.put(&path(&made), json!({"end": app.time(-60)})).await.expect_invalid(&["end"]);
    driver.put(&path(&made), json!({"spot_id": "no-such-spot"})).await.expect_invalid(&["spot_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_neither_time_nor_spot_changes_no_price() {
    let app = App::start().await;
    let place = car_park(&app, 2).await;
    let driver = app.visitor().await;
    let paid = reserve_and_pay(&app, &driver, reservation_body(&app, &place.spots[0], 90, 60)).await;
    let held = reserve(&driver, reservation_body(&app, &place.spots[1], 90, 60)).await;
    // Dearer, and in another currency: what was agreed stays.
    let path_of_site = format!("/api/sites/{}", place.site);
    for tariff in [json!({"currency": "INR", "per_hour": 9_000}), json!({"currency": "EUR", "per_hour": 100})] {
        app.admin().await.patch(&path_of_site, json!({"tariff": tariff})).await.expect(200);
        for made in [&paid, &held] {
            let same = json!({"vehicle_plate": "MH 12 X 1", "spot_id": made["spot_id"], "start": made["start"], "end": made["end"]});
            let by_kind = json!({"vehicle_plate": "MH12X1", "site": place.site, "kind": "standard"});
            for body in [json!({"vehicle_plate": "MH12X1"}), same, by_kind] {
                let fixed = driver.put(&path(made), body).await.expect(200);
                assert_eq!(fixed["vehicle_plate"], "MH12X1");
                for field in ["spot_id", "start", "end", "price", "currency", "paid", "due", "status", "hold_expires_at"] {
                    assert_eq!(fixed[field], made[field], "{field}");
                }
            }
        }
    }
    assert_eq!(refunded(&app, &paid), 0);
    // Also while the rest for a longer stay is due.
    app.admin().await.patch(&path_of_site, json!({"tariff": super::support::tariff()})).await.expect(200);
    let longer = driver.put(&path(&paid), json!({"end": app.time(240 * 60)})).await.expect(200);
    let fixed = driver.put(&path(&paid), json!({"vehicle_plate": "MH12X2"})).await.expect(200);
    assert_eq!((&fixed["vehicle_plate"], &fixed["due"], &fixed["due_until"]), (&json!("MH12X2"), &longer["due"], &longer["due_until"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_never_takes_what_is_anothers() {
    let app = App::start().await;
    let place = car_park(&app, 2).await;
    let driver = app.visitor().await;
    let mine = reserve(&driver, reservation_body(&app, &place.spots[0], 60, 60)).await;
    let theirs = reserve(&app.visitor().await, reservation_body(&app, &place.spots[0], 180, 60)).await;
    let refused = expect_conflict(&driver.put(&path(&mine), json!({"end": app.time(200 * 60)})).await);
    assert_eq!(refused["next_free_at"], theirs["end"]);
    expect_conflict(&driver.put(&path(&mine), json!({"start": app.time(170 * 60), "end": app.time(190 * 60)})).await);
    assert_eq!(driver.get(&path(&mine)).await.expect(200), mine);
    // Up to it is fine, and its own time is never in its way.
    driver.put(&path(&mine), json!({"end": theirs["start"]})).await.expect(200);
    driver.put(&path(&mine), json!({"start": app.time(90 * 60)})).await.expect(200);
    assert_no_overlap(&app);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_one_that_costs_less_gives_the_rest_back() {
    let app = App::start().await;
    let place = car_park(&app, 2).await;
    let driver = app.visitor().await;
    let made = reserve_and_pay(&app, &driver, reservation_body(&app, &place.spots[0], 120, 120)).await;
    assert_eq!(made["paid"], 8000);
    let mut half = reservation_body(&app, &place.spots[0], 0, 0);
    half["start"] = made["start"].clone();
    half["end"] = json!(app.time(180 * 60));
    let shorter = driver.put(&path(&made), half).await.expect(200);
    let back = refunded(&app, &made);
    assert!((3900..=4100).contains(&back), "{back}");
    assert_eq!(shorter["paid"].as_i64().unwrap() + back, 8000);
    assert_eq!(shorter["paid"], shorter["price"]);
    assert_eq!(shorter["status"], "confirmed");
    // What costs more waits for the difference, and is what it is meanwhile.
    let dearer = driver.put(&path(&made), json!({"start": app.time(90 * 60)})).await.expect(200);
    assert_eq!((&dearer["start"], &dearer["price"]), (&shorter["start"], &shorter["price"]));
    assert_eq!(dearer["due"].as_i64().unwrap(), dearer["change"]["price"].as_i64().unwrap() - shorter["paid"].as_i64().unwrap());
    assert!(dearer["due"].as_i64().unwrap() > 0, "{dearer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_have_it_all_back_any_more_does_not_move_it() {
    let app = App::start().await;
    let place = car_park(&app, 1).await;
    let driver = app.visitor().await;
    let made = reserve_and_pay(&app, &driver, reservation_body(&app, &place.spots[0], 30, 60)).await;
    let far = reservation_body(&app, &place.spots[0], 24 * 60, 60);
    let refused = driver.put(&path(&made), far.clone()).await.expect_problem(409);
    assert_eq!(refused["reason"], "too_late");
    app.operator().await.put(&path(&made), far).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_moves_to_another_site_gets_back_what_the_old_one_gives() {
    let app = App::start().await;
    // Half of it goes back here within the last hour; there all of it until the start, at half the price.
    let (here, there) = (car_park(&app, 2).await, car_park(&app, 3).await);
    let mut lenient = super::support::tariff();
    lenient["per_hour"] = json!(2000);
    lenient["kinds"]["ev"] = json!({"per_hour": 4000});
    lenient["refund"] = json!({"full_until_minutes": 0, "late_percent": 100, "started_percent": 100});
    app.admin().await.patch(&format!("/api/sites/{}", there.site), json!({"tariff": lenient})).await.expect(200);
    set_kind(&app, &there.spots[1], "ev").await;
    // To a cheaper spot and to one that costs as much: by what goes back at once, and when it is cancelled there. Half of 40.00 in all.
    for (spot, at_once) in [(0, 1000), (1, 0)] {
        let driver = app.visitor().await;
        let made = reserve_and_pay(&app, &driver, reservation_body(&app, &here.spots[spot], 30, 60)).await;
        assert_eq!(made["paid"], 4000);
        let moved = driver.put(&path(&made), json!({"spot_id": there.spots[spot]})).await.expect(200);
        assert_eq!((refunded(&app, &made), &moved["site"]), (at_once, &json!(there.site)), "{moved}");
        driver.delete(&path(&made)).await.expect(200);
        assert_eq!(refunded(&app, &made), 2000, "{spot}");
    }
    // What staff moves is not the driver's doing.
    let driver = app.visitor().await;
    let made = reserve_and_pay(&app, &driver, reservation_body(&app, &here.spots[0], 30, 60)).await;
    app.operator().await.put(&path(&made), json!({"spot_id": there.spots[2]})).await.expect(200);
    assert_eq!(refunded(&app, &made), 2000);
    driver.delete(&path(&made)).await.expect(200);
    assert_eq!(refunded(&app, &made), 4000);
    // Early enough, the old site would give all of it back, and so does the new one.
    let driver = app.visitor().await;
    let made = reserve_and_pay(&app, &driver, reservation_body(&app, &here.spots[0], 120, 60)).await;
    driver.put(&path(&made), json!({"spot_id": there.spots[0]})).await.expect(200);
    driver.delete(&path(&made)).await.expect(200);
    assert_eq!(refunded(&app, &made), 4000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spot_named_with_another_site_or_kind_is_refused() {
    let app = App::start().await;
    let (place, other) = (car_park(&app, 2).await, car_park(&app, 1).await);
    let driver = app.visitor().await;
    let named = |site: &str, kind: &str| {
        let mut body = reservation_body(&app, &place.spots[0], 60, 60);
        (body["site"], body["kind"]) = (json!(site), json!(kind));
        body
    };
    driver.post("/api/reservations", named(&other.site, "ev")).await.expect_invalid(&["kind", "site"]);
    driver.post("/api/reservations", named(&place.site, "ev")).await.expect_invalid(&["kind"]);
    driver.post("/api/reservations", named("nowhere", "standard")).await.expect_invalid(&["site"]);
    let made = reserve(&driver, named(&place.site, "standard")).await;
    for spot in &place.spots {
        driver.put(&path(&made), json!({"spot_id": spot, "site": other.site})).await.expect_invalid(&["site"]);
        driver.put(&path(&made), json!({"spot_id": spot, "kind": "vip"})).await.expect_invalid(&["kind"]);
        let moved = driver.put(&path(&made), json!({"spot_id": spot, "site": place.site, "kind": "standard"})).await.expect(200);
        assert_eq!(moved["spot_id"], json!(spot));
    }
    // Its spot has become another kind: both what it was reserved as and what it is are so.
    set_kind(&app, &place.spots[1], "ev").await;
    for kind in ["standard", "ev"] {
        driver.put(&path(&made), json!({"spot_id": place.spots[1], "kind": kind})).await.expect(200);
    }
    driver.put(&path(&made), json!({"kind": "ev", "vehicle_plate": "GJ01"})).await.expect_invalid(&["site"]);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_longer_stay_is_kept_when_the_rest_is_paid_and_else_ends_as_before() {
    let Some(app) = App::embedded(&[]).await else { return };
    let place = car_park(&app, 1).await;
    let made = reserve_and_pay(&app, &app.visitor().await, reservation_body(&app, &place.spots[0], 60, 60)).await;
    let operator = app.operator().await;
    let longer = operator.put(&path(&made), json!({"end": app.time(180 * 60)})).await.expect(200);
    assert_eq!((&longer["status"], &longer["paid"], &longer["paid_until"]), (&json!("confirmed"), &json!(4000), &made["end"]));
    assert!((3900..=4100).contains(&longer["due"].as_i64().unwrap()), "{longer}");
    let again = operator.put(&path(&made), json!({"end": app.time(200 * 60)})).await.expect_problem(409);
    assert_eq!(again["reason"], "due");
    // While it is due, the longer stay keeps the spot; from the second it lapses only the paid one does.
    let after = json!({"spot_id": place.spots[0], "start": made["end"], "end": longer["end"], "vehicle_plate": "GJ02XY1"});
    expect_conflict(&app.visitor().await.post("/api/reservations", after.clone()).await);
    app.advance(minutes(15) + std::time::Duration::from_secs(1));
    let other = reserve(&app.visitor().await, after).await;
    let operator = app.operator().await;
    assert_eq!(app.tick().await["reservations"]["shortened"], 1);
    let shown = operator.get(&path(&made)).await.expect(200);
    assert_eq!((&shown["end"], &shown["price"], &shown["due"]), (&made["end"], &made["price"], &json!(0)));
    assert_eq!(other["start"], made["end"]);
    assert_no_overlap(&app);
}
