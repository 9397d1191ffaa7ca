//! Takes a cycle apart: values beside what is usual, scores, and the gates that a flag must pass.
//!
//! Nothing of the rules is repeated here. Whether a gate stopped a metric is found out by asking
//! the same rules again with that gate open.

use chrono::{DateTime, SecondsFormat};
use detect::evidence::Evidence;
use detect::explain::format_value;
use detect::features::Features;
use detect::model::{MetricModel, PeriodModel};
use detect::rows::{Observation, observe};
use detect::score::{Assessment, ScoreSettings, assess};
use domain::config::valid::{Detection, Gates};
use domain::{MetricDefinition, MetricKind, Severity};

use super::{Decided, not_judged, refusal};
use crate::backtest::explanation::{Explanation, Gate, MetricExplanation};
use crate::backtest::judge::{Judge, Usual};
use crate::backtest::tape::{Tape, Tick};
use crate::infer::decide::{decide, features};
use crate::infer::gather::{CycleInput, ServiceInput};

/// Features of a combination that are named.
const FEATURES_SHOWN_MAX: usize = 3;

/// One observation and the model that judges it.
struct Case<'a> {
    model: &'a PeriodModel,
    observation: Observation,
    features: Features,
    settings: ScoreSettings<'a>,
    assessment: Assessment,
}

impl Decided<'_> {
    pub(super) fn explain_cycle(&self, tape: &Tape, tick: &Tick) -> Explanation {
        let mut explanation = Explanation {
            service: tape.service.clone(),
            at_s: tick.at_s,
            finding: not_judged(tick),
            not_judged: None,
            model: None,
            threshold: self.scale(&tape.service).threshold,
            metrics: Vec::new(),
            notes: Vec::new(),
        };
        let Some(input) = self.input(tape, tick, &mut None) else { return explanation };
        let outcome = decide(&input, self.config);
        explanation.finding = self.finding(&input, tick, &outcome);
        explanation.not_judged = outcome.results.first().and_then(refusal);
        let Some(case) = self.case(&input) else { return explanation };
        explanation.model = Some(describe(&input.services[0], case.model));
        explanation.metrics = self
            .config
            .metrics
            .iter()
            .enumerate()
            .map(|(index, metric)| case.explain_metric(metric, case.observation.values[index]))
            .collect();
        explanation.notes = case.notes();
        let evidence = outcome.evidence.iter().flatten();
        explanation.notes.extend(evidence.flat_map(evidence_notes));
        explanation
    }

    fn case<'a>(&'a self, input: &'a CycleInput) -> Option<Case<'a>> {
        let service = input.services.first()?;
        let routed = service.model.as_ref().ok()?;
        let model: &PeriodModel = &routed.model;
        let (metrics, detection) = (&self.config.metrics, &self.config.detection);
        let (width_s, at_s) = (model.training.row_width_s, input.at.timestamp());
        let (observation, _) = observe(&service.samples, metrics, &detection.bounds, at_s, width_s);
        let settings = ScoreSettings { metrics, detection, is_fallback: routed.is_fallback };
        let features = features(service, routed, input, self.config);
        let assessment = assess(model, &observation, &features, &settings);
        Some(Case { model, observation, features, settings, assessment })
    }
}

impl Case<'_> {
    fn explain_metric(&self, metric: &MetricDefinition, value: Option<f64>) -> MetricExplanation {
        let known = self.model.metric(&metric.name);
        let pair = known.zip(value);
        let signal = self.assessment.signals.iter().find(|signal| signal.metric == metric.name);
        let is_flagged = pair.is_some() && self.is_flagged(metric);
        MetricExplanation {
            metric: metric.name.clone(),
            value,
            usual: known.map(usual),
            percentile: pair.map(|(known, value)| known.statistics.percentile(value)),
            sigmas: pair.map(|(known, value)| known.transform.floored_sigmas(value)),
            score: pair.and_then(|_| self.alone(metric).score),
            is_flagged,
            severity: signal.map_or(Severity::None, |signal| signal.severity),
            gates: if is_flagged { self.gates(metric, known) } else { Vec::new() },
        }
    }

    /// What is said of this metric if no other has a value.
    fn alone(&self, metric: &MetricDefinition) -> Assessment {
        let mut observation = self.observation.clone();
        for (index, value) in observation.values.iter_mut().enumerate() {
            if self.settings.metrics.get(index).is_none_or(|other| other.name != metric.name) {
                *value = None;
            }
        }
        assess(self.model, &observation, &self.features.only(&metric.name), &self.settings)
    }

    fn is_flagged(&self, metric: &MetricDefinition) -> bool {
        self.alone(metric).flagged > 0
    }

    fn gates(&self, metric: &MetricDefinition, known: Option<&MetricModel>) -> Vec<Gate> {
        let now = self.settings.detection.gates;
        let effect = without_effect(now);
        let volume = Gates { requests_min: 0.0, ..now };
        let neither = Gates { requests_min: 0.0, ..effect };
        let is_kept = |gates: Gates| self.is_kept(metric, gates);
        let as_it_is = is_kept(now);
        // Where two gates stop it, opening one of them shows nothing.
        let stops = |without: Gates, with_only: Gates| {
            !as_it_is && (is_kept(without) || (is_kept(neither) && !is_kept(with_only)))
        };
        let median = known.map_or(0.0, |known| known.statistics.summary.p50);
        vec![
            Gate {
                name: "effect",
                passed: !stops(effect, volume),
                detail: effect_needed(metric, median, &now),
            },
            Gate { name: "volume", passed: !stops(volume, effect), detail: self.volume(&now) },
            Gate {
                name: "tail, direction and count",
                passed: is_kept(neither),
                detail: "in a tail of what was seen, to the side that hurts, no chance of a few \
                         failures, no good news"
                    .to_owned(),
            },
        ]
    }

    fn is_kept(&self, metric: &MetricDefinition, gates: Gates) -> bool {
        let detection = Detection { gates, ..self.settings.detection.clone() };
        let settings = ScoreSettings { detection: &detection, ..self.settings };
        let signals = assess(self.model, &self.observation, &self.features, &settings).signals;
        signals.iter().any(|signal| signal.metric == metric.name)
    }

    fn volume(&self, gates: &Gates) -> String {
        let seen = self.observation.requests.map_or("unknown".to_owned(), |it| format!("{it:.0}"));
        format!("{seen} requests, at least {:.0} for latencies and shares", gates.requests_min)
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(verdict) = &self.assessment.combination {
            let score = -verdict.score;
            let listed = verdict.contributions.iter().take(FEATURES_SHOWN_MAX);
            let listed: Vec<String> =
                listed.map(|(name, share)| format!("{name} {:.0} %", 100.0 * share)).collect();
            let mostly = if listed.is_empty() {
                String::new()
            } else {
                format!(", mostly {}", listed.join(", "))
            };
            let severity = verdict.severity;
            notes.push(format!("all metrics together: score {score:.3}, {severity}{mostly}"));
        }
        if self.settings.is_fallback {
            notes.push("the model is another period's: rates are not compared".to_owned());
        }
        notes
    }
}

fn usual(known: &MetricModel) -> Usual {
    let seen = &known.statistics.summary;
    Usual { low: seen.p5, middle: seen.p50, high: seen.p95 }
}

fn without_effect(gates: Gates) -> Gates {
    Gates { requests_min: gates.requests_min, ..NO_GATES }
}

const NO_GATES: Gates = Gates {
    requests_min: 0.0,
    error_rate_min: 0.0,
    error_rate_ratio_min: 0.0,
    latency_ms_min: 0.0,
    latency_ratio_min: 0.0,
    rate_min: 0.0,
    rate_ratio_min: 0.0,
};

/// `a change of at least 20 ms and 30 % of 120 ms`
fn effect_needed(metric: &MetricDefinition, median: f64, gates: &Gates) -> String {
    let text = |value: f64| format_value(metric.kind, &metric.unit, value);
    let share = |ratio: f64| format!("{:.0} % of {}", 100.0 * ratio, text(median));
    match metric.kind {
        MetricKind::Ratio => format!(
            "at least {} and {} times the mean",
            text(gates.error_rate_min),
            gates.error_rate_ratio_min
        ),
        MetricKind::Latency => format!(
            "a change of at least {} and {}",
            text(gates.latency_ms_min),
            share(gates.latency_ratio_min)
        ),
        MetricKind::Rate => format!(
            "a change of at least {} and {}",
            text(gates.rate_min),
            share(gates.rate_ratio_min)
        ),
        MetricKind::Gauge => format!("a change of at least {}", share(gates.rate_ratio_min)),
    }
}

/// What opens and keeps anomalies where forests do not.
fn evidence_notes(evidence: &Evidence) -> Vec<String> {
    let what = format!(
        "evidence {:.2} (opens from 1.00, goes on from {:.2}); {:.2} on the recipe's own scale",
        evidence.score, evidence.stay, evidence.recipe_score
    );
    let signals = evidence.signals.iter();
    let signals = signals.map(|signal| format!("{:.2}: {}", signal.score, signal.text));
    std::iter::once(what).chain(signals).collect()
}

/// `business_hours, trained until 2026-04-01T00:00:00Z, 1a2b3c4d5e6f`
fn describe(service: &ServiceInput, model: &PeriodModel) -> String {
    let until = DateTime::from_timestamp(model.training.until_s, 0).unwrap_or_default();
    let until = until.to_rfc3339_opts(SecondsFormat::Secs, true);
    let digest = service.model.as_ref().map(|routed| routed.digest.as_str()).unwrap_or_default();
    let digest: String = digest.chars().take(12).collect();
    format!("{}, trained until {until}, {digest}", model.period)
}
