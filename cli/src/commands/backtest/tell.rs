//! The result in the terminal.

use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use comfy_table::Cell;
use domain::Severity;
use pipeline::backtest::Notified;
use pipeline::backtest::accuracy::{Accuracy, Alert};

use super::Run;
use super::compare::{COMPARISON, Comparison};
use super::files::{ALERTS, REPORT};
use super::summary::{Service, Summary};
use crate::shell::Shell;
use crate::terminal::{self, Tone};

/// Services, and alerts of a comparison, that are listed.
const SERVICES_SHOWN_MAX: usize = 20;
const ALERTS_SHOWN_MAX: usize = 15;

/// Tells the result.
pub fn tell(
    shell: &Shell,
    run: &Run<'_>,
    summary: &Summary,
    out: &Path,
    compared: Option<&Comparison>,
) {
    shell.say(&services(summary).trim_fmt());
    let hidden = summary.services.len().saturating_sub(SERVICES_SHOWN_MAX);
    if hidden > 0 {
        shell.say(&format!("  and {hidden} more"));
    }
    shell.say("");
    if let Some((folded, single)) = &run.accuracy {
        shell.say(&accuracy(folded, single, run.vus_pr).trim_fmt());
        shell.say("");
        shell.say(&kinds(folded).trim_fmt());
        shell.say("");
    }
    if !summary.objectives.is_empty() {
        shell.say(&objectives(summary).trim_fmt());
        shell.say("");
    }
    if let Some(compared) = compared {
        tell_comparison(shell, compared, out);
    }
    tell_end(shell, summary, out);
}

fn services(summary: &Summary) -> comfy_table::Table {
    let is_labelled = summary.accuracy.is_some();
    let mut header = vec!["service", "cycles", "judged", "incidents", "alerts", "worst"];
    if is_labelled {
        header.extend(["true", "false h"]);
    }
    let mut table = terminal::table(&header);
    let mut shown: Vec<&Service> = summary.services.iter().collect();
    shown.sort_by(|a, b| b.alerts.cmp(&a.alerts).then(a.service.cmp(&b.service)));
    for service in shown.into_iter().take(SERVICES_SHOWN_MAX) {
        let judged = 100.0 * service.cycles_judged as f64 / service.cycles.max(1) as f64;
        let mut row: Vec<Cell> = vec![
            terminal::cell(Tone::Strong, &service.service),
            terminal::number(service.cycles),
            terminal::number(format!("{judged:.0} %")),
            terminal::number(service.incidents),
            terminal::number(service.alerts),
            match service.worst {
                Severity::None => Cell::new(""),
                worst => terminal::severity_cell(worst),
            },
        ];
        row.extend(service.true_alerts.map(terminal::number));
        row.extend(service.false_alarms.map(terminal::number));
        table.add_row(row);
    }
    table
}

fn accuracy(folded: &Accuracy, single: &Accuracy, vus_pr: Option<f64>) -> comfy_table::Table {
    let mut table = terminal::table(&["", "by root cause", "by service"]);
    let mut row = |name: &str, value: &dyn Fn(&Accuracy) -> String| {
        table.add_row([
            terminal::cell(Tone::Strong, name),
            terminal::number(value(folded)),
            terminal::number(value(single)),
        ]);
    };
    let share = |value: Option<f64>| value.map_or("–".to_owned(), |it| format!("{it:.3}"));
    row("incidents found", &|it| format!("{} of {}", it.detected, it.incidents));
    row("recall", &|it| share(it.recall));
    row("recall without healthy surges", &|it| share(it.recall_without_harmless));
    row("precision", &|it| share(it.precision));
    row("F1", &|it| format!("{:.3}", it.f1));
    row("false alarms per service-day", &|it| format!("{:.3}", it.false_alarms_per_service_day));
    row("median delay", &|it| {
        it.median_delay_s.map_or("–".to_owned(), |it| format!("{:.1} min", it / 60.0))
    });
    row("root cause right", &|it| share(it.root_cause_top1));
    row("VUS-PR of the scores", &|_| share(vus_pr));
    table
}

fn kinds(folded: &Accuracy) -> comfy_table::Table {
    let mut table = terminal::table(&["kind", "found", "of", ""]);
    for (kind, (found, of)) in &folded.recall_by_kind {
        let share = *found as f64 / (*of).max(1) as f64;
        table.add_row([
            terminal::cell(Tone::Strong, kind),
            terminal::number(found),
            terminal::number(of),
            Cell::new("█".repeat((share * 20.0).round() as usize)),
        ]);
    }
    table
}

/// What became of incidents under objectives.
fn objectives(summary: &Summary) -> comfy_table::Table {
    let header = ["under objectives", "incidents", "loud", "lowered", "dropped", "unseen"];
    let mut table = terminal::table(&header);
    for (kind, it) in &summary.objectives {
        let mut row = vec![terminal::cell(Tone::Strong, kind)];
        let counts = [it.incidents, it.loud, it.lowered, it.dropped, it.unseen];
        row.extend(counts.map(terminal::number));
        table.add_row(row);
    }
    table
}

/// Who would have been told, in a sentence.
fn notifications(it: &Notified) -> String {
    let told = it.first_alerts + it.reopened_alerts;
    let mut text = format!(
        "told: {} ({} of incidents that came back), {}, {} without an alert",
        terminal::count(told, "first alert"),
        it.reopened_alerts,
        terminal::count(it.resolutions, "resolution"),
        terminal::count(it.held_back.values().sum(), "incident"),
    );
    if let Some(per_incident) = it.per_labelled_incident {
        text.push_str(&format!("; {per_incident:.2} alerts a labelled incident"));
    }
    text
}

fn tell_comparison(shell: &Shell, it: &Comparison, out: &Path) {
    shell.say(&format!(
        "against {}: {} added, {} removed, {} in both ({} with another severity); {}",
        it.other,
        it.added.len(),
        it.removed.len(),
        it.both,
        it.severity_changed.len(),
        out.join(COMPARISON).display(),
    ));
    let mut table = terminal::table(&["", "service", "from", "minutes", "severity", "score"]);
    let mut list = |sign: &str, tone: Tone, alerts: &[Alert]| {
        for alert in alerts.iter().take(ALERTS_SHOWN_MAX) {
            let from = DateTime::from_timestamp(alert.start, 0).map(terminal::instant);
            table.add_row([
                terminal::cell(tone, sign),
                terminal::cell(Tone::Strong, &alert.service),
                Cell::new(from.unwrap_or_default()),
                terminal::number((alert.end - alert.start) / 60),
                terminal::severity_cell(alert.severity),
                terminal::number(format!("{:.2}", alert.score)),
            ]);
        }
    };
    list("+", Tone::Note, &it.added);
    list("-", Tone::Faint, &it.removed);
    if !table.is_empty() {
        shell.say(&format!("{}\n", table.trim_fmt()));
    }
}

fn tell_end(shell: &Shell, summary: &Summary, out: &Path) {
    let counts = &summary.counts;
    let tone = if counts.alerts == 0 { Tone::Good } else { Tone::Strong };
    shell.say(&format!(
        "{} in {:.1} service-days, {:.2} a service and week; {} of {} services had a model",
        terminal::paint(tone, &terminal::count(counts.alerts, "alert")),
        counts.service_days,
        counts.alerts_per_service_week,
        counts.services_with_model,
        counts.services,
    ));
    shell.say(&notifications(&summary.notifications));
    let length = |ms: u128| terminal::duration(Duration::from_millis(ms as u64));
    let timing = &summary.timing;
    shell.say(&format!(
        "{} replayed in {} (read {}, learned {}, replayed {}, reported {})",
        terminal::count(counts.cycles, "cycle"),
        length(timing.total_ms),
        length(timing.read_ms),
        length(timing.learn_ms),
        length(timing.replay_ms),
        length(timing.report_ms),
    ));
    shell.say(&format!("{} and {ALERTS}", out.join(REPORT).display()));
}
