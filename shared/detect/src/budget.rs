//! How high evidence must score to open an incident: a wish for false alarms, made a threshold.
//!
//! Training data hold hardly any incidents, so what opens in their replay is false. Scores are put
//! through the rule of [`EpisodeRule`], with its persistence and hysteresis; incidents within an
//! hour are one. But a model fits the data it was made of better than those to come, and a month
//! holds few incidents of a service. So the rate to come is expected from three things: a law of
//! how often estates without faults open incidents, in the replay and in the week after it; the
//! replays of all services of the run beside what the law expects of replays; and the service's own
//! replay beside that of the others. Counts are taken for Poisson and their rates for gamma
//! distributed, so few incidents say little.

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
    /// False incidents per week that are expected at `theta` from now on.
    pub expected: f32,
    /// The same at the lowest threshold: more than that can't be had.
    pub expected_max: f32,
}

/// Incidents of a service's history at each threshold that is tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    weeks: f64,
    incidents: Vec<u32>,
}

/// How the replays of all services of a run compare with the law, at each threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Peers(Vec<f64>);

/// Thresholds that are tried, in twentieths: 0.1 to 4.
const TWENTIETHS: std::ops::RangeInclusive<u16> = 2..=80;
/// Incidents closer than this are one.
const JOINED_S: i64 = 3_600;
/// With less history than this, a wish may only make it stricter.
const SETTLED_DAYS: f32 = 14.0;
const WEEK_S: f64 = 604_800.0;
/// Of the interval that rates are given with: 5 % on either side.
const INTERVAL_SHARE: f64 = 0.05;

/// Score, incidents of a service and week in the replay, and in the week after it: 60 simulated
/// estates of 12 services without faults, 24 and 30 days of history. Between the rows logarithms
/// of rates are interpolated.
const LAW: [(f64, f64, f64); 10] = [
    (0.1, 0.942, 1.767),
    (0.2, 0.866, 1.604),
    (0.3, 0.778, 1.470),
    (0.5, 0.618, 1.153),
    (0.7, 0.496, 0.880),
    (1.0, 0.380, 0.530),
    (1.5, 0.313, 0.262),
    (2.0, 0.285, 0.168),
    (3.0, 0.240, 0.103),
    (4.0, 0.200, 0.064),
];
/// The history that the law was measured with, and what a shorter one adds: days over days.
const LAW_DAYS: f64 = 28.0;
const SHORT_DAYS: f64 = 7.0;
/// Incidents that the law counts for beside those of all services. Fleets of one kind differ from
/// each other by chance alone, so it takes many to doubt it.
const LAW_AMONG_PEERS: f64 = 40.0;
/// Incidents that all services count for beside a service's own: with about so many, expected
/// rates of the estates above depend on own counts as those of the week after did.
const PEERS_BESIDE_OWN: u32 = 10;

impl Replay {
    /// Of scores, each with the end of its cycle of `cycle_s`, in order.
    pub fn of(scores: &[(i64, f64)], cycle_s: i64) -> Replay {
        let weeks = scores.len() as f64 * cycle_s as f64 / WEEK_S;
        Replay { weeks, incidents: tried().map(|theta| incidents(scores, theta)).collect() }
    }

    /// Weeks that were replayed, and incidents in them at the nearest threshold that is tried.
    pub fn at(&self, theta: f64) -> (f64, u32) {
        (self.weeks, self.incidents[index_of(theta)])
    }
}

impl Peers {
    /// Of the services of a run.
    pub fn of<'a>(replays: impl IntoIterator<Item = &'a Replay>) -> Peers {
        let mut weeks = 0.0;
        let mut sums = vec![0.0; tried().count()];
        for replay in replays {
            weeks += replay.weeks;
            sums.iter_mut().zip(&replay.incidents).for_each(|(sum, it)| *sum += f64::from(*it));
        }
        let factor = |(theta, sum): (f64, f64)| {
            (sum + LAW_AMONG_PEERS) / (law(theta).0 * weeks + LAW_AMONG_PEERS)
        };
        Peers(tried().zip(sums).map(factor).collect())
    }
}

impl Threshold {
    /// The threshold of a service with `history_days` of history; `base` is the one without a
    /// wish, one of those tried. Wishes are false incidents per week.
    pub fn of(
        replay: &Replay,
        peers: &Peers,
        history_days: f32,
        base: f64,
        wish: Option<f64>,
    ) -> Threshold {
        let expected = expected(replay, peers, history_days);
        let keeps_to = |wish: f64| {
            let above = expected.iter().rev().take_while(|rate| **rate <= wish).count();
            expected.len() - above.max(1)
        };
        let base = index_of(base);
        let index = match wish.map(keeps_to) {
            Some(index) if history_days < SETTLED_DAYS => index.max(base),
            Some(index) => index,
            None => base,
        };
        Threshold {
            theta: tried().nth(index).unwrap_or_default() as f32,
            wish: wish.map(|it| it as f32),
            weeks: replay.weeks as f32,
            incidents: replay.incidents[index],
            expected: expected[index] as f32,
            expected_max: expected[0] as f32,
        }
    }

    /// False incidents per week that are expected at the threshold in force.
    pub fn per_week(&self) -> f64 {
        f64::from(self.expected)
    }

    /// The most per week that a lower threshold would bring: below it the fixed minima of each
    /// statistic decide.
    pub fn per_week_max(&self) -> f64 {
        f64::from(self.expected_max)
    }

    /// The rate lies between these with a probability of 90 %, by what the service's own incidents
    /// and those that stand for the other services' say: a gamma distribution around
    /// [`Threshold::per_week`].
    pub fn interval_per_week(&self) -> (f64, f64) {
        let count = self.incidents + PEERS_BESIDE_OWN;
        let below = |mean: f64| 1.0 - poisson_at_most(count - 1, mean);
        let low = mean_with(|mean| below(mean) >= INTERVAL_SHARE);
        let high = mean_with(|mean| below(mean) > 1.0 - INTERVAL_SHARE);
        let unit = self.per_week() / f64::from(count);
        (unit * low, unit * high)
    }
}

/// Expected false incidents per week at each threshold.
fn expected(replay: &Replay, peers: &Peers, history_days: f32) -> Vec<f64> {
    let days = f64::from(history_days).max(1.0);
    let short = (1.0 + SHORT_DAYS / days) / (1.0 + SHORT_DAYS / LAW_DAYS);
    let beside = f64::from(PEERS_BESIDE_OWN);
    let rate = |((theta, factor), own): ((f64, &f64), &u32)| {
        let (in_replay, after) = law(theta);
        let usual = factor * in_replay * replay.weeks;
        short * factor * after * (f64::from(*own) + beside) / (usual + beside)
    };
    tried().zip(&peers.0).zip(&replay.incidents).map(rate).collect()
}

/// The scores that the law is measured at.
pub fn law_scores() -> impl Iterator<Item = f64> {
    LAW.iter().map(|(theta, ..)| *theta)
}

fn tried() -> impl Iterator<Item = f64> {
    TWENTIETHS.map(|it| f64::from(it) / 20.0)
}

/// Which of the tried thresholds is nearest.
fn index_of(theta: f64) -> usize {
    let above = (20.0 * theta).round() - f64::from(*TWENTIETHS.start());
    (above.max(0.0) as usize).min(TWENTIETHS.len() - 1)
}

/// Rates of the law at a score: in the replay, and after it.
fn law(theta: f64) -> (f64, f64) {
    let right = LAW.partition_point(|(at, ..)| *at < theta).clamp(1, LAW.len() - 1);
    let ((x0, a0, b0), (x1, a1, b1)) = (LAW[right - 1], LAW[right]);
    let share = ((theta - x0) / (x1 - x0)).clamp(0.0, 1.0);
    let between = |low: f64, high: f64| low * libm::pow(high / low, share);
    (between(a0, a1), between(b0, b1))
}

/// Incidents that scores open at a threshold.
pub fn incidents(scores: &[(i64, f64)], theta: f64) -> u32 {
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
    use proptest::prelude::*;

    /// Thirty days of two-minute cycles, quiet but for single cycles.
    fn replay(loud: &[(usize, f64)]) -> Replay {
        let mut scores: Vec<(i64, f64)> = (0..21_600).map(|i| (i * 120, -1.0)).collect();
        loud.iter().for_each(|(index, score)| scores[*index].1 = *score);
        Replay::of(&scores, 120)
    }

    /// A month that holds as many incidents as the law says, to the nearest.
    fn usual() -> Replay {
        let weeks = 30.0 / 7.0;
        let count = |theta| (law(theta).0 * weeks).round() as u32;
        Replay { weeks, incidents: tried().map(count).collect() }
    }

    fn theta(own: &Replay, days: f32, wish: f64) -> f32 {
        let peers = Peers::of([&usual(), &usual(), own]);
        Threshold::of(own, &peers, days, 1.5, Some(wish)).theta
    }

    #[test]
    fn incidents_within_an_hour_are_one() {
        let it = replay(&[(100, 0.55), (900, 1.05), (915, 1.05), (2_000, 1.85), (5_000, 2.45)]);
        let at = |theta| it.incidents[index_of(theta)];
        assert_eq!([0.1, 0.5, 0.6, 1.0, 1.1, 1.8, 1.9, 2.5].map(at), [4, 4, 3, 3, 2, 2, 1, 0]);
    }

    #[test]
    fn a_usual_service_has_the_threshold_of_the_law() {
        for wish in [0.25, 0.5, 1.0, 2.0] {
            let theta = theta(&usual(), 28.0, wish);
            let rate = law(f64::from(theta)).1;
            assert!((rate / wish - 1.0).abs() < 0.2, "{wish} {theta} {rate}");
        }
    }

    #[test]
    fn a_restless_service_opens_later_and_a_still_one_earlier() {
        let restless = Replay { incidents: vec![20; tried().count()], ..usual() };
        let (more, less) = (theta(&restless, 30.0, 1.0), theta(&replay(&[]), 30.0, 1.0));
        assert!(less < theta(&usual(), 30.0, 1.0) && theta(&usual(), 30.0, 1.0) < more);
    }

    #[test]
    fn little_history_can_only_make_it_stricter() {
        let strict = theta(&usual(), 13.0, 0.25);
        assert!(theta(&usual(), 13.0, 2.0) == 1.5 && strict > 1.5);
    }

    #[test]
    fn the_card_tells_rate_interval_and_end() {
        let own = usual();
        let it = Threshold::of(&own, &Peers::of([&own]), 28.0, 1.5, None);
        assert_eq!((it.theta, it.wish, it.incidents), (1.5, None, 1));
        assert!((it.per_week() / 0.262 - 1.0).abs() < 0.1, "{}", it.per_week());
        // The knob ends at the rate of the lowest threshold.
        assert!((it.per_week_max() / 1.767 - 1.0).abs() < 0.1, "{}", it.per_week_max());
        // Of a gamma distribution of shape 11, 90 % lie within 6.169 and 16.962.
        let (low, high) = it.interval_per_week();
        let unit = it.per_week() / 11.0;
        assert!((low / unit - 6.169).abs() < 1e-3 && (high / unit - 16.962).abs() < 1e-3);
    }

    proptest! {
        #[test]
        fn a_higher_wish_never_opens_later(
            counts in prop::collection::vec(0u32..20, 79),
            weeks in 0.0f64..9.0,
            days in 0.0f32..60.0,
            (a, b) in (0.01f64..9.0, 0.01f64..9.0),
        ) {
            let own = Replay { weeks, incidents: counts };
            let peers = Peers::of([&own]);
            let of = |wish: f64| Threshold::of(&own, &peers, days, 1.5, Some(wish));
            let (low, high) = (of(a.min(b)), of(a.max(b)));
            prop_assert!(high.theta <= low.theta);
            let (from, until) = high.interval_per_week();
            prop_assert!(from <= high.per_week() && high.per_week() <= until && until.is_finite());
        }
    }
}
