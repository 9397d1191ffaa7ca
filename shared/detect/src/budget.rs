//! How high evidence must score to open an incident: a wish for false alarms, made a threshold.
//!
//! Training data hold hardly any incidents, so what opens in their replay is false. Scores are put
//! through the rule of [`EpisodeRule`], with its persistence and hysteresis; incidents within an
//! hour are one. The threshold is the lowest that keeps to the wish, a little higher for the safe
//! side, because a model fits the data it was made of better than those to come.

use serde::{Deserialize, Serialize};

use crate::residual::{Change, Episode, EpisodeRule};

/// When incidents of a service open, and how often they do so by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Threshold {
    /// The score that opens an incident.
    pub theta: f32,
    /// The false incidents per week that were wished for, if anybody wished.
    pub wish: Option<f32>,
    /// Weeks that were replayed.
    pub weeks: f32,
    /// Incidents of the replay at `theta`.
    pub incidents: u32,
    /// Incidents of the replay at the lowest threshold: more than that can't be had.
    pub incidents_max: u32,
}

/// Thresholds that are tried, in tenths.
const TENTHS: std::ops::RangeInclusive<u16> = 1..=40;
/// Added to what the replay says.
const SAFE_SIDE: f64 = 0.2;
/// Incidents closer than this are one.
const JOINED_S: i64 = 3_600;
/// With less history than this, a wish may only make it stricter.
const SETTLED_DAYS: f32 = 14.0;
const WEEK_S: f64 = 604_800.0;
/// Of the interval that rates are given with: 5 % on either side.
const INTERVAL_SHARE: f64 = 0.05;

impl Threshold {
    /// The threshold for the scores of a replay, each with the end of its cycle of `cycle_s`, in
    /// order; `base` is the one without a wish.
    pub fn of(
        scores: &[(i64, f64)],
        cycle_s: i64,
        history_days: f32,
        base: f64,
        wish: Option<f64>,
    ) -> Threshold {
        let weeks = scores.len() as f64 * cycle_s as f64 / WEEK_S;
        let tried = |tenths: u16| f64::from(tenths) / 10.0;
        let keeps_to = |wish: f64| {
            let lowest = TENTHS.map(tried);
            let mut kept = lowest.filter(|it| f64::from(incidents(scores, *it)) <= wish * weeks);
            kept.next().unwrap_or(tried(*TENTHS.end())) + SAFE_SIDE
        };
        let theta = match wish.map(keeps_to) {
            Some(theta) if history_days < SETTLED_DAYS => theta.max(base),
            Some(theta) => theta,
            None => base,
        };
        Threshold {
            theta: theta as f32,
            wish: wish.map(|it| it as f32),
            weeks: weeks as f32,
            incidents: incidents(scores, theta),
            incidents_max: incidents(scores, tried(*TENTHS.start()) + SAFE_SIDE),
        }
    }

    /// Incidents per week at the threshold in force, in the replay.
    pub fn per_week(&self) -> f64 {
        f64::from(self.incidents) / f64::from(self.weeks).max(f64::MIN_POSITIVE)
    }

    /// The most incidents per week that a lower threshold would bring: below it the fixed minima
    /// of each statistic decide.
    pub fn per_week_max(&self) -> f64 {
        f64::from(self.incidents_max) / f64::from(self.weeks).max(f64::MIN_POSITIVE)
    }

    /// Rates per week under which the count of the replay is neither among the 5 % highest nor
    /// among the 5 % lowest (the exact interval of a Poisson mean).
    pub fn interval_per_week(&self) -> (f64, f64) {
        let weeks = f64::from(self.weeks).max(f64::MIN_POSITIVE);
        let count = self.incidents;
        let low = match count {
            0 => 0.0,
            _ => mean_with(|mean| 1.0 - poisson_at_most(count - 1, mean) >= INTERVAL_SHARE),
        };
        let high = mean_with(|mean| poisson_at_most(count, mean) < INTERVAL_SHARE);
        (low / weeks, high / weeks)
    }
}

/// Incidents that scores open at a threshold.
fn incidents(scores: &[(i64, f64)], theta: f64) -> u32 {
    let rule = EpisodeRule::new(theta);
    let (mut state, mut count, mut ended_s) = (Episode::Quiet, 0, None);
    for (at_s, score) in scores {
        let (next, change) = state.step(*at_s, *score, &rule);
        if let Change::Ended { end_s, .. } = change {
            ended_s = Some(end_s);
        }
        let is_new = matches!(next, Episode::Open { since_s, .. } if since_s == *at_s);
        if is_new && ended_s.is_none_or(|ended_s| at_s - ended_s > JOINED_S) {
            count += 1;
        }
        state = next;
    }
    count
}

/// The lowest mean at which a condition holds that holds from there on, by bisection.
fn mean_with(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while !holds(high) && high < 1e6 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if holds(middle) { high = middle } else { low = middle }
    }
    high
}

/// Probability that a Poisson count is at most `count`.
fn poisson_at_most(count: u32, mean: f64) -> f64 {
    let (mut term, mut sum) = (libm::exp(-mean), 0.0);
    for k in 0..=count {
        sum += term;
        term *= mean / f64::from(k + 1);
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two weeks of two-minute cycles, quiet but for single cycles.
    fn scores(loud: &[(usize, f64)]) -> Vec<(i64, f64)> {
        let mut scores: Vec<(i64, f64)> = (0..10_080).map(|i| (i * 120, -1.0)).collect();
        loud.iter().for_each(|(index, score)| scores[*index].1 = *score);
        scores
    }

    fn theta(wish: Option<f64>, days: f32) -> f32 {
        let loud = [(100, 0.55), (900, 1.05), (915, 1.05), (2_000, 1.85), (5_000, 2.45)];
        Threshold::of(&scores(&loud), 120, days, 1.5, wish).theta
    }

    #[test]
    fn the_lowest_threshold_that_keeps_to_the_wish() {
        // Four incidents in two weeks: two of the loud cycles are within an hour.
        assert_eq!(theta(None, 30.0), 1.5);
        assert_eq!(theta(Some(2.0), 30.0), 0.3);
        assert_eq!(theta(Some(1.5), 30.0), 0.8);
        assert_eq!(theta(Some(1.0), 30.0), 1.3);
        assert_eq!(theta(Some(0.5), 30.0), 2.1);
        assert_eq!(theta(Some(0.2), 30.0), 2.7);
    }

    #[test]
    fn little_history_can_only_make_it_stricter() {
        assert_eq!((theta(Some(1.5), 13.0), theta(Some(0.5), 13.0)), (1.5, 2.1));
    }

    #[test]
    fn the_card_tells_rate_interval_and_end() {
        let loud = [(100, 0.55), (900, 1.05), (2_000, 1.85), (5_000, 2.45)];
        let it = Threshold::of(&scores(&loud), 120, 30.0, 1.5, None);
        assert_eq!((it.incidents, it.incidents_max, it.wish), (2, 4, None));
        assert!((it.per_week() - 1.0).abs() < 1e-6 && (it.per_week_max() - 2.0).abs() < 1e-6);
        // The exact 90 % interval of a count of two is 0.355 to 6.296.
        let (low, high) = it.interval_per_week();
        assert!((low - 0.178).abs() < 1e-3 && (high - 3.148).abs() < 1e-3, "{low} {high}");
        let none = Threshold::of(&scores(&[]), 120, 30.0, 1.5, Some(0.2));
        assert_eq!((none.theta, none.interval_per_week().0), (0.3, 0.0));
    }
}
