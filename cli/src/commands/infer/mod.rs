//! `yaga infer`: says what is wrong now, or was at an instant; where incidents are kept, it follows
//! them and tells the receivers.
//!
//! - [`context`]: cascades, variants and drift
//! - [`incidents`]: which incidents are going on, which ended, who was told

mod context;
mod incidents;

use chrono::{DateTime, Utc};
use detect::explain::{format_value, ordinal};
use domain::config::valid::Config;
use domain::{MetricSet, ServiceName, Severity};
use payload::result::{Anomaly, DetectionSignal, ErrorCode, Evaluation, ServiceResult};
use payload::run::{Cycle, CycleStatus};
use pipeline::infer::{CycleRequest, InferError, InferPorts, Warm, infer_cycle};
use wiring::{Incidents, SystemClock};

use self::incidents::Kept;
use crate::commands::state::unusable;
use crate::exit::{Done, Failure, Outcome};
use crate::instant;
use crate::shell::Shell;
use crate::terminal::{self, Tone};

/// Services whose first checks are told.
const ADVISED_MAX: usize = 3;
const CHECKS_MAX: usize = 3;

/// What to judge.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Instant to judge; otherwise the recording's newest sample, or now.
    #[arg(long, value_name = "INSTANT", value_parser = instant::parse)]
    at: Option<DateTime<Utc>>,
    /// Only this service. May be repeated.
    #[arg(long = "service", value_name = "NAME", value_parser = instant::parse_service)]
    services: Vec<ServiceName>,
}

/// Runs the command.
pub fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let judged = shell.block_on(judge(shell, arguments))??;
    if shell.json {
        shell.say_json(&judged.cycle)?;
    } else {
        tell(shell, &judged);
    }
    Ok(done(&judged.cycle))
}

/// A cycle, and what is needed to tell of it.
struct Judged {
    cycle: Cycle,
    config: Config,
    /// `None`: no incidents are kept.
    kept: Option<Kept>,
}

async fn judge(shell: &Shell, arguments: &Arguments) -> Result<Judged, Failure> {
    let settings = shell.settings().await?;
    let source = shell.source(&settings)?;
    let registry = shell.registry(&settings);
    let at = source.instant(arguments.at, Utc::now());
    let request = CycleRequest {
        at: at.map_err(|error| Failure::Usage(error.into()))?,
        services: (!arguments.services.is_empty()).then(|| arguments.services.clone()),
    };
    let kept = shell.incidents(&settings).await?;
    let writer = kept.as_ref().map(Incidents::writer);
    let incidents = kept.as_ref().zip(writer.as_ref());
    let incidents = incidents.map(|(kept, writer)| kept.ports(writer, &SystemClock));
    let ports =
        InferPorts { source: source.port.as_ref(), registry: &registry, incidents, deadline: None };
    let cycle = infer_cycle(&request, &settings.config, &ports, &mut Warm::default()).await;
    let cycle = cycle.map_err(failure)?;
    let kept = match &kept {
        Some(incidents) => Some(Kept::after(&cycle, incidents).await?),
        None => None,
    };
    Ok(Judged { cycle, config: settings.config, kept })
}

/// Why there was no cycle.
pub fn failure(error: InferError) -> Failure {
    match error {
        InferError::Registry(error) => Failure::Registry(error.into()),
        InferError::State(error) => unusable(error),
    }
}

fn done(cycle: &Cycle) -> Done {
    let is_lost = cycle.incidents.as_ref().is_some_and(|it| it.not_committed > 0);
    match cycle.status {
        CycleStatus::SourceUnavailable => Done::SourceUnavailable,
        CycleStatus::NoModels => Done::NoModels,
        CycleStatus::Partial if !has_models(cycle) => Done::NoModels,
        CycleStatus::Partial => Done::InPart,
        CycleStatus::Complete if is_lost => Done::InPart,
        CycleStatus::Complete => Done::Whole,
    }
}

/// False if every service that was asked for lacks a model.
fn has_models(cycle: &Cycle) -> bool {
    let lacks_model = |result: &ServiceResult| match result {
        ServiceResult::Error(failure) => failure.error_code == ErrorCode::ModelNotFound,
        _ => false,
    };
    !cycle.results.iter().all(lacks_model)
}

fn tell(shell: &Shell, judged: &Judged) {
    let Judged { cycle, config, kept } = judged;
    shell.say(&headline(cycle, config));
    if let Some(message) = &cycle.message {
        shell.say(message);
    }
    tell_anomalies(shell, cycle, &config.metrics);
    context::tell(shell, cycle);
    tell_unjudged(shell, cycle);
    tell_healthy(shell, cycle);
    tell_next(shell, cycle);
    if cycle.summary.anomalous > 0 || kept.is_some() {
        incidents::tell(shell, cycle, kept.as_ref());
    }
}

/// `Wed 1 Apr 2026, 12:14 in Europe/Paris: 2 of 6 services are unusual`
fn headline(cycle: &Cycle, config: &Config) -> String {
    let when = match cycle.timestamp.parse::<DateTime<Utc>>() {
        Ok(at) => {
            let calendar = &config.periods.calendar;
            let (day, clock) = (terminal::day(calendar, at), terminal::clock(calendar, at));
            format!("{day}, {clock} in {}", calendar.zone_name())
        }
        Err(_) => cycle.timestamp.clone(),
    };
    let summary = &cycle.summary;
    let (tone, what) = match cycle.status {
        CycleStatus::SourceUnavailable => {
            (Tone::Bad, "the metric source cannot be used".to_owned())
        }
        _ if !has_models(cycle) => (Tone::Bad, "there is no model".to_owned()),
        _ if summary.anomalous > 0 => {
            let worst = cycle.results.iter().map(ServiceResult::severity).max();
            let tone = Tone::of(worst.unwrap_or_default());
            (tone, format!("{} of {} services unusual", summary.anomalous, summary.services))
        }
        _ if summary.evaluated == 0 => (Tone::Bad, "nothing could be judged".to_owned()),
        _ => (Tone::Good, "nothing unusual".to_owned()),
    };
    format!("{when}: {}", terminal::paint(tone, &what))
}

fn tell_anomalies(shell: &Shell, cycle: &Cycle, metrics: &MetricSet) {
    let mut table =
        terminal::table(&["severity", "service", "what", "value", "usually", "confidence"]);
    for (evaluation, anomaly) in cycle.results.iter().filter_map(worst_anomaly) {
        let (value, usual) = value_and_usual(anomaly, metrics).unwrap_or_default();
        table.add_row([
            terminal::severity_cell(anomaly.severity),
            terminal::cell(Tone::Strong, &evaluation.service_name),
            signals(anomaly).into(),
            terminal::number(value),
            terminal::number(usual),
            terminal::number(format!("{:.0} %", 100.0 * anomaly.confidence)),
        ]);
    }
    if !table.is_empty() {
        shell.say(&format!("\n{}\n", table.trim_fmt()));
    }
}

fn worst_anomaly(result: &ServiceResult) -> Option<(&Evaluation, &Anomaly)> {
    let evaluation = result.evaluation()?;
    let worst = evaluation.anomalies.values().max_by_key(|anomaly| anomaly.severity)?;
    Some((evaluation, worst))
}

/// An anomaly in a few words: `application_latency 636 ms, usually 240 ms (+1)`.
pub fn brief(anomaly: &Anomaly, metrics: &MetricSet) -> String {
    let Some((value, usual)) = value_and_usual(anomaly, metrics) else {
        return combination(anomaly);
    };
    let metric = anomaly.root_metric.as_deref().unwrap_or_default();
    let more = anomaly.contributing_metrics.len().saturating_sub(1);
    let more = if more > 0 { format!(" (+{more})") } else { String::new() };
    format!("{metric} {value}, usually {usual}{more}")
}

fn combination(anomaly: &Anomaly) -> String {
    let listed: Vec<&str> =
        anomaly.contributing_metrics.iter().take(2).map(String::as_str).collect();
    format!("unusual combination, mostly of {}", listed.join(" and "))
}

/// Which metrics are unusual and how: `application_latency high (higher than ever), +1 more`.
fn signals(anomaly: &Anomaly) -> String {
    let single = |signal: &DetectionSignal| {
        let metric = signal.metric.as_deref()?;
        let direction = signal.direction.as_deref()?;
        let rank = match signal.percentile {
            Some(it) if it >= 100.0 => " (never so high)".to_owned(),
            Some(it) if it <= 0.0 => " (never so low)".to_owned(),
            Some(it) if direction != "activated" => format!(" ({} percentile)", ordinal(it)),
            _ => String::new(),
        };
        Some(format!("{metric} {direction}{rank}"))
    };
    let all: Vec<String> = anomaly.detection_signals.iter().filter_map(single).collect();
    if all.is_empty() { combination(anomaly) } else { all.join("\n") }
}

/// The root metric's value and what is usual now, or its mean in training, with units.
fn value_and_usual(anomaly: &Anomaly, metrics: &MetricSet) -> Option<(String, String)> {
    anomaly.direction.as_ref()?;
    let name = anomaly.root_metric.as_deref()?;
    let metric = metrics.get(metrics.index_of(name)?)?;
    let text = |value| format_value(metric.kind, &metric.unit, value);
    let signal = anomaly.detection_signals.iter().find(|it| it.metric.as_deref() == Some(name));
    if let (Some(value), Some(expected)) = (anomaly.value, signal.and_then(|it| it.expected)) {
        return Some((text(value), text(expected)));
    }
    let compared = anomaly.comparison_data.get(name)?;
    Some((text(compared.current), text(compared.training_mean)))
}

/// Services of which nothing can be concluded.
fn tell_unjudged(shell: &Shell, cycle: &Cycle) {
    for result in &cycle.results {
        let reason = match result {
            ServiceResult::MetricsUnavailable(it) => &it.error,
            ServiceResult::Error(it) => &it.error_message,
            _ => continue,
        };
        let sign = terminal::paint(Tone::Warning, "?");
        shell.say(&format!("{sign} {}", terminal::paint(Tone::Strong, result.service_name())));
        for line in terminal::wrap(reason, terminal::columns() - 2) {
            shell.say(&format!("  {line}"));
        }
    }
}

fn tell_healthy(shell: &Shell, cycle: &Cycle) {
    let healthy: Vec<&str> = cycle
        .results
        .iter()
        .filter(|result| result.evaluation().is_some() && result.severity() == Severity::None)
        .map(ServiceResult::service_name)
        .collect();
    if healthy.is_empty() {
        return;
    }
    let sign = terminal::paint(Tone::Good, "✓");
    if shell.verbose {
        for name in healthy {
            shell.say(&format!("{sign} {name}"));
        }
        return;
    }
    let number = terminal::count(healthy.len(), "service");
    let names = terminal::shorten(&healthy.join(", "), terminal::columns().saturating_sub(24));
    shell.say(&format!("{sign} {number} as usual: {names}"));
}

/// What a person does with this answer.
fn tell_next(shell: &Shell, cycle: &Cycle) {
    let worst: Vec<_> = cycle.results.iter().filter_map(worst_anomaly).take(ADVISED_MAX).collect();
    if !worst.is_empty() {
        shell.say("\nLook first at");
    }
    let names = worst.iter().map(|(evaluation, _)| evaluation.service_name.chars().count());
    let width = names.max().unwrap_or(0);
    for (evaluation, anomaly) in worst {
        let checks =
            if anomaly.checks.is_empty() { &anomaly.recommended_actions } else { &anomaly.checks };
        for (index, check) in checks.iter().take(CHECKS_MAX).enumerate() {
            let name = if index == 0 { evaluation.service_name.as_str() } else { "" };
            let name = terminal::paint(Tone::Strong, &format!("{name:<width$}"));
            shell.say(&format!("  {name}  {check}"));
        }
    }
    if !cycle.results.is_empty() && !has_models(cycle) {
        shell.say(&format!("Next: yaga train{}", shell.config_argument()));
    }
}
