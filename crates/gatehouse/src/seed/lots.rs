//! Lots without sensors, whose free spots cameras count.

use fastrand::Rng;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::json;

use super::api::{AT_ONCE, Api};
use super::history::History;
use super::pattern::{HOUR_MS, Sensor, rfc3339};

/// Lots and how many vehicles they hold.
const LOTS: [(&str, f64); 2] = [("City Centre", 180.0), ("Station Road", 90.0)];
/// From one count of a lot to its next.
const STEP_MS: i64 = 2 * HOUR_MS;

/// Sends a count of each lot for every two hours of the history, the latest first, which is what is shown; those
/// before it are stored as late ones. Returns how many were new.
pub(super) async fn send_counts(admin: &Api, history: &History) -> anyhow::Result<usize> {
    let path = "/api/parking-data/add/";
    let mut created = 0;
    for (lot, capacity) in LOTS {
        let pattern = Sensor::new(lot, 0);
        let (from, until) = history.span();
        let mut counts = (from.div_euclid(STEP_MS)..=until.div_euclid(STEP_MS)).rev().map(|step| {
            let at = step * STEP_MS;
            let noise = Rng::with_seed(step.cast_unsigned()).f64() * 0.1;
            // Never so few that it raises an alert.
            let free = (capacity * (1.0 - pattern.occupied_share(at) - noise)).max(8.0).round() as i64;
            json!({"parking_lot": lot, "available_spots": free, "timestamp": rfc3339(at)})
        });
        if let Some(latest) = counts.next() {
            created += usize::from(admin.create(path, &latest).await?);
        }
        let late = futures::stream::iter(counts).map(|body| async move { admin.create(path, &body).await });
        let late: Vec<bool> = late.buffer_unordered(AT_ONCE).try_collect().await?;
        created += late.into_iter().filter(|created| *created).count();
    }
    Ok(created)
}

/// The sample of the parking security server: two lots, of which one has so few free spots that it raises an alert.
const SAMPLE: [(&str, i64); 2] = [("Lot A", 10), ("Lot B", 2)];

/// Sends the counts of the sample, at the end of the history. Returns how many were new.
pub(super) async fn send_sample(admin: &Api, history: &History) -> anyhow::Result<usize> {
    let (_, until) = history.span();
    let at = rfc3339(until.div_euclid(STEP_MS) * STEP_MS);
    let mut created = 0;
    for (lot, free) in SAMPLE {
        let count = json!({"parking_lot": lot, "available_spots": free, "timestamp": at});
        created += usize::from(admin.create("/api/parking-data/add/", &count).await?);
    }
    Ok(created)
}
