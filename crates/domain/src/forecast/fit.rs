//! Weights of the parts of a forecast: least squares, drawn towards what is taken to hold before the past has shown it.

/// How many parts a departure from the usual is explained by.
pub(super) const PARTS: usize = 7;
/// One number for each part.
pub(super) type Row = [f64; PARTS];

/// What the prior weights count for, in hours of usual departures.
const PRIOR_HOURS: f64 = 168.0;

/// The sums that least squares needs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Of the products of parts: only the lower triangle.
    xx: [Row; PARTS],
    xy: Row,
    weight: f64,
}

impl Sums {
    /// Counts an hour: its parts, and what they should make together.
    pub fn add(&mut self, row: &Row, target: f64, weight: f64) {
        for (index, (sums, x)) in self.xx.iter_mut().zip(row).enumerate() {
            let x = weight * x;
            sums.iter_mut().zip(row).take(index + 1).for_each(|(sum, other)| *sum += x * other);
        }
        self.xy.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * x * target);
        self.weight += weight;
    }

    /// The weights that explain the hours best. A part that was always 0, or that nothing is known of, has its prior weight.
    pub fn weights(&self, prior: &Row) -> Row {
        let mut matrix = self.xx;
        let mut target = self.xy;
        let share = if self.weight > 0.0 { PRIOR_HOURS / self.weight } else { 0.0 };
        for (index, (row, (sum, prior))) in matrix.iter_mut().zip(target.iter_mut().zip(prior)).enumerate() {
            if let Some(diagonal) = row.get_mut(index) {
                // A part that never moved must not make the matrix singular.
                let ridge = share * *diagonal + f64::EPSILON.sqrt();
                *diagonal += ridge;
                *sum += ridge * prior;
            }
        }
        solve(matrix, target).unwrap_or(*prior)
    }
}

/// The sum of the parts by their weights.
pub(super) fn dot(weights: &Row, row: &Row) -> f64 {
    weights.iter().zip(row).map(|(weight, part)| weight * part).sum()
}

/// Solves `matrix * x = target` for a positive definite matrix, of which the lower triangle is given, by Cholesky's decomposition. None
/// where it is not positive definite. All indices are below [`PARTS`], the length of all that is indexed.
fn solve(mut matrix: [Row; PARTS], mut target: Row) -> Option<Row> {
    for column in 0..PARTS {
        for row in column..PARTS {
            let sum: f64 = (0..column).map(|index| matrix[row][index] * matrix[column][index]).sum();
            let rest = matrix[row][column] - sum;
            matrix[row][column] = if row > column {
                rest / matrix[column][column]
            } else if rest > 0.0 && rest.is_finite() {
                rest.sqrt()
            } else {
                return None;
            };
        }
    }
    for row in 0..PARTS {
        let sum: f64 = (0..row).map(|index| matrix[row][index] * target[index]).sum();
        target[row] = (target[row] - sum) / matrix[row][row];
    }
    for row in (0..PARTS).rev() {
        let sum: f64 = (row + 1..PARTS).map(|index| matrix[index][row] * target[index]).sum();
        target[row] = (target[row] - sum) / matrix[row][row];
    }
    target.iter().all(|weight| weight.is_finite()).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(count: usize, weights: &Row) -> Sums {
        let mut random = fastrand::Rng::with_seed(7);
        let mut sums = Sums::default();
        for _ in 0..count {
            let row: Row = std::array::from_fn(|_| random.f64() - 0.5);
            sums.add(&row, dot(weights, &row), 1.0);
        }
        sums
    }

    #[test]
    fn many_hours_show_the_weights_and_few_are_drawn_to_the_prior() {
        let truth: Row = std::array::from_fn(|index| 0.1 * index as f64 - 0.2);
        let prior = [1.0; PARTS];
        let far = |weights: &Row, of: &Row| weights.iter().zip(of).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let (many, few) = (hours(100_000, &truth).weights(&prior), hours(20, &truth).weights(&prior));
        assert!(far(&many, &truth) < 0.01, "{many:?}");
        assert!(far(&few, &truth) > 0.2 && far(&few, &prior) < far(&truth, &prior), "{few:?}");
        assert_eq!(Sums::default().weights(&prior), prior);
    }

    #[test]
    fn parts_that_are_the_same_or_never_there_are_no_harm() {
        let mut sums = Sums::default();
        for hour in 0..1_000 {
            let x = f64::from(hour % 7) - 3.0;
            sums.add(&[x, x, 0.0, 0.0, 0.0, 0.0, 0.0], x, 1.0);
        }
        let weights = sums.weights(&[0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0]);
        assert!((weights[0] + weights[1] - 1.0).abs() < 0.1 && (weights[0] - weights[1]).abs() < 1e-6, "{weights:?}");
        assert!((weights[2] - 0.5).abs() < 1e-9);
        let mut wild = Sums::default();
        wild.add(&[f64::MAX; PARTS], f64::MAX, 1.0);
        assert_eq!(wild.weights(&[0.25; PARTS]), [0.25; PARTS]);
    }
}
