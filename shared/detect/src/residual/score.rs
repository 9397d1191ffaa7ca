//! Evidence of one service at one cycle: how unusual, on which series, by which statistic.

use std::ops::Range;

use super::effect::{Effect, effect};
use super::model::{ResidualModel, Side};
use super::residuals::{Residuals, SYMPTOM_LOOK_S};
use super::standard::Standardised;
use super::statistic::{Statistic, Z_CYCLES, statistics};
use super::symptom::{RecentSymptoms, Symptom, SymptomScores};
use super::tail::Tail;
use super::transform::Form;

/// What the newest cycles of a service say.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceEvidence {
    /// End of the cycle.
    pub at_s: i64,
    /// Largest gated score of its series, at least [`SCORE_MIN`].
    pub score: f64,
    /// One for each series and side that has a value, in the order of the model.
    pub series: Vec<SeriesEvidence>,
}

/// One series on one side.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesEvidence {
    pub metric: String,
    pub side: Side,
    pub form: Form,
    pub symptom: Symptom,
    /// Minus log10 of how often per week it does so by itself; 0 at most unless it is far out, so
    /// now, and matters.
    pub score: f64,
    /// The statistic with the largest score.
    pub statistic: Statistic,
    /// Its value; bad is up on either side.
    pub value: f64,
    /// Sigmas from usual in the newest cycle; negative is below.
    pub z: f64,
    /// Percentile of `z` in training, 0 to 100.
    pub percentile: f64,
    pub effect: Effect,
}

/// Score of a service of which nothing is known.
pub const SCORE_MIN: f64 = -3.0;
/// It must be so now: two of three cycles at least this far out.
const NOW_MIN: f64 = 3.0;

/// Evidence at the newest cycle; `None` without any value.
pub fn score_window(model: &ResidualModel, residuals: &Residuals) -> Option<ServiceEvidence> {
    let newest = (0..residuals.len()).rev().find(|index| residuals.is_present(*index))?;
    score_at(model, residuals, residuals.time_s(newest))
}

/// Evidence at the cycle that ends at `at_s`; `None` if it has no value. Depends on the
/// [`super::residuals::window_s`] seconds before it alone.
pub fn score_at(
    model: &ResidualModel,
    residuals: &Residuals,
    at_s: i64,
) -> Option<ServiceEvidence> {
    let index = residuals.index_of(at_s)?;
    evidence_of(model, residuals, index..index + 1).pop()
}

/// Evidence at every cycle later than `after_s` that has a value. The same bits as
/// [`score_at`] for each of them, in a fraction of the time.
pub fn replay(model: &ResidualModel, residuals: &Residuals, after_s: i64) -> Vec<ServiceEvidence> {
    evidence_of(model, residuals, residuals.index_after(after_s)..residuals.len())
}

/// The best score of each symptom in the minutes up to `at_s`; `None` without any cycle.
pub fn recent_symptoms(
    model: &ResidualModel,
    residuals: &Residuals,
    at_s: i64,
) -> Option<RecentSymptoms> {
    let oldest = residuals.index_after(at_s - SYMPTOM_LOOK_S);
    let cycles = evidence_of(model, residuals, oldest..residuals.index_after(at_s));
    let cycles = cycles.iter().map(|cycle| (cycle.at_s, SymptomScores::of(cycle)));
    (cycles.len() > 0).then(|| RecentSymptoms::of(cycles))
}

/// Evidence at those of the cycles that have a value.
fn evidence_of(
    model: &ResidualModel,
    residuals: &Residuals,
    cycles: Range<usize>,
) -> Vec<ServiceEvidence> {
    if cycles.is_empty() {
        return Vec::new();
    }
    let start = residuals.recent(cycles.start, Z_CYCLES).start;
    let standardised = Standardised::of(model, residuals, start..cycles.end);
    cycles
        .filter(|index| residuals.is_present(*index))
        .map(|index| evidence(model, residuals, &standardised, index))
        .collect()
}

impl ServiceEvidence {
    /// The series with the largest score: the explanation.
    pub fn leading(&self) -> Option<&SeriesEvidence> {
        self.series.iter().rev().max_by(|a, b| a.score.total_cmp(&b.score))
    }
}

fn evidence(
    model: &ResidualModel,
    residuals: &Residuals,
    standardised: &Standardised,
    index: usize,
) -> ServiceEvidence {
    let mut series = Vec::new();
    for at in 0..model.series.len() {
        for side in Side::BOTH {
            series.extend(series_evidence(model, residuals, standardised, at, side, index));
        }
    }
    let score = series.iter().map(|s: &SeriesEvidence| s.score).fold(SCORE_MIN, f64::max);
    ServiceEvidence { at_s: residuals.time_s(index), score, series }
}

fn series_evidence(
    model: &ResidualModel,
    residuals: &Residuals,
    standardised: &Standardised,
    at: usize,
    side: Side,
    index: usize,
) -> Option<SeriesEvidence> {
    let series = &model.series[at];
    if !side.is_in(series.sides) {
        return None;
    }
    let z = standardised.z(at, residuals.recent(index, Z_CYCLES));
    let values = statistics(z, side.sign(), model.is_coarse());
    let (score, statistic) = best_score(&series.tails, side, values)?;
    let newest = z.last().copied().unwrap_or(f64::NAN);
    let effect = effect(model, residuals, standardised, at, side, index);
    Some(SeriesEvidence {
        metric: series.metric.clone(),
        side,
        form: series.form,
        symptom: Symptom::of(series, side),
        score: if effect.is_material { score } else { score.min(0.0) },
        statistic,
        value: values[statistic as usize],
        z: newest,
        percentile: series.percentile(newest).unwrap_or(f64::NAN),
        effect,
    })
}

/// The largest score of the statistics on one side, before the effect is looked at.
fn best_score(tails: &[Tail], side: Side, values: [f64; 3]) -> Option<(f64, Statistic)> {
    let is_now = values[Statistic::TwoOfThree as usize] >= NOW_MIN;
    let scored = |tail: &Tail| -> Option<(f64, Statistic)> {
        let value = values[tail.statistic as usize];
        let score = tail.score(value);
        let is_far = is_now && value >= tail.statistic.value_min();
        let held = if is_far { score } else { score.min(0.0) };
        value.is_finite().then_some((held, tail.statistic))
    };
    let tails = tails.iter().filter(|tail| tail.side == side);
    tails.filter_map(scored).reduce(|best, next| if next.0 > best.0 { next } else { best })
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
