//! Three statistics of the last z values of a series, each with some persistence of its own.

use serde::{Deserialize, Serialize};

/// What is compared with the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The second largest of the last three z: two of three cycles are at least this far out.
    TwoOfThree,
    /// The mean of the last five z.
    Mean,
    /// Two of three of the distance from the mean of the hour before.
    Change,
    /// Failures of an hour together, where requests are few ([`super::pooled`]).
    Pooled,
}

impl Statistic {
    /// Those of z values, in the order of [`statistics`].
    pub const ALL: [Statistic; 3] = [Statistic::TwoOfThree, Statistic::Mean, Statistic::Change];

    /// The least value that means anything, whatever the past says.
    pub fn value_min(self) -> f64 {
        match self {
            Statistic::TwoOfThree | Statistic::Change | Statistic::Pooled => 3.5,
            Statistic::Mean => 1.75,
        }
    }
}

/// Cycles that the statistics of one cycle look at: three, each with the thirty that end three
/// cycles before it.
pub const Z_CYCLES: usize = REFERENCE_CYCLES + 5;
const REFERENCE_CYCLES: usize = 30;
const REFERENCE_DISTANCE: usize = 3;
const REFERENCE_VALUES_MIN: usize = 10;
/// Beyond this a cycle of the reference is taken for this, so that the end of an incident does not
/// look like a fall.
const REFERENCE_CLIP: f64 = 2.5;
const MEAN_CYCLES: usize = 5;
const MEAN_VALUES_MIN: usize = 2;
/// Where one cycle decides, the mean is over three.
const COARSE_MEAN_CYCLES: usize = 3;
const MEAN_CLIP: f64 = 10.0;

/// The statistics at the newest of the last z values (oldest first, at most [`Z_CYCLES`] of them
/// count), times `sign`, in the order of [`Statistic::ALL`]. NaN where there are too few values.
/// If `is_coarse`, the newest cycle stands for two of three.
pub fn statistics(recent: &[f64], sign: f64, is_coarse: bool) -> [f64; 3] {
    let Some(newest) = recent.len().checked_sub(1) else { return [f64::NAN; 3] };
    let z = |back: usize| newest.checked_sub(back).map_or(f64::NAN, |index| sign * recent[index]);
    let change = |back: usize| match newest.checked_sub(back) {
        Some(index) => sign * (recent[index] - reference(&recent[..=index])),
        None => f64::NAN,
    };
    if is_coarse {
        return [z(0), mean(recent, sign, COARSE_MEAN_CYCLES), change(0)];
    }
    [
        second_of([z(0), z(1), z(2)]),
        mean(recent, sign, MEAN_CYCLES),
        second_of([change(0), change(1), change(2)]),
    ]
}

/// The second largest; NaN if the first one, the newest, is missing or both others are.
fn second_of([newest, before, earlier]: [f64; 3]) -> f64 {
    if !newest.is_finite() {
        return f64::NAN;
    }
    match (before.is_finite(), earlier.is_finite()) {
        (true, true) => {
            let (low, high) = (before.min(earlier), before.max(earlier));
            newest.min(high).max(low)
        }
        (true, false) => newest.min(before),
        (false, true) => newest.min(earlier),
        (false, false) => f64::NAN,
    }
}

fn mean(recent: &[f64], sign: f64, cycles: usize) -> f64 {
    let last = &recent[recent.len().saturating_sub(cycles)..];
    sign * clipped_mean(last, MEAN_CLIP, MEAN_VALUES_MIN)
}

/// Mean of the thirty z that end three cycles before the last.
fn reference(recent: &[f64]) -> f64 {
    let end = recent.len().saturating_sub(REFERENCE_DISTANCE);
    let start = end.saturating_sub(REFERENCE_CYCLES);
    clipped_mean(&recent[start..end], REFERENCE_CLIP, REFERENCE_VALUES_MIN)
}

fn clipped_mean(values: &[f64], clip: f64, values_min: usize) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for value in values.iter().filter(|value| value.is_finite()) {
        sum += value.clamp(-clip, clip);
        count += 1;
    }
    if count < values_min { f64::NAN } else { sum / count as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAN: f64 = f64::NAN;

    #[test]
    fn two_of_three_must_be_out_and_the_newest_must_be_there() {
        for (values, second) in [
            ([9.0, 1.0, 0.0], 1.0),
            ([9.0, 1.0, 8.0], 8.0),
            ([4.0, 5.0, 6.0], 5.0),
            ([4.0, NAN, 6.0], 4.0),
            ([4.0, 3.0, NAN], 3.0),
        ] {
            assert_eq!(second_of(values), second, "{values:?}");
        }
        assert!(second_of([NAN, 5.0, 5.0]).is_nan());
        assert!(second_of([5.0, NAN, NAN]).is_nan());
    }

    #[test]
    fn a_change_is_against_the_hour_before() {
        let mut recent = vec![2.0; 33];
        recent.extend([9.0, 9.0]);
        assert_eq!(statistics(&recent, 1.0, false), [9.0, (3.0 * 2.0 + 2.0 * 9.0) / 5.0, 7.0]);
        assert_eq!(statistics(&recent, 1.0, true), [9.0, 20.0 / 3.0, 7.0]);
    }

    #[test]
    fn the_end_of_an_incident_is_no_fall() {
        let mut recent = vec![12.0; 33];
        recent.extend([0.0, 0.0]);
        assert_eq!(statistics(&recent, -1.0, false)[2], 2.5);
    }

    #[test]
    fn few_values_give_few_statistics() {
        assert!(statistics(&[], 1.0, false).iter().all(|x| x.is_nan()));
        assert!(statistics(&[5.0], 1.0, false).iter().all(|x| x.is_nan()));
        assert_eq!(statistics(&[5.0, 4.0], 1.0, false)[..2], [4.0, 4.5]);
        assert!(statistics(&[5.0, 4.0], 1.0, false)[2].is_nan());
        // One cycle says as little about a mean where cycles are long.
        assert_eq!(statistics(&[5.0], 1.0, true)[0], 5.0);
        assert!(statistics(&[5.0], 1.0, true)[1].is_nan());
    }

    proptest! {
        #[test]
        fn sides_mirror_each_other(
            recent in prop::collection::vec(prop_oneof![9 => -20.0f64..20.0, 1 => Just(NAN)], 0..60),
            is_coarse: bool,
        ) {
            let mirrored: Vec<f64> = recent.iter().map(|z| -z).collect();
            let up = statistics(&recent, 1.0, is_coarse).map(f64::to_bits);
            let down = statistics(&mirrored, -1.0, is_coarse).map(f64::to_bits);
            for (a, b) in up.iter().zip(down) {
                prop_assert!(*a == b || f64::from_bits(b).is_nan() || f64::from_bits(b) == 0.0);
            }
        }

        #[test]
        fn only_the_last_cycles_count(
            recent in prop::collection::vec(-20.0f64..20.0, Z_CYCLES..80),
            is_coarse: bool,
        ) {
            let last = &recent[recent.len() - Z_CYCLES..];
            prop_assert_eq!(statistics(last, 1.0, is_coarse), statistics(&recent, 1.0, is_coarse));
        }
    }
}
