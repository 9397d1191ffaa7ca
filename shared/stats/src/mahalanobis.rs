//! Distance of a row from a centre, in units of its own scatter.

use crate::covariance::Shrunk;
use crate::matrix::SquareMatrix;

/// Mean and inverse covariance.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "GaussianParts", into = "GaussianParts"))]
pub struct Gaussian {
    mean: Vec<f64>,
    inverse: SquareMatrix,
}

/// Why there is no distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaussianError {
    /// Mean and covariance differ in size, or have none.
    Size,
    /// The covariance is not positive definite.
    Singular,
    /// A stored value is not finite.
    NotFinite,
}

impl std::fmt::Display for GaussianError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Size => "mean and covariance differ in size, or have none",
            Self::Singular => "the covariance is singular; drop constant or repeated columns",
            Self::NotFinite => "mean or inverse covariance is not finite",
        })
    }
}

impl std::error::Error for GaussianError {}

impl Gaussian {
    /// Inverts a covariance.
    ///
    /// # Errors
    /// [`GaussianError`] if sizes differ or the covariance is not positive definite.
    pub fn new(mean: Vec<f64>, covariance: &SquareMatrix) -> Result<Self, GaussianError> {
        let inverse = covariance.inverse().ok_or(GaussianError::Singular)?;
        Self::from_inverse(mean, inverse)
    }

    /// Inverts a shrunk covariance.
    ///
    /// # Errors
    /// As [`Gaussian::new`].
    pub fn from_shrunk(shrunk: &Shrunk) -> Result<Self, GaussianError> {
        Self::new(shrunk.mean.clone(), &shrunk.covariance)
    }

    fn from_inverse(mean: Vec<f64>, inverse: SquareMatrix) -> Result<Self, GaussianError> {
        if mean.is_empty() || mean.len() != inverse.size() {
            return Err(GaussianError::Size);
        }
        if mean.iter().chain(inverse.values()).any(|value| !value.is_finite()) {
            return Err(GaussianError::NotFinite);
        }
        Ok(Self { mean, inverse })
    }

    /// Mahalanobis distance sqrt((x - mean)^T inverse (x - mean)), not squared. None if the row has
    /// another length or a value that is not finite.
    #[must_use]
    pub fn distance(&self, row: &[f64]) -> Option<f64> {
        if row.len() != self.mean.len() || row.iter().any(|value| !value.is_finite()) {
            return None;
        }
        let offset: Vec<f64> = row.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        // Rounding may leave a tiny negative square.
        self.inverse.quadratic_form(&offset).map(|square| square.max(0.0).sqrt())
    }

    /// The centre.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The inverse covariance.
    #[must_use]
    pub fn inverse(&self) -> &SquareMatrix {
        &self.inverse
    }
}

/// The stored form.
#[cfg(feature = "serde")]
#[derive(serde::Serialize, serde::Deserialize)]
struct GaussianParts {
    mean: Vec<f64>,
    inverse: SquareMatrix,
}

#[cfg(feature = "serde")]
impl TryFrom<GaussianParts> for Gaussian {
    type Error = GaussianError;

    fn try_from(parts: GaussianParts) -> Result<Self, GaussianError> {
        Self::from_inverse(parts.mean, parts.inverse)
    }
}

#[cfg(feature = "serde")]
impl From<Gaussian> for GaussianParts {
    fn from(gaussian: Gaussian) -> Self {
        Self { mean: gaussian.mean, inverse: gaussian.inverse }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Gaussian {
        let covariance = SquareMatrix::try_from(vec![4.0, 1.0, 1.0, 2.0]).unwrap();
        Gaussian::new(vec![1.0, -1.0], &covariance).unwrap()
    }

    /// By hand: the inverse is [2, -1; -1, 4] / 7, so (3, 1) is at (2*4 - 2*4 + 4*4) / 7.
    #[test]
    fn distance_of_a_known_row() {
        assert_eq!(two().distance(&[1.0, -1.0]), Some(0.0));
        let distance = two().distance(&[3.0, 1.0]).unwrap();
        assert!((distance - (16.0f64 / 7.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn no_answer_is_none_or_an_error() {
        assert_eq!(two().distance(&[1.0]), None);
        assert_eq!(two().distance(&[1.0, f64::NAN]), None);
        let flat = SquareMatrix::from_fn(2, |_, _| 1.0);
        assert_eq!(Gaussian::new(vec![0.0; 2], &flat), Err(GaussianError::Singular));
        let unit = SquareMatrix::from_fn(1, |_, _| 1.0);
        assert_eq!(Gaussian::new(vec![], &unit), Err(GaussianError::Size));
        assert_eq!(Gaussian::new(vec![f64::NAN], &unit), Err(GaussianError::NotFinite));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn storing_goes_through_the_checks() {
        let text = serde_json::to_string(&two()).unwrap();
        assert_eq!(serde_json::from_str::<Gaussian>(&text).unwrap(), two());
        for damaged in [r#"{"mean":[1.0],"inverse":[1.0,2.0]}"#, r#"{"mean":[],"inverse":[]}"#] {
            assert!(serde_json::from_str::<Gaussian>(damaged).is_err());
        }
    }
}
