//! The recent level of a metric: what its residual settled on since the model was trained.
//!
//! A moving average with a half-life of six hours that no cycle moves by more than three sigma, so
//! that an incident moves it little; an hour late, so that a ramp of hours is not swallowed. A
//! deploy or growth is learnt in half a day.
//!
//! The average starts at 0 a day before the full hour of the cycle in question: it depends on that
//! much data and on nothing else, so a cold start and a replay give the same bits as a process
//! that has run for weeks. Cycles of one hour share their average.

use std::ops::Range;

use super::residuals::Residuals;

/// What is known of the last hour does not count yet.
pub const LAG_S: i64 = 3600;
/// Where the average starts, before the full hour.
pub const MEMORY_S: i64 = 24 * HOUR_S;
pub(super) const HOUR_S: i64 = 3600;
const HALF_LIFE_S: f64 = 6.0 * 3600.0;
/// Sigmas by which one cycle may pull.
const PULL_SIGMAS: f64 = 3.0;

/// The level at each cycle of `range`, on the scale of residuals.
pub fn levels(residuals: &Residuals, series: usize, range: Range<usize>) -> Vec<f64> {
    let mut levels = Vec::with_capacity(range.len());
    let mut next = range.start;
    while next < range.end {
        let hour_s = residuals.time_s(next).div_euclid(HOUR_S) * HOUR_S;
        let end = residuals.index_after(hour_s + HOUR_S - 1).clamp(next + 1, range.end);
        push_hour(residuals, series, hour_s, next..end, &mut levels);
        next = end;
    }
    levels
}

/// The levels of cycles of one hour.
fn push_hour(
    residuals: &Residuals,
    series: usize,
    hour_s: i64,
    cycles: Range<usize>,
    levels: &mut Vec<f64>,
) {
    let lag = (LAG_S / residuals.cycle_s()).max(1) as usize;
    let mut average = Average::new(residuals, series);
    let mut next = residuals.index_after(hour_s - MEMORY_S);
    for cycle in cycles {
        let until = (cycle + 1).saturating_sub(lag);
        average.run(next..until);
        next = next.max(until);
        let is_unbroken = cycle >= lag && residuals.segment(cycle) <= cycle - lag;
        levels.push(if is_unbroken { average.level } else { 0.0 });
    }
}

struct Average<'a> {
    residuals: &'a Residuals,
    values: &'a [f32],
    sigmas: &'a [f32],
    /// Share of the way that a cycle pulls.
    pull: f64,
    level: f64,
}

impl<'a> Average<'a> {
    fn new(residuals: &'a Residuals, series: usize) -> Average<'a> {
        let pull = 1.0 - libm::exp2(-(residuals.cycle_s() as f64) / HALF_LIFE_S);
        let series = &residuals.series()[series];
        Average { residuals, values: &series.residuals, sigmas: &series.sigmas, pull, level: 0.0 }
    }

    /// Takes in the cycles of `range`, in order.
    fn run(&mut self, range: Range<usize>) {
        let mut next = range.start;
        while next < range.end {
            if self.residuals.segment(next) == next {
                self.level = 0.0;
            }
            let end = self.end_of_stretch(next, range.end);
            self.level = self.settle(next..end);
            next = end;
        }
    }

    /// Where the stretch of `start` ends, but not after `end`.
    fn end_of_stretch(&self, start: usize, end: usize) -> usize {
        let segment = self.residuals.segment(start);
        if self.residuals.segment(end - 1) == segment {
            return end;
        }
        (start + 1..end).find(|index| self.residuals.segment(*index) != segment).unwrap_or(end)
    }

    fn settle(&self, range: Range<usize>) -> f64 {
        let mut level = self.level;
        for (value, sigma) in self.values[range.clone()].iter().zip(&self.sigmas[range]) {
            let bound = PULL_SIGMAS * f64::from(*sigma);
            let away = f64::from(*value) - level;
            if away.is_finite() {
                level += self.pull * away.min(bound).max(-bound);
            }
        }
        level
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{residuals_of, uniform};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_step_is_learnt_by_half_in_six_hours_and_not_in_the_first() {
        // A step within what one cycle may pull: 720 cycles of 0, then 0.05 with sigma 0.03.
        let values: Vec<f32> = (0..1440).map(|i| if i < 720 { 0.0 } else { 0.05 }).collect();
        let residuals = residuals_of(&values, 120);
        let level = levels(&residuals, 0, 0..1440);
        assert_eq!(level[749], 0.0);
        assert!((level[750 + 179] - 0.025).abs() < 1e-6, "{}", level[929]);
    }

    #[test]
    fn an_incident_moves_it_little() {
        let incident = 600..630;
        let values: Vec<f32> =
            (0..800).map(|i| if incident.contains(&i) { 10.0 } else { 0.0 }).collect();
        let level = levels(&residuals_of(&values, 120), 0, 0..800);
        // Thirty cycles, three sigma of 0.03 each.
        assert!(level.iter().all(|level| *level < 0.011));
    }

    #[test]
    fn a_gap_of_two_hours_forgets() {
        let values: Vec<f32> =
            (0..400).map(|i| if (150..211).contains(&i) { f32::NAN } else { 0.05 }).collect();
        let level = levels(&residuals_of(&values, 120), 0, 0..400);
        assert!(level[149] > 0.01);
        assert_eq!((level[211], level[240]), (0.0, 0.0));
        assert!(level[241] > 0.0);
    }

    #[test]
    fn cycles_of_a_day_or_of_a_second_do_not_panic() {
        for cycle_s in [1, 7, 60, 3600, 86_400] {
            let residuals = residuals_of(&[0.1; 50], cycle_s);
            assert_eq!(levels(&residuals, 0, 0..50).len(), 50);
        }
    }

    proptest! {
        /// Each cycle alone, each hour, and all at once give the same bits.
        #[test]
        fn pieces_equal_the_whole(
            seed in 0u64..1000,
            missing in 0.0f64..0.9,
            cycle_s in prop::sample::select(vec![60i64, 120, 300, 420, 3600]),
        ) {
            let value = |i: u64| {
                let is_missing = uniform(seed * 7 + i) < missing;
                if is_missing { f32::NAN } else { (uniform(seed + i * 3) - 0.5) as f32 }
            };
            let values: Vec<f32> = (0..1500).map(value).collect();
            let residuals = residuals_of(&values, cycle_s);
            let whole = levels(&residuals, 0, 0..1500);
            for (index, level) in whole.iter().enumerate().step_by(37) {
                prop_assert_eq!(&levels(&residuals, 0, index..index + 1), &[*level]);
            }
        }
    }
}
