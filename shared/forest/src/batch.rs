//! Scoring many rows.
//!
//! Tree-outer: a block of rows passes one tree before the next is loaded, so both stay in the
//! first-level cache. Within a block several rows walk abreast, which hides the latency of each
//! walk's dependent loads. For trees of up to 256 rows both sides are packed so that a step is four
//! loads, a compare and an add, without a bounds check:
//!
//! - Values become integers of the same order, so the compare is an integer's.
//! - Siblings share a pair, and a node keeps its children's pair in one byte. A tree of 256 leaves
//!   has 255 splits, so 256 pairs hold it with the root in the first.
//! - A leaf names its own pair and has a threshold that sends every value back to it.
//!
//! A larger tree is walked row by row. A table of one feature is scored by the collapse.

use crate::forest::Forest;
use crate::node::Node;
use crate::path_length::PathLength;
use crate::table::Table;

/// Rows walked at once: their positions just fit the registers.
const ROWS_ABREAST: usize = 8;
/// Rows of a block: 16 KiB of packed rows of up to eight features, which leaves room for a tree.
const BLOCK_ROWS: usize = 512;
/// Packed nodes of a tree: 256 pairs.
const TREE_NODES: usize = 512;
/// From this many rows on the collapse of a forest of one feature pays for itself.
const COLLAPSE_FROM_ROWS: usize = 512;

impl Forest {
    /// Anomaly scores of all rows, in their order. Equal to [`Forest::anomaly_score`] of each row,
    /// bit for bit.
    ///
    /// # Panics
    /// If the table does not have [`Forest::features`] features.
    #[must_use]
    pub fn score_rows(&self, table: &Table) -> Vec<f64> {
        let scale = self.scale();
        self.path_lengths(table).into_iter().map(|path| scale.anomaly_score(path)).collect()
    }

    /// Path lengths of all rows, in their order.
    ///
    /// # Panics
    /// As [`Forest::score_rows`].
    #[must_use]
    pub fn path_lengths(&self, table: &Table) -> Vec<PathLength> {
        assert_eq!(table.features(), self.features(), "the table has the forest's features");
        if table.rows() >= COLLAPSE_FROM_ROWS
            && let Some(steps) = self.collapse()
        {
            return table.values().iter().map(|&value| steps.path_length(value)).collect();
        }
        if self.subsample() as usize > TREE_NODES / 2 {
            return (0..table.rows()).map(|row| self.path_length(table.row(row))).collect();
        }
        let packed = PackedForest::new(self);
        match self.features() {
            1..=8 => packed.path_lengths::<8>(table),
            9..=32 => packed.path_lengths::<32>(table),
            _ => packed.path_lengths::<256>(table),
        }
    }
}

/// A node of a small tree, 8 bytes.
#[derive(Clone, Copy, Debug, Default)]
struct PackedNode {
    /// A greater value goes to the right child.
    threshold: u32,
    /// Pair of the children; of the node itself if it is a leaf.
    pair: u8,
    feature: u8,
}

impl PackedNode {
    /// Packs the node that will be at `at`; `start` is where its tree starts in the forest.
    fn new(node: Node, at: usize, start: usize) -> Self {
        if !node.is_leaf() {
            // The root is alone in its pair, so children are one place later than in the forest.
            let pair = ((node.left() - start).div_ceil(2)) as u8;
            let feature = node.feature() as u8;
            return Self { threshold: ordered(node.threshold()), pair, feature };
        }
        // Ordered values lie strictly between these two, so a leaf at an odd place is right of its
        // pair for every value, and one at an even place left.
        let threshold = if at % 2 == 1 { 0 } else { u32::MAX };
        Self { threshold, pair: (at / 2) as u8, feature: 0 }
    }
}

/// An integer of the same order as the float, with one zero; NaN is below all. Never 0 nor MAX.
fn ordered(value: f32) -> u32 {
    if value.is_nan() {
        return 1;
    }
    let bits = (value + 0.0).to_bits();
    bits ^ if bits >> 31 == 1 { u32::MAX } else { 1 << 31 }
}

/// All trees of a forest, packed.
struct PackedForest<'a> {
    forest: &'a Forest,
    /// Trees one after another, each with an unused node after its root.
    nodes: Vec<PackedNode>,
}

impl<'a> PackedForest<'a> {
    fn new(forest: &'a Forest) -> Self {
        let mut nodes = Vec::with_capacity(forest.nodes() + forest.spans().len());
        for tree in forest.spans() {
            let tree_nodes = &forest.node_slice()[tree.start..tree.end];
            nodes.push(PackedNode::new(tree_nodes[0], 0, tree.start));
            nodes.push(PackedNode::default());
            let rest = tree_nodes.iter().enumerate().skip(1);
            nodes.extend(rest.map(|(at, &node)| PackedNode::new(node, at + 1, tree.start)));
        }
        Self { forest, nodes }
    }

    fn path_lengths<const WIDTH: usize>(&self, table: &Table) -> Vec<PathLength> {
        let mut sums = vec![PathLength(0); table.rows()];
        let block_values = BLOCK_ROWS * table.features();
        #[cfg(feature = "rayon")]
        {
            use rayon::prelude::*;
            sums.par_chunks_mut(BLOCK_ROWS)
                .zip(table.values().par_chunks(block_values))
                .for_each(|(sums, values)| self.add_block::<WIDTH>(values, sums));
        }
        #[cfg(not(feature = "rayon"))]
        sums.chunks_mut(BLOCK_ROWS)
            .zip(table.values().chunks(block_values))
            .for_each(|(sums, values)| self.add_block::<WIDTH>(values, sums));
        sums
    }

    fn add_block<const WIDTH: usize>(&self, values: &[f32], sums: &mut [PathLength]) {
        let rows = pack_rows::<WIDTH>(values, self.forest.features());
        let mut tree = [PackedNode::default(); TREE_NODES];
        let mut start = 0;
        for span in self.forest.spans() {
            let nodes = span.end - span.start + 1;
            tree[..nodes].copy_from_slice(&self.nodes[start..start + nodes]);
            start += nodes;
            let paths = &self.forest.paths()[span.start..span.end];
            let groups = rows.as_chunks::<ROWS_ABREAST>().0;
            for (rows, sums) in groups.iter().zip(sums.chunks_mut(ROWS_ABREAST)) {
                let leaves = walk(&tree, rows, span.height);
                for (sum, leaf) in sums.iter_mut().zip(leaves) {
                    sum.0 += paths[leaf.saturating_sub(1)];
                }
            }
        }
    }
}

/// Rows as ordered integers, padded to `WIDTH` values and to whole groups of rows.
fn pack_rows<const WIDTH: usize>(values: &[f32], features: usize) -> Vec<[u32; WIDTH]> {
    let count = values.len() / features;
    let mut rows = vec![[0; WIDTH]; count.next_multiple_of(ROWS_ABREAST)];
    for (row, values) in rows.iter_mut().zip(values.chunks_exact(features)) {
        for (packed, &value) in row.iter_mut().zip(values) {
            *packed = ordered(value);
        }
    }
    rows
}

/// Walks a group of rows down one tree; returns the place of each row's leaf.
#[inline(always)]
fn walk<const WIDTH: usize>(
    tree: &[PackedNode; TREE_NODES],
    rows: &[[u32; WIDTH]; ROWS_ABREAST],
    height: u32,
) -> [usize; ROWS_ABREAST] {
    let mut at = [0; ROWS_ABREAST];
    for _ in 0..height {
        // By index: zipped iterators are not unrolled here, which is twice as slow.
        for row in 0..ROWS_ABREAST {
            let node = &tree[at[row]];
            // `WIDTH` is a power of two above every feature: the mask only tells the compiler.
            let value = rows[row][usize::from(node.feature) & (WIDTH - 1)];
            at[row] = usize::from(node.pair) * 2 + usize::from(value > node.threshold);
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ForestParams;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_is_kept(a in prop::num::f32::ANY, b in prop::num::f32::ANY) {
            prop_assert_eq!(ordered(a) > ordered(b), a > b || !a.is_nan() && b.is_nan());
            prop_assert!(ordered(a) > 0 && ordered(a) < u32::MAX);
        }
    }

    fn fit(rows: usize, features: usize, subsample: u32) -> (Forest, Table) {
        let values = (0..rows * features).map(|i| (i * 7919 % 10_007) as f32).collect();
        let table = Table::from_values(values, features).unwrap();
        let params = ForestParams { trees: 7, subsample, seed: 3 }.validate().unwrap();
        (Forest::fit(&params, &table).unwrap(), table)
    }

    /// Collapsed, packed at each width, and too large to pack; partial groups and blocks.
    #[test]
    fn every_path_equals_row_by_row() {
        for (rows, features, subsample) in [
            (600, 1, 256),
            (511, 1, 256),
            (1031, 5, 256),
            (600, 9, 256),
            (70, 33, 256),
            (70, 255, 64),
            (600, 3, 257),
            (5, 2, 256),
            (1, 2, 256),
        ] {
            let (forest, table) = fit(rows, features, subsample);
            let expected: Vec<PathLength> =
                (0..table.rows()).map(|row| forest.path_length(table.row(row))).collect();
            assert_eq!(forest.path_lengths(&table), expected, "{rows} x {features}");
        }
    }

    #[test]
    fn no_rows_have_no_scores() {
        let (forest, _) = fit(10, 2, 8);
        assert!(forest.score_rows(&Table::from_values(vec![], 2).unwrap()).is_empty());
    }

    #[test]
    #[should_panic(expected = "the forest's features")]
    fn a_table_of_another_width_is_a_bug_of_the_caller() {
        let (forest, _) = fit(10, 2, 8);
        let _ = forest.score_rows(&fit(10, 3, 8).1);
    }

    #[test]
    fn zeros_are_one() {
        assert_eq!(ordered(-0.0), ordered(0.0));
        assert!(ordered(f32::NAN) < ordered(f32::NEG_INFINITY));
        assert!(ordered(f32::INFINITY) > ordered(f32::MAX));
    }
}
