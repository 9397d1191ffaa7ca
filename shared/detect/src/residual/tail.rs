//! How often a statistic goes how far by itself.
//!
//! Above a threshold, the highest points of separate excursions are taken for exponential: so often
//! a week by so much (peaks over threshold, as in Coles, "An Introduction to Statistical Modeling
//! of Extreme Values", 2001, ch. 4). A service sees few excursions of its own; their size leans on
//! that of the same metric of all services. What is left uncertain of the size makes the tail
//! heavier: an exponential of unknown scale is, in prediction, a Pareto of the second kind (Lomax)
//! whose shape falls with the number of excursions behind it.

use serde::{Deserialize, Serialize};
use stats::{median, quantile};

use super::model::Side;
use super::statistic::Statistic;

/// Excursions of one side and statistic, as a model keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    pub side: Side,
    pub statistic: Statistic,
    /// Where excursions begin.
    pub threshold: f32,
    /// Mean height of an excursion above the threshold.
    pub scale: f32,
    /// Excursions per week.
    pub per_week: f32,
    /// Excursions of the service's own behind this.
    pub clusters: u32,
}

/// The service's own excursions, before they are put together with others'.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OwnTail {
    pub side: Side,
    pub statistic: Statistic,
    pub threshold: f64,
    pub clusters: u32,
    /// Weeks of data.
    pub weeks: f64,
    /// Mean height; 0 without clusters.
    pub scale: f64,
}

/// The excursions of all services' same metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TailPool(Vec<Pooled>);

/// Of one metric, side and statistic; medians over the services that have excursions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Pooled {
    metric: String,
    side: Side,
    statistic: Statistic,
    scale: f64,
    per_week: f64,
}

const WEEK_S: f64 = 604_800.0;
const THRESHOLD_QUANTILE: f64 = 0.98;
const THRESHOLD_MIN: f64 = 1.0;
/// Values that make a tail.
const VALUES_MIN: usize = 20;
const EXCEEDANCES_MIN: usize = 5;
/// Exceedances at most this far apart are one excursion.
const CLUSTER_S: i64 = 3600;
/// Excursions this many times as high as the median are incidents nobody labelled, if they are few.
const EXCLUDED_MEDIANS: f64 = 8.0;
const EXCLUDED_SHARE_MAX: f64 = 0.1;
const EXCLUSION_CLUSTERS_MIN: usize = 10;
const SCALE_MIN: f64 = 1e-3;
/// Excursions with which a service's own scale weighs as much as the pooled one.
const CLUSTERS_OF_EQUAL_WEIGHT: f64 = 15.0;
/// Shape of the tail without any excursion of the service's own.
const SHAPE_UNKNOWN: f64 = 0.1;
/// Where no service has any excursion.
const SCALE_DEFAULT: f64 = 0.8;
const PER_WEEK_DEFAULT: f64 = 20.0;

impl OwnTail {
    /// Measures the tail of one statistic, one value for each consecutive cycle, NaN where missing.
    /// `None` if there are too few.
    pub fn fit(side: Side, statistic: Statistic, values: &[f64], cycle_s: i64) -> Option<OwnTail> {
        let finite: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
        if finite.len() < VALUES_MIN {
            return None;
        }
        let threshold = quantile(&finite, THRESHOLD_QUANTILE)?.max(THRESHOLD_MIN);
        let weeks = finite.len() as f64 * cycle_s as f64 / WEEK_S;
        let heights = without_incidents(excursions(values, threshold, cycle_s));
        let scale = match heights.len() {
            0 => 0.0,
            count => (heights.iter().sum::<f64>() / count as f64).max(SCALE_MIN),
        };
        let clusters = heights.len() as u32;
        Some(OwnTail { side, statistic, threshold, clusters, weeks, scale })
    }

    /// The tail with the help of the pool: the fewer excursions of its own, the more.
    pub fn finish(&self, metric: &str, pool: &TailPool) -> Tail {
        let (scale, per_week) = match pool.find(metric, self.side, self.statistic) {
            Some(pooled) => (pooled.scale, pooled.per_week),
            None => (SCALE_DEFAULT, PER_WEEK_DEFAULT),
        };
        let (scale, per_week) = if self.clusters == 0 {
            (scale, (0.5 * per_week).max(1.0 / self.weeks))
        } else {
            let weight = own_weight(self.clusters);
            (weight * self.scale + (1.0 - weight) * scale, self.per_week())
        };
        Tail {
            side: self.side,
            statistic: self.statistic,
            threshold: self.threshold as f32,
            scale: scale as f32,
            per_week: per_week as f32,
            clusters: self.clusters,
        }
    }

    fn per_week(&self) -> f64 {
        f64::from(self.clusters) / self.weeks
    }
}

impl Tail {
    /// Minus log10 of how often per week the statistic reaches `x` by itself: 2 is once in 100
    /// weeks. NaN of NaN.
    pub fn score(&self, x: f64) -> f64 {
        let height = (x - f64::from(self.threshold)) / f64::from(self.scale);
        let shape = SHAPE_UNKNOWN * (1.0 - own_weight(self.clusters));
        let rarity = if height > 0.0 { libm::log1p(shape * height) / shape } else { height };
        rarity / std::f64::consts::LN_10 - libm::log10(f64::from(self.per_week))
    }
}

/// Weight of a service's own excursions beside the pool's.
fn own_weight(clusters: u32) -> f64 {
    let own = f64::from(clusters);
    own / (own + CLUSTERS_OF_EQUAL_WEIGHT)
}

impl TailPool {
    /// Puts together the tails of services, each with the metric's name.
    pub fn of<'a>(tails: impl IntoIterator<Item = (&'a str, &'a OwnTail)>) -> TailPool {
        let mut all: Vec<(&str, &OwnTail)> =
            tails.into_iter().filter(|(_, tail)| tail.clusters > 0).collect();
        let key = |(metric, tail): &(&'a str, &'a OwnTail)| (*metric, tail.side, tail.statistic);
        all.sort_by_key(key);
        let groups = all.chunk_by(|a, b| key(a) == key(b));
        TailPool(groups.filter_map(Pooled::of).collect())
    }

    fn find(&self, metric: &str, side: Side, statistic: Statistic) -> Option<&Pooled> {
        let key = (metric, side, statistic);
        let by_key = |p: &Pooled| (p.metric.as_str(), p.side, p.statistic).cmp(&key);
        self.0.binary_search_by(by_key).ok().map(|index| &self.0[index])
    }
}

impl Pooled {
    fn of(group: &[(&str, &OwnTail)]) -> Option<Pooled> {
        let (metric, first) = group.first()?;
        let middle = |of: &dyn Fn(&OwnTail) -> f64| {
            median(&group.iter().map(|(_, tail)| of(tail)).collect::<Vec<f64>>())
        };
        Some(Pooled {
            metric: (*metric).to_owned(),
            side: first.side,
            statistic: first.statistic,
            scale: middle(&|tail| tail.scale)?,
            per_week: middle(&OwnTail::per_week)?,
        })
    }
}

/// Heights above the threshold of the highest point of each excursion; none if there are hardly
/// any exceedances.
fn excursions(values: &[f64], threshold: f64, cycle_s: i64) -> Vec<f64> {
    let apart = (CLUSTER_S / cycle_s.max(1)).max(1) as usize;
    let (mut heights, mut exceedances, mut last) = (Vec::new(), 0, 0);
    for (index, value) in values.iter().enumerate().filter(|(_, value)| **value > threshold) {
        let height = value - threshold;
        match heights.last_mut() {
            Some(highest) if index - last <= apart => *highest = height.max(*highest),
            _ => heights.push(height),
        }
        (last, exceedances) = (index, exceedances + 1);
    }
    if exceedances < EXCEEDANCES_MIN { Vec::new() } else { heights }
}

/// Drops the few heights that are out of all proportion.
fn without_incidents(heights: Vec<f64>) -> Vec<f64> {
    let Some(middle) = median(&heights) else { return heights };
    let bound = EXCLUDED_MEDIANS * middle + 1e-6;
    let kept: Vec<f64> = heights.iter().copied().filter(|height| *height <= bound).collect();
    let excluded = (heights.len() - kept.len()) as f64;
    let may_exclude = heights.len() >= EXCLUSION_CLUSTERS_MIN
        && excluded <= EXCLUDED_SHARE_MAX * heights.len() as f64;
    if may_exclude { kept } else { heights }
}

#[cfg(test)]
mod tests {
    use super::super::testing::normal;
    use super::*;
    use proptest::prelude::*;

    fn own(values: &[f64]) -> OwnTail {
        OwnTail::fit(Side::Up, Statistic::TwoOfThree, values, 120).unwrap()
    }

    fn alone(tail: &OwnTail) -> Tail {
        tail.finish("m", &TailPool::of([("m", tail)]))
    }

    #[test]
    fn excursions_less_than_an_hour_apart_are_one() {
        let mut values = vec![0.0; 2000];
        for (index, value) in [(100, 3.0), (130, 5.0), (161, 4.0), (500, 2.0), (501, 2.5)] {
            values[index] = value;
        }
        assert_eq!(excursions(&values, 1.0, 120), [4.0, 3.0, 1.5]);
    }

    #[test]
    fn few_incidents_are_left_out_and_many_are_how_it_is() {
        let mut heights = vec![1.0; 19];
        heights.push(9.0);
        assert_eq!(without_incidents(heights.clone()).len(), 19);
        heights.extend([9.0, 9.0]);
        assert_eq!(without_incidents(heights).len(), 22);
    }

    #[test]
    fn a_score_of_two_is_once_in_a_hundred_weeks() {
        let values: Vec<f64> = (0..30 * 720).map(normal).collect();
        let tail = alone(&own(&values));
        // Of 100 weeks of 5040 independent cycles the highest is at 4.6; the tail is on the safe side.
        assert!(tail.score(4.5) < 2.0 && tail.score(7.0) > 2.0, "{tail:?}");
    }

    #[test]
    fn what_never_happened_leans_on_others() {
        let silent = own(&[0.0; 5040]);
        assert_eq!((silent.clusters, silent.threshold), (0, 1.0));
        let others: Vec<f64> = (0..5040).map(normal).collect();
        let others = own(&others);
        let pool = TailPool::of([("m", &others), ("m", &silent), ("n", &others)]);
        let tail = silent.finish("m", &pool);
        assert_eq!(tail.scale, others.scale as f32);
        assert_eq!(tail.per_week, (0.5 * others.per_week()) as f32);
        let unknown = silent.finish("other", &pool);
        assert_eq!((unknown.scale, unknown.per_week), (0.8, 10.0));
    }

    #[test]
    fn too_few_values_have_no_tail() {
        assert_eq!(OwnTail::fit(Side::Up, Statistic::Mean, &[1.0; 19], 120), None);
        assert_eq!(OwnTail::fit(Side::Up, Statistic::Mean, &[f64::NAN; 900], 120), None);
    }

    proptest! {
        #[test]
        fn scores_rise_and_are_finite(
            values in prop::collection::vec(prop_oneof![9 => -5.0f64..9.0, 1 => Just(f64::NAN)], 40..400),
            (a, b) in (-10.0f64..60.0, -10.0f64..60.0),
        ) {
            prop_assume!(values.iter().filter(|v| v.is_finite()).count() >= 20);
            let tail = alone(&own(&values));
            let (low, high) = (tail.score(a.min(b)), tail.score(a.max(b)));
            prop_assert!(low.is_finite() && high.is_finite() && low <= high);
        }
    }
}
