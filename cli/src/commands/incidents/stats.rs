//! `yaga incidents stats`: what is going on, what comes back, and what people said of it.

use std::collections::BTreeMap;

use chrono::Utc;
use domain::{ServiceName, Severity};
use incident::{FingerprintId, IncidentId, Rules};
use pipeline::incidents::statistics::{Statistics, statistics};
use pipeline::incidents::verdicts::{Verdicts, verdicts};
use serde::Serialize;

use super::find;
use crate::commands::state::Place;
use crate::exit::{Done, Outcome};
use crate::shell::Shell;
use crate::terminal::{Tone, cell, count, number, paint, table};

/// Over which days to sum.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The last so many days are counted apart.
    #[arg(long, value_name = "DAYS", default_value_t = 7)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
    #[command(flatten)]
    place: Place,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Document<'a> {
    total: usize,
    active: usize,
    by_severity: &'a BTreeMap<Severity, usize>,
    by_service: BTreeMap<&'a ServiceName, usize>,
    repeated: Vec<RepeatedDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longest_running: Option<&'a IncidentId>,
    days: u32,
    created: usize,
    resolved: usize,
    mean_resolution_minutes: Option<f64>,
    /// Of the incidents of the look-back of training; missing if they cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdicts: Option<VerdictsDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct VerdictsDocument<'a> {
    patterns: Vec<PrecisionDocument<'a>>,
    restless: Vec<RestlessDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct PrecisionDocument<'a> {
    anomaly_name: &'a str,
    incidents: usize,
    false_alarms: usize,
    precision: f64,
}

#[derive(Debug, Serialize)]
struct RestlessDocument<'a> {
    service_name: &'a ServiceName,
    incidents: usize,
    false_alarms: usize,
    suggested_false_alarm_budget: f64,
}

#[derive(Debug, Serialize)]
struct RepeatedDocument<'a> {
    fingerprint_id: &'a FingerprintId,
    service_name: &'a ServiceName,
    anomaly_name: &'a str,
    incidents: usize,
    mean_duration_minutes: Option<f64>,
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let incidents = find::everything(opened.store()).await?;
    let now = Utc::now();
    let sums = statistics(&incidents, now.timestamp_millis(), arguments.days);
    let registry = shell.registry(&opened.settings);
    let rules = Rules::of(&opened.settings.config);
    let said = match registry.known_incidents().await {
        Ok(known) => Some(verdicts(known, &incidents, &rules, now.timestamp())),
        Err(error) => {
            shell.warn(&format!("what people said of incidents is not known: {error}"));
            None
        }
    };
    if shell.json {
        shell.say_json(&document(&sums, said.as_ref(), arguments.days))?;
    } else {
        tell(shell, &sums, arguments.days);
        said.iter().for_each(|said| tell_verdicts(shell, said));
    }
    Ok(Done::Whole)
}

fn document<'a>(sums: &'a Statistics, said: Option<&'a Verdicts>, days: u32) -> Document<'a> {
    let repeated = sums.repeated.iter();
    Document {
        total: sums.total,
        active: sums.active,
        by_severity: &sums.by_severity,
        by_service: sums.by_service.iter().map(|(service, count)| (service, *count)).collect(),
        repeated: repeated
            .map(|it| RepeatedDocument {
                fingerprint_id: &it.fingerprint_id,
                service_name: &it.service,
                anomaly_name: &it.anomaly_name,
                incidents: it.incidents,
                mean_duration_minutes: it.mean_duration_minutes,
            })
            .collect(),
        longest_running: sums.longest_running.as_ref(),
        days,
        created: sums.lately.created,
        resolved: sums.lately.resolved,
        mean_resolution_minutes: sums.lately.mean_resolution_minutes,
        verdicts: said.map(verdicts_document),
    }
}

fn verdicts_document(said: &Verdicts) -> VerdictsDocument<'_> {
    let patterns = said.patterns.iter().map(|it| PrecisionDocument {
        anomaly_name: &it.pattern,
        incidents: it.tally.incidents,
        false_alarms: it.tally.false_alarms,
        precision: it.tally.precision(),
    });
    let restless = said.restless.iter().map(|it| RestlessDocument {
        service_name: &it.service,
        incidents: it.tally.incidents,
        false_alarms: it.tally.false_alarms,
        suggested_false_alarm_budget: it.suggested_budget,
    });
    VerdictsDocument { patterns: patterns.collect(), restless: restless.collect() }
}

fn tell(shell: &Shell, sums: &Statistics, days: u32) {
    let line = |name: &str, text: &str| {
        shell.say(&format!("  {}  {text}", paint(Tone::Faint, &format!("{name:<13}"))));
    };
    line("going on", &active(sums));
    line("kept", &format!("{} in all", count(sums.total, "incident")));
    let lately = &sums.lately;
    let mean = lately.mean_resolution_minutes;
    let mean =
        mean.map_or_else(String::new, |mean| format!(", over after {mean:.0} min on average"));
    let text = format!("{} began, {} ended{mean}", lately.created, lately.resolved);
    line(&format!("last {}", count(days as usize, "day")), &text);
    if let Some(longest) = &sums.longest_running {
        line("longest", longest.as_str());
    }
    tell_services(shell, sums);
    tell_repeated(shell, sums);
}

/// `3 incidents: 1 critical, 2 low`
fn active(sums: &Statistics) -> String {
    if sums.active == 0 {
        return paint(Tone::Good, "nothing");
    }
    let by_severity = sums.by_severity.iter().rev();
    let parts: Vec<String> = by_severity
        .map(|(severity, number)| paint(Tone::of(*severity), &format!("{number} {severity}")))
        .collect();
    format!("{}: {}", count(sums.active, "incident"), parts.join(", "))
}

fn tell_services(shell: &Shell, sums: &Statistics) {
    let mut table = table(&["service", "incidents"]);
    for (service, incidents) in &sums.by_service {
        table.add_row([cell(Tone::Strong, service.as_str()), number(incidents)]);
    }
    if !table.is_empty() {
        shell.say(&format!("\n{}", table.trim_fmt()));
    }
}

fn tell_repeated(shell: &Shell, sums: &Statistics) {
    let mut table = table(&["comes back", "of", "times", "lasts", "fingerprint"]);
    for it in &sums.repeated {
        let mean = it.mean_duration_minutes.map(|mean| format!("{mean:.0} min"));
        table.add_row([
            cell(Tone::Plain, &it.anomaly_name),
            cell(Tone::Strong, it.service.as_str()),
            number(it.incidents),
            number(mean.unwrap_or_default()),
            cell(Tone::Faint, it.fingerprint_id.as_str()),
        ]);
    }
    if !table.is_empty() {
        shell.say(&format!("\n{}", table.trim_fmt()));
    }
}

/// Silent until somebody called an incident a false alarm.
fn tell_verdicts(shell: &Shell, said: &Verdicts) {
    if said.patterns.iter().all(|it| it.tally.false_alarms == 0) {
        return;
    }
    let mut table = table(&["pattern", "incidents", "false alarms", "right"]);
    for it in &said.patterns {
        table.add_row([
            cell(Tone::Plain, &it.pattern),
            number(it.tally.incidents),
            number(it.tally.false_alarms),
            number(format!("{:.0} %", 100.0 * it.tally.precision())),
        ]);
    }
    shell.say(&format!("\n{}", table.trim_fmt()));
    for it in &said.restless {
        shell.say(&format!(
            "\n{}: {} of {} were false alarms. To have half as many, set\n  \
             alerting.false_alarm_budget_by_service.{} to {}",
            paint(Tone::Strong, it.service.as_str()),
            it.tally.false_alarms,
            count(it.tally.incidents, "incident"),
            it.service,
            it.suggested_budget,
        ));
    }
}
