//! Quantiles of type 7 (Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American
//! Statistician 1996), the default of numpy, pandas and R: the quantile q of n sorted values lies
//! at rank q (n - 1), linear between neighbours.

/// Sorts values ascending; NaN goes last (or first, by its sign), so the order is total.
pub fn sort(values: &mut [f64]) {
    values.sort_unstable_by(f64::total_cmp);
}

/// Quantile `q` of ascending values. None if there are none, or `q` is outside [0, 1] or NaN.
///
/// ```
/// assert_eq!(stats::quantile_sorted(&[1.0, 2.0, 3.0, 10.0], 0.5), Some(2.5));
/// ```
#[must_use]
pub fn quantile_sorted(sorted: &[f64], q: f64) -> Option<f64> {
    let rank = Rank::of(sorted.len(), q)?;
    let below = *sorted.get(rank.below)?;
    let above = *sorted.get(rank.below + 1).unwrap_or(&below);
    Some(rank.between(below, above))
}

/// Quantile `q` of values in any order, in O(n) by selection; leaves them reordered. Equal to
/// [`quantile_sorted`] of the sorted values.
#[must_use]
pub fn quantile_in_place(values: &mut [f64], q: f64) -> Option<f64> {
    let rank = Rank::of(values.len(), q)?;
    let (_, below, rest) = values.select_nth_unstable_by(rank.below, f64::total_cmp);
    let below = *below;
    let above = rest.iter().copied().min_by(f64::total_cmp).unwrap_or(below);
    Some(rank.between(below, above))
}

/// Quantile `q` of values in any order; copies them.
#[must_use]
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    quantile_in_place(&mut values.to_vec(), q)
}

/// Median of values in any order; leaves them reordered.
#[must_use]
pub fn median_in_place(values: &mut [f64]) -> Option<f64> {
    quantile_in_place(values, 0.5)
}

/// Median of values in any order; copies them. None if there are none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Position of a quantile among n values.
struct Rank {
    below: usize,
    fraction: f64,
}

impl Rank {
    fn of(count: usize, q: f64) -> Option<Self> {
        if count == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = q * (count - 1) as f64;
        let below = (libm::floor(rank) as usize).min(count - 1);
        Some(Self { below, fraction: rank - below as f64 })
    }

    /// Interpolates from the nearer end, as numpy does: the result is then monotone in q, and
    /// exact if both ends are equal.
    fn between(&self, below: f64, above: f64) -> f64 {
        let step = above - below;
        match self.fraction {
            0.0 => below,
            f if f < 0.5 => below + step * f,
            f => above - step * (1.0 - f),
        }
    }
}

/// Value at `x` of the straight lines through points with ascending `x`; the first and last
/// values hold outside. Where two points share an `x`, the later one holds from there on. None if
/// there are no points or `x` is NaN.
#[must_use]
pub fn interpolate(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    if x.is_nan() {
        return None;
    }
    if x >= last.0 {
        return Some(last.1);
    }
    let after = points.partition_point(|point| point.0 <= x);
    let Some(below) = after.checked_sub(1) else { return Some(first.1) };
    let ((x0, y0), (x1, y1)) = (points[below], points[after]);
    Some(y0 + (y1 - y0) * ((x - x0) / (x1 - x0)))
}

/// Percentile of a value, 0 to 100, by straight lines through known quantiles: points of
/// (value, percentile), ascending in both, e.g. (min, 0), (p25, 25) … (p95, 95), (p99, 99). A
/// value below the first point is at 0, and one at or above the last at 100: nothing is known of
/// what lies beyond.
#[must_use]
pub fn percentile_rank(points: &[(f64, f64)], value: f64) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    match value {
        v if v < first.0 => Some(0.0),
        v if v >= last.0 => Some(100.0),
        v => interpolate(points, v),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Values of `numpy.quantile`.
    #[test]
    fn agrees_with_numpy() {
        let values = [3.5, -1.25, 8.0, 0.1, 0.2, 7.75, -4.0];
        let expected = [
            (0.0, -4.0),
            (0.001, -3.9835),
            (0.1, -2.35),
            (0.25, -0.575),
            (0.5, 0.2),
            (0.9, 7.85),
            (0.999, 7.9985),
            (1.0, 8.0),
        ];
        for (q, value) in expected {
            assert!((quantile(&values, q).unwrap() - value).abs() < 1e-12, "q = {q}");
        }
    }

    #[test]
    fn no_answer_is_none() {
        assert_eq!(median(&[]), None);
        for q in [-0.1, 1.1, f64::NAN] {
            assert_eq!(quantile(&[1.0], q), None);
            assert_eq!(quantile_sorted(&[1.0], q), None);
        }
        assert_eq!(interpolate(&[], 1.0), None);
        assert_eq!(interpolate(&[(0.0, 0.0)], f64::NAN), None);
    }

    #[test]
    fn interpolation_holds_its_ends() {
        let points = [(0.0, 10.0), (2.0, 20.0), (2.0, 30.0), (4.0, 50.0)];
        let at = [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 9.0].map(|x| interpolate(&points, x).unwrap());
        assert_eq!(at, [10.0, 10.0, 15.0, 30.0, 40.0, 50.0, 50.0]);
    }

    proptest! {
        #[test]
        fn selection_equals_sorting(
            values in prop::collection::vec(-1e6f64..1e6, 1..60),
            q in 0.0f64..=1.0,
        ) {
            let mut sorted = values.clone();
            sort(&mut sorted);
            let by_sorting = quantile_sorted(&sorted, q).unwrap();
            prop_assert_eq!(quantile(&values, q), Some(by_sorting));
            prop_assert!(sorted[0] <= by_sorting && by_sorting <= sorted[sorted.len() - 1]);
        }

        #[test]
        fn quantiles_ascend(
            values in prop::collection::vec(-1e6f64..1e6, 1..60),
            (a, b) in (0.0f64..=1.0, 0.0f64..=1.0),
        ) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(quantile(&values, low) <= quantile(&values, high));
        }

        #[test]
        fn anything_is_answered(values in prop::collection::vec(any::<f64>(), 0..20), q: f64) {
            let _ = quantile(&values, q);
            let points: Vec<(f64, f64)> = values.iter().map(|&v| (v, v)).collect();
            let _ = (interpolate(&points, q), percentile_rank(&points, q));
        }
    }
}
