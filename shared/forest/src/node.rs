//! The node: 8 bytes, so that a tree of a 256-row subsample stays in the first-level cache.
//!
//! A split sends a row right if `row[feature] > threshold`, else left; the siblings are adjacent,
//! so one index names both. A leaf has the threshold +inf and names itself: it loops in place for
//! every value. A walk is therefore a fixed number of equal steps, without a test for leaves, and
//! total: NaN compares false and goes left at each split, exactly as minus infinity does.

/// A split or a leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Node {
    threshold: f32,
    /// Feature in the upper 8 bits, index of the left child in the lower 24.
    link: u32,
}

const _: () = assert!(size_of::<Node>() == 8);

const INDEX_BITS: u32 = 24;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;

impl Node {
    /// A leaf at `index`.
    pub(crate) fn leaf(index: usize) -> Self {
        Self { threshold: f32::INFINITY, link: index as u32 & INDEX_MASK }
    }

    /// A split whose children are at `left` and `left + 1`; the threshold is finite.
    pub(crate) fn split(feature: u8, threshold: f32, left: usize) -> Self {
        debug_assert!(threshold.is_finite() && left < 1 << INDEX_BITS);
        Self { threshold, link: u32::from(feature) << INDEX_BITS | left as u32 & INDEX_MASK }
    }

    pub(crate) fn is_leaf(self) -> bool {
        self.threshold == f32::INFINITY
    }

    pub(crate) fn threshold(self) -> f32 {
        self.threshold
    }

    pub(crate) fn feature(self) -> usize {
        (self.link >> INDEX_BITS) as usize
    }

    /// Index of the left child; of the node itself if it is a leaf.
    pub(crate) fn left(self) -> usize {
        (self.link & INDEX_MASK) as usize
    }

    /// One step down for a row with `value` of this node's feature.
    #[inline(always)]
    pub(crate) fn step(self, value: f32) -> usize {
        self.left() + usize::from(value > self.threshold)
    }

    /// The same node in an array that starts `offset` later.
    pub(crate) fn moved_up(self, offset: usize) -> Self {
        debug_assert!(self.left() + offset < 1 << INDEX_BITS);
        Self { link: self.link + offset as u32, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaf_loops_in_place_for_every_value() {
        let leaf = Node::leaf(77);
        for value in [0.0, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            assert_eq!(leaf.step(value), 77);
        }
    }

    #[test]
    fn split_sends_equal_values_and_nan_left() {
        let split = Node::split(255, 1.5, 10);
        let steps = [1.5, 1.4, f32::NAN, f32::NEG_INFINITY].map(|value| split.step(value));
        assert_eq!(steps, [10; 4]);
        assert_eq!([1.6, f32::INFINITY].map(|value| split.step(value)), [11; 2]);
        assert_eq!((split.feature(), split.left()), (255, 10));
    }

    #[test]
    fn moving_changes_the_index_alone() {
        let split = Node::split(3, 1.5, 10);
        assert_eq!(split.moved_up(5), Node::split(3, 1.5, 15));
    }
}
