//! All figures of a run, for machines and for the page.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use domain::{BadDirection, MetricKind, Severity};
use pipeline::backtest::accuracy::{Accuracy, Verdict};
use pipeline::backtest::notified::fates;
use pipeline::backtest::{Fates, Notified, Scale, Tape, Track};
use serde::Serialize;

use super::Run;
use super::sides::Side;

/// How long each part took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    pub read: Duration,
    pub learn: Duration,
    pub replay: Duration,
    pub report: Duration,
    pub total: Duration,
}

/// The run in figures. All but `timing` is the same each time.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub yaga_version: &'static str,
    pub config_digest: String,
    pub opening: &'static str,
    pub timezone: &'static str,
    pub cycle_s: i64,
    pub metrics: Vec<Metric>,
    pub history: Recorded,
    pub replayed: Recorded,
    pub counts: Counts,
    /// What would have been sent.
    pub notifications: Notified,
    /// Where there are objectives: what became of incidents under them, by kind.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub objectives: BTreeMap<String, Fates>,
    /// Of the alerts as they would be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// Of the alerts before folding by root cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy_by_service: Option<Accuracy>,
    /// With labels: how well scores rank what is labelled, without any threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vus_pr: Option<f64>,
    /// What people should know of the models.
    pub notes: Vec<String>,
    pub services: Vec<Service>,
    pub timing: Timing,
}

/// A metric as it was understood.
#[derive(Debug, Serialize)]
pub struct Metric {
    pub name: String,
    pub kind: MetricKind,
    pub bad_direction: BadDirection,
}

/// What a side of the backtest holds; of a server nobody counted it.
#[derive(Debug, Serialize)]
pub struct Recorded {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    pub from: Option<String>,
    pub until: Option<String>,
}

/// How much there was, and how much was said.
#[derive(Debug, Serialize)]
pub struct Counts {
    pub services: usize,
    pub services_with_model: usize,
    pub service_days: f64,
    pub cycles: usize,
    pub cycles_judged: usize,
    pub incidents: usize,
    pub alerts: usize,
    pub alerts_by_service: usize,
    pub alerts_per_service_week: f64,
    pub alerts_by_severity: BTreeMap<&'static str, usize>,
    pub calls_in_graph: usize,
}

/// One service.
#[derive(Debug, Serialize)]
pub struct Service {
    pub service: String,
    pub scale: Scale,
    pub step_s: i64,
    pub cycle_s: i64,
    pub days: f64,
    pub cycles: usize,
    pub cycles_judged: usize,
    pub incidents: usize,
    pub alerts: usize,
    pub worst: Severity,
    /// With labels: alerts that meet an incident, and hours of false alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub true_alerts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_alarms: Option<usize>,
}

/// In milliseconds.
#[derive(Debug, Serialize)]
pub struct Timing {
    pub read_ms: u128,
    pub learn_ms: u128,
    pub replay_ms: u128,
    pub report_ms: u128,
    pub total_ms: u128,
}

impl Summary {
    /// Sums up.
    pub fn of(run: &Run<'_>, timings: &Timings) -> Summary {
        let input = run.input;
        let config = &input.settings.config;
        let metric = |it: &domain::MetricDefinition| Metric {
            name: it.name.clone(),
            kind: it.kind,
            bad_direction: it.bad_direction,
        };
        Summary {
            yaga_version: env!("CARGO_PKG_VERSION"),
            config_digest: input.settings.digest.clone(),
            opening: run.judge.name(),
            timezone: config.periods.calendar.zone_name(),
            cycle_s: input.cycle_s,
            metrics: config.metrics.iter().map(metric).collect(),
            history: Recorded::of(&input.history),
            replayed: Recorded::of(&input.metrics),
            counts: Counts::of(run),
            notifications: run.notified.clone(),
            objectives: objectives(run),
            accuracy: run.accuracy.as_ref().map(|(folded, _)| folded.clone()),
            accuracy_by_service: run.accuracy.as_ref().map(|(_, single)| single.clone()),
            vus_pr: run.vus_pr,
            notes: run.notes.clone(),
            services: services(run),
            timing: Timing::of(timings),
        }
    }
}

fn objectives(run: &Run<'_>) -> BTreeMap<String, Fates> {
    match &run.input.settings.config.slos {
        Some(_) => fates(&run.tracks, &run.incidents, run.judge, run.input.truth.as_ref()),
        None => BTreeMap::new(),
    }
}

impl Recorded {
    fn of(side: &Side) -> Recorded {
        let text = |time_s: i64| Some(payload::instant(DateTime::from_timestamp(time_s, 0)?));
        let (first_s, last_s) = side.span();
        Recorded {
            services: side.contents.as_ref().map(|it| it.services.len()),
            samples: side.contents.as_ref().map(|it| it.samples),
            from: text(first_s),
            until: text(last_s),
        }
    }
}

impl Counts {
    fn of(run: &Run<'_>) -> Counts {
        let service_days: f64 = run.input.tapes.iter().map(Tape::days).sum();
        let mut alerts_by_severity = BTreeMap::new();
        for alert in &run.alerts {
            *alerts_by_severity.entry(alert.severity.as_str()).or_insert(0) += 1;
        }
        Counts {
            services: run.tracks.len(),
            services_with_model: run.with_model,
            service_days,
            cycles: run.tracks.iter().map(|track| track.findings.len()).sum(),
            cycles_judged: run.tracks.iter().map(judged).sum(),
            incidents: run.incidents.all.len(),
            alerts: run.alerts.len(),
            alerts_by_service: run.alerts_by_service.len(),
            alerts_per_service_week: 7.0 * run.alerts.len() as f64 / service_days,
            alerts_by_severity,
            calls_in_graph: run.input.graph.len(),
        }
    }
}

fn judged(track: &Track) -> usize {
    track.findings.iter().filter(|finding| finding.is_judged()).count()
}

fn services(run: &Run<'_>) -> Vec<Service> {
    run.tracks.iter().zip(&run.input.tapes).map(|(track, tape)| service(run, track, tape)).collect()
}

fn service(run: &Run<'_>, track: &Track, tape: &Tape) -> Service {
    let of_service = |name: &str| name == track.service.as_str();
    let own = || run.alerts_by_service.iter().enumerate().filter(|(_, it)| of_service(&it.service));
    let verdicts = run.accuracy.as_ref().map(|(_, single)| &single.verdicts);
    let count = |value: &dyn Fn(&Verdict) -> usize| {
        verdicts.map(|verdicts| own().map(|(index, _)| value(&verdicts[index])).sum())
    };
    Service {
        service: track.service.to_string(),
        scale: run.judge.scale(&track.service),
        step_s: tape.step_s,
        cycle_s: track.cycle_s,
        days: tape.days(),
        cycles: track.findings.len(),
        cycles_judged: judged(track),
        incidents: run.incidents.all.iter().filter(|it| it.service == track.service).count(),
        alerts: own().count(),
        worst: own().map(|(_, alert)| alert.severity).max().unwrap_or_default(),
        true_alerts: count(&|it| usize::from(matches!(it, Verdict::True { .. }))),
        false_alarms: count(&|it| match it {
            Verdict::False { hours } | Verdict::True { hours, .. } => *hours,
            Verdict::Excused => 0,
        }),
    }
}

impl Timing {
    fn of(timings: &Timings) -> Timing {
        Timing {
            read_ms: timings.read.as_millis(),
            learn_ms: timings.learn.as_millis(),
            replay_ms: timings.replay.as_millis(),
            report_ms: timings.report.as_millis(),
            total_ms: timings.total.as_millis(),
        }
    }
}
