//! A temple made for one test.

use std::time::Duration;

use gatehouse_tests::{App, unique};
use serde_json::{Value, json};

/// A temple in India with the slots 06:00-07:00 and 07:00-08:00 on every day, which one person may book as often as a test likes.
pub struct Temple {
    /// Its slug.
    pub slug: String,
    /// Tomorrow there.
    pub date: String,
}

/// The date `plus_days` days from today, in India.
pub fn date(app: &App, plus_days: i64) -> String {
    let ms = app.now_ms() + (5 * 60 + 30) * 60_000 + plus_days * 86_400_000;
    chrono::DateTime::from_timestamp_millis(ms).unwrap().format("%Y-%m-%d").to_string()
}

impl Temple {
    pub async fn create(app: &App, capacity: i64) -> Self {
        let admin = app.admin().await;
        let slug = unique("temple");
        let body = json!({
            "slug": slug, "name": "A temple", "kind": "temple", "latitude": 20.9, "longitude": 70.4, "time_zone": "Asia/Kolkata",
            "capacity": 5000,
        });
        admin.post("/api/sites", body).await.expect(201);
        for (start, end) in [("06:00", "07:00"), ("07:00", "08:00")] {
            let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
            let body = json!({"weekdays": days, "start": start, "end": end, "capacity": capacity, "bookings_per_person": 1000});
            let made = admin.post(&format!("/api/sites/{slug}/slots"), body).await.expect(201);
            assert_eq!(made["items"].as_array().unwrap().len(), 7);
        }
        Self { slug, date: date(app, 1) }
    }

    /// The body of a booking of the first slot.
    pub fn booking_body(&self, party_size: i64) -> Value {
        json!({"temple_id": self.slug, "date": self.date, "slot": "06:00-07:00", "party_size": party_size})
    }

    /// The body of a booking for four, with this field set.
    pub fn booking_body_with(&self, field: &str, value: Value) -> Value {
        let mut body = self.booking_body(4);
        body[field] = value;
        body
    }

    pub fn slots_path(&self) -> String {
        format!("/api/bookings/temple/{}/slots?date={}", self.slug, self.date)
    }

    /// How many people hold places at this temple.
    pub fn places_sold(&self, app: &App) -> i64 {
        let sql = "select coalesce(sum(party_size), 0) from bookings where site = ? and status in ('confirmed', 'checked_in', 'exited', 'no_show')";
        app.db().query_row(sql, [&self.slug], |row| row.get(0)).unwrap()
    }

    /// Moves the clock to `plus_s` seconds after the booking's slot begins.
    pub fn advance_to_slot(&self, app: &App, booking: &Value, plus_s: i64) {
        let starts = chrono::DateTime::parse_from_rfc3339(booking["starts_at"].as_str().unwrap()).unwrap().timestamp_millis();
        let by = starts + plus_s * 1000 - app.now_ms();
        app.advance(Duration::from_millis(u64::try_from(by).expect("the clock only moves ahead")));
    }
}

pub fn id(booking: &Value) -> &str {
    booking["id"].as_str().expect("an id")
}

pub fn code(booking: &Value) -> &str {
    booking["booking_code"].as_str().expect("a code")
}

pub fn path(booking: &Value) -> String {
    format!("/api/bookings/{}", id(booking))
}

/// The booking without the addresses of its pictures, which are other ones after a while.
pub fn without_addresses(booking: &Value) -> Value {
    let mut booking = booking.clone();
    for field in ["qr_svg_url", "qr_png_url", "qr_urls_expire_at"] {
        booking.as_object_mut().expect("a booking").remove(field).expect(field);
    }
    booking
}
