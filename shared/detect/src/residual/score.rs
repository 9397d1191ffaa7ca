//! Evidence of one service at one cycle: how unusual, on which series, by which statistic.

use std::ops::Range;

use super::effect::{Effect, effect};
use super::model::{ResidualModel, SeriesModel, Side};
use super::pooled::{Pooled, pooled};
use super::residuals::{Residuals, SYMPTOM_LOOK_S};
use super::standard::Standardised;
use super::statistic::{Statistic, Z_CYCLES, statistics};
use super::symptom::{RecentSymptoms, SYMPTOM_MIN, Symptom, SymptomScores};
use super::tail::Tail;
use super::transform::Form;

/// What the newest cycles of a service say.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceEvidence {
    /// End of the cycle.
    pub at_s: i64,
    /// Largest gated score of its series, at least [`SCORE_MIN`].
    pub score: f64,
    /// The same for ranking and charts: what is held back is in order too, below [`HELD_MAX`].
    pub ranking: f64,
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
    /// The score where it is above 0; else what it would be if nothing were held back, squeezed
    /// to below [`HELD_MAX`].
    pub ranking: f64,
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
/// Rankings of what is held back stay below this: less than what tells of anything.
pub const HELD_MAX: f64 = SYMPTOM_MIN;
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
    let highest = |of: fn(&SeriesEvidence) -> f64| series.iter().map(of).fold(SCORE_MIN, f64::max);
    let (score, ranking) = (highest(|it| it.score), highest(|it| it.ranking));
    ServiceEvidence { at_s: residuals.time_s(index), score, ranking, series }
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
    let newest = z.last().copied().unwrap_or(f64::NAN);
    let found = best_score(&series.tails, side, values).map(|best| {
        let effect = effect(model, residuals, standardised, at, side, index);
        evidence_from(series, side, best, values[best.statistic as usize], newest, effect)
    });
    let level = standardised.level(at, index);
    let together = pooled_evidence(model, residuals, at, side, index, level);
    let louder = |a: SeriesEvidence, b: SeriesEvidence| if b.score > a.score { b } else { a };
    found.into_iter().chain(together).reduce(louder)
}

/// Evidence of failures that are put together, where requests are few.
fn pooled_evidence(
    model: &ResidualModel,
    residuals: &Residuals,
    at: usize,
    side: Side,
    index: usize,
    level: f64,
) -> Option<SeriesEvidence> {
    let (series, statistic) = (&model.series[at], Statistic::Pooled);
    let is_it = |tail: &&Tail| tail.statistic == statistic && tail.side == side;
    let tail = series.tails.iter().find(is_it)?;
    let Pooled { z, effect } = pooled(model, residuals, at, index, level)?;
    let unheld = tail.score(z);
    let score = if z >= statistic.value_min() { unheld } else { unheld.min(0.0) };
    Some(evidence_from(series, side, Best { score, statistic, unheld }, z, z, effect))
}

fn evidence_from(
    series: &SeriesModel,
    side: Side,
    best: Best,
    value: f64,
    z: f64,
    effect: Effect,
) -> SeriesEvidence {
    let score = if effect.is_material { best.score } else { best.score.min(0.0) };
    SeriesEvidence {
        metric: series.metric.clone(),
        side,
        form: series.form,
        symptom: Symptom::of(series, side),
        score,
        ranking: if score > 0.0 { score } else { held(best.unheld) },
        statistic: best.statistic,
        value,
        z,
        percentile: series.percentile(z).unwrap_or(f64::NAN),
        effect,
    }
}

/// The largest score of the statistics on one side, before the effect is looked at.
#[derive(Clone, Copy)]
struct Best {
    score: f64,
    statistic: Statistic,
    /// The largest of the scores if none is held back.
    unheld: f64,
}

fn best_score(tails: &[Tail], side: Side, values: [f64; 3]) -> Option<Best> {
    let is_now = values[Statistic::TwoOfThree as usize] >= NOW_MIN;
    let scored = |tail: &Tail| -> Option<Best> {
        let (value, statistic) = (values[tail.statistic as usize], tail.statistic);
        let unheld = tail.score(value);
        let is_far = is_now && value >= statistic.value_min();
        let score = if is_far { unheld } else { unheld.min(0.0) };
        value.is_finite().then_some(Best { score, statistic, unheld })
    };
    let better = |best: Best, next: Best| {
        let unheld = best.unheld.max(next.unheld);
        if next.score > best.score { Best { unheld, ..next } } else { Best { unheld, ..best } }
    };
    let own = |tail: &&Tail| tail.side == side && tail.statistic != Statistic::Pooled;
    tails.iter().filter(own).filter_map(scored).reduce(better)
}

/// Keeps the order of what is held back, below [`HELD_MAX`].
fn held(unheld: f64) -> f64 {
    if unheld > 0.0 { HELD_MAX * unheld / (1.0 + unheld) } else { unheld }
}

#[cfg(test)]
#[path = "score_tests.rs"]
mod tests;
