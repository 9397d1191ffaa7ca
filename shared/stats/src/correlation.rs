//! Dependence: of a series on its own past, and of columns on each other.

use crate::matrix::SquareMatrix;

/// Lag-1 autocorrelation: sum of (x_t - m)(x_{t+1} - m) over sum of (x_t - m)^2, in [-1, 1]. None
/// with fewer than two values or without variance.
#[must_use]
pub fn autocorrelation_lag1(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let power: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let lagged: f64 = values.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
    (values.len() > 1 && power > 0.0).then(|| lagged / power)
}

/// Number of independent values that carry as much about the mean as `count` values with lag-1
/// autocorrelation `rho`: n (1 - rho) / (1 + rho), for a first-order autoregression. Held to
/// [1, n]: a negative `rho` is not trusted to give more than n. A NaN `rho` counts as 0.
#[must_use]
pub fn effective_sample_size(count: usize, rho: f64) -> f64 {
    let n = count as f64;
    let rho = if rho.is_nan() { 0.0 } else { rho.clamp(-1.0, 1.0) };
    if rho <= 0.0 {
        return n;
    }
    (n * (1.0 - rho) / (1.0 + rho)).clamp(n.min(1.0), n)
}

/// Pearson's correlation of two slices of equal length, in [-1, 1]. None if their lengths differ,
/// there are fewer than two pairs, or one has no variance.
#[must_use]
pub fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() || a.len() < 2 {
        return None;
    }
    let (mean_a, mean_b) = (mean(a)?, mean(b)?);
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    let norm = aa.sqrt() * bb.sqrt();
    (norm > 0.0).then(|| (ab / norm).clamp(-1.0, 1.0))
}

/// Pearson's correlations of columns, 1 on the diagonal; a pair without an answer has NaN. None if
/// there are no columns or their lengths differ.
#[must_use]
pub fn correlation_matrix<C: AsRef<[f64]>>(columns: &[C]) -> Option<SquareMatrix> {
    let rows = columns.first()?.as_ref().len();
    if columns.iter().any(|column| column.as_ref().len() != rows) {
        return None;
    }
    Some(SquareMatrix::symmetric(columns.len(), |i, j| match i == j {
        true => 1.0,
        false => pearson(columns[i].as_ref(), columns[j].as_ref()).unwrap_or(f64::NAN),
    }))
}

pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: [f64; 7] = [3.5, -1.25, 8.0, 0.1, 0.2, 7.75, -4.0];
    const B: [f64; 7] = [1.0, 0.0, 2.5, 0.5, -0.75, 3.0, 0.25];

    /// Values of numpy: `corrcoef`, and the sums written out.
    #[test]
    fn agrees_with_numpy() {
        assert!((pearson(&A, &B).unwrap() - 0.870_473_808_320_206_8).abs() < 1e-12);
        assert!((autocorrelation_lag1(&A).unwrap() + 0.620_729_860_355_970_8).abs() < 1e-12);
        let matrix = correlation_matrix(&[A, B]).unwrap();
        assert_eq!((matrix.get(0, 0), matrix.get(0, 1)), (1.0, matrix.get(1, 0)));
    }

    #[test]
    fn effective_size_shrinks_with_dependence() {
        assert_eq!(effective_sample_size(100, 0.0), 100.0);
        assert_eq!(effective_sample_size(100, 0.6), 25.0);
        assert_eq!(effective_sample_size(100, 1.0), 1.0);
        assert_eq!(effective_sample_size(100, -0.5), 100.0);
        assert_eq!(effective_sample_size(100, f64::NAN), 100.0);
        assert_eq!(effective_sample_size(0, 0.5), 0.0);
    }

    #[test]
    fn no_answer_is_none() {
        assert_eq!(autocorrelation_lag1(&[]), None);
        assert_eq!(autocorrelation_lag1(&[1.0]), None);
        assert_eq!(autocorrelation_lag1(&[2.0; 5]), None);
        assert_eq!(pearson(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(pearson(&[1.0, 2.0], &[3.0, 3.0]), None);
        assert_eq!(correlation_matrix::<Vec<f64>>(&[]), None);
        let constant = correlation_matrix(&[[1.0, 2.0], [3.0, 3.0]]).unwrap();
        assert!(constant.get(0, 1).is_nan());
    }

    proptest! {
        #[test]
        fn correlations_stay_in_range(
            values in prop::collection::vec((-1e6f64..1e6, -9f64..9.0), 2..40),
        ) {
            let (a, b): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
            prop_assert!(pearson(&a, &b).is_none_or(|r| r.abs() <= 1.0));
            prop_assert!(autocorrelation_lag1(&a).is_none_or(|r| r.abs() <= 1.0));
            let scaled: Vec<f64> = a.iter().map(|a| 3.0 * a + 7.0).collect();
            prop_assert!(pearson(&a, &scaled).is_none_or(|r| (r - 1.0).abs() < 1e-9));
        }
    }
}
