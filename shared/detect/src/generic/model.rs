//! What a service's history leaves behind, under 300 bytes a metric.

use serde::{Deserialize, Serialize};

use super::evidence::Note;
use super::grid::Clock;
use super::profile::{self, HISTORY_S_MIN};
use super::recent::{SPANS, longest_cells};
use super::scale::{DAY_SLOTS, day_slot};
use super::score::EWMA_CELLS;
use super::{DAY_S, THETA};

/// Precision of stored numbers: 24 bits are far more than a median of noisy values has.
pub(super) type Stored = f32;

/// Training samples below which a service or a metric is not judged.
pub(super) const SAMPLES_MIN: usize = 30;
/// Longest step that still has a recent past: all spans would be one beyond two hours.
pub(super) const STEP_S_MAX: i64 = 2 * 3_600;
/// Moves are cut here, in scales: beyond it nothing more is learnt.
const MOVE_MAX: f64 = 1e4;
/// A shorter history holds alarms back, by this power of the shortfall and up to this factor.
const HISTORY_S_FULL: f64 = 14.0 * DAY_S as f64;
const SHRINK_POWER: f64 = 0.25;
const SHRINK_MAX: f64 = 1.4;

/// What is usual for each metric of one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenericModel {
    pub(super) clock: Clock,
    /// First and last training sample, epoch seconds.
    pub from_s: i64,
    pub until_s: i64,
    /// Training samples of the service: cells of the clock with a value of any metric.
    pub samples: u32,
    /// The metrics that are judged, in the order they were given, at most 64.
    pub metrics: Vec<GenericMetric>,
    /// The metrics that are not, and why, at most 64.
    pub left_out: Vec<LeftOut>,
}

/// What is usual for one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenericMetric {
    pub name: String,
    /// Medians of equal slots of the day, at most 48; one if the history is under two days.
    pub profile: Vec<Stored>,
    /// For each span the scale of moves by four-hour slot of the day, in the metric's unit.
    pub scales: [[Stored; DAY_SLOTS]; SPANS],
    /// For each span the largest move of a quiet day, in scales.
    pub units: [Stored; SPANS],
    /// The least scale, in the metric's unit.
    pub floor: Stored,
}

/// A metric that has no say in the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftOut {
    pub name: String,
    pub reason: Reason,
}

/// Why a metric has no say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Reason {
    /// It never moved in training.
    Constant { value: f64 },
    /// It has this many samples, fewer than 30.
    TooFewSamples { found: u32 },
    /// The service has more than 64 metrics.
    TooManyMetrics,
}

/// Why a model judges nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    #[error("silent: {found} samples of history, at least {SAMPLES_MIN} are needed")]
    TooFewSamples { found: u32 },
    #[error("silent: samples come every {step_s} s, at most {STEP_S_MAX} s is supported")]
    TooCoarse { step_s: u32 },
    #[error("silent: no metric moved in the history")]
    NothingMoves,
}

impl GenericModel {
    /// The service's step: the median interval of its training samples, at least a minute.
    pub fn step_s(&self) -> i64 {
        self.clock.step()
    }

    /// Why this model judges nothing, if it does not.
    pub fn silence(&self) -> Option<Silence> {
        let (found, step_s) = (self.samples, self.clock.step_s);
        if (found as usize) < SAMPLES_MIN {
            Some(Silence::TooFewSamples { found })
        } else if i64::from(step_s) > STEP_S_MAX {
            Some(Silence::TooCoarse { step_s })
        } else if self.metrics.is_empty() {
            Some(Silence::NothingMoves)
        } else {
            None
        }
    }

    /// Training time that has samples, in seconds.
    pub fn history_s(&self) -> i64 {
        i64::from(self.samples).saturating_mul(self.step_s())
    }

    /// True under two days of history: there is no daily profile yet.
    pub fn is_learning(&self) -> bool {
        self.history_s() < HISTORY_S_MIN
    }

    /// What scores are divided by: 1 from two weeks of history on, at most 1.4.
    pub fn shrink(&self) -> f64 {
        let weeks = HISTORY_S_FULL / (self.history_s() as f64).max(1.0);
        libm::pow(weeks, SHRINK_POWER).clamp(1.0, SHRINK_MAX)
    }

    /// What people should know of it, in words.
    pub fn notes(&self) -> Vec<String> {
        let learning = (self.silence().is_none() && self.is_learning())
            .then(|| Note::Learning { days: self.history_s() as f64 / 86_400.0 }.to_string());
        let left_out = self.left_out.iter().map(|left| match left.reason {
            Reason::Constant { value } => {
                format!("{} is not judged: it was {value} throughout the history", left.name)
            }
            Reason::TooFewSamples { found } => {
                let name = &left.name;
                format!(
                    "{name} is not judged: {found} samples of history, {SAMPLES_MIN} are needed"
                )
            }
            Reason::TooManyMetrics => {
                format!("{} is not judged: the service has too many metrics", left.name)
            }
        });
        learning.into_iter().chain(left_out).collect()
    }

    /// Where a metric usually is at a time of day, whatever it did lately: low, middle and high.
    /// `None` of a metric that is not judged.
    pub fn usual(&self, metric: &str, at_s: i64) -> Option<(f64, f64, f64)> {
        let metric = self.metrics.iter().find(|it| it.name == metric)?;
        let middle = metric.profile_at(at_s);
        let longest = SPANS - 1;
        let reach = THETA * self.shrink() * metric.unit(longest) * metric.scale_at(longest, at_s);
        Some((middle - reach, middle, middle + reach))
    }

    /// How many seconds of samples before the first scored one decide its score: the longest
    /// span, the cells that are averaged, and a gap that is filled.
    pub fn lookback_s(&self) -> i64 {
        (self.lookback_cells() + 1).saturating_mul(self.step_s())
    }

    pub(super) fn lookback_cells(&self) -> i64 {
        longest_cells(&self.clock) + (EWMA_CELLS - 1) + self.clock.gap_cells()
    }
}

impl GenericMetric {
    /// The metric's usual value at a time of day.
    pub(super) fn profile_at(&self, time_s: i64) -> f64 {
        profile::at(&self.profile, time_s)
    }

    /// The scale of a span at a time, in the metric's unit; above 0.
    pub(super) fn scale_at(&self, span: usize, time_s: i64) -> f64 {
        let scale = self.scales[span][day_slot(time_s)];
        f64::from(scale).max(f64::from(self.floor)).max(f64::MIN_POSITIVE)
    }

    /// The largest move of a quiet day, in scales; above 0.
    pub(super) fn unit(&self, span: usize) -> f64 {
        f64::from(self.units[span]).max(f64::MIN_POSITIVE)
    }

    /// The size of a stray from the recent level, in scales.
    pub(super) fn size(&self, span: usize, stray: f64, time_s: i64) -> f64 {
        (stray.abs() / self.scale_at(span, time_s)).min(MOVE_MAX)
    }
}

/// Narrows a number for the model.
pub(super) fn store(value: f64) -> Stored {
    value as Stored
}
