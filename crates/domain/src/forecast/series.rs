//! An hourly series with gaps.

/// Greater values are taken to be this: no place holds so many, and the sums of their squares stay finite.
const MAX_VALUE: f64 = 1e12;

/// An hourly series without beginning or end: the value of hours that are known.
#[derive(Clone, Debug, Default)]
pub struct Series {
    first: i64,
    values: Vec<Option<f64>>,
}

impl Series {
    /// From (hour since 1970, value) in any order; what lies more than `most` hours before the newest is left out, as is what is not
    /// finite.
    pub fn from_points(points: &[(i64, f64)], most: usize) -> Self {
        let known = || points.iter().filter(|(_, value)| value.is_finite());
        let Some(last) = known().map(|(hour, _)| *hour).max() else { return Self::default() };
        let reach = i64::try_from(most).unwrap_or(i64::MAX).min(100_000);
        let oldest = last.saturating_sub(reach);
        let Some(first) = known().map(|(hour, _)| *hour).filter(|hour| *hour > oldest || *hour == last).min() else {
            return Self::default();
        };
        let length = usize::try_from(last.saturating_sub(first)).unwrap_or_default().saturating_add(1);
        let mut series = Self { first, values: vec![None; length] };
        for (hour, value) in known() {
            let index = hour.checked_sub(first).and_then(|index| usize::try_from(index).ok());
            if let Some(slot) = index.and_then(|index| series.values.get_mut(index)) {
                *slot = Some(value.clamp(-MAX_VALUE, MAX_VALUE));
            }
        }
        series
    }

    /// What is known of `hour`.
    pub fn at(&self, hour: i64) -> Option<f64> {
        let index = usize::try_from(hour.checked_sub(self.first)?).ok()?;
        self.values.get(index).copied().flatten()
    }

    /// The oldest hour that is known.
    pub fn first(&self) -> i64 {
        self.first
    }

    /// The newest hour that is known.
    pub fn last(&self) -> Option<i64> {
        let length = i64::try_from(self.values.len()).ok()?;
        (length > 0).then(|| self.first.saturating_add(length - 1))
    }
}
