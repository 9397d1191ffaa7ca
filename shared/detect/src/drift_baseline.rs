//! What the metrics looked like together at training time, for telling drift later.

use serde::{Deserialize, Serialize};
use stats::{Gaussian, ledoit_wolf, quantile};

/// Location and shape of the training rows. Each metric is put on the scale of its own
/// [`Transform`](crate::transform::Transform), so that all have a similar size and none is lost
/// beside another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftBaseline {
    /// Names of the metrics, in order.
    pub features: Vec<String>,
    /// Mean and inverse of the shrunk covariance.
    pub shape: Gaussian,
    /// Shrinkage towards the diagonal target, 0 to 1.
    pub shrinkage: f64,
    /// The distance that one in a thousand training rows exceeds: tails of real metrics are heavier
    /// than those of a normal distribution.
    pub distance_p99_9: f64,
}

const FAR_QUANTILE: f64 = 0.999;

impl DriftBaseline {
    /// Learns from the columns of complete rows. `None` where they have no usable shape: too few
    /// rows, or all alike.
    pub fn fit(features: &[String], columns: &[Vec<f64>]) -> Option<DriftBaseline> {
        let shrunk = ledoit_wolf(columns)?;
        let shape = Gaussian::from_shrunk(&shrunk).ok()?;
        let rows = columns.first().map_or(0, Vec::len);
        let row = |index: usize| columns.iter().map(|column| column[index]).collect::<Vec<f64>>();
        let distances: Vec<f64> = (0..rows).filter_map(|i| shape.distance(&row(i))).collect();
        Some(DriftBaseline {
            features: features.to_vec(),
            shape,
            shrinkage: shrunk.shrinkage,
            distance_p99_9: quantile(&distances, FAR_QUANTILE)?,
        })
    }
}
