//! Which features isolated a row.
//!
//! At a node with n training rows the expected rest of a path is c(n). A split that sends the row
//! to a child with m of them leaves an expectation of 1 + c(m), so it shortens the path by
//! c(n) - 1 - c(m) against expectation. Along a path these credits telescope to c(psi) - h(x),
//! the very deficit the anomaly score is made of. Summed by the feature of the split over all
//! trees they are an additive account of the score: the path decomposition of random forests
//! (Palczewska et al., "Interpreting random forest models using a feature contribution method",
//! 2013, arXiv:1312.1121) with the path length of Liu, Ting and Zhou 2008 as the node's value.
//! DIFFI (Carletti, Terzi and Susto 2023) weighs by depth instead and does not add up.

use crate::forest::Forest;
use crate::path_length::leaf_path;

/// One edge in fixed point.
const EDGE: i64 = 1 << 16;

impl Forest {
    /// Credit of each feature for the row's score: values >= 0 that sum to 1, or all 0 if no
    /// feature shortened the row's path. A feature whose splits lengthened it has 0. One value a
    /// feature; deterministic.
    ///
    /// # Panics
    /// If the row does not have [`Forest::features`] values.
    #[must_use]
    pub fn attribute(&self, row: &[f32]) -> Vec<f64> {
        let credits = self.path_credits(row);
        let total: i64 = credits.iter().map(|&credit| credit.max(0)).sum();
        let share = |credit: i64| credit.max(0) as f64 / total as f64;
        match total {
            0 => vec![0.0; credits.len()],
            _ => credits.into_iter().map(share).collect(),
        }
    }

    /// Signed credits in fixed point; they sum to trees * c(psi) - path length.
    fn path_credits(&self, row: &[f32]) -> Vec<i64> {
        assert_eq!(row.len(), self.features(), "a row has one value a feature of the forest");
        let mut credits = vec![0; row.len()];
        let root = i64::from(leaf_path(0, self.subsample()));
        for tree in self.spans() {
            let (mut at, mut expected) = (tree.start, root);
            while !self.node_slice()[at].is_leaf() {
                let node = self.node_slice()[at];
                at = node.step(row[node.feature()]);
                let rest = i64::from(leaf_path(0, self.sizes()[at]));
                credits[node.feature()] += expected - EDGE - rest;
                expected = rest;
            }
        }
        credits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ForestParams, Table};

    fn three_features() -> Forest {
        let rows: Vec<[f32; 3]> =
            (0..1000u32).map(|i| [7u32, 31, 101].map(|k| (i * k % 997) as f32)).collect();
        let params = ForestParams::default().validate().unwrap();
        Forest::fit(&params, &Table::from_rows(&rows, 3).unwrap()).unwrap()
    }

    #[test]
    fn credits_add_up_to_the_deficit_of_the_path() {
        let forest = three_features();
        let full = i64::from(leaf_path(0, forest.subsample())) * i64::from(forest.trees());
        for row in [[500.0, 500.0, 500.0], [5000.0, 500.0, 500.0], [0.0, -9.0, f32::NAN]] {
            let sum: i64 = forest.path_credits(&row).iter().sum();
            assert_eq!(sum, full - i64::from(forest.path_length(&row).units()));
        }
    }

    #[test]
    fn the_feature_out_of_range_has_most_credit() {
        let forest = three_features();
        for odd in 0..3 {
            let mut row = [500.0; 3];
            row[odd] = 5000.0;
            let shares = forest.attribute(&row);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(shares[odd] > 0.7, "feature {odd}: {shares:?}");
        }
    }

    #[test]
    fn two_odd_features_share_the_credit() {
        let shares = three_features().attribute(&[5000.0, -5000.0, 500.0]);
        assert!(shares[0] > 0.3 && shares[1] > 0.3 && shares[2] < 0.1, "{shares:?}");
    }

    #[test]
    fn no_credit_without_splits() {
        let params = ForestParams::default().validate().unwrap();
        let constant = Table::from_rows(&[[1.0f32, 2.0]; 10], 2).unwrap();
        let forest = Forest::fit(&params, &constant).unwrap();
        assert_eq!(forest.attribute(&[9.0, 9.0]), [0.0, 0.0]);
    }
}
