//! What is known of a service before a cycle is scored: everything that training finds out.

use domain::{BadDirection, MetricDefinition, MetricSet};
use serde::{Deserialize, Serialize};
use stats::percentile_rank;

use super::noise::Noise;
use super::season::Season;
use super::tail::Tail;
use super::transform::Form;
use crate::budget::Threshold;

/// The model of one service, the same for all periods of the week. At most 12 KiB for five
/// metrics; numbers that are kept are `f32`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResidualModel {
    /// Length of the cycles it was trained on and is good for.
    pub cycle_s: u32,
    /// Days of history behind it; hours without any value don't count.
    pub history_days: f32,
    pub series: Vec<SeriesModel>,
    /// When its incidents open.
    pub threshold: Threshold,
}

/// One metric of the service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesModel {
    /// Name of the metric, as the metric set spells it.
    pub metric: String,
    pub form: Form,
    /// The service's own requests: their count is the noise of all other metrics.
    pub is_traffic: bool,
    /// Which sides are watched.
    pub sides: BadDirection,
    pub season: Season,
    pub noise: Noise,
    /// z in training at the percentiles of [`Z_PERCENTILES`].
    pub z_quantiles: [f32; Z_PERCENTILES.len()],
    /// One for each side and statistic that is watched.
    pub tails: Vec<Tail>,
}

/// A direction in which a metric leaves its usual range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Up,
    Down,
}

/// Percentiles of z that a model keeps.
pub const Z_PERCENTILES: [f64; 11] =
    [0.1, 1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9];

/// From here on, three cycles are too long to wait: one decides.
pub const COARSE_CYCLE_S: u32 = 300;
/// Days of history from which times of the day are told apart: each was seen more than once.
pub const DAY_DAYS: f32 = 2.0;
/// Days of history from which weekdays are told apart.
pub const WEEK_DAYS: f32 = 7.0;

impl ResidualModel {
    /// One cycle decides, because cycles are long.
    pub fn is_coarse(&self) -> bool {
        self.cycle_s >= COARSE_CYCLE_S
    }

    /// Length of a cycle.
    pub fn cycle(&self) -> i64 {
        i64::from(self.cycle_s.max(1))
    }

    /// Position of the traffic metric in `metrics`, if the model has one.
    pub(super) fn traffic_in(&self, metrics: &MetricSet) -> Option<usize> {
        let traffic = self.series.iter().find(|series| series.is_traffic)?;
        metrics.index_of(&traffic.metric)
    }
}

impl SeriesModel {
    /// Percentile, 0 to 100, of a z among those of training; `None` of NaN.
    pub fn percentile(&self, z: f64) -> Option<f64> {
        let knots = self.z_quantiles.iter().zip(Z_PERCENTILES);
        let points: Vec<(f64, f64)> = knots.map(|(z, p)| (f64::from(*z), p)).collect();
        percentile_rank(&points, z)
    }
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Up, Side::Down];

    /// What a z is multiplied with to make this side up.
    pub fn sign(self) -> f64 {
        match self {
            Side::Up => 1.0,
            Side::Down => -1.0,
        }
    }

    /// True if `watched` includes this side.
    pub fn is_in(self, watched: BadDirection) -> bool {
        match watched {
            BadDirection::Both => true,
            BadDirection::Up => self == Side::Up,
            BadDirection::Down => self == Side::Down,
        }
    }
}

/// The sides of a metric that are watched. Traffic tells of falls: a low latency alone is no
/// incident, what fails fast shows in errors, and an idle processor in the rate. A gauge is watched
/// downwards if that alone is bad.
pub fn watched_sides(metric: &MetricDefinition) -> BadDirection {
    match Form::of(metric) {
        Form::Latency | Form::ErrorShare => BadDirection::Up,
        Form::Rate => metric.bad_direction,
        Form::Gauge if metric.bad_direction == BadDirection::Down => BadDirection::Down,
        Form::Gauge => BadDirection::Up,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_follow_from_form_and_bad_direction() {
        let sides = |name: &str| watched_sides(&MetricDefinition::guess(name));
        assert_eq!(sides("request_rate"), BadDirection::Both);
        assert_eq!(sides("application_latency"), BadDirection::Up);
        assert_eq!(sides("queue_depth"), BadDirection::Up);
        assert!(Side::Down.is_in(BadDirection::Both) && !Side::Down.is_in(BadDirection::Up));
    }
}
