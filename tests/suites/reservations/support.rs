//! A car park with a tariff, made for one test.

#![allow(dead_code, reason = "each suite uses what it needs")]

use std::time::Duration;

use gatehouse_tests::{App, Client, Place, Response};
use serde_json::{Value, json};

/// Of 40.00 an hour; the first 10 minutes and the accessible spots are free.
pub fn tariff() -> Value {
    json!({
        "currency": "INR", "per_hour": 4000, "per_day": 30000, "free_minutes": 0,
        "kinds": {"accessible": {"per_hour": 0}, "ev": {"per_hour": 5000}},
        "refund": {"full_until_minutes": 60, "late_percent": 50, "started_percent": 0},
    })
}

/// A car park with `spots` standard spots and [`tariff`].
pub async fn car_park(app: &App, spots: usize) -> Place {
    let place = app.place(spots).await;
    let path = format!("/api/sites/{}", place.site);
    app.admin().await.patch(&path, json!({"tariff": tariff()})).await.expect(200);
    place
}

/// Changes a spot's kind.
pub async fn set_kind(app: &App, spot: &str, kind: &str) {
    app.admin().await.patch(&format!("/api/spots/{spot}"), json!({"kind": kind})).await.expect(200);
}

/// The body of a reservation of this spot, for `minutes` minutes from `in_minutes` minutes from now.
pub fn reservation_body(app: &App, spot: &str, in_minutes: i64, minutes: i64) -> Value {
    json!({
        "spot_id": spot, "start": app.time(in_minutes * 60), "end": app.time((in_minutes + minutes) * 60), "vehicle_plate": "gj-01 ab 1234",
    })
}

/// The same for any spot of this kind.
pub fn reservation_body_by_kind(app: &App, place: &Place, kind: &str, in_minutes: i64, minutes: i64) -> Value {
    json!({
        "site": place.site, "kind": kind, "start": app.time(in_minutes * 60), "end": app.time((in_minutes + minutes) * 60),
        "vehicle_plate": "GJ01AB1234",
    })
}

pub async fn reserve(driver: &Client, body: Value) -> Value {
    driver.post("/api/reservations", body).await.expect(201)
}

pub fn id(reservation: &Value) -> &str {
    reservation["id"].as_str().expect("an id")
}

pub fn path(reservation: &Value) -> String {
    format!("/api/reservations/{}", id(reservation))
}

/// Marks it as paid, as a payment that Stripe reported would have.
pub fn insert_payment(app: &App, reservation: &Value) {
    let db = app.db();
    let sql = "insert into payments (id, reservation, user_id, amount, currency, intent, state, received, next_check_at, created_at, updated_at, updated_by)
        select 'p-' || id, id, user_id, price, currency, 'pi_' || replace(id, '-', ''), 'succeeded', price, ?2, ?2, ?2, 'test' from reservations where id = ?1";
    db.execute(sql, (id(reservation), app.now_ms())).unwrap();
    let sql = "update reservations set status = 'confirmed', paid = price, hold_expires_at = null, updated_at = ?2 where id = ?1";
    assert_eq!(db.execute(sql, (id(reservation), app.now_ms())).unwrap(), 1);
}

/// A reservation that is paid.
pub async fn reserve_and_pay(app: &App, driver: &Client, body: Value) -> Value {
    let reservation = reserve(driver, body).await;
    insert_payment(app, &reservation);
    driver.get(&path(&reservation)).await.expect(200)
}

/// Minutes on the clock.
pub fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

/// Checks that no two reservations that count keep one spot at one time; how many count.
pub fn assert_no_overlap(app: &App) -> usize {
    let side = |name: &str| {
        format!("({name}.status in ('confirmed', 'arrived') or ({name}.status = 'pending_payment' and {name}.hold_expires_at > ?1))")
    };
    let sql = format!(
        "select count(*) from reservations a join reservations b on b.spot_id = a.spot_id and b.no > a.no
         where a.starts_at < b.ends_at and b.starts_at < a.ends_at and {} and {}",
        side("a"),
        side("b")
    );
    let db = app.db();
    let overlaps: i64 = db.query_row(&sql, [app.now_ms()], |row| row.get(0)).unwrap();
    assert_eq!(overlaps, 0, "two reservations keep one spot at one time");
    let sql = format!("select count(*) from reservations a where {}", side("a"));
    let live: i64 = db.query_row(&sql, [app.now_ms()], |row| row.get(0)).unwrap();
    usize::try_from(live).unwrap()
}

/// Checks that it is the 409 that names the next free time.
#[track_caller]
pub fn expect_conflict(answer: &Response) -> Value {
    let problem = answer.expect_problem(409);
    assert_eq!(problem["reason"], "taken", "{problem}");
    assert!(problem.as_object().unwrap().contains_key("next_free_at"), "{problem}");
    problem
}

/// The topics of the messages about this subject, in order.
pub fn outbox_topics(app: &App, subject: &str) -> Vec<String> {
    let db = app.db();
    let mut statement = db.prepare("select topic from outbox where subject = ? order by id").unwrap();
    let rows = statement.query_map([subject], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}
