//! Path lengths in fixed point and their anomaly score.
//!
//! The path length of a row in one tree is the edges to its leaf plus c(size of the leaf), the
//! part of the tree that was not grown. It is kept in units of 2^-16: sums are then exact and
//! associative, so neither the order of trees nor the number of threads can change a bit, and a
//! collapsed forest can equal the walked one exactly. The rounding error is at most 2^-17 edges a
//! tree. Bound: 1000 trees of at most 16 + c(65536) < 38 edges fit `u32`.

use std::fmt;

/// Fixed-point units per edge.
const UNITS_PER_EDGE: f64 = 65_536.0;

/// Average path length of an unsuccessful search in a binary search tree of `n` keys, c(n) of
/// Liu, Ting and Zhou 2008, equation 1: 0 for n <= 1, 1 for n = 2, else
/// 2 (ln(n - 1) + 0.5772156649) - 2 (n - 1) / n. In edges.
///
/// ```
/// assert!((forest::average_path_length(256) - 10.244771).abs() < 1e-6);
/// ```
#[must_use]
pub fn average_path_length(n: u32) -> f64 {
    const EULER_GAMMA: f64 = 0.577_215_664_9;
    match n {
        0 | 1 => 0.0,
        2 => 1.0,
        _ => {
            let n = f64::from(n);
            2.0 * (libm::log(n - 1.0) + EULER_GAMMA) - 2.0 * (n - 1.0) / n
        }
    }
}

/// Path length of a leaf in fixed point.
pub(crate) fn leaf_path(depth: u32, size: u32) -> u32 {
    (depth << 16) + (average_path_length(size) * UNITS_PER_EDGE).round_ties_even() as u32
}

/// Sum of the path lengths of a row over all trees. Shorter is more anomalous, and order is exact:
/// of two rows under one forest, the one with the smaller `PathLength` has the higher score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathLength(pub(crate) u32);

impl PathLength {
    /// The sum in units of 2^-16 edges.
    #[must_use]
    pub fn units(self) -> u32 {
        self.0
    }

    /// The anomaly score under the forest's scale, see [`ScoreScale::anomaly_score`].
    #[must_use]
    pub fn anomaly_score(self, scale: ScoreScale) -> f64 {
        scale.anomaly_score(self)
    }
}

/// What turns sums of path lengths into scores: the number of trees and the subsample.
#[derive(Clone, Copy, PartialEq)]
pub struct ScoreScale {
    trees: u32,
    subsample: u32,
    /// Halvings of the score per fixed-point unit; 0 if c(psi) is 0.
    halvings_per_unit: f64,
}

impl ScoreScale {
    pub(crate) fn new(trees: u32, subsample: u32) -> Self {
        let full_sum = average_path_length(subsample) * f64::from(trees) * UNITS_PER_EDGE;
        let halvings_per_unit = if full_sum > 0.0 { 1.0 / full_sum } else { 0.0 };
        Self { trees, subsample, halvings_per_unit }
    }

    /// Number of trees.
    #[must_use]
    pub fn trees(self) -> u32 {
        self.trees
    }

    /// Rows each tree was grown from (psi).
    #[must_use]
    pub fn subsample(self) -> u32 {
        self.subsample
    }

    /// Anomaly score 2^(-mean path length / c(psi)), in (0, 1], higher is more anomalous; Liu, Ting
    /// and Zhou 2008, equation 2. With a subsample of one row c(psi) is 0 and the score is 0.5, as
    /// in scikit-learn.
    #[must_use]
    pub fn anomaly_score(self, path: PathLength) -> f64 {
        if self.halvings_per_unit == 0.0 {
            return 0.5;
        }
        libm::exp2(-f64::from(path.0) * self.halvings_per_unit)
    }

    /// The path length whose score is nearest to `score`: a cut on scores becomes a cut on path
    /// lengths, exact and without a logarithm a row. Clamped to what a forest can give; NaN gives
    /// the longest path.
    #[must_use]
    pub fn path_length(self, score: f64) -> PathLength {
        let longest = f64::from(self.longest_path().0);
        if self.halvings_per_unit == 0.0 || score.is_nan() || score <= 0.0 {
            return self.longest_path();
        }
        let units = (-libm::log2(score) / self.halvings_per_unit).round_ties_even();
        PathLength(units.clamp(0.0, longest) as u32)
    }

    /// Upper bound of any row's path length: the height limit plus c(psi) in every tree.
    pub(crate) fn longest_path(self) -> PathLength {
        let limit = crate::params::height_limit(self.subsample);
        PathLength(self.trees * leaf_path(limit, self.subsample))
    }
}

impl fmt::Debug for ScoreScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScoreScale")
            .field("trees", &self.trees)
            .field("subsample", &self.subsample)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{SUBSAMPLE_MAX, TREES_MAX};

    #[test]
    fn average_path_length_matches_the_published_values() {
        let expected = [
            (0, 0.0),
            (1, 0.0),
            (2, 1.0),
            (3, 1.207392),
            (10, 3.74888),
            (100, 8.364671),
            (256, 10.244771),
            (1000, 12.969941),
            (4000, 15.742531),
        ];
        for (n, value) in expected {
            assert!((average_path_length(n) - value).abs() < 1e-6, "c({n})");
        }
    }

    #[test]
    fn the_longest_sum_fits() {
        let longest = u64::from(leaf_path(16, SUBSAMPLE_MAX)) * u64::from(TREES_MAX);
        assert!(longest <= u64::from(u32::MAX));
    }

    #[test]
    fn score_and_path_length_invert_each_other() {
        let scale = ScoreScale::new(200, 256);
        for units in (0..scale.longest_path().0).step_by(9973) {
            let score = scale.anomaly_score(PathLength(units));
            assert_eq!(scale.path_length(score), PathLength(units));
        }
    }

    #[test]
    fn extremes_are_total() {
        let scale = ScoreScale::new(200, 256);
        assert_eq!(scale.anomaly_score(PathLength(0)), 1.0);
        assert!(scale.anomaly_score(scale.longest_path()) > 0.0);
        assert_eq!(scale.path_length(2.0), PathLength(0));
        for score in [0.0, -1.0, f64::NAN] {
            assert_eq!(scale.path_length(score), scale.longest_path());
        }
        assert_eq!(ScoreScale::new(200, 1).anomaly_score(PathLength(0)), 0.5);
    }
}
