//! Covariance of a few columns, shrunk so that its inverse can be trusted.

use crate::correlation::mean;
use crate::matrix::SquareMatrix;

/// A shrunk covariance: (1 - shrinkage) S + shrinkage * (trace(S) / p) I.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// Mean of each column.
    pub mean: Vec<f64>,
    /// The covariance.
    pub covariance: SquareMatrix,
    /// Weight of the identity, in [0, 1].
    pub shrinkage: f64,
}

/// Sample covariance (divisor n - 1) of columns of equal length. None without columns, with fewer
/// than two rows, or if the lengths differ.
#[must_use]
pub fn sample_covariance<C: AsRef<[f64]>>(columns: &[C]) -> Option<SquareMatrix> {
    let centred = Centred::of(columns)?;
    (centred.rows > 1).then(|| centred.products(centred.rows as f64 - 1.0))
}

/// Covariance by the shrinkage of Ledoit and Wolf ("A well-conditioned estimator for
/// large-dimensional covariance matrices", Journal of Multivariate Analysis 2004), with divisor n
/// as in scikit-learn's `ledoit_wolf`. Scale the columns first: the target is a multiple of the
/// identity. None without columns, without rows, or if the lengths differ.
#[must_use]
pub fn ledoit_wolf<C: AsRef<[f64]>>(columns: &[C]) -> Option<Shrunk> {
    let centred = Centred::of(columns)?;
    let sample = centred.products(centred.rows as f64);
    let size = sample.size() as f64;
    let target = (0..sample.size()).map(|i| sample.get(i, i)).sum::<f64>() / size;
    let squares: f64 = sample.values().iter().map(|value| value * value).sum();
    let distance = squares - size * target * target;
    let noise = (centred.fourth_moments() - squares) / centred.rows as f64;
    let shrinkage = if distance > 0.0 { (noise / distance).clamp(0.0, 1.0) } else { 0.0 };
    let covariance = SquareMatrix::symmetric(sample.size(), |i, j| {
        let identity = if i == j { shrinkage * target } else { 0.0 };
        (1.0 - shrinkage) * sample.get(i, j) + identity
    });
    Some(Shrunk { mean: centred.mean, covariance, shrinkage })
}

/// Columns less their means.
struct Centred {
    rows: usize,
    mean: Vec<f64>,
    columns: Vec<Vec<f64>>,
}

impl Centred {
    fn of<C: AsRef<[f64]>>(columns: &[C]) -> Option<Self> {
        let rows = columns.first()?.as_ref().len();
        if columns.iter().any(|column| column.as_ref().len() != rows) {
            return None;
        }
        let mean = columns.iter().map(|c| mean(c.as_ref())).collect::<Option<Vec<f64>>>()?;
        let centre = |(column, mean): (&C, &f64)| -> Vec<f64> {
            column.as_ref().iter().map(|value| value - mean).collect()
        };
        let columns = columns.iter().zip(&mean).map(centre).collect();
        Some(Self { rows, mean, columns })
    }

    fn products(&self, divisor: f64) -> SquareMatrix {
        SquareMatrix::symmetric(self.columns.len(), |i, j| {
            let (a, b) = (&self.columns[i], &self.columns[j]);
            a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / divisor
        })
    }

    /// Mean over rows of the squared norm of x x^T, i.e. of |x|^4.
    fn fourth_moments(&self) -> f64 {
        let norm = |row: usize| -> f64 { self.columns.iter().map(|c| c[row] * c[row]).sum() };
        (0..self.rows).map(|row| norm(row) * norm(row)).sum::<f64>() / self.rows as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: [[f64; 7]; 3] = [
        [3.5, -1.25, 8.0, 0.1, 0.2, 7.75, -4.0],
        [1.0, 0.0, 2.5, 0.5, -0.75, 3.0, 0.25],
        [0.3, 0.1, 0.9, -0.2, 0.4, 0.7, 0.6],
    ];

    #[track_caller]
    fn check_close(matrix: &SquareMatrix, expected: &[f64]) {
        for (value, expected) in matrix.values().iter().zip(expected) {
            assert!((value - expected).abs() < 1e-12, "{:?}", matrix.values());
        }
    }

    /// Values of `numpy.cov` and `sklearn.covariance.ledoit_wolf`.
    #[test]
    fn agrees_with_numpy_and_scikit_learn() {
        check_close(&sample_covariance(&COLUMNS).unwrap(), &SAMPLE);
        let shrunk = ledoit_wolf(&COLUMNS).unwrap();
        check_close(&shrunk.covariance, &SHRUNK);
        assert!((shrunk.shrinkage - SHRINKAGE).abs() < 1e-12);
    }
    const SAMPLE: [f64; 9] = [
        20.785_357_142_857_14,
        5.395_238_095_238_094,
        0.915,
        5.395_238_095_238_094,
        1.848_214_285_714_285_6,
        0.3,
        0.915,
        0.3,
        0.14,
    ];
    const SHRUNK: [f64; 9] = [
        16.016_831_099_024_575,
        3.888_781_740_499_166_7,
        0.659_514_043_633_640_9,
        3.888_781_740_499_166_7,
        2.367_310_158_497_578_4,
        0.216_234_112_666_767_45,
        0.659_514_043_633_640_9,
        0.216_234_112_666_767_45,
        1.136_062_824_110_496_6,
    ];
    const SHRINKAGE: f64 = 0.159_089_561_851_459_78;

    #[test]
    fn no_answer_is_none() {
        assert_eq!(sample_covariance::<Vec<f64>>(&[]), None);
        assert_eq!(sample_covariance(&[[1.0]]), None);
        assert_eq!(ledoit_wolf(&[vec![1.0], vec![]]), None);
        assert_eq!(ledoit_wolf(&[Vec::<f64>::new()]), None);
        assert_eq!(ledoit_wolf(&[[2.0; 4]]).unwrap().covariance.values(), [0.0]);
    }

    proptest! {
        /// Even of two equal columns and few rows: shrinkage makes it invertible unless constant.
        #[test]
        fn shrunk_is_between_sample_and_target(
            column in prop::collection::vec(-9.0f64..9.0, 3..30),
        ) {
            let shrunk = ledoit_wolf(&[&column, &column]).unwrap();
            prop_assert!((0.0..=1.0).contains(&shrunk.shrinkage));
            let trace = shrunk.covariance.get(0, 0) + shrunk.covariance.get(1, 1);
            let n = column.len() as f64;
            let sample = sample_covariance(&[&column]).unwrap().get(0, 0) * (n - 1.0) / n;
            prop_assert!((trace - 2.0 * sample).abs() < 1e-9 * (1.0 + sample));
        }
    }
}
