//! The forest: fit it to a table, score a row.
//!
//! Trees lie one after another in one array of nodes. Sums of path lengths are integers, so a
//! score does not depend on the order of trees.

use std::{error, fmt};

use crate::grow::{Grower, Tree, subsample_of};
use crate::node::Node;
use crate::params::ValidParams;
use crate::path_length::{PathLength, ScoreScale, leaf_path};
use crate::table::Table;

/// Trees walked at once for one row: enough to hide the latency of dependent loads.
const TREES_ABREAST: usize = 8;

/// A fitted isolation forest.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "crate::stored::StoredForest", into = "crate::stored::StoredForest")
)]
pub struct Forest {
    nodes: Vec<Node>,
    /// Path length of each leaf in fixed point; 0 at splits, where no walk ends.
    paths: Vec<u32>,
    /// Training rows of each node.
    sizes: Vec<u32>,
    trees: Vec<TreeSpan>,
    features: usize,
    scale: ScoreScale,
}

/// Where a tree lies and how many steps reach each of its leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreeSpan {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) height: u32,
}

impl Forest {
    /// Grows `params.trees()` trees, each from `min(params.subsample(), table.rows())` rows drawn
    /// without replacement. With the feature `rayon` on all threads of the current pool; the result
    /// is the same for any number of them.
    ///
    /// # Errors
    /// [`FitError::NoRows`] if the table is empty.
    pub fn fit(params: &ValidParams, table: &Table) -> Result<Self, FitError> {
        if table.rows() == 0 {
            return Err(FitError::NoRows);
        }
        let psi = subsample_of(params, table);
        let trees = grow_all(params, table);
        Ok(Self::assemble(trees, table.features(), ScoreScale::new(params.trees(), psi)))
    }

    /// Lays trees out one after another. Each tree is sound: children later than their parent,
    /// sizes that add up, features below `features`.
    pub(crate) fn assemble(trees: Vec<Tree>, features: usize, scale: ScoreScale) -> Self {
        let total = trees.iter().map(|tree| tree.nodes.len()).sum();
        let mut forest = Self {
            nodes: Vec::with_capacity(total),
            paths: Vec::with_capacity(total),
            sizes: Vec::with_capacity(total),
            trees: Vec::with_capacity(trees.len()),
            features,
            scale,
        };
        let leaf_paths = LeafPaths::new(scale.subsample());
        trees.iter().for_each(|tree| forest.push(tree, &leaf_paths));
        forest
    }

    fn push(&mut self, tree: &Tree, leaf_paths: &LeafPaths) {
        let start = self.nodes.len();
        self.nodes.extend(tree.nodes.iter().map(|node| node.moved_up(start)));
        self.sizes.extend(&tree.sizes);
        let (mut height, mut level) = (0, 0..1);
        while !level.is_empty() {
            let next = level.end..level.end + 2 * count_splits(&tree.nodes[level.clone()]);
            self.paths.extend(level.clone().map(|at| match tree.nodes[at].is_leaf() {
                true => leaf_paths.at(height, tree.sizes[at]),
                false => 0,
            }));
            height += u32::from(!next.is_empty());
            level = next;
        }
        self.trees.push(TreeSpan { start, end: self.nodes.len(), height });
    }

    /// Path length of one row, summed over all trees. A NaN is sent left at every split, as minus
    /// infinity is: the walk is total, but callers should refuse rows with missing values.
    ///
    /// # Panics
    /// If the row does not have [`Forest::features`] values.
    #[must_use]
    pub fn path_length(&self, row: &[f32]) -> PathLength {
        assert_eq!(row.len(), self.features, "a row has one value a feature of the forest");
        let mut sum = 0;
        for group in self.trees.chunks(TREES_ABREAST) {
            sum += self.walk_abreast(group, row);
        }
        PathLength(sum)
    }

    /// Walks a group of trees side by side. Leaves loop in place, so the tallest sets the steps.
    fn walk_abreast(&self, group: &[TreeSpan], row: &[f32]) -> u32 {
        let mut at = [0; TREES_ABREAST];
        for (at, tree) in at.iter_mut().zip(group) {
            *at = tree.start;
        }
        let height = group.iter().map(|tree| tree.height).max().unwrap_or(0);
        for _ in 0..height {
            for at in &mut at {
                let node = self.nodes[*at];
                *at = node.step(row[node.feature()]);
            }
        }
        at[..group.len()].iter().map(|&at| self.paths[at]).sum()
    }

    /// Anomaly score of one row, in (0, 1], higher is more anomalous;
    /// see [`ScoreScale::anomaly_score`].
    ///
    /// # Panics
    /// As [`Forest::path_length`].
    #[must_use]
    pub fn anomaly_score(&self, row: &[f32]) -> f64 {
        self.scale.anomaly_score(self.path_length(row))
    }

    /// Number of trees.
    #[must_use]
    pub fn trees(&self) -> u32 {
        self.scale.trees()
    }

    /// Rows each tree was grown from (psi): the parameter, or all rows of a shorter table.
    #[must_use]
    pub fn subsample(&self) -> u32 {
        self.scale.subsample()
    }

    /// Number of features of a row.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of nodes, splits and leaves.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// What turns path lengths of this forest into scores.
    #[must_use]
    pub fn scale(&self) -> ScoreScale {
        self.scale
    }

    pub(crate) fn node_slice(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn paths(&self) -> &[u32] {
        &self.paths
    }

    pub(crate) fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    pub(crate) fn spans(&self) -> &[TreeSpan] {
        &self.trees
    }
}

fn count_splits(nodes: &[Node]) -> usize {
    nodes.iter().filter(|node| !node.is_leaf()).count()
}

#[cfg(feature = "rayon")]
fn grow_all(params: &ValidParams, table: &Table) -> Vec<Tree> {
    use rayon::prelude::*;
    (0..params.trees())
        .into_par_iter()
        .map_init(|| Grower::new(params, table), |grower, index| grower.grow(index))
        .collect()
}

#[cfg(not(feature = "rayon"))]
fn grow_all(params: &ValidParams, table: &Table) -> Vec<Tree> {
    let mut grower = Grower::new(params, table);
    (0..params.trees()).map(|index| grower.grow(index)).collect()
}

/// c(size) of small leaves, computed once a forest.
struct LeafPaths {
    small: Vec<u32>,
}

impl LeafPaths {
    const SMALL: u32 = 1024;

    fn new(subsample: u32) -> Self {
        let largest = subsample.min(Self::SMALL);
        Self { small: (0..=largest).map(|size| leaf_path(0, size)).collect() }
    }

    fn at(&self, depth: u32, size: u32) -> u32 {
        let grown = depth << 16;
        self.small.get(size as usize).map_or_else(|| leaf_path(depth, size), |c| grown + c)
    }
}

/// Why a forest cannot be fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FitError {
    /// The table has no rows.
    NoRows,
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRows => write!(f, "the table has no rows; a forest needs at least one"),
        }
    }
}

impl error::Error for FitError {}

#[cfg(test)]
#[path = "forest_tests.rs"]
mod tests;
