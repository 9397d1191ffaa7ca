//! One cycle, taken apart.

use chrono::{DateTime, Utc};
use detect::explain::{format_value, ordinal};
use domain::{MetricSet, Severity};
use pipeline::backtest::{Explanation, Judge, MetricExplanation, Tape, Tick};

use super::input::Input;
use crate::exit::{Done, Outcome};
use crate::shell::Shell;
use crate::terminal::{self, Tone};

/// Explains the cycle of an instant for every service that has one.
pub fn run(shell: &Shell, input: &Input, judge: &dyn Judge, at: DateTime<Utc>) -> Outcome {
    let explained: Vec<Explanation> = input
        .tapes
        .iter()
        .filter_map(|tape| Some(judge.explain(tape, &tick_of(tape, input.cycle_s, at)?)))
        .collect();
    if shell.json {
        shell.say_json(&explained)?;
        return Ok(Done::Whole);
    }
    for explanation in &explained {
        tell(shell, input, explanation);
    }
    if explained.is_empty() {
        shell.say(&format!("no service has data in the cycle of {}", terminal::instant(at)));
    }
    Ok(Done::Whole)
}

/// The cycle that judges an instant.
fn tick_of(tape: &Tape, cycle_s: i64, at: DateTime<Utc>) -> Option<Tick> {
    let length_s = tape.cycle_s(cycle_s);
    let ticks = tape.ticks(cycle_s);
    let holds = |tick: &&Tick| tick.at_s - length_s < at.timestamp() && at.timestamp() <= tick.at_s;
    ticks.iter().find(holds).copied()
}

fn tell(shell: &Shell, input: &Input, it: &Explanation) {
    let calendar = input.settings.config.calendar_of(&it.service);
    let stamp = DateTime::from_timestamp(it.finding.stamp_s, 0).unwrap_or_default();
    let (day, clock) = (terminal::day(&calendar, stamp), terminal::clock(&calendar, stamp));
    let (tone, verdict) = verdict(it);
    shell.say(&format!(
        "\n{}  {day}, {clock} in {}: {}",
        terminal::paint(Tone::Strong, it.service.as_str()),
        calendar.zone_name(),
        terminal::paint(tone, &verdict),
    ));
    for text in it.not_judged.iter().chain(it.finding.cause.as_ref().map(|it| &it.description)) {
        for line in terminal::wrap(text, terminal::columns() - 2) {
            shell.say(&format!("  {line}"));
        }
    }
    if it.metrics.is_empty() {
        return;
    }
    let model = it.model.iter().map(|model| format!("compared with {model}"));
    for line in it.notes.iter().cloned().chain(model) {
        shell.say(&format!("  {}", terminal::paint(Tone::Faint, &line)));
    }
    shell.say(&format!("\n{}", table(&input.settings.config.metrics, it).trim_fmt()));
    tell_gates(shell, it);
}

fn verdict(it: &Explanation) -> (Tone, String) {
    let score = it.finding.score.map_or(String::new(), |score| {
        format!(", score {score:.3} (unusual from {:.3})", it.threshold)
    });
    match it.finding.severity {
        _ if !it.finding.is_judged() => (Tone::Warning, "not judged".to_owned()),
        Severity::None => (Tone::Good, format!("nothing to tell{score}")),
        severity => (Tone::of(severity), format!("{severity}{score}")),
    }
}

fn table(metrics: &MetricSet, it: &Explanation) -> comfy_table::Table {
    let header = ["metric", "value", "usually", "rank", "sigmas", "forest", "verdict"];
    let mut table = terminal::table(&header);
    for metric in &it.metrics {
        let Some(known) = metrics.iter().find(|known| known.name == metric.metric) else {
            continue;
        };
        let text = |value: f64| format_value(known.kind, &known.unit, value);
        let usual = |it: pipeline::backtest::Usual| format!("{} – {}", text(it.low), text(it.high));
        let (tone, verdict) = metric_verdict(metric);
        table.add_row([
            terminal::cell(Tone::Strong, &metric.metric),
            terminal::number(metric.value.map_or("missing".to_owned(), text)),
            terminal::number(metric.usual.map_or(String::new(), usual)),
            terminal::number(metric.percentile.map_or(String::new(), rank)),
            terminal::number(metric.sigmas.map_or(String::new(), |it| format!("{it:+.1}"))),
            terminal::number(metric.score.map_or(String::new(), |it| format!("{it:.3}"))),
            terminal::cell(tone, &verdict),
        ]);
    }
    table
}

fn rank(percentile: f64) -> String {
    match percentile {
        p if p >= 100.0 => "never so high".to_owned(),
        p if p <= 0.0 => "never so low".to_owned(),
        p => ordinal(p),
    }
}

fn metric_verdict(metric: &MetricExplanation) -> (Tone, String) {
    match (metric.severity, metric.is_flagged) {
        (Severity::None, false) => (Tone::Faint, "as usual".to_owned()),
        (Severity::None, true) => (Tone::Note, "unusual, stopped by a gate".to_owned()),
        (severity, _) => (Tone::of(severity), severity.to_string()),
    }
}

fn tell_gates(shell: &Shell, it: &Explanation) {
    for metric in it.metrics.iter().filter(|metric| !metric.gates.is_empty()) {
        shell.say(&format!("  {}", terminal::paint(Tone::Strong, &metric.metric)));
        for gate in &metric.gates {
            let (tone, sign) = if gate.passed { (Tone::Good, "✓") } else { (Tone::Bad, "✗") };
            shell.say(&format!(
                "    {} {}: {}",
                terminal::paint(tone, sign),
                gate.name,
                gate.detail
            ));
        }
    }
}
