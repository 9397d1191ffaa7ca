//! What a cycle's score is made of: the loudest metrics, what was expected, and since when.

use domain::limits::METRICS_PER_SERVICE_MAX;

use super::THETA;
use super::grid::Samples;
use super::model::{GenericModel, Reason, Silence};
use super::recent::{Reach, SPANS, SPANS_S, levels};
use super::score::{LOUDEST, SampleScore, View, together};

/// Judgement of the samples of one cycle.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GenericEvidence {
    /// The highest score among the samples, and of the published ones; 0 without samples.
    pub score: f64,
    pub published: f64,
    /// Stamp of the sample with the highest score.
    pub peak_s: Option<i64>,
    /// Each sample of the cycle, in order of time.
    pub samples: Vec<SampleScore>,
    /// At most three metrics at the peak, the loudest first.
    pub metrics: Vec<MetricEvidence>,
    pub notes: Vec<Note>,
    /// Why nothing was judged.
    pub silence: Option<Silence>,
}

/// On which side of what was expected a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Above,
    Below,
}

/// One metric at the peak, against the span in which its move is the largest.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricEvidence {
    pub name: String,
    pub side: Side,
    pub value: f64,
    /// Daily profile and recent level together, in the metric's unit.
    pub expected: f64,
    /// From where to where the value could move without an alarm, if it were the span's to tell.
    pub band: (f64, f64),
    /// Length of the span.
    pub span_s: i64,
    /// The move as a multiple of the largest move of a quiet day.
    pub quiet_days: f64,
    /// What it adds to the score, 0 to 5: the mean over the three spans.
    pub loudness: f64,
}

/// Something worth saying that is no alarm.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Note {
    #[error("{metric} is no longer constant: {value} instead of {was}")]
    NoLongerConstant { metric: String, value: f64, was: f64 },
    #[error("learning: {days:.1} days of history, 2 are needed for a daily profile")]
    Learning { days: f64 },
}

impl GenericEvidence {
    /// Stamps of the first and the last sample in alarm.
    pub fn alarm(&self, theta: f64) -> Option<(i64, i64)> {
        let mut stamps = self.samples.iter().filter(|s| s.score >= theta).map(|s| s.stamp_s);
        let first = stamps.next()?;
        Some((first, stamps.next_back().unwrap_or(first)))
    }
}

pub(super) fn gather(
    model: &GenericModel,
    samples: &[Samples<'_>],
    view: Option<&View<'_>>,
    scores: Vec<SampleScore>,
) -> GenericEvidence {
    let highest = |of: fn(&SampleScore) -> f64| scores.iter().map(of).fold(0.0, f64::max);
    let (score, published) = (highest(|s| s.score), highest(|s| s.published));
    let peak_s = scores.iter().find(|sample| sample.score == score).map(|sample| sample.stamp_s);
    let loudest = view.zip(peak_s).and_then(|(view, peak_s)| {
        let row = view.grid.stamps_s.iter().position(|stamp| *stamp == peak_s)?;
        Some(loudest_metrics(model, view, row))
    });
    GenericEvidence {
        score,
        published,
        peak_s,
        samples: scores,
        metrics: loudest.unwrap_or_default(),
        notes: notes(model, samples),
        silence: model.silence(),
    }
}

fn loudest_metrics(model: &GenericModel, view: &View<'_>, row: usize) -> Vec<MetricEvidence> {
    let mut moves: Vec<(usize, [f64; SPANS])> =
        (0..view.residuals.len()).map(|metric| (metric, view.quiet_days_at(metric, row))).collect();
    let total = |spans: &[f64; SPANS]| spans.iter().sum::<f64>();
    moves.sort_by(|(_, a), (_, b)| {
        together(*b).total_cmp(&together(*a)).then(total(b).total_cmp(&total(a)))
    });
    moves
        .into_iter()
        .filter(|(_, spans)| total(spans) > 0.0)
        .take(LOUDEST)
        .map(|(metric, spans)| metric_evidence(model, view, row, metric, spans))
        .collect()
}

fn metric_evidence(
    model: &GenericModel,
    view: &View<'_>,
    row: usize,
    index: usize,
    spans: [f64; SPANS],
) -> MetricEvidence {
    let metric = &model.metrics[index];
    // Of equal moves the one against the shortest span: it is the easiest to see.
    let span = (1..SPANS).fold(0, |best, span| if spans[span] > spans[best] { span } else { best });
    let residuals = &view.residuals[index][..=row];
    let past = Reach::of(SPANS_S[span], &view.grid.clock);
    let level = levels(&view.grid.cells, residuals, past, row)[0];
    let time_s = view.grid.time_s(row);
    let (value, expected) =
        (view.grid.columns[index].values[row], metric.profile_at(time_s) + level);
    let reach = THETA * model.shrink() * metric.unit(span) * metric.scale_at(span, time_s);
    MetricEvidence {
        name: metric.name.clone(),
        side: if residuals[row] < level { Side::Below } else { Side::Above },
        value,
        expected,
        band: (expected - reach, expected + reach),
        span_s: SPANS_S[span],
        quiet_days: spans[span],
        loudness: together(spans),
    }
}

fn notes(model: &GenericModel, samples: &[Samples<'_>]) -> Vec<Note> {
    let learning = (model.silence().is_none() && model.is_learning())
        .then(|| Note::Learning { days: model.history_s() as f64 / 86_400.0 });
    let moved = model.left_out.iter().filter_map(|left| {
        let Reason::Constant { value: was } = left.reason else { return None };
        let metric = samples.iter().find(|metric| metric.name == left.name)?;
        let (_, value) = metric.usable().last()?;
        let note = Note::NoLongerConstant { metric: left.name.clone(), value, was };
        (value != was).then_some(note)
    });
    learning.into_iter().chain(moved).take(METRICS_PER_SERVICE_MAX).collect()
}
