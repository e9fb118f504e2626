//! Where an axis begins, ends and has its ticks.

/// A linear axis with ticks at round values.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// The first tick, at or below all values.
    pub low: f64,
    /// The last tick, at or above all values.
    pub high: f64,
    /// From tick to tick: 1, 2 or 5 times a power of ten.
    pub step: f64,
}

/// The most ticks of any axis.
const MOST: f64 = 12.0;

impl Scale {
    /// Over these values and nought, with about so many steps at most; where only whole values make sense, no step is below one.
    pub fn over(values: impl IntoIterator<Item = f64>, steps: f64, whole: bool) -> Self {
        let within = |value: f64| value.clamp(-1e15, 1e15);
        let (low, high) = values
            .into_iter()
            .filter(|value| value.is_finite())
            .map(within)
            .fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        let span = if high > low { high - low } else { 1.0 };
        let step = nice_step(span / steps.clamp(1.0, MOST));
        let step = if whole { step.max(1.0) } else { step };
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        Self { low, high: if high > low { high } else { low + step }, step }
    }

    /// The values that have a tick.
    pub fn ticks(&self) -> Vec<f64> {
        let count = ((self.high - self.low) / self.step).round().clamp(1.0, 4.0 * MOST);
        let mut ticks = Vec::new();
        let mut index = 0.0;
        while index <= count {
            // Multiplied, not summed: errors do not gather.
            ticks.push(((self.low / self.step).round() + index) * self.step);
            index += 1.0;
        }
        ticks
    }

    /// Where this value lies, 0 at the first tick and 1 at the last.
    pub fn part(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below this.
pub fn nice_step(rough: f64) -> f64 {
    if !(rough.is_finite() && rough > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powi(exponent(rough));
    let mantissa = rough / power;
    let nice = [1.0, 2.0, 5.0].into_iter().find(|nice| mantissa <= nice * (1.0 + 1e-9)).unwrap_or(10.0);
    nice * power
}

/// Of the largest power of ten that is not above this.
#[expect(clippy::cast_possible_truncation, reason = "within 300 either way")]
pub fn exponent(value: f64) -> i32 {
    (value.log10() + 1e-9).floor().clamp(-300.0, 300.0) as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticks(values: &[f64], steps: f64, whole: bool) -> Vec<f64> {
        Scale::over(values.iter().copied(), steps, whole).ticks()
    }

    #[test]
    fn ticks_are_round_and_reach_over_all_values() {
        assert_eq!(ticks(&[12.0, 87.0], 5.0, false), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!(ticks(&[0.3], 3.0, false), [0.0, 0.1, 0.2, 0.30000000000000004]);
        assert_eq!(ticks(&[1.0], 5.0, true), [0.0, 1.0]);
        assert_eq!(ticks(&[2.0, 3.0], 5.0, true), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(&[-40.0, 90.0], 4.0, false), [-50.0, 0.0, 50.0, 100.0]);
    }

    #[test]
    fn nothing_and_noughts_have_an_axis_too() {
        assert_eq!(ticks(&[], 5.0, true), [0.0, 1.0]);
        assert_eq!(ticks(&[0.0, f64::NAN, f64::INFINITY], 5.0, true), [0.0, 1.0]);
    }

    proptest! {
        #[test]
        fn each_axis_holds_its_values_with_few_ticks(values in prop::collection::vec(-1e12..1e12, 0..20), steps in 1.0..12.0, whole: bool) {
            let scale = Scale::over(values.iter().copied(), steps, whole);
            let ticks = scale.ticks();
            prop_assert!((2..=15).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(values.iter().all(|value| *value >= scale.low - 1e-3 && *value <= scale.high + 1e-3));
            prop_assert!(ticks.contains(&0.0), "nought has a tick: {ticks:?}");
            prop_assert!(ticks.is_sorted());
        }
    }
}
