//! Darshan slots of the four temples by weekday, and some bookings of the demo visitor for today and tomorrow.

use chrono::{DateTime, FixedOffset};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use super::api::{AT_ONCE, Api, Deployment};
use super::credentials::Credentials;

/// Slots of every day: temple, times, and capacity of each.
pub(super) const SLOTS: [(&str, &[&str], i64); 4] = [
    (
        "somnath",
        &["06:00-07:00", "07:00-08:00", "08:00-09:00", "09:00-10:00", "12:00-13:00", "16:00-17:00", "18:00-19:00", "20:00-21:00"],
        400,
    ),
    ("dwarka", &["06:30-07:30", "08:00-09:00", "09:30-10:30", "11:30-12:30", "17:00-18:00", "19:00-20:00", "20:30-21:30"], 300),
    ("ambaji", &["07:30-08:30", "08:30-09:30", "10:00-11:00", "12:30-13:30", "16:30-17:30", "19:00-20:00"], 280),
    ("pavagadh", &["05:00-06:30", "07:00-08:30", "09:00-10:30", "11:00-12:30", "14:00-15:30", "16:00-17:30"], 180),
];

/// An additional evening slot on Saturdays and Sundays.
const WEEKEND: (&str, &str, i64) = ("somnath", "21:00-22:00", 250);

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Creates the slot templates. Returns how many were new.
pub(super) async fn create_templates(admin: &Api) -> anyhow::Result<usize> {
    let every = SLOTS.iter().flat_map(|(site, slots, capacity)| {
        slots.iter().map(move |slot| (*site, json!({"weekdays": WEEKDAYS, "slot": slot, "capacity": capacity})))
    });
    let (site, slot, capacity) = WEEKEND;
    let weekend = (site, json!({"weekdays": ["saturday", "sunday"], "slot": slot, "capacity": capacity}));
    let made = futures::stream::iter(every.chain([weekend]))
        .map(|(site, body)| async move {
            let reply = admin.post(&format!("/api/sites/{site}/slots"), &body).await?;
            // 409: it exists already.
            let made = reply.expect(&[201, 409])?;
            anyhow::Ok(made["items"].as_array().map_or(0, Vec::len))
        })
        .buffer_unordered(AT_ONCE);
    Ok(made.try_collect::<Vec<_>>().await?.into_iter().sum())
}

/// Creates bookings of the demo visitor, unless there are some. Returns how many.
pub(super) async fn create_bookings(base_url: &str, credentials: &Credentials, deployment: &Deployment) -> anyhow::Result<usize> {
    let Some(visitor) = credentials.users.get("visitor") else { return Ok(0) };
    let visitor = Api::sign_in(base_url, &visitor.email, &visitor.password, deployment).await?;
    let present = visitor.get("/api/bookings/my-bookings?limit=1").await?.expect(&[200])?;
    if present["items"].as_array().is_some_and(|items| !items.is_empty()) {
        return Ok(0);
    }
    let mut created = 0;
    for (temple, day, party, visitors) in [
        ("somnath", 0, 4, json!(["Asha Mehta", "Ravi Mehta", {"name": "Kiran Mehta", "age": 7}, "Leela Mehta"])),
        ("dwarka", 0, 2, json!([])),
        ("somnath", 1, 2, json!(["Asha Mehta", "Ravi Mehta"])),
        ("ambaji", 1, 6, json!([])),
    ] {
        created += usize::from(book(&visitor, temple, day, party, &visitors).await?);
    }
    Ok(created)
}

/// Books the first open slot of a day that has not begun. Late in the evening there may be none.
async fn book(visitor: &Api, temple: &str, plus_days: i64, party: i64, visitors: &Value) -> anyhow::Result<bool> {
    let now = visitor.now_ms();
    let date = date(now, plus_days);
    let day = visitor.get(&format!("/api/bookings/temple/{temple}/slots?date={date}")).await?.expect(&[200])?;
    let starts_at = |slot: &Value| DateTime::parse_from_rfc3339(slot["starts_at"].as_str()?).ok().map(|at| at.timestamp_millis());
    let open = |slot: &&Value| matches!(slot["status"].as_str(), Some("available" | "filling")) && starts_at(slot) > Some(now);
    let Some(slot) = day["items"].as_array().and_then(|slots| slots.iter().find(open)) else { return Ok(false) };
    let body = json!({"temple_id": temple, "date": date, "slot": slot["slot"], "party_size": party, "visitors": visitors});
    // The last places may have gone a moment ago.
    visitor.create("/api/bookings/", &body).await
}

/// The date of today plus `plus_days`, in the temples' time zone.
fn date(now_ms: i64, plus_days: i64) -> String {
    let india = FixedOffset::east_opt((5 * 60 + 30) * 60).unwrap_or_else(|| FixedOffset::east_opt(0).expect("no offset is one"));
    let at = DateTime::from_timestamp_millis(now_ms + plus_days * 86_400_000).unwrap_or_default();
    at.with_timezone(&india).format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_of_the_temples() {
        // 2026-02-04T20:00:00Z
        assert_eq!(date(1_770_235_200_000, 0), "2026-02-05");
        assert_eq!(date(1_770_235_200_000, 1), "2026-02-06");
    }
}
