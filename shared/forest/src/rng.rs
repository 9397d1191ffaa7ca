//! Portable random numbers: SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom
//! Number Generators", OOPSLA 2014), one stream per tree, with our own maps to ranges.
//!
//! Invariant: the stream depends on the seed and the tree's index alone, so neither thread count
//! nor processor nor a library's release changes a forest.

const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of 64-bit numbers.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The stream of tree `index`. The index is mixed before it is added: neighbouring raw states
    /// would give the same stream, one step apart.
    pub(crate) fn for_tree(seed: u64, index: u64) -> Self {
        Self { state: mix(seed ^ mix(index.wrapping_add(GOLDEN_GAMMA))) }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// Uniform in [0, 1), 53 bits.
    pub(crate) fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 * SCALE
    }

    /// Uniform in 0..bound by multiply-shift (Lemire 2019). The bias is below bound * 2^-64, far
    /// under what any test of a forest could see, so nothing is rejected. `bound` 0 gives 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u32
    }
}

fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Draws row indices without replacement by Floyd's method (Bentley and Floyd, CACM 1987): `psi`
/// draws, whatever the number of rows.
#[derive(Debug)]
pub(crate) struct Subsampler {
    rows: u32,
    /// One bit per row; all zero between draws.
    taken: Vec<u64>,
}

impl Subsampler {
    pub(crate) fn new(rows: u32) -> Self {
        Self { rows, taken: vec![0; rows.div_ceil(64) as usize] }
    }

    /// Fills `drawn` with `min(psi, rows)` distinct row indices. Their order has no meaning.
    pub(crate) fn draw(&mut self, psi: u32, rng: &mut SplitMix64, drawn: &mut Vec<u32>) {
        drawn.clear();
        if psi >= self.rows {
            drawn.extend(0..self.rows);
            return;
        }
        for last in self.rows - psi..self.rows {
            let candidate = rng.below(last + 1);
            drawn.push(if self.take(candidate) { candidate } else { last });
            self.take(last_of(drawn));
        }
        for row in drawn.iter() {
            self.taken[*row as usize / 64] = 0;
        }
    }

    /// Marks a row; true if it was free.
    fn take(&mut self, row: u32) -> bool {
        let (word, bit) = (row as usize / 64, 1u64 << (row % 64));
        let free = self.taken[word] & bit == 0;
        self.taken[word] |= bit;
        free
    }
}

fn last_of(drawn: &[u32]) -> u32 {
    drawn.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference stream of SplitMix64 with state 0.
    #[test]
    fn matches_the_published_stream() {
        let mut rng = SplitMix64 { state: 0 };
        let first = [rng.next_u64(), rng.next_u64(), rng.next_u64()];
        assert_eq!(first, [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F]);
    }

    #[test]
    fn neighbouring_trees_share_no_number() {
        let mut seen = std::collections::HashSet::new();
        for tree in 0..200 {
            let mut rng = SplitMix64::for_tree(42, tree);
            for _ in 0..500 {
                assert!(seen.insert(rng.next_u64()));
            }
        }
    }

    #[test]
    fn maps_stay_in_range_and_are_even() {
        let mut rng = SplitMix64::for_tree(1, 0);
        let mut counts = [0u32; 7];
        let mut sum = 0.0;
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
            let unit = rng.unit();
            assert!((0.0..1.0).contains(&unit));
            sum += unit;
        }
        assert!(counts.iter().all(|&count| (9_600..10_400).contains(&count)), "{counts:?}");
        assert!((sum / 70_000.0 - 0.5).abs() < 0.005);
    }

    #[test]
    fn subsample_is_distinct_and_even() {
        let mut sampler = Subsampler::new(100);
        let mut rng = SplitMix64::for_tree(3, 0);
        let (mut drawn, mut counts) = (Vec::new(), [0u32; 100]);
        for _ in 0..10_000 {
            sampler.draw(30, &mut rng, &mut drawn);
            let distinct: std::collections::HashSet<u32> = drawn.iter().copied().collect();
            assert_eq!(distinct.len(), 30);
            drawn.iter().for_each(|&row| counts[row as usize] += 1);
        }
        // Each row is expected 3000 times; sd = sqrt(10000 * 0.3 * 0.7) = 46.
        assert!(counts.iter().all(|&count| (2_750..3_250).contains(&count)), "{counts:?}");
    }

    #[test]
    fn a_short_table_is_used_whole() {
        let mut drawn = vec![9];
        Subsampler::new(3).draw(256, &mut SplitMix64::for_tree(0, 0), &mut drawn);
        assert_eq!(drawn, [0, 1, 2]);
    }
}
