//! What the metrics looked like together at training time, for telling drift later.

use serde::{Deserialize, Serialize};
use stats::{Gaussian, ledoit_wolf};

/// Location and shape of the training rows on the transformed scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftBaseline {
    /// Names of the features, in order.
    pub features: Vec<String>,
    /// Mean and inverse of the shrunk covariance.
    pub shape: Gaussian,
    /// Shrinkage towards the diagonal target, 0 to 1.
    pub shrinkage: f64,
}

impl DriftBaseline {
    /// Learns from the columns of complete rows. `None` where they have no usable shape: too few
    /// rows, or all alike.
    pub fn fit(features: &[String], columns: &[Vec<f64>]) -> Option<DriftBaseline> {
        let shrunk = ledoit_wolf(columns)?;
        let shape = Gaussian::from_shrunk(&shrunk).ok()?;
        Some(DriftBaseline { features: features.to_vec(), shape, shrinkage: shrunk.shrinkage })
    }
}
