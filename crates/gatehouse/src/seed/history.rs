//! Weeks of readings, generated day by day. A device's day is determined by the seed, its code and the date, so that seeding again sends
//! the same readings, which are then duplicates.

use fastrand::Rng;

use super::pattern::{DAY_MS, MINUTE_MS, Reading, Sensor};
use super::places;

/// The history of every device up to a time.
pub(super) struct History {
    sensors: Vec<Sensor>,
    /// The first instant of the first day, and the last that there may be readings of.
    from_ms: i64,
    until_ms: i64,
    step_ms: i64,
    seed: u64,
    /// The most readings of one body.
    batch: usize,
}

impl History {
    pub fn until(now_ms: i64, seed: u64, days: u32, every_minutes: u32, batch: usize) -> Self {
        let step_ms = i64::from(every_minutes) * MINUTE_MS;
        Self {
            sensors: places::spots().iter().map(|spot| Sensor::new(&spot.device_code(), seed)).collect(),
            from_ms: now_ms - i64::from(days) * DAY_MS,
            until_ms: now_ms,
            step_ms,
            seed,
            batch: batch.max(1),
        }
    }

    /// When it begins and when it ends, milliseconds.
    pub fn span(&self) -> (i64, i64) {
        (self.from_ms, self.until_ms)
    }

    /// About how many readings there are.
    pub fn len(&self) -> u64 {
        let steps = (self.until_ms - self.from_ms) / self.step_ms;
        u64::try_from(steps).unwrap_or_default().max(1) * self.sensors.len() as u64
    }

    /// The newest reading of each device.
    pub fn newest(&self) -> Vec<Reading> {
        self.sensors
            .iter()
            .filter_map(|sensor| {
                let today = self.until_ms.div_euclid(DAY_MS);
                let newest = |day| self.day(sensor, day).pop();
                newest(today).or_else(|| newest(today - 1)).map(|(_, reading)| reading)
            })
            .collect()
    }

    /// The days that have readings, the last first.
    pub fn days(&self) -> impl Iterator<Item = i64> + use<> {
        let days = self.from_ms.div_euclid(DAY_MS)..=self.until_ms.div_euclid(DAY_MS);
        let empty = self.from_ms == self.until_ms;
        days.rev().filter(move |_| !empty)
    }

    /// The readings of one day except those of [`History::newest`], as the bodies of bulk requests. In the order of time, so that few of them are
    /// changes of the parking log: sent backwards, each would be older than all that the log has, and so a change.
    pub fn bodies(&self, day: i64) -> impl Iterator<Item = Vec<Reading>> + use<> {
        let newest: std::collections::HashSet<_> =
            self.newest().into_iter().map(|reading| (reading.device_code, reading.timestamp)).collect();
        let mut readings: Vec<_> = self.sensors.iter().flat_map(|sensor| self.day(sensor, day)).collect();
        readings.retain(|(at, reading)| *at >= self.from_ms && !newest.contains(&(reading.device_code.clone(), reading.timestamp.clone())));
        readings.sort_by_key(|(at, _)| *at);
        let readings: Vec<_> = readings.into_iter().map(|(_, reading)| reading).collect();
        let count = readings.len().div_ceil(self.batch);
        let batch = self.batch;
        (0..count).map(move |index| readings.iter().skip(index * batch).take(batch).cloned().collect())
    }

    /// One UTC day of one device in order of time, up to now.
    fn day(&self, sensor: &Sensor, day: i64) -> Vec<(i64, Reading)> {
        let mut rng = Rng::with_seed(sensor.identity ^ self.seed.rotate_left(32) ^ day.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let midnight = day * DAY_MS;
        let mut occupied = rng.f64() < sensor.occupied_share(midnight);
        // Devices do not all send in the same second.
        let phase = rng.i64(0..self.step_ms / 2);
        let mut readings = Vec::new();
        let mut at = midnight + phase;
        while at < midnight + DAY_MS && at <= self.until_ms {
            occupied = sensor.next_occupied(&mut rng, occupied, at, self.step_ms);
            readings.push((at, sensor.reading(&mut rng, occupied, at)));
            at += self.step_ms;
        }
        readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_770_201_000_000;

    fn all(history: &History) -> Vec<Reading> {
        let late = history.days().flat_map(|day| history.bodies(day).flatten().collect::<Vec<_>>());
        history.newest().into_iter().chain(late).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_history_and_another_gives_another() {
        let readings = all(&History::until(NOW, 1, 2, 20, 500));
        assert_eq!(readings, all(&History::until(NOW, 1, 2, 20, 500)));
        assert_ne!(readings, all(&History::until(NOW, 2, 2, 20, 500)));
    }

    #[test]
    fn seeding_an_hour_later_sends_what_was_sent_again() {
        let before: std::collections::HashSet<_> =
            all(&History::until(NOW, 1, 1, 20, 500)).into_iter().map(|reading| format!("{reading:?}")).collect();
        let after = all(&History::until(NOW + 60 * MINUTE_MS, 1, 1, 20, 500));
        let again = after.iter().filter(|reading| before.contains(&format!("{reading:?}"))).count();
        assert!(again * 10 > before.len() * 9);
    }

    #[test]
    fn each_device_and_time_occurs_once_and_the_newest_come_first() {
        let history = History::until(NOW, 1, 2, 20, 500);
        let readings = all(&history);
        let keys: std::collections::HashSet<_> =
            readings.iter().map(|reading| (reading.device_code.clone(), reading.timestamp.clone())).collect();
        assert_eq!(keys.len(), readings.len());
        assert!(readings.len() > 180 * 2 * 70);
        for newest in history.newest() {
            assert!(
                readings
                    .iter()
                    .filter(|reading| reading.device_code == newest.device_code)
                    .all(|reading| reading.timestamp <= newest.timestamp)
            );
        }
    }

    #[test]
    fn no_days_is_the_newest_alone() {
        let history = History::until(NOW, 1, 0, 20, 500);
        assert_eq!(all(&history).len(), 180);
    }
}
