//! `yaga slo show`: what a service is judged by, and why by that.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::ServiceName;
use domain::config::objectives::{Origin, Thresholds};
use domain::config::{SloSettings, Source};
use serde::Serialize;
use wiring::Settings;

use super::objectives;
use crate::exit::{Done, Outcome};
use crate::instant::{parse, parse_service};
use crate::shell::Shell;
use crate::terminal::{Tone, cell, number, paint, table};

/// Whose thresholds, and when.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[arg(value_name = "SERVICE", value_parser = parse_service)]
    service: ServiceName,
    /// The instant that decides whether it is busy.
    #[arg(long, value_name = "INSTANT", default_value = "now", value_parser = parse)]
    at: DateTime<Utc>,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    service_name: &'a str,
    at: String,
    is_busy_period: bool,
    /// End of the busy period, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    busy_until: Option<String>,
    thresholds: Vec<Threshold>,
}

#[derive(Debug, Serialize)]
struct Threshold {
    key: &'static str,
    /// Outside of busy periods.
    value: Value,
    /// At the instant.
    in_force: Value,
    from: String,
}

/// A number, a word or a switch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum Value {
    Number(Option<f64>),
    Word(&'static str),
    Flag(bool),
}

pub(super) fn run(shell: &Shell, settings: &Settings, arguments: &Arguments) -> Outcome {
    let answer = answer(settings, objectives(settings)?, arguments);
    if shell.json {
        shell.say_json(&answer)?;
        return Ok(Done::Whole);
    }
    let busy = match (&answer.busy_until, answer.is_busy_period) {
        (Some(until), true) => paint(Tone::Warning, &format!("busy until {until}")),
        _ => "not busy".to_owned(),
    };
    shell.say(&format!("{} at {}: {busy}", paint(Tone::Strong, answer.service_name), answer.at));
    shell.say("");
    shell.say(&thresholds_table(&answer));
    Ok(Done::Whole)
}

fn answer<'a>(
    settings: &Settings,
    objectives: &SloSettings,
    arguments: &'a Arguments,
) -> Answer<'a> {
    let (service, at) = (&arguments.service, arguments.at);
    let busy = objectives.busy_period_at(at);
    let plain = objectives.thresholds_of(service);
    let in_force = slo::in_force(plain, busy.is_some());
    let rows = entries(plain).into_iter().zip(entries(&in_force));
    let thresholds = rows.map(|((key, value), (_, in_force))| Threshold {
        key,
        value,
        in_force,
        from: origin(settings, objectives, service, key),
    });
    let until = busy.and_then(|busy| DateTime::from_timestamp(busy.end_s, 0));
    Answer {
        service_name: service.as_str(),
        at: utc(at),
        is_busy_period: busy.is_some(),
        busy_until: until.map(utc),
        thresholds: thresholds.collect(),
    }
}

/// Who set a threshold.
fn origin(
    settings: &Settings,
    objectives: &SloSettings,
    service: &ServiceName,
    key: &str,
) -> String {
    match objectives.origin_of(service, key) {
        Origin::Service => "service".to_owned(),
        Origin::Repaired => "between its neighbours".to_owned(),
        Origin::Defaults => {
            let path = format!("slos.defaults.{key}");
            let setting = settings.effective.iter().find(|setting| setting.path == path);
            match setting.map(|setting| &setting.source) {
                Some(Source::Document) => "slos.defaults".to_owned(),
                Some(Source::Environment(variable)) => variable.clone(),
                Some(Source::Default) | None => "built in".to_owned(),
            }
        }
    }
}

/// Every threshold under the path of its key below `slos.defaults`.
fn entries(it: &Thresholds) -> Vec<(&'static str, Value)> {
    let some = |number: f64| Value::Number(Some(number));
    let (surge, cliff) = (&it.request_rate.surge, &it.request_rate.cliff);
    let least = it.request_rate.min_expected_rps.map(some);
    let [business, evening, night, weekend_day, weekend_night] = least;
    vec![
        ("latency_acceptable_ms", some(it.latency_ms.acceptable)),
        ("latency_warning_ms", some(it.latency_ms.warning)),
        ("latency_critical_ms", some(it.latency_ms.critical)),
        ("error_rate_acceptable", some(it.error_rate.acceptable)),
        ("error_rate_warning", some(it.error_rate.warning)),
        ("error_rate_critical", some(it.error_rate.critical)),
        ("error_rate_floor", some(it.error_rate_floor)),
        ("min_traffic_rps", some(it.min_traffic_rps)),
        ("busy_period_factor", some(it.busy_period_factor)),
        ("database_latency_floor_ms", some(it.database_latency_floor_ms)),
        ("database_latency_ratios.info", some(it.database_ratios.info)),
        ("database_latency_ratios.warning", some(it.database_ratios.warning)),
        ("database_latency_ratios.high", some(it.database_ratios.high)),
        ("database_latency_ratios.critical", some(it.database_ratios.critical)),
        ("error_budget.objective", Value::Number(it.error_budget_objective)),
        ("request_rate_evaluation.enabled", Value::Flag(it.request_rate.enabled)),
        ("request_rate_evaluation.surge.threshold_percent", some(surge.threshold_percent)),
        (
            "request_rate_evaluation.surge.standalone_severity",
            Value::Word(surge.standalone.as_str()),
        ),
        (
            "request_rate_evaluation.surge.with_latency_breach_severity",
            Value::Word(surge.with_latency_breach.as_str()),
        ),
        (
            "request_rate_evaluation.surge.with_error_breach_severity",
            Value::Word(surge.with_error_breach.as_str()),
        ),
        ("request_rate_evaluation.cliff.threshold_percent", some(cliff.threshold_percent)),
        (
            "request_rate_evaluation.cliff.standalone_severity",
            Value::Word(cliff.standalone.as_str()),
        ),
        (
            "request_rate_evaluation.cliff.peak_hours_severity",
            Value::Word(cliff.peak_hours.as_str()),
        ),
        (
            "request_rate_evaluation.cliff.with_upstream_errors_severity",
            Value::Word(cliff.with_upstream_errors.as_str()),
        ),
        ("request_rate_evaluation.min_expected_rps.business_hours", business),
        ("request_rate_evaluation.min_expected_rps.evening_hours", evening),
        ("request_rate_evaluation.min_expected_rps.night_hours", night),
        ("request_rate_evaluation.min_expected_rps.weekend_day", weekend_day),
        ("request_rate_evaluation.min_expected_rps.weekend_night", weekend_night),
    ]
}

/// What somebody decided stands out; what a busy period changes has its own column then.
fn thresholds_table(answer: &Answer) -> String {
    let header: &[&str] = match answer.is_busy_period {
        true => &["threshold", "usually", "now", "from"],
        false => &["threshold", "value", "from"],
    };
    let mut table = table(header);
    for threshold in &answer.thresholds {
        let tone = if threshold.from == "built in" { Tone::Faint } else { Tone::Strong };
        let mut row = vec![cell(tone, threshold.key), number(shown(&threshold.value))];
        if answer.is_busy_period {
            row.push(number(shown(&threshold.in_force)));
        }
        row.push(cell(tone, &threshold.from));
        table.add_row(row);
    }
    table.trim_fmt()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(Some(number)) => format!("{}", (number * 1e6).round() / 1e6),
        Value::Number(None) => "-".to_owned(),
        Value::Word(word) => (*word).to_owned(),
        Value::Flag(flag) => flag.to_string(),
    }
}

fn utc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
