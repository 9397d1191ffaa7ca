//! Growing one tree from one subsample.
//!
//! The subsample's values are gathered once into contiguous columns (psi values a feature, 1 KiB
//! for 256 rows), so that all work below reads the first-level cache, however large the table is.
//! A node is a range of `order`; a split partitions its range. Nodes are laid out breadth-first,
//! siblings adjacent. Scratch space is kept between trees and never influences a result.

use crate::node::Node;
use crate::params::{ValidParams, height_limit};
use crate::rng::{SplitMix64, Subsampler};
use crate::table::Table;

/// One grown tree; node indices count from 0.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// Training rows of each node.
    pub(crate) sizes: Vec<u32>,
}

/// Grows trees one after another on one thread.
#[derive(Debug)]
pub(crate) struct Grower<'a> {
    table: &'a Table,
    seed: u64,
    psi: u32,
    sampler: Subsampler,
    drawn: Vec<u32>,
    /// Subsample, column by column.
    columns: Vec<f32>,
    /// Positions in the subsample; each node owns a range.
    order: Vec<u32>,
    scratch: Vec<u32>,
    /// Range of `order` of each node.
    spans: Vec<Span>,
    /// Features not yet seen constant in the node at hand.
    candidates: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    end: usize,
}

struct Cut {
    feature: u8,
    threshold: f32,
}

impl<'a> Grower<'a> {
    pub(crate) fn new(params: &ValidParams, table: &'a Table) -> Self {
        let psi = subsample_of(params, table);
        Self {
            table,
            seed: params.seed(),
            psi,
            sampler: Subsampler::new(table.rows() as u32),
            drawn: Vec::with_capacity(psi as usize),
            columns: vec![0.0; psi as usize * table.features()],
            order: Vec::with_capacity(psi as usize),
            scratch: vec![0; psi as usize],
            spans: Vec::new(),
            candidates: Vec::with_capacity(table.features()),
        }
    }

    /// Grows tree number `index`. Depends on the parameters, the table and `index` alone.
    pub(crate) fn grow(&mut self, index: u32) -> Tree {
        let mut rng = SplitMix64::for_tree(self.seed, u64::from(index));
        self.sampler.draw(self.psi, &mut rng, &mut self.drawn);
        self.gather();
        let mut nodes = vec![Node::leaf(0)];
        let mut level = 0..1;
        for _ in 0..height_limit(self.psi) {
            for at in level.clone() {
                self.split(at, &mut rng, &mut nodes);
            }
            level = level.end..nodes.len();
        }
        let sizes = self.spans.iter().map(|span| (span.end - span.start) as u32).collect();
        Tree { nodes, sizes }
    }

    fn gather(&mut self) {
        let psi = self.psi as usize;
        for (at, &row) in self.drawn.iter().enumerate() {
            for (feature, &value) in self.table.row(row as usize).iter().enumerate() {
                self.columns[feature * psi + at] = value;
            }
        }
        self.order.clear();
        self.order.extend(0..self.psi);
        self.spans.clear();
        self.spans.push(Span { start: 0, end: psi });
    }

    /// Splits the node at `at` unless its rows are one or all alike.
    fn split(&mut self, at: usize, rng: &mut SplitMix64, nodes: &mut Vec<Node>) {
        let span = self.spans[at];
        if span.end - span.start < 2 {
            return;
        }
        let Some(cut) = self.draw_cut(span, rng) else { return };
        let middle = self.partition(span, &cut);
        let left = nodes.len();
        nodes[at] = Node::split(cut.feature, cut.threshold, left);
        nodes.extend([Node::leaf(left), Node::leaf(left + 1)]);
        self.spans.push(Span { start: span.start, end: middle });
        self.spans.push(Span { start: middle, end: span.end });
    }

    /// A feature uniform among those not constant in the node (draw, and reject the constant), and
    /// a threshold uniform in its range. None if all are constant.
    fn draw_cut(&mut self, span: Span, rng: &mut SplitMix64) -> Option<Cut> {
        self.candidates.clear();
        self.candidates.extend((0..self.table.features()).map(|feature| feature as u8));
        while !self.candidates.is_empty() {
            let drawn = rng.below(self.candidates.len() as u32) as usize;
            let feature = self.candidates.swap_remove(drawn);
            let (low, high) = self.range(span, feature);
            if low < high {
                return Some(Cut { feature, threshold: threshold_between(low, high, rng.unit()) });
            }
        }
        None
    }

    fn range(&self, span: Span, feature: u8) -> (f32, f32) {
        let column = self.column(feature);
        self.order[span.start..span.end].iter().fold(
            (f32::INFINITY, f32::NEG_INFINITY),
            |(low, high), &at| {
                let value = column[at as usize];
                (if value < low { value } else { low }, if value > high { value } else { high })
            },
        )
    }

    /// Moves the rows above the threshold behind the others; returns where they start. Writes both
    /// sides each time and advances one: the outcome is random, so a branch would be mispredicted.
    fn partition(&mut self, span: Span, cut: &Cut) -> usize {
        let psi = self.psi as usize;
        let column = &self.columns[cut.feature as usize * psi..][..psi];
        let (mut left, mut right) = (span.start, 0);
        for at in span.start..span.end {
            let row = self.order[at];
            let above = column[row as usize] > cut.threshold;
            self.order[left] = row;
            self.scratch[right] = row;
            left += usize::from(!above);
            right += usize::from(above);
        }
        self.order[left..span.end].copy_from_slice(&self.scratch[..right]);
        left
    }

    fn column(&self, feature: u8) -> &[f32] {
        let psi = self.psi as usize;
        &self.columns[feature as usize * psi..][..psi]
    }
}

/// Rows each tree is grown from: the parameter, or all rows of a shorter table.
pub(crate) fn subsample_of(params: &ValidParams, table: &Table) -> u32 {
    params.subsample().min(table.rows() as u32)
}

/// A threshold in [low, high): rows equal to `low` go left and rows equal to `high` go right, so no
/// child is empty. In f64 the difference of two f32 cannot overflow; rounding back may reach
/// `high`, and then `low` is the cut.
fn threshold_between(low: f32, high: f32, unit: f64) -> f32 {
    let (from, to) = (f64::from(low), f64::from(high));
    let threshold = (from + (to - from) * unit) as f32;
    if threshold < high { threshold } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::ForestParams;
    use proptest::prelude::*;

    fn grow(table: &Table, subsample: u32, index: u32) -> Tree {
        let params = ForestParams { trees: 1, subsample, seed: 7 }.validate().unwrap();
        Grower::new(&params, table).grow(index)
    }

    /// Every split has two non-empty children that add up, adjacent and later than itself.
    #[track_caller]
    fn check_shape(tree: &Tree, psi: u32) {
        assert_eq!(tree.nodes.len(), tree.sizes.len());
        assert_eq!(tree.sizes[0], psi);
        for (at, node) in tree.nodes.iter().enumerate() {
            if node.is_leaf() {
                assert_eq!(node.left(), at);
                continue;
            }
            let left = node.left();
            assert!(left > at && left + 1 < tree.nodes.len());
            assert!(tree.sizes[left] > 0 && tree.sizes[left + 1] > 0);
            assert_eq!(tree.sizes[left] + tree.sizes[left + 1], tree.sizes[at]);
        }
    }

    #[test]
    fn constant_rows_are_one_leaf() {
        let table = Table::from_rows(&[[1.0f32, -0.0], [1.0, 0.0], [1.0, 0.0]], 2).unwrap();
        let tree = grow(&table, 256, 0);
        assert_eq!((tree.nodes.len(), &tree.sizes[..]), (1, &[3][..]));
    }

    #[test]
    fn constant_features_are_never_split() {
        let rows: Vec<[f32; 3]> = (0..100).map(|i| [5.0, i as f32, 5.0]).collect();
        let tree = grow(&Table::from_rows(&rows, 3).unwrap(), 64, 3);
        assert!(tree.nodes.iter().all(|node| node.is_leaf() || node.feature() == 1));
        check_shape(&tree, 64);
    }

    #[test]
    fn features_are_drawn_evenly() {
        let rows: Vec<[f32; 4]> =
            (0..500u32).map(|i| [1u32, 7, 31, 101].map(|k| (i * k % 499) as f32)).collect();
        let table = Table::from_rows(&rows, 4).unwrap();
        let mut counts = [0u32; 4];
        for index in 0..2_000 {
            counts[grow(&table, 8, index).nodes[0].feature()] += 1;
        }
        // Expected 500 each; sd = 19.
        assert!(counts.iter().all(|count| (400..600).contains(count)), "{counts:?}");
    }

    #[test]
    fn neighbouring_floats_are_told_apart() {
        for low in [1.0f32, -1.0, 0.0, f32::MIN_POSITIVE / 4.0, f32::MAX.next_down()] {
            let table = Table::from_rows(&[[low], [low.next_up()]], 1).unwrap();
            for index in 0..50 {
                check_shape(&grow(&table, 2, index), 2);
                assert_eq!(grow(&table, 2, index).nodes.len(), 3);
            }
        }
    }

    #[test]
    fn a_threshold_that_rounds_to_the_top_becomes_the_bottom() {
        let low = 1.0f32;
        assert_eq!(threshold_between(low, low.next_up(), 0.9), low);
        assert_eq!(threshold_between(f32::MIN, f32::MAX, 0.5), 0.0);
        assert!(threshold_between(f32::MIN, f32::MAX, 0.999_999).is_finite());
    }

    proptest! {
        #[test]
        fn any_finite_table_grows_a_sound_tree(
            rows in prop::collection::vec(prop::array::uniform2(finite()), 1..80),
            subsample in 2u32..80,
        ) {
            let table = Table::from_rows(&rows, 2).unwrap();
            let tree = grow(&table, subsample, 1);
            check_shape(&tree, subsample.min(rows.len() as u32));
        }
    }

    /// Finite floats of every class, with duplicates likely.
    fn finite() -> impl Strategy<Value = f32> {
        use prop::num::f32::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
        prop_oneof![
            POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO,
            (-3i8..3).prop_map(f32::from),
            Just(f32::MAX),
            Just(f32::MIN),
        ]
    }
}
