//! Where a sorted score curve bends: the estimated share of anomalies.
//!
//! Over the whole curve a chord or a second derivative finds noise: on clean data it names any
//! share. So the search is held to a window of ranks around a robust first guess tau, from
//! 0.5 tau n to 2 tau n (Satopaa et al., "Finding a Kneedle in a Haystack", 2011, for the chord).

use std::ops::Range;

/// Fewest points a window has, if the curve has as many.
const WINDOW_POINTS_MIN: usize = 10;

/// The ranks in which a bend is sought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankWindow(Range<usize>);

impl RankWindow {
    /// Ranks 0.5 tau n to 2 tau n of `count` scores, widened upwards to ten points. None if there
    /// are fewer than three scores or `tau` is not positive.
    #[must_use]
    pub fn around(count: usize, tau: f64) -> Option<Self> {
        if count < 3 || !is_positive(tau) {
            return None;
        }
        let expected = tau.min(1.0) * count as f64;
        let start = libm::floor(0.5 * expected) as usize;
        let end = (libm::ceil(2.0 * expected) as usize + 1).max(start + WINDOW_POINTS_MIN);
        let end = end.min(count);
        Some(Self(start.min(end.saturating_sub(WINDOW_POINTS_MIN))..end))
    }

    /// First rank and the rank after the last.
    #[must_use]
    pub fn ranks(&self) -> Range<usize> {
        self.0.clone()
    }
}

/// Share of anomalies at the knee of scores sorted ascending, most anomalous first: inside the
/// window both axes are scaled to [0, 1] and the point highest above the chord is taken; the share
/// is (rank + 1) / n. The first of equals. None if there is no window or the scores in it are all
/// equal (or one is NaN).
#[must_use]
pub fn knee(sorted: &[f64], tau: f64) -> Option<f64> {
    let ranks = RankWindow::around(sorted.len(), tau)?.ranks();
    let window = &sorted[ranks.clone()];
    let (first, last) = (*window.first()?, *window.last()?);
    let rise = last - first;
    if !is_positive(rise) {
        return None;
    }
    let run = (window.len() - 1) as f64;
    let above_chord = |(at, score): (usize, &f64)| (score - first) / rise - at as f64 / run;
    let at = first_largest(window.iter().enumerate().map(above_chord))?;
    Some((ranks.start + at + 1) as f64 / sorted.len() as f64)
}

/// Share of anomalies before the largest step between neighbouring scores of the window, sorted
/// ascending: (rank of its lower end + 1) / n. None as for [`knee`].
#[must_use]
pub fn gap(sorted: &[f64], tau: f64) -> Option<f64> {
    let ranks = RankWindow::around(sorted.len(), tau)?.ranks();
    let window = &sorted[ranks.clone()];
    if !is_positive(window.last()? - window.first()?) {
        return None;
    }
    let at = first_largest(window.windows(2).map(|pair| pair[1] - pair[0]))?;
    Some((ranks.start + at + 1) as f64 / sorted.len() as f64)
}

/// False for NaN.
fn is_positive(value: f64) -> bool {
    value > 0.0
}

fn first_largest(values: impl Iterator<Item = f64>) -> Option<usize> {
    let mut largest: Option<(usize, f64)> = None;
    for (at, value) in values.enumerate() {
        if largest.is_none_or(|(_, held)| value > held) {
            largest = Some((at, value));
        }
    }
    largest.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 40 of 1000 scores are low and rise steeply; the rest rise slowly.
    fn bent() -> Vec<f64> {
        let steep = (0..40).map(|i| -0.2 + 0.005 * f64::from(i));
        steep.chain((0..960).map(|i| 0.02 + 0.0001 * f64::from(i))).collect()
    }

    #[test]
    fn finds_the_bend_from_a_rough_guess() {
        for tau in [0.025, 0.03, 0.04, 0.06] {
            let share = knee(&bent(), tau).unwrap();
            assert!((share - 0.041).abs() <= 0.001, "tau {tau}: {share}");
        }
    }

    #[test]
    fn finds_the_widest_step() {
        assert_eq!(gap(&bent(), 0.03), Some(0.04));
    }

    #[test]
    fn windows_are_inside_the_curve() {
        let window = |count, tau| RankWindow::around(count, tau).map(|window| window.ranks());
        assert_eq!(window(1000, 0.04), Some(20..81));
        assert_eq!(window(1000, 0.005), Some(2..12));
        assert_eq!(window(1000, 1.0), Some(500..1000));
        assert_eq!(window(5, 0.5), Some(0..5));
        assert_eq!(window(2, 0.5), None);
        assert_eq!((window(100, 0.0), window(100, f64::NAN)), (None, None));
    }

    #[test]
    fn a_flat_curve_has_no_bend() {
        assert_eq!((knee(&[1.0; 100], 0.05), gap(&[1.0; 100], 0.05)), (None, None));
        assert_eq!((knee(&[], 0.05), gap(&[1.0], 0.05)), (None, None));
    }

    proptest! {
        #[test]
        fn the_answer_lies_in_the_window(
            mut scores in prop::collection::vec(any::<f64>(), 0..200),
            tau in 0.0f64..2.0,
        ) {
            crate::sort(&mut scores);
            for share in [knee(&scores, tau), gap(&scores, tau)].into_iter().flatten() {
                let ranks = RankWindow::around(scores.len(), tau).unwrap().ranks();
                let rank = (share * scores.len() as f64).round() as usize - 1;
                prop_assert!(ranks.contains(&rank));
            }
        }
    }
}
