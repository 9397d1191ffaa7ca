//! Parameters of a fit. [`ForestParams`] is what a caller writes; [`ValidParams`] is what a fit
//! accepts. Bounds are chosen so that every sum of path lengths fits `u32` and every node index
//! fits 24 bits.

use std::{error, fmt};

/// Most trees of a forest.
pub const TREES_MAX: u32 = 1000;
/// Fewest rows a tree may be asked to draw; a smaller table lowers it further.
pub const SUBSAMPLE_MIN: u32 = 2;
/// Most rows a tree may draw.
pub const SUBSAMPLE_MAX: u32 = 65_536;
/// Most nodes of a forest: a node addresses its children with 24 bits.
pub const NODES_MAX: u64 = 1 << 24;

/// Parameters as a caller states them, unchecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForestParams {
    /// Number of trees, 1 to [`TREES_MAX`].
    pub trees: u32,
    /// Rows drawn per tree without replacement (psi), [`SUBSAMPLE_MIN`] to [`SUBSAMPLE_MAX`]. A
    /// table with fewer rows is used whole.
    pub subsample: u32,
    /// Seed of the random stream. Equal seeds give equal forests.
    pub seed: u64,
}

impl Default for ForestParams {
    fn default() -> Self {
        Self { trees: 200, subsample: 256, seed: 42 }
    }
}

impl ForestParams {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`ParamsError`] names the parameter that is out of bounds.
    pub fn validate(self) -> Result<ValidParams, ParamsError> {
        if !(1..=TREES_MAX).contains(&self.trees) {
            return Err(ParamsError::Trees(self.trees));
        }
        if !(SUBSAMPLE_MIN..=SUBSAMPLE_MAX).contains(&self.subsample) {
            return Err(ParamsError::Subsample(self.subsample));
        }
        if nodes_bound(self.trees, self.subsample) > NODES_MAX {
            return Err(ParamsError::Nodes { trees: self.trees, subsample: self.subsample });
        }
        Ok(ValidParams(self))
    }
}

/// Parameters within bounds. Made by [`ForestParams::validate`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidParams(ForestParams);

impl ValidParams {
    /// Number of trees.
    #[must_use]
    pub fn trees(&self) -> u32 {
        self.0.trees
    }

    /// Rows drawn per tree, before it is limited by the table.
    #[must_use]
    pub fn subsample(&self) -> u32 {
        self.0.subsample
    }

    /// Seed of the random stream.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.seed
    }
}

/// Why parameters are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamsError {
    /// The number of trees is out of bounds.
    Trees(u32),
    /// The subsample is out of bounds.
    Subsample(u32),
    /// Trees times subsample could exceed [`NODES_MAX`] nodes.
    Nodes {
        /// Number of trees asked for.
        trees: u32,
        /// Subsample asked for.
        subsample: u32,
    },
}

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trees(n) => write!(f, "{n} trees; choose 1 to {TREES_MAX}"),
            Self::Subsample(n) => {
                write!(f, "subsample of {n} rows; choose {SUBSAMPLE_MIN} to {SUBSAMPLE_MAX}")
            }
            Self::Nodes { trees, subsample } => write!(
                f,
                "{trees} trees of {subsample} rows may need more than {NODES_MAX} nodes; lower one"
            ),
        }
    }
}

impl error::Error for ParamsError {}

/// Upper bound of the nodes of a forest: a binary tree with psi leaves has 2 psi - 1 nodes.
pub(crate) fn nodes_bound(trees: u32, subsample: u32) -> u64 {
    u64::from(trees) * (2 * u64::from(subsample)).saturating_sub(1)
}

/// Height limit of a tree: ceil(log2(max(psi, 2))).
pub(crate) fn height_limit(subsample: u32) -> u32 {
    let psi = subsample.max(2);
    u32::BITS - (psi - 1).leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(trees: u32, subsample: u32) -> Result<(), ParamsError> {
        ForestParams { trees, subsample, seed: 0 }.validate().map(|_| ())
    }

    #[test]
    fn bounds_are_inclusive() {
        assert_eq!(check(1, 2), Ok(()));
        assert_eq!(check(1000, 256), Ok(()));
        assert_eq!(check(128, 65_536), Ok(()));
        assert_eq!(check(0, 256), Err(ParamsError::Trees(0)));
        assert_eq!(check(1001, 256), Err(ParamsError::Trees(1001)));
        assert_eq!(check(1, 1), Err(ParamsError::Subsample(1)));
        assert_eq!(check(1, 65_537), Err(ParamsError::Subsample(65_537)));
        assert_eq!(check(1000, 65_536), Err(ParamsError::Nodes { trees: 1000, subsample: 65_536 }));
    }

    #[test]
    fn height_limit_is_the_rounded_up_logarithm() {
        let limits = [1, 2, 3, 4, 5, 255, 256, 257, 65_536].map(height_limit);
        assert_eq!(limits, [1, 1, 2, 2, 3, 8, 8, 9, 16]);
    }
}
