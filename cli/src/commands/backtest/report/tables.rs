//! Incidents, and what was found by kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use pipeline::backtest::Incident;
use pipeline::backtest::accuracy::{Outcome, Verdict};

use super::Page;
use super::html::{escape, length, moment, percent, pill, service_link};

/// Rows of the table of incidents; the files have all.
const ROWS_MAX: usize = 3_000;
/// Names of anomalies with a column of their own.
const NAMES_MAX: usize = 10;

/// Everything that was announced, in order of time.
pub fn incidents(page: &Page<'_>) -> String {
    let is_labelled = page.accuracy().is_some();
    let last = if is_labelled { "<th>verdict</th>" } else { "" };
    let mut text = format!(
        "<section id=\"incidents\"><h2>Alerts</h2>\n<div class=\"wide\"><table class=\"sort\">\
         <thead><tr><th>from</th><th>service</th><th>lasted</th><th>severity</th><th>score</th>\
         <th>root cause</th><th>what</th>{last}</tr></thead>\n<tbody>\n"
    );
    for (incident, verdict) in page.alerts().take(ROWS_MAX) {
        text.push_str(&incident_row(page, incident, verdict));
    }
    text.push_str("</tbody></table></div>\n");
    let hidden = page.run.alerts.len().saturating_sub(ROWS_MAX);
    if hidden > 0 {
        let _ = writeln!(text, "<p class=\"note\">and {hidden} more in alerts.jsonl</p>");
    }
    if page.run.alerts.is_empty() {
        text.push_str("<p class=\"none\">Nothing was announced.</p>\n");
    }
    text.push_str("</section>\n");
    text
}

fn incident_row(page: &Page<'_>, incident: &Incident, verdict: Option<&Verdict>) -> String {
    let episode = &incident.episode;
    let also = incident.affected.len() - 1;
    let also = if also > 0 { format!(" <small>and {also} more</small>") } else { String::new() };
    let verdict = verdict.map_or(String::new(), |it| format!("<td>{}</td>", verdict_text(it)));
    let untold = if incident.is_told { "" } else { " <small>nobody is told</small>" };
    format!(
        "<tr><td data-v=\"{}\">{}</td><td>{}{also}{untold}</td><td class=\"n\" data-v=\"{}\">{}</td>\
         <td data-v=\"{}\">{}</td><td class=\"n\">{:.2}</td><td>{}</td><td class=\"what\">{}</td>\
         {verdict}</tr>\n",
        episode.start_s,
        moment(page.calendar, episode.start_s),
        service_link(incident.service.as_str()),
        episode.end_s - episode.start_s,
        length(episode.end_s - episode.start_s),
        episode.severity as u8,
        pill(episode.severity),
        episode.score,
        escape(incident.root_cause.as_str()),
        escape(page.what(incident)),
    )
}

fn verdict_text(verdict: &Verdict) -> String {
    match verdict {
        Verdict::True { kinds, hours } => {
            let kinds: Vec<String> = kinds.iter().map(|kind| escape(kind)).collect();
            let beyond = if *hours > 0 {
                format!(" <small>and {hours} h outside</small>")
            } else {
                String::new()
            };
            format!("<span class=\"good\">{}</span>{beyond}", kinds.join(", "))
        }
        Verdict::Excused => "excused".to_owned(),
        Verdict::False { .. } => "<span class=\"bad\">false alarm</span>".to_owned(),
    }
}

/// What was found by kind, and what it was called.
pub fn kinds(page: &Page<'_>) -> String {
    if page.outcomes().is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "<section id=\"kinds\"><h2>By kind</h2>\n<div class=\"side\"><div class=\"wide\">\
         <table class=\"sort\"><thead><tr><th>kind</th><th>found</th><th>of</th><th>recall</th>\
         <th></th><th>median delay</th><th>root right</th></tr></thead>\n<tbody>\n",
    );
    let kinds: BTreeSet<&str> = page.outcomes().iter().map(|it| it.kind.as_str()).collect();
    for kind in kinds {
        let of: Vec<&Outcome> = page.outcomes().iter().filter(|it| it.kind == kind).collect();
        text.push_str(&kind_row(kind, &of));
    }
    text.push_str("</tbody></table></div>\n");
    text.push_str(&confusion(page));
    text.push_str("</div></section>\n");
    text
}

fn kind_row(kind: &str, of: &[&Outcome]) -> String {
    let found: Vec<&&Outcome> = of.iter().filter(|it| !it.hits.is_empty()).collect();
    let mut delays: Vec<i64> = found.iter().filter_map(|it| it.delay_s).collect();
    delays.sort_unstable();
    let delay = delays.get(delays.len() / 2).map_or("–".to_owned(), |it| length(*it));
    let right = found.iter().filter(|it| it.blamed.as_ref() == Some(&it.root_cause)).count();
    let share = |part: usize, all: usize| (all > 0).then(|| part as f64 / all as f64);
    let recall = share(found.len(), of.len());
    format!(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td><span class=\"bar\"><i style=\"width:{:.0}%\"></i></span></td>\
         <td class=\"n\">{delay}</td><td class=\"n\">{}</td></tr>\n",
        escape(kind),
        found.len(),
        of.len(),
        percent(recall),
        100.0 * recall.unwrap_or(0.0),
        percent(share(right, found.len())),
    )
}

/// Kinds down, names of the alerts that met them across.
fn confusion(page: &Page<'_>) -> String {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut totals: BTreeMap<String, usize> = BTreeMap::new();
    for (incident, verdict) in page.alerts() {
        let kinds: Vec<String> = match verdict {
            Some(Verdict::True { kinds, .. }) => kinds.iter().cloned().collect(),
            Some(Verdict::False { .. }) => vec![FALSE_ALARM.to_owned()],
            _ => continue,
        };
        let name = incident.cause.as_ref().map_or("unnamed", |cause| cause.name.as_str());
        *totals.entry(name.to_owned()).or_default() += 1;
        for kind in kinds {
            *counts.entry((kind, name.to_owned())).or_default() += 1;
        }
    }
    let mut names: Vec<(&String, &usize)> = totals.iter().collect();
    names.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let names: Vec<&str> = names.into_iter().take(NAMES_MAX).map(|(it, _)| it.as_str()).collect();
    let mut kinds: Vec<&str> = counts.keys().map(|(kind, _)| kind.as_str()).collect();
    kinds.dedup();
    kinds.sort_by_key(|kind| (*kind == FALSE_ALARM, *kind));
    matrix(&kinds, &names, &counts)
}

const FALSE_ALARM: &str = "false alarm";

fn matrix(kinds: &[&str], names: &[&str], counts: &BTreeMap<(String, String), usize>) -> String {
    if names.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "<div class=\"wide\"><table class=\"matrix\"><caption>Alerts by what they met (down) and \
         what they were called (across)</caption><thead><tr><th></th>",
    );
    for name in names {
        let _ = write!(text, "<th><span>{}</span></th>", escape(name));
    }
    text.push_str("</tr></thead>\n<tbody>\n");
    for kind in kinds {
        let count = |name: &&str| {
            counts.get(&((*kind).to_owned(), (**name).to_owned())).copied().unwrap_or(0)
        };
        let most = names.iter().map(count).max().unwrap_or(0).max(1);
        let _ = write!(text, "<tr><th>{}</th>", escape(kind));
        for name in names {
            let heat = count(name) as f64 / most as f64;
            let shown = if count(name) > 0 { count(name).to_string() } else { String::new() };
            let _ = write!(text, "<td style=\"--h:{heat:.2}\">{shown}</td>");
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody></table></div>\n");
    text
}
