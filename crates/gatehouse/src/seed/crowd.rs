//! Crowds of the demo's temples: weeks of hourly counts of every zone, and live counts of the same pattern.
//!
//! A count is determined by the seed, the zone and the time, so that seeding again sends the same counts, which are then duplicates.

use serde_json::{Value, json};

use super::api::Api;
use super::pattern::{DAY_MS, HOUR_MS, LOCAL_OFFSET_MS, MINUTE_MS, rfc3339};
use super::places;
use super::progress::progress_bar;

/// The longest history: older counts are not kept.
const MAX_DAYS: i64 = 92;
/// Days of counts for each day of readings: forecasts need weeks.
const DAYS_PER_DAY: i64 = 3;
/// The newest count is at most this share of the capacity, so that the demo begins without an alert.
const MAX_NEWEST_SHARE: f64 = 0.5;
/// Live counts are at most this share of the capacity: highly crowded, never critically.
const MAX_LIVE_SHARE: f64 = 0.76;

/// A zone of a temple whose people are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Zone {
    /// The temple's slug.
    pub site: &'static str,
    /// The zone's code.
    pub code: &'static str,
    capacity: i64,
    character: Character,
}

/// How a zone differs from the temple's pattern.
#[derive(Clone, Copy, Debug)]
struct Character {
    /// Its share of the capacity at the fullest hour of a usual day.
    fullness: f64,
    /// Hours by which it follows the gate.
    lag: f64,
    /// How much more the evening counts.
    evening: f64,
}

/// Every zone of every temple.
pub(crate) fn zones() -> Vec<Zone> {
    let temples = places::SITES.iter().filter(|site| site.kind == "temple");
    let zones = temples.flat_map(|site| {
        site.zones.iter().map(|zone| {
            let character = match zone.code {
                "queue" | "mainDarshan" => Character { fullness: 0.62, lag: 0.3, evening: 1.0 },
                "sanctum" | "garbhaGriha" => Character { fullness: 0.66, lag: 0.7, evening: 1.05 },
                "pradakshina" | "ghat" | "chachar" => Character { fullness: 0.42, lag: 0.9, evening: 1.35 },
                _ => Character { fullness: 0.48, lag: 0.0, evening: 1.0 },
            };
            Zone { site: site.slug, code: zone.code, capacity: zone.capacity, character }
        })
    });
    zones.collect()
}

/// A number from 0 to 1, determined by the arguments.
fn deterministic_random(seed: u64, identity: &str, step: i64) -> f64 {
    let hash = identity
        .bytes()
        .fold(seed ^ step.cast_unsigned() ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    fastrand::Rng::with_seed(hash).f64()
}

/// Smooth noise from -1 to 1, determined by the arguments.
fn smooth_noise(seed: u64, identity: &str, at_ms: i64, step_ms: i64) -> f64 {
    let (step, part) = (at_ms.div_euclid(step_ms), at_ms.rem_euclid(step_ms) as f64 / step_ms as f64);
    let smooth = part * part * (3.0 - 2.0 * part);
    let (from, to) = (deterministic_random(seed, identity, step), deterministic_random(seed, identity, step + 1));
    2.0 * (from + (to - from) * smooth) - 1.0
}

impl Zone {
    /// The share of its capacity that is there at this time: a morning, a noon and an evening aarti; fuller at the end of the week and on
    /// Mondays, which are Shiva's; nearly empty at night.
    fn share(&self, seed: u64, at_ms: i64) -> f64 {
        let local = at_ms + LOCAL_OFFSET_MS;
        let hour = local.rem_euclid(DAY_MS) as f64 / HOUR_MS as f64 - self.character.lag;
        let day = local.div_euclid(DAY_MS);
        // 1 January 1970 was a Thursday.
        let week = match (day + 3).rem_euclid(7) {
            0 => 1.15,
            5 => 1.25,
            6 => 1.38,
            _ => 1.0,
        };
        let bump = |centre: f64, width: f64| (-((hour - centre) / width).powi(2) / 2.0).exp();
        let of_day = 0.02 + 0.62 * bump(7.4, 1.2) + 0.58 * bump(11.6, 1.9) + self.character.evening * bump(18.9, 1.7);
        let of_its_own = 1.0 + 0.12 * (2.0 * deterministic_random(seed, self.site, day) - 1.0);
        let noise =
            1.0 + 0.06 * smooth_noise(seed, self.code, at_ms, HOUR_MS) + 0.015 * smooth_noise(seed, self.site, at_ms, 8 * MINUTE_MS);
        (self.character.fullness * of_day * week * of_its_own * noise).clamp(0.0, 0.97)
    }

    /// How many people are there at this time, `max_share` of the capacity at most.
    fn count(&self, seed: u64, at_ms: i64, max_share: f64) -> i64 {
        (self.share(seed, at_ms).min(max_share) * self.capacity as f64).round() as i64
    }

    /// A live count.
    pub fn live(&self, at_ms: i64) -> Value {
        self.update(at_ms, self.count(1, at_ms, MAX_LIVE_SHARE))
    }

    fn update(&self, at_ms: i64, count: i64) -> Value {
        json!({"zone": self.code, "count": count, "timestamp": rfc3339(at_ms)})
    }
}

/// The counts of a temple's zones, the newest first, hour by hour.
fn history(zones: &[Zone], seed: u64, now_ms: i64, days: i64) -> Vec<Value> {
    let newest = now_ms - now_ms.rem_euclid(5 * MINUTE_MS);
    let mut counts: Vec<Value> = zones.iter().map(|zone| zone.update(newest, zone.count(seed, newest, MAX_NEWEST_SHARE))).collect();
    let end = newest.div_euclid(HOUR_MS);
    for hour in ((end - 24 * days)..=end).rev().map(|hour| hour * HOUR_MS).filter(|at| *at < newest) {
        counts.extend(zones.iter().map(|zone| zone.update(hour, zone.count(seed, hour, 1.0))));
    }
    counts
}

/// Sends counts of every temple, `batch` at a time, of three days for each of `history_days`. Returns how many were new.
pub(super) async fn send_counts(admin: &Api, seed: u64, now_ms: i64, history_days: u32, batch: usize) -> anyhow::Result<u64> {
    let zones = zones();
    let days = (i64::from(history_days) * DAYS_PER_DAY).min(MAX_DAYS);
    let temples = zones.chunk_by(|one, other| one.site == other.site);
    let temples: Vec<_> = temples.filter_map(|zones| Some((zones.first()?.site, history(zones, seed, now_ms, days)))).collect();
    let bar = progress_bar(temples.iter().map(|(_, counts)| counts.len() as u64).sum(), "crowds");
    let mut stored = 0;
    for (site, counts) in temples {
        // The newest first: the others are late data, which does not change the current crowd.
        for part in counts.chunks(batch.max(1)) {
            let answer = admin.post(&format!("/api/crowd/temple/{site}/update"), &json!(part)).await?.expect(&[200])?;
            anyhow::ensure!(answer["rejected"] == 0, "counts of {site} were refused: {}", answer["errors"]);
            stored += answer["accepted"].as_u64().unwrap_or_default();
            bar.inc(part.len() as u64);
        }
    }
    bar.finish_and_clear();
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wednesday 4 February 2026, midnight in India.
    const WEDNESDAY: i64 = 1_770_143_400_000;

    fn sanctum() -> Zone {
        zones().into_iter().find(|zone| zone.site == "somnath" && zone.code == "garbhaGriha").unwrap()
    }

    #[test]
    fn nights_are_empty_and_sunday_evenings_are_the_fullest() {
        let zone = sanctum();
        assert!(zone.share(1, WEDNESDAY + 3 * HOUR_MS) < 0.1);
        let (weekday, sunday) = (zone.share(1, WEDNESDAY + 19 * HOUR_MS), zone.share(1, WEDNESDAY + 4 * DAY_MS + 19 * HOUR_MS));
        assert!(weekday > 0.45 && sunday > weekday, "{weekday} {sunday}");
    }

    #[test]
    fn the_same_seed_gives_the_same_history_and_it_begins_calmly() {
        let zones: Vec<Zone> = zones().into_iter().filter(|zone| zone.site == "somnath").collect();
        let counts = history(&zones, 7, WEDNESDAY + 19 * HOUR_MS + 42 * MINUTE_MS, 42);
        assert_eq!(counts, history(&zones, 7, WEDNESDAY + 19 * HOUR_MS + 42 * MINUTE_MS, 42));
        assert_eq!(counts.len(), 4 * (1 + 42 * 24 + 1));
        assert_eq!(counts[0]["timestamp"], rfc3339(WEDNESDAY + 19 * HOUR_MS + 40 * MINUTE_MS));
        for (zone, count) in zones.iter().zip(&counts) {
            assert!(count["count"].as_f64() <= Some(0.5 * zone.capacity as f64), "{count}");
        }
    }

    #[test]
    fn a_live_zone_is_never_critically_crowded() {
        for zone in zones() {
            for step in 0..7 * 96 {
                let count = zone.live(WEDNESDAY + step * 15 * MINUTE_MS)["count"].as_f64().unwrap_or_default();
                assert!(count < 0.79 * zone.capacity as f64);
            }
        }
    }
}
