//! The compact form of a forest, and its checks.
//!
//! Only what cannot be recomputed is kept: thresholds and features of the splits, one bit a node
//! for the shape, and the sizes of leaves that hold more than one row. All is in flat arrays for
//! the whole forest, so that a length prefix is paid once. Loading expands and checks everything;
//! whatever the content, the answer is a sound forest or a [`StoredError`]. The work and memory of
//! a load are bounded by the length of the arrays.

use std::{error, fmt};

use crate::forest::Forest;
use crate::grow::Tree;
use crate::node::Node;
use crate::params::{NODES_MAX, SUBSAMPLE_MAX, TREES_MAX, height_limit, nodes_bound};
use crate::path_length::{PathLength, ScoreScale};
use crate::step::StepFunction;
use crate::table::FEATURES_MAX;

/// A forest as it is stored. Arrays run over trees in order and over each tree breadth-first.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StoredForest {
    /// Features of a row.
    pub features: u8,
    /// Number of trees.
    pub trees: u32,
    /// Rows each tree was grown from.
    pub subsample: u32,
    /// One bit a node, least significant first: 1 is a split, 0 a leaf. Padded with 0.
    pub splits: Vec<u8>,
    /// One bit a leaf: 1 if it holds more than one row. Padded with 0.
    pub shared_leaves: Vec<u8>,
    /// Rows of each shared leaf, less 2, in LEB128: 7 bits a byte, lowest first, the top bit set on
    /// all bytes but the last.
    pub leaf_sizes: Vec<u8>,
    /// Feature of each split.
    pub split_features: Vec<u8>,
    /// Threshold of each split.
    pub thresholds: Vec<f32>,
}

/// A step function as it is stored.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StoredSteps {
    /// Number of trees.
    pub trees: u32,
    /// Rows each tree was grown from.
    pub subsample: u32,
    /// Values at which the path length changes.
    pub cuts: Vec<f32>,
    /// Path length of each step in fixed point.
    pub sums: Vec<u32>,
}

impl From<Forest> for StoredForest {
    fn from(forest: Forest) -> Self {
        Self::from(&forest)
    }
}

impl From<&Forest> for StoredForest {
    fn from(forest: &Forest) -> Self {
        let (mut splits, mut shared) = (BitWriter::default(), BitWriter::default());
        let mut stored = Self {
            features: forest.features() as u8,
            trees: forest.trees(),
            subsample: forest.subsample(),
            ..Self::default()
        };
        for (node, &size) in forest.node_slice().iter().zip(forest.sizes()) {
            splits.push(!node.is_leaf());
            if !node.is_leaf() {
                stored.split_features.push(node.feature() as u8);
                stored.thresholds.push(node.threshold());
                continue;
            }
            shared.push(size > 1);
            if size > 1 {
                push_leb128(size - 2, &mut stored.leaf_sizes);
            }
        }
        (stored.splits, stored.shared_leaves) = (splits.bytes, shared.bytes);
        stored
    }
}

impl TryFrom<StoredForest> for Forest {
    type Error = StoredError;

    fn try_from(stored: StoredForest) -> Result<Self, StoredError> {
        check_dimensions(stored.trees, stored.subsample)?;
        if stored.features == 0 {
            return Err(StoredError::Dimensions);
        }
        let mut reader = Reader::new(&stored);
        let trees = (0..stored.trees).map(|_| reader.tree()).collect::<Result<Vec<_>, _>>()?;
        reader.finish()?;
        let scale = ScoreScale::new(stored.trees, stored.subsample);
        Ok(Self::assemble(trees, usize::from(stored.features), scale))
    }
}

impl From<StepFunction> for StoredSteps {
    fn from(steps: StepFunction) -> Self {
        Self {
            trees: steps.scale().trees(),
            subsample: steps.scale().subsample(),
            cuts: steps.cuts().to_vec(),
            sums: steps.sums().iter().map(|path| path.units()).collect(),
        }
    }
}

impl TryFrom<StoredSteps> for StepFunction {
    type Error = StoredError;

    fn try_from(stored: StoredSteps) -> Result<Self, StoredError> {
        check_dimensions(stored.trees, stored.subsample)?;
        let scale = ScoreScale::new(stored.trees, stored.subsample);
        if stored.sums.len() != stored.cuts.len() + 1 {
            return Err(StoredError::Lengths);
        }
        if stored.cuts.iter().any(|cut| !cut.is_finite()) {
            return Err(StoredError::Threshold);
        }
        if !stored.cuts.is_sorted_by(|a, b| a < b) {
            return Err(StoredError::Order);
        }
        let sums: Vec<PathLength> = stored.sums.into_iter().map(PathLength).collect();
        if sums.iter().any(|&path| path > scale.longest_path()) {
            return Err(StoredError::PathLength);
        }
        Ok(Self::from_parts(stored.cuts, sums, scale))
    }
}

fn push_leb128(mut value: u32, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn check_dimensions(trees: u32, subsample: u32) -> Result<(), StoredError> {
    let sound = (1..=TREES_MAX).contains(&trees)
        && (1..=SUBSAMPLE_MAX).contains(&subsample)
        && nodes_bound(trees, subsample) <= NODES_MAX;
    if sound { Ok(()) } else { Err(StoredError::Dimensions) }
}

/// Takes trees one after another off the arrays.
struct Reader<'a> {
    stored: &'a StoredForest,
    splits: BitReader<'a>,
    shared: BitReader<'a>,
    sizes_read: usize,
    splits_read: usize,
}

impl<'a> Reader<'a> {
    fn new(stored: &'a StoredForest) -> Self {
        Self {
            stored,
            splits: BitReader::new(&stored.splits),
            shared: BitReader::new(&stored.shared_leaves),
            sizes_read: 0,
            splits_read: 0,
        }
    }

    fn tree(&mut self) -> Result<Tree, StoredError> {
        let mut tree = Tree::default();
        let mut level = 0..1;
        for _ in 0..=height_limit(self.stored.subsample) {
            let mut children = level.end;
            for at in level.clone() {
                children = self.node(at, children, &mut tree)?;
            }
            level = level.end..children;
            if level.is_empty() {
                return self.add_sizes(tree);
            }
        }
        Err(StoredError::Shape)
    }

    /// Reads the node at `at`; returns where the next split's children go.
    fn node(&mut self, at: usize, next: usize, tree: &mut Tree) -> Result<usize, StoredError> {
        if !self.splits.next()? {
            tree.nodes.push(Node::leaf(at));
            tree.sizes.push(self.leaf_size()?);
            return Ok(next);
        }
        let (feature, threshold) = self.cut()?;
        // A tree of psi rows has at most 2 psi - 1 nodes; this bounds memory and indices.
        if next + 2 > 2 * self.stored.subsample as usize - 1 {
            return Err(StoredError::Shape);
        }
        tree.nodes.push(Node::split(feature, threshold, next));
        tree.sizes.push(0);
        Ok(next + 2)
    }

    fn leaf_size(&mut self) -> Result<u32, StoredError> {
        if !self.shared.next()? {
            return Ok(1);
        }
        let mut less_two = 0;
        for shift in [0, 7, 14] {
            let byte = *self.stored.leaf_sizes.get(self.sizes_read).ok_or(StoredError::Lengths)?;
            self.sizes_read += 1;
            less_two |= u32::from(byte & 0x7F) << shift;
            let padded = byte == 0 && shift > 0;
            if byte < 0x80 && !padded {
                return Ok(less_two + 2);
            }
        }
        Err(StoredError::LeafSize)
    }

    fn cut(&mut self) -> Result<(u8, f32), StoredError> {
        let at = self.splits_read;
        self.splits_read += 1;
        let feature = *self.stored.split_features.get(at).ok_or(StoredError::Lengths)?;
        let threshold = *self.stored.thresholds.get(at).ok_or(StoredError::Lengths)?;
        if feature >= self.stored.features {
            return Err(StoredError::Feature);
        }
        if !threshold.is_finite() {
            return Err(StoredError::Threshold);
        }
        Ok((feature, threshold))
    }

    /// Sizes of splits from those of leaves, children before parents.
    fn add_sizes(&self, mut tree: Tree) -> Result<Tree, StoredError> {
        for at in (0..tree.nodes.len()).rev() {
            let node = tree.nodes[at];
            if !node.is_leaf() {
                tree.sizes[at] =
                    tree.sizes[node.left()].saturating_add(tree.sizes[node.left() + 1]);
            }
        }
        if tree.sizes[0] == self.stored.subsample { Ok(tree) } else { Err(StoredError::LeafSize) }
    }

    /// Nothing may be left over.
    fn finish(self) -> Result<(), StoredError> {
        let spent = self.sizes_read == self.stored.leaf_sizes.len()
            && self.splits_read == self.stored.split_features.len()
            && self.splits_read == self.stored.thresholds.len()
            && self.splits.is_spent()
            && self.shared.is_spent();
        if spent { Ok(()) } else { Err(StoredError::Lengths) }
    }
}

#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    bits: usize,
}

impl BitWriter {
    fn push(&mut self, bit: bool) {
        if self.bits.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(byte) = self.bytes.last_mut() {
            *byte |= u8::from(bit) << (self.bits % 8);
        }
        self.bits += 1;
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl<'a> BitReader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, read: 0 }
    }

    fn next(&mut self) -> Result<bool, StoredError> {
        let byte = self.bytes.get(self.read / 8).ok_or(StoredError::Lengths)?;
        let bit = byte >> (self.read % 8) & 1 == 1;
        self.read += 1;
        Ok(bit)
    }

    /// All bytes begun, and the bits after the last one read are 0: one forest has one form.
    fn is_spent(&self) -> bool {
        let padding = self.bytes.last().map_or(0, |byte| match self.read % 8 {
            0 => 0,
            used => byte >> used,
        });
        self.bytes.len() == self.read.div_ceil(8) && padding == 0
    }
}

/// Why stored content is not a forest or a step function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredError {
    /// Trees, subsample or features are out of bounds.
    Dimensions,
    /// The arrays do not belong together: one is too short or too long.
    Lengths,
    /// A tree is higher than its height limit or has too many nodes.
    Shape,
    /// A split names a feature the rows do not have.
    Feature,
    /// A threshold or cut is not finite.
    Threshold,
    /// Leaf sizes are not in canonical form or do not add up to the subsample.
    LeafSize,
    /// Cuts do not ascend.
    Order,
    /// A path length is beyond what such a forest can give.
    PathLength,
}

impl fmt::Display for StoredError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Dimensions => {
                return write!(
                    f,
                    "stored forest: trees, subsample or features out of bounds \
                     (at most {TREES_MAX}, {SUBSAMPLE_MAX}, {FEATURES_MAX})"
                );
            }
            Self::Lengths => "arrays do not belong together",
            Self::Shape => "a tree is higher or larger than its subsample allows",
            Self::Feature => "a split names a feature that does not exist",
            Self::Threshold => "a threshold is not finite",
            Self::LeafSize => "leaf sizes do not add up to the subsample",
            Self::Order => "cuts do not ascend",
            Self::PathLength => "a path length is out of range",
        };
        write!(f, "stored forest: {what}; the content is damaged, train again")
    }
}

impl error::Error for StoredError {}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
