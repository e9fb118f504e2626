//! Whether devices were watched without a gap (docs/reference/rules.md#health): that the monitor was away is no device's silence.

use crate::health::HEALTHY_MS;
use crate::time::is_ahead;

/// Devices were not watched when no run came for longer than this, milliseconds: four runs of the schedule.
pub const GAP_MS: i64 = HEALTHY_MS;

/// How devices have been watched by the scheduled runs so far. It is stored, since the program may have been away; all times are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// When the last run was.
    pub run_at: i64,
    /// While devices have time to speak after a gap: the last run before it.
    pub gap_from: Option<i64>,
    /// And the first run after it.
    pub resumed_at: Option<i64>,
}

/// What a run finds out about the watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Nobody watched for so many milliseconds: no run came, or the clock was put forward.
    Gap(i64),
    /// The clock was set back, by about so many milliseconds.
    SetBack(i64),
    /// The time to speak after the last gap is over.
    Over,
}

impl Watch {
    /// The watch after a run at `now`, given the one before, and what that run finds out.
    pub const fn after_run(before: Option<Self>, now: i64) -> (Self, Option<Finding>) {
        let Some(before) = before else {
            return (Self { run_at: now, gap_from: None, resumed_at: None }, None);
        };
        let pause = now.saturating_sub(before.run_at);
        if is_ahead(before.run_at, now) {
            // What is stored by the old clock is taken as now, and so is the run.
            let after = Self { run_at: now, gap_from: Some(now), resumed_at: Some(now) };
            return (after, Some(Finding::SetBack(before.run_at.saturating_sub(now))));
        }
        if pause > GAP_MS {
            // Another gap within the time to speak: devices are judged as before the first of the two.
            let gap_from = match before.gap_from {
                Some(earlier) => earlier,
                None => before.run_at,
            };
            return (Self { run_at: now, gap_from: Some(gap_from), resumed_at: Some(now) }, Some(Finding::Gap(pause)));
        }
        match before.resumed_at {
            Some(resumed_at) if now.saturating_sub(resumed_at) >= HEALTHY_MS => {
                (Self { run_at: now, gap_from: None, resumed_at: None }, Some(Finding::Over))
            }
            _ => (Self { run_at: now, ..before }, None),
        }
    }

    /// The moment as of which silence is judged at `now`: the last run before a gap while the gap lasts and for the healthy span after it,
    /// else now.
    pub const fn judged_at(&self, now: i64) -> i64 {
        match self.gap_from {
            Some(gap_from) => gap_from,
            None if now.saturating_sub(self.run_at) > GAP_MS => self.run_at,
            None => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::health::Health;
    use crate::time::{HOUR_MS, MINUTE_MS};

    const NOW: i64 = 1_770_201_000_000;

    /// The watch after runs at these seconds after [`NOW`], and what the last one found out.
    fn runs(seconds: &[i64]) -> (Watch, Option<Finding>) {
        let first = Watch { run_at: NOW, gap_from: None, resumed_at: None };
        seconds.iter().fold((first, None), |(watch, _), second| Watch::after_run(Some(watch), NOW + second * 1000))
    }

    #[test]
    fn runs_that_come_on_time_judge_by_their_own_time() {
        assert_eq!(Watch::after_run(None, NOW), runs(&[0]));
        let (watch, found) = runs(&[30, 60, 180]);
        assert_eq!((found, watch.judged_at(NOW + 180_000)), (None, NOW + 180_000));
        assert_eq!(watch.judged_at(NOW + 300_000), NOW + 300_000, "the next run may be late");
    }

    #[test]
    fn after_a_gap_devices_have_the_healthy_span_to_speak() {
        let (watch, _) = runs(&[30]);
        assert_eq!(watch.judged_at(NOW + 20 * MINUTE_MS), NOW + 30_000, "nobody watches");
        let (watch, found) = runs(&[30, 1230]);
        assert_eq!(found, Some(Finding::Gap(20 * MINUTE_MS)));
        assert_eq!(Health::at(Some(NOW + 20_000), watch.judged_at(NOW + 1_230_000)), Health::Healthy);
        let (watch, found) = runs(&[30, 1230, 1260, 1290, 1320, 1349]);
        assert_eq!((found, watch.judged_at(NOW + 1_349_000)), (None, NOW + 30_000));
        let (watch, found) = runs(&[30, 1230, 1260, 1290, 1320, 1350]);
        assert_eq!((found, watch.judged_at(NOW + 1_350_000)), (Some(Finding::Over), NOW + 1_350_000));
        assert_eq!(Watch::after_run(Some(watch), NOW + 1_380_000).1, None);
    }

    #[test]
    fn two_gaps_in_a_row_judge_as_before_the_first() {
        let (watch, found) = runs(&[30, 1230, 2430]);
        assert_eq!((found, watch.judged_at(NOW + 2_430_000)), (Some(Finding::Gap(20 * MINUTE_MS)), NOW + 30_000));
    }

    #[test]
    fn a_clock_that_is_set_back_is_a_gap() {
        let (watch, found) = runs(&[30, 30 - 3600]);
        let now = NOW + 30_000 - HOUR_MS;
        assert_eq!((found, watch.judged_at(now)), (Some(Finding::SetBack(HOUR_MS)), now));
        let (_, found) = Watch::after_run(Some(watch), now + HEALTHY_MS);
        assert_eq!(found, Some(Finding::Over));
        assert_eq!(runs(&[30, 20]).1, None, "another host's clock");
    }

    proptest! {
        #[test]
        fn nobody_is_judged_by_time_that_was_not_watched(seconds in prop::collection::vec(0..2_000_i64, 1..30)) {
            let mut watch = Watch { run_at: 0, gap_from: None, resumed_at: None };
            let mut now = 0;
            for pause in seconds {
                now += pause * 1000;
                watch = Watch::after_run(Some(watch), now).0;
                prop_assert!(watch.judged_at(now) <= now);
                prop_assert!(pause * 1000 <= GAP_MS || watch.judged_at(now) < now);
                prop_assert_eq!(watch.gap_from.is_some(), watch.resumed_at.is_some());
            }
        }

        #[test]
        fn no_times_panic(run_at: i64, gap_from: Option<i64>, resumed_at: Option<i64>, now: i64) {
            let (watch, _) = Watch::after_run(Some(Watch { run_at, gap_from, resumed_at }), now);
            watch.judged_at(now);
        }
    }
}
