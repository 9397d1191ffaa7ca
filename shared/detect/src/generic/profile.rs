//! The daily shape of a metric: medians of slots of the day, straight lines between their centres.

use super::DAY_S;
use super::model::{Stored, store};

/// Slots of a day at most: half hours.
const SLOTS_MAX: i64 = 48;
/// History below which a day's shape cannot be told from chance, in seconds.
pub(super) const HISTORY_S_MIN: i64 = 2 * DAY_S;
/// Samples of a slot that are enough for its median.
const SLOT_SAMPLES_MIN: usize = 3;

/// Learns the shape from values at times of one step. A short history has one slot.
pub(super) fn fit(times_s: &[i64], values: &[f64], step_s: i64) -> Vec<Stored> {
    let overall = stats::median(values).unwrap_or(0.0);
    if (values.len() as i64).saturating_mul(step_s) < HISTORY_S_MIN {
        return vec![store(overall)];
    }
    let slots = (DAY_S / step_s.max(1)).clamp(1, SLOTS_MAX);
    let mut members = vec![Vec::new(); slots as usize];
    for (time, value) in times_s.iter().zip(values) {
        members[(time.rem_euclid(DAY_S) * slots / DAY_S) as usize].push(*value);
    }
    let median = |slot: &mut Vec<f64>| match slot.len() {
        SLOT_SAMPLES_MIN.. => stats::median_in_place(slot).unwrap_or(overall),
        _ => overall,
    };
    members.iter_mut().map(|slot| store(median(slot))).collect()
}

/// The shape at a time; 0 for an empty one.
pub(super) fn at(profile: &[Stored], time_s: i64) -> f64 {
    let slots = profile.len();
    if slots < 2 {
        return profile.first().map_or(0.0, |value| f64::from(*value));
    }
    let centred = time_s.rem_euclid(DAY_S) as f64 * slots as f64 / DAY_S as f64 - 0.5;
    let below = libm::floor(centred);
    let share = centred - below;
    // Half a slot after midnight belongs to the last slot of the day before.
    let before = (below as i64).rem_euclid(slots as i64) as usize;
    let after = (before + 1) % slots;
    f64::from(profile[before]) * (1.0 - share) + f64::from(profile[after]) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5 at noon, 1 at midnight, straight lines between.
    fn shape(time_s: i64) -> f64 {
        5.0 - (time_s.rem_euclid(DAY_S) - DAY_S / 2).abs() as f64 / 10_800.0
    }

    #[test]
    fn a_daily_shape_is_found_again() {
        let times: Vec<i64> = (0..4 * 288).map(|i| i * 300).collect();
        let mut values: Vec<f64> = times.iter().map(|time| shape(*time)).collect();
        values[700..712].fill(1e6);
        let profile = fit(&times, &values, 300);
        assert_eq!(profile.len(), 48);
        for time in (-DAY_S..2 * DAY_S).step_by(613) {
            assert!((at(&profile, time) - shape(time)).abs() < 0.2, "{time}");
        }
    }

    #[test]
    fn a_short_history_has_one_level() {
        let times: Vec<i64> = (0..47).map(|i| i * 3600).collect();
        let values: Vec<f64> = times.iter().map(|time| *time as f64).collect();
        let profile = fit(&times, &values, 3600);
        assert_eq!((profile.len(), at(&profile, 5)), (1, 23.0 * 3600.0));
        assert_eq!(at(&[], 5), 0.0);
    }

    #[test]
    fn a_thin_slot_takes_the_overall_median() {
        let times: Vec<i64> = (0..49).map(|i| i * 3600).collect();
        let mut values = vec![2.0; 49];
        values[30] = 9.0;
        assert!(fit(&times, &values, 3600).iter().all(|slot| *slot == 2.0));
        assert_eq!(fit(&times, &values, 3600).len(), 24);
    }
}
