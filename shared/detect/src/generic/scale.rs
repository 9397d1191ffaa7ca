//! How far a metric usually strays from its recent level, by time of day.

use stats::MAD_TO_SIGMA;

use super::DAY_S;
use super::model::{Stored, store};

/// Slots of a day: four hours each.
pub(super) const DAY_SLOTS: usize = 6;
/// Samples of a slot that are enough for a scale of its own.
const SLOT_SAMPLES_MIN: usize = 10;
/// A slot's scale is at least this share of the overall one.
const OVERALL_SHARE_MIN: f64 = 0.3;
/// Where more than half of the strays are 0, the overall scale is half of this quantile's.
const MOSTLY_STILL_QUANTILE: f64 = 0.9;

/// The four-hour slot of a time.
pub(super) fn day_slot(time_s: i64) -> usize {
    (time_s.rem_euclid(DAY_S) * DAY_SLOTS as i64 / DAY_S) as usize
}

/// Scale of the strays |e| of each slot, smoothed over its neighbours.
pub(super) fn fit(times_s: &[i64], strays: &[f64]) -> [Stored; DAY_SLOTS] {
    let overall = overall(strays);
    let mut members = vec![Vec::new(); DAY_SLOTS];
    for (time, stray) in times_s.iter().zip(strays) {
        members[day_slot(*time)].push(*stray);
    }
    let own: Vec<f64> = members
        .iter_mut()
        .map(|slot| match slot.len() {
            SLOT_SAMPLES_MIN.. => MAD_TO_SIGMA * stats::median_in_place(slot).unwrap_or(0.0),
            _ => overall,
        })
        .collect();
    std::array::from_fn(|slot| {
        let [before, after] = [slot + DAY_SLOTS - 1, slot + 1].map(|near| own[near % DAY_SLOTS]);
        store(((before + own[slot] + after) / 3.0).max(OVERALL_SHARE_MIN * overall))
    })
}

/// The least scale that is believed: a thousandth of the usual size, 2 % of the usual range.
pub(super) fn floor(values: &[f64]) -> Stored {
    let sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
    let size = stats::median(&sizes).unwrap_or(0.0);
    let at = |q| stats::quantile(values, q).unwrap_or(0.0);
    store((0.02 * (at(0.995) - at(0.005))).max(0.001 * size).max(1e-9))
}

fn overall(strays: &[f64]) -> f64 {
    let usual = MAD_TO_SIGMA * stats::median(strays).unwrap_or(0.0);
    if usual > 0.0 {
        return usual;
    }
    MAD_TO_SIGMA * stats::quantile(strays, MOSTLY_STILL_QUANTILE).unwrap_or(0.0) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(count: i64) -> Vec<i64> {
        (0..count).map(|i| i * 3600).collect()
    }

    #[test]
    fn a_noisy_time_of_day_has_a_scale_of_its_own() {
        let times = times(240);
        let strays: Vec<f64> =
            times.iter().map(|t| if day_slot(*t) == 2 { 6.0 } else { 1.0 }).collect();
        let scales = fit(&times, &strays).map(|scale| (scale as f64 / MAD_TO_SIGMA * 10.0).round());
        assert_eq!(scales, [10.0, 27.0, 27.0, 27.0, 10.0, 10.0]);
    }

    #[test]
    fn a_mostly_still_metric_is_measured_by_its_moves() {
        let mut strays = vec![0.0; 240];
        strays.iter_mut().step_by(5).for_each(|stray| *stray = 4.0);
        let expected = 0.3 * MAD_TO_SIGMA * 2.0;
        let scales = fit(&times(240), &strays);
        assert!(scales.iter().all(|s| (f64::from(*s) - expected).abs() < 1e-6), "{scales:?}");
        assert_eq!(fit(&[], &[]), [0.0; DAY_SLOTS]);
    }

    #[test]
    fn the_floor_knows_size_and_range() {
        assert_eq!(floor(&[]), 1e-9);
        assert_eq!(floor(&[0.0; 50]), 1e-9);
        assert_eq!(floor(&[-2000.0; 50]), 2.0);
        let ramp: Vec<f64> = (0..=200).map(f64::from).collect();
        assert!((f64::from(floor(&ramp)) - 0.02 * 198.0).abs() < 1e-6);
    }
}
