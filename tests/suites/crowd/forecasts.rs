//! What the next hours bring: history, the calendar and bookings, with the error measured.

use gatehouse_tests::App;
use serde_json::{Value, json};

use crate::Temple;

/// Weeks of counts by quarter of an hour, up to now: as a people counter would have left them.
pub fn insert_history(app: &App, temple: &Temple, zone: &str, days: i64) {
    let mut db = app.db();
    let transaction = db.transaction().unwrap();
    let end = app.now_ms() / 900_000;
    for quarter in end - days * 96..=end {
        let hour = (quarter / 4 + 5) % 24;
        let weekend = if quarter / 96 % 7 < 2 { 2 } else { 1 };
        let noise = quarter * 7919 % 61;
        let count = weekend
            * [20, 10, 10, 20, 60, 180, 300, 340, 320, 280, 220, 180, 150, 130, 140, 180, 240, 320, 380, 340, 240, 140, 60, 30]
                [usize::try_from(hour).unwrap()]
            + noise;
        transaction
            .execute(
                "insert into crowd_quarters (site, zone, start, readings, total) values (?, ?, ?, 3, ?)",
                (&temple.site, zone, quarter * 900_000, count * 3),
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn forecasts_carry_an_interval_and_their_measured_error() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    let anonymous = app.anonymous();
    let none = anonymous.get(&temple.path("predictions")).await.expect(200);
    assert_eq!((&none["zones"][0]["basis"], &none["zones"][0]["predictions"]), (&Value::Null, &json!([])));
    temple.count(&app, "YARD", 40, -5).await.expect(201);
    let little = anonymous.get(&temple.path("predictions?zone=yard")).await.expect(200);
    let yard = &little["zones"][0];
    assert_eq!((&yard["basis"], &yard["accuracy"], &yard["predictions"][0]["count"]), (&json!("last_value"), &Value::Null, &json!(40)));
    assert_eq!(yard["predictions"][0]["lower"], Value::Null);

    insert_history(&app, &temple, "HALL", 42);
    let answer = anonymous.get(&temple.path("predictions?zone=HALL&hours=12")).await.expect(200);
    let hall = &answer["zones"][0];
    assert_eq!((&answer["hours"], &hall["basis"], &answer["interval"]), (&json!(12), &json!("week"), &json!(0.8)));
    let points = hall["predictions"].as_array().unwrap();
    assert_eq!(points.len(), 12);
    for point in points {
        let number = |field: &str| point[field].as_i64().unwrap_or_else(|| panic!("{field} in {point}"));
        assert!(0 <= number("lower") && number("lower") <= number("count") && number("count") <= number("upper"), "{point}");
        assert!(point["level"].is_string() && point["percent_of_capacity"].is_number());
    }
    let first = chrono::DateTime::parse_from_rfc3339(points[0]["timestamp"].as_str().unwrap()).unwrap().timestamp_millis();
    assert!(first > app.now_ms() && first <= app.now_ms() + 3_600_000);
    let accuracy = &hall["accuracy"];
    let number = |field: &str| accuracy[field].as_f64().unwrap_or_else(|| panic!("{field} in {accuracy}"));
    assert!(number("forecasts") > 500.0 && number("mae") >= 0.0 && number("seasonal_naive_mae") >= 0.0);
    assert!((0.5..=1.0).contains(&number("interval_coverage")), "{accuracy}");

    anonymous.get(&temple.path("predictions?hours=25")).await.expect_invalid(&["hours"]);
    anonymous.get(&temple.path("predictions?hours=x")).await.expect_invalid(&["hours"]);
    anonymous.get(&temple.path("predictions?zone=none")).await.expect_invalid(&["zone"]);
    anonymous.get("/api/crowd/temple/nowhere/predictions").await.expect_problem(404);
}

/// A day's slots of an hour each, around the clock, and somebody who books them.
async fn book_slots(app: &App, temple: &Temple, date: &str) {
    let slots: Vec<_> =
        (0..23).map(|hour| json!({"start": format!("{hour:02}:00"), "end": format!("{:02}:00", hour + 1), "capacity": 500})).collect();
    let path = format!("/api/sites/{}/slots/days/{date}", temple.site);
    app.admin().await.put(&path, json!({"slots": slots})).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_bookings_enter_and_leave_the_forecast() {
    let app = App::start().await;
    let temple = Temple::create(&app).await;
    insert_history(&app, &temple, "HALL", 42);
    let forecast = async || -> Value {
        let answer = app.anonymous().get(&temple.path("predictions?zone=HALL&hours=6")).await.expect(200);
        answer["zones"][0]["predictions"].clone()
    };
    let before = forecast().await;
    assert_eq!((&before[2]["booked"], &before[2]["by_bookings"], &before[2]["basis"]), (&json!(0), &json!(0), &json!("week")));

    // Sixty bookings of ten people for the third hour from now, which is half of one of India's hours and half of the next.
    let hour = (app.now_ms() / 3_600_000 + 3) * 3_600_000;
    let book = |id: i64, status: &str| {
        app.db()
            .execute(
                "insert into bookings (id, code, user_id, site, date, slot, starts_at, ends_at, party_size, status, created_at, updated_at, updated_by)
                 values (?1, ?1, (select id from users limit 1), ?2, '2026-01-01', 'x', ?3, ?3 + 3600000, 10, ?4, ?5, ?5, 'test')",
                (format!("{}-{id}", temple.site), &temple.site, hour, status, app.now_ms()),
            )
            .unwrap();
    };
    for id in 0..60 {
        book(id, if id < 50 { "confirmed" } else { "waitlisted" });
    }
    let full = forecast().await;
    let number = |point: &Value, field: &str| point[field].as_i64().unwrap();
    assert_eq!(number(&full[2], "booked"), 500, "who waits does not count");
    // Half of the zone's part of the temple's room, which is all of it: 250 people more.
    assert_eq!((number(&full[2], "by_bookings"), number(&full[2], "count") - number(&before[2], "count")), (250, 250));
    assert_eq!(full[1]["count"], before[1]["count"]);

    let change = |from: &str, to: &str, most: i64| {
        let sql = "update bookings set status = ?1, updated_at = updated_at + 1 where no in (select no from bookings where site = ?2 and status = ?3 limit ?4)";
        app.db().execute(sql, (to, &temple.site, from, most)).unwrap();
    };
    change("waitlisted", "confirmed", 10);
    assert_eq!(number(&forecast().await[2], "booked"), 600);
    change("confirmed", "cancelled", 60);
    assert_eq!(forecast().await[2], before[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_festival_and_a_closure_are_marked() {
    festival_and_closure_at(None).await;
}

/// An hour of UTC is half of one of India's days and half of the next: it is marked as the next one's, whatever the hour of the test.
#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn the_hour_of_midnight_is_marked_as_the_new_day() {
    for moment in ["2026-02-04T17:05:00Z", "2026-02-04T17:45:00Z", "2026-02-04T18:15:00Z", "2026-02-04T18:31:00Z"] {
        festival_and_closure_at(Some(moment)).await;
    }
}

async fn festival_and_closure_at(moment: Option<&str>) {
    let app = match moment {
        None => App::start().await,
        Some(moment) => match App::embedded_at(moment, &[]).await {
            Some(app) => app,
            None => return,
        },
    };
    let temple = Temple::create(&app).await;
    insert_history(&app, &temple, "HALL", 21);
    // The day, by the clocks of India, of the most of the next hour.
    let next = (app.now_ms() / 3_600_000 + 1) * 3_600_000 + 1_800_000 + 19_800_000;
    let date = chrono::DateTime::from_timestamp_millis(next).unwrap().format("%Y-%m-%d").to_string();
    book_slots(&app, &temple, &date).await;
    let answer = app.anonymous().get(&temple.path("predictions?zone=HALL&hours=3")).await.expect(200);
    let point = &answer["zones"][0]["predictions"][0];
    assert_eq!((&point["special_day"], &point["basis"]), (&json!("festival"), &json!("week")), "none is in the past to go by");

    let path = format!("/api/sites/{}/slots/days/{date}", temple.site);
    app.admin().await.put(&path, json!({"closed": true})).await.expect(200);
    let answer = app.anonymous().get(&temple.path("predictions?zone=HALL&hours=1")).await.expect(200);
    assert_eq!(answer["zones"][0]["predictions"][0]["special_day"], "closed");
}
