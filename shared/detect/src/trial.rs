//! How evidence would have done on the newest part of the history, without having seen it.
//!
//! The gate asks a model of evidence what the gate of forests asks a forest: how often it would
//! have opened on data that is presumed normal, and whether it sees faults that would matter. The
//! model that is asked has learned from the older part alone.

use domain::{Calendar, MetricSet, Severity};

use crate::evidence::{EvidenceModel, generic_samples};
use crate::fault::{FAULTS, inject_cycles};
use crate::generic;
use crate::residual::residuals::window_s;
use crate::residual::{ResidualModel, Residuals, replay, score_window};
use crate::rows::{Rows, ServiceSamples};

/// What evidence of a service is learned from and judged on.
#[derive(Debug, Clone)]
pub enum Material {
    /// Rows as wide as a cycle, for seasonal residuals.
    Cycles(Rows),
    /// For moves from the recent level.
    Samples(ServiceSamples),
}

/// A model and what it says of the cycles after `split_s`.
#[derive(Debug, Clone)]
pub struct Trial {
    pub model: EvidenceModel,
    pub verdicts: Vec<Verdict>,
}

/// What a model says of one cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub at_s: i64,
    /// [`Severity::None`] if it opens nothing.
    pub severity: Severity,
}

/// Cycles that a fault lasts before it is asked for.
const FAULT_CYCLES: usize = 5;

impl Trial {
    /// What `model` says of the cycles later than `split_s`.
    pub fn of(
        model: EvidenceModel,
        material: &Material,
        metrics: &MetricSet,
        calendar: &Calendar,
        split_s: i64,
    ) -> Trial {
        let scores: Vec<(i64, f64)> = match (&model, material) {
            (EvidenceModel::Residual(residual), Material::Cycles(rows)) => {
                let after_s = split_s - window_s(residual.cycle());
                let rows = rows.filter(|time_s| time_s > after_s);
                let residuals = Residuals::of(residual, calendar, metrics, &rows);
                let replayed = replay(residual, &residuals, split_s);
                replayed.into_iter().map(|it| (it.at_s, it.score)).collect()
            }
            (EvidenceModel::Generic(generic), Material::Samples(samples)) => {
                let samples = generic_samples(samples, metrics, i64::MIN, i64::MAX);
                let scores = generic::score_series(generic, &samples, split_s);
                scores.into_iter().map(|it| (it.stamp_s, it.score)).collect()
            }
            _ => Vec::new(),
        };
        let verdict = |(at_s, score)| {
            let (opening, severity) = model.on_scale(score);
            Verdict { at_s, severity: if opening >= 1.0 { severity } else { Severity::None } }
        };
        Trial { verdicts: scores.into_iter().map(verdict).collect(), model }
    }

    /// (faults that would matter, faults seen), injected before each of the instants.
    pub fn inject_faults(
        &self,
        material: &Material,
        metrics: &MetricSet,
        calendar: &Calendar,
        instants_s: &[i64],
    ) -> (usize, usize) {
        let (EvidenceModel::Residual(model), Material::Cycles(rows)) = (&self.model, material)
        else {
            return (0, 0);
        };
        let (mut injected, mut seen) = (0, 0);
        for at_s in instants_s {
            let past = window_before(model, rows, *at_s);
            let residuals = Residuals::of(model, calendar, metrics, &past);
            let last = past.len().saturating_sub(FAULT_CYCLES);
            let after_s = last.checked_sub(1).map_or(i64::MIN, |before| past.times_s[before]);
            let (_, normal) = past.split_at(last);
            for fault in FAULTS {
                let Some(broken) = inject_cycles(fault, &normal, metrics) else { continue };
                let mut residuals = residuals.clone();
                residuals.replace_after(after_s, model, calendar, metrics, &broken);
                let score = score_window(model, &residuals).map_or(0.0, |it| it.score);
                injected += 1;
                seen += usize::from(self.model.on_scale(score).0 >= 1.0);
            }
        }
        (injected, seen)
    }
}

fn window_before(model: &ResidualModel, rows: &Rows, at_s: i64) -> Rows {
    let after_s = at_s - window_s(model.cycle());
    rows.filter(|time_s| time_s > after_s && time_s <= at_s)
}
