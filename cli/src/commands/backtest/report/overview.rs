//! Figures, and all services on one line of time.

use std::fmt::Write;

use pipeline::backtest::Tape;
use pipeline::backtest::accuracy::Accuracy;

use super::Page;
use super::axis::Axis;
use super::chart;
use super::html::{escape, length, percent, service_link, wall};
use super::services::MARK_MIN;

/// The head of the page.
pub fn section(page: &Page<'_>) -> String {
    let mut text = head(page);
    text.push_str("<div class=\"tiles\">\n");
    for (name, value, about) in tiles(page) {
        let _ = writeln!(
            text,
            "<div class=\"tile\"><b>{value}</b><span>{name}</span><small>{about}</small></div>"
        );
    }
    text.push_str("</div></header>\n");
    text.push_str(&timeline(page));
    text
}

fn head(page: &Page<'_>) -> String {
    let run = page.run;
    let settings = &run.input.settings;
    let spans = || run.input.tapes.iter().flat_map(|tape| &tape.spans);
    let from_s = spans().map(|span| span.first_s).min().unwrap_or(0);
    let until_s = spans().map(|span| span.last_s).max().unwrap_or(0);
    let day = |time_s| wall(page.calendar, time_s, "%-d %B %Y %H:%M");
    let digest: String = settings.digest.chars().take(12).collect();
    let document = settings.document.as_deref().unwrap_or("defaults");
    format!(
        "<header><h1>Backtest</h1>\n<p class=\"sub\">{} to {} in {} · {} services, {} with a model \
         · opened by {} evidence · a cycle every {} · configuration {} ({digest})</p>\n",
        day(from_s),
        day(until_s),
        escape(page.calendar.zone_name()),
        run.tracks.len(),
        run.with_model,
        run.judge.name(),
        length(run.input.cycle_s),
        escape(document),
    )
}

fn tiles(page: &Page<'_>) -> Vec<(&'static str, String, String)> {
    let run = page.run;
    let days: f64 = run.input.tapes.iter().map(Tape::days).sum();
    let alerts = run.alerts.len();
    let per_week = 7.0 * alerts as f64 / days;
    let mut tiles = vec![(
        "alerts",
        alerts.to_string(),
        format!("{per_week:.2} a service and week, {} before folding", run.alerts_by_service.len()),
    )];
    tiles.push(told(page));
    match page.accuracy() {
        Some(accuracy) => tiles.extend(figures(accuracy)),
        None => {
            let quiet = run.incidents.all.len() - run.alerts_by_service.len();
            tiles.push(("quiet incidents", quiet.to_string(), "nobody is told".to_owned()));
            let cycles: usize = run.tracks.iter().map(|track| track.findings.len()).sum();
            let about = format!("{days:.1} service-days");
            tiles.push(("cycles", cycles.to_string(), about));
        }
    }
    tiles
}

/// What would have been sent.
fn told(page: &Page<'_>) -> (&'static str, String, String) {
    let it = &page.run.notified;
    let told = it.first_alerts + it.reopened_alerts;
    let about = match it.per_labelled_incident {
        Some(per_incident) => format!("{per_incident:.2} a labelled incident that they meet"),
        None => format!("{} of incidents that came back", it.reopened_alerts),
    };
    ("first alerts sent", told.to_string(), about)
}

fn figures(it: &Accuracy) -> Vec<(&'static str, String, String)> {
    let delay = it.median_delay_s.map_or("–".to_owned(), |it| format!("{:.1} min", it / 60.0));
    vec![
        (
            "incidents found",
            percent(it.recall_without_harmless),
            format!("without healthy surges; {} of {} of all", it.detected, it.incidents),
        ),
        (
            "false alarms",
            format!("{:.3}", it.false_alarms_per_service_day),
            format!("a service and day; {} hours in all", it.false_alarms),
        ),
        ("precision", percent(it.precision), format!("F1 {:.3}", it.f1)),
        ("median delay", delay, "from the incident's start".to_owned()),
        ("root cause right", percent(it.root_cause_top1), "of the incidents found".to_owned()),
    ]
}

/// One line per service: labels above, alerts below.
fn timeline(page: &Page<'_>) -> String {
    let spans = page.run.input.tapes.iter().flat_map(|tape| &tape.spans);
    let axis = Axis::of(spans.map(|span| (span.first_s, span.last_s)));
    let mut text = format!(
        "<section class=\"svc timeline\" data-x=\"{}\"><h2>Timeline</h2>\n\
         <p class=\"legend\"><i class=\"lb\"></i>labelled <i class=\"s-medium\"></i>medium \
         <i class=\"s-high\"></i>high <i class=\"s-critical\"></i>critical</p>\n",
        axis.json()
    );
    for (track, _) in page.tracks() {
        let name = track.service.as_str();
        let marks = page.marks(name);
        let (labels, alerts): (Vec<_>, Vec<_>) =
            marks.into_iter().partition(|mark| mark.class == "lb");
        let mut drawn = chart::marks(&axis, &labels, (0.05, 0.42), MARK_MIN);
        drawn.push_str(&chart::marks(&axis, &alerts, (0.5, 0.95), MARK_MIN));
        let _ = writeln!(
            text,
            "<div class=\"row\"><div class=\"name\">{}</div><div class=\"scale\">{}</div>\
             <div class=\"paper\">{}</div></div>",
            service_link(name),
            alerts.len(),
            chart::svg("lane", &[&drawn], None),
        );
    }
    text.push_str(&super::services::ticks(page, &axis));
    text.push_str("<p class=\"at\"></p></section>\n");
    text
}
