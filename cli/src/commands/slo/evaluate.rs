//! `yaga slo evaluate`: one situation, judged as a cycle would.

use std::collections::BTreeMap;

use domain::Severity;
use payload::slo::{SloContext, SloEvaluation};
use serde::Serialize;
use slo::{LadderEvaluation, Verdict};
use wiring::Settings;

use super::objectives;
use super::situation::Input;
use crate::exit::{Done, Failure, Outcome};
use crate::shell::Shell;
use crate::terminal::{COLUMNS, Tone, cell, number, paint, severity_cell, table, wrap};

/// The answer for machines: the evaluation, and what became of each anomaly.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    service_name: &'a str,
    #[serde(flatten)]
    evaluation: SloEvaluation,
    anomalies: BTreeMap<&'a str, Judged<'a>>,
}

#[derive(Debug, Serialize)]
struct Judged<'a> {
    severity: Severity,
    /// Absent for an anomaly that an objective made.
    #[serde(skip_serializing_if = "Option::is_none")]
    ml_severity: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slo_context: Option<SloContext>,
}

pub(super) fn run(shell: &Shell, settings: &Settings) -> Outcome {
    let objectives = objectives(settings)?;
    let input = Input::read(std::io::stdin().lock(), &settings.config).map_err(Failure::Usage)?;
    let verdict = slo::evaluate(objectives, &input.situation());
    if shell.json {
        shell.say_json(&answer(&input, &verdict))?;
    } else {
        tell(shell, &input, &verdict);
    }
    Ok(Done::Whole)
}

fn answer<'a>(input: &'a Input, verdict: &'a Verdict) -> Answer<'a> {
    let kept = verdict.kept.iter().map(|kept| {
        let found = &input.anomalies[kept.index];
        let judged = Judged {
            severity: kept.severity,
            ml_severity: Some(found.severity),
            description: None,
            slo_context: kept.context.as_ref().map(payload::slo::context),
        };
        (found.name.as_str(), judged)
    });
    let made = verdict.synthetic.iter().map(|made| {
        let judged = Judged {
            severity: made.severity,
            ml_severity: None,
            description: Some(&made.description),
            slo_context: None,
        };
        (made.name, judged)
    });
    Answer {
        service_name: input.service.as_str(),
        evaluation: payload::slo::evaluation(&verdict.evaluation),
        anomalies: kept.chain(made).collect(),
    }
}

fn tell(shell: &Shell, input: &Input, verdict: &Verdict) {
    let evaluation = &verdict.evaluation;
    let line = |label: &str, text: &str| {
        shell.say(&format!("  {} {text}", paint(Tone::Faint, &format!("{label:<9}"))));
    };
    let severity = evaluation.adjusted_severity;
    let busy = if evaluation.is_busy_period { ", busy period" } else { "" };
    shell.say(&paint(Tone::Strong, input.service.as_str()));
    shell.say("");
    line("at", &format!("{}, {}{busy}", input.at.to_rfc3339(), input.period));
    line("severity", &paint(Tone::of(severity), severity.as_str()));
    line("detector", evaluation.original_severity.as_str());
    let driver = evaluation.driver.map(|driver| format!(", by {}", driver.as_str()));
    line("status", &format!("{}{}", evaluation.slo_status.as_str(), driver.unwrap_or_default()));
    line("impact", evaluation.operational_impact.as_str());
    shell.say("");
    shell.say(&parts(verdict));
    if verdict.has_anomalies() || !evaluation.suppressed.is_empty() {
        shell.say("");
        shell.say(&anomalies(input, verdict));
    }
    shell.say("");
    for text in wrap(&evaluation.explanation, COLUMNS) {
        shell.say(&text);
    }
}

/// One row per objective.
fn parts(verdict: &Verdict) -> String {
    let evaluation = &verdict.evaluation;
    let mut table = table(&["objective", "value", "status", "acceptable", "warning", "critical"]);
    let mut ladder = |name: &str, it: &LadderEvaluation, shown: &dyn Fn(f64) -> String| {
        let limits = &it.limits;
        table.add_row([
            cell(Tone::Plain, name),
            number(it.reading.map_or("-".to_owned(), |reading| shown(reading.value))),
            cell(Tone::Plain, it.reading.map_or("unavailable", |reading| reading.status.as_str())),
            number(shown(limits.acceptable)),
            number(shown(limits.warning)),
            number(shown(limits.critical)),
        ]);
    };
    ladder("latency", &evaluation.latency, &|value| format!("{value:.0} ms"));
    ladder("error rate", &evaluation.error_rate.ladder, &|share| format!("{:.2} %", share * 100.0));
    if let Some(it) = &evaluation.database_latency {
        let usual = it.baseline_ms.unwrap_or(it.floor_ms);
        let shown = |value: f64| format!("{value:.1} ms");
        table.add_row([
            cell(Tone::Plain, "database latency"),
            number(it.reading.map_or("-".to_owned(), |reading| shown(reading.value_ms))),
            cell(Tone::Plain, it.reading.map_or("unavailable", |reading| reading.status.as_str())),
            number(shown(usual * it.ratios.info)),
            number(shown(usual * it.ratios.warning)),
            number(shown(usual * it.ratios.critical)),
        ]);
    }
    let traffic = &evaluation.request_rate;
    let kind = traffic.reading.map_or("unavailable", |reading| reading.kind.as_str());
    let value = traffic.reading.map(|reading| format!("{:.2} req/s", reading.value_rps));
    table.add_row([
        cell(Tone::Plain, "request rate"),
        number(value.unwrap_or_else(|| "-".to_owned())),
        cell(Tone::Plain, kind),
    ]);
    table.trim_fmt()
}

/// What stays, what was made, what was dropped.
fn anomalies(input: &Input, verdict: &Verdict) -> String {
    let mut table = table(&["anomaly", "detector", "severity", "why"]);
    for kept in &verdict.kept {
        let found = &input.anomalies[kept.index];
        table.add_row([
            cell(Tone::Strong, &found.name),
            severity_cell(found.severity),
            severity_cell(kept.severity),
            cell(Tone::Faint, ""),
        ]);
    }
    for made in &verdict.synthetic {
        table.add_row([
            cell(Tone::Strong, made.name),
            cell(Tone::Faint, "-"),
            severity_cell(made.severity),
            cell(Tone::Plain, &made.description),
        ]);
    }
    for dropped in &verdict.evaluation.suppressed {
        table.add_row([
            cell(Tone::Faint, &dropped.name),
            severity_cell(input.anomalies[dropped.index].severity),
            cell(Tone::Faint, "dropped"),
            cell(Tone::Plain, &dropped.reason),
        ]);
    }
    table.trim_fmt()
}
