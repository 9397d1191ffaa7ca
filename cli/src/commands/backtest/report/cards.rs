//! False alarms and missed incidents, each with a picture of what happened.

use std::cmp::Reverse;
use std::fmt::Write;

use detect::explain::format_value;
use pipeline::backtest::accuracy::{Outcome, Verdict};
use pipeline::backtest::{Incident, Tape};

use super::Page;
use super::axis::Axis;
use super::chart::{self, Range};
use super::html::{escape, length, moment, pill, service_link};

/// Cards of each section.
const CARDS_MAX: usize = 60;
/// Metrics of a picture.
const METRICS_MAX: usize = 4;
/// What a picture shows before and after, and at most.
const BEFORE_S: i64 = 2 * 3_600;
const AFTER_S: i64 = 3_600;
const SHOWN_MAX_S: i64 = 24 * 3_600;
/// At least so many steps, where data is coarse.
const STEPS_MIN: i64 = 40;
/// Smallest width of a mark: one alert of one cycle is to be seen.
const MARK_MIN: f64 = 18.0;
/// Points of a picture's line.
const POINTS: usize = 240;

/// False alarms, worst first; without labels the worst alerts.
pub fn false_alarms(page: &Page<'_>) -> String {
    let is_labelled = page.accuracy().is_some();
    let hours = |verdict: Option<&Verdict>| match verdict {
        Some(Verdict::False { hours }) => Some(*hours),
        Some(_) => None,
        None => Some(0),
    };
    let mut ranked: Vec<(usize, &Incident)> =
        page.alerts().filter_map(|(it, verdict)| Some((hours(verdict)?, it))).collect();
    ranked.sort_by(|(a_hours, a), (b_hours, b)| {
        let key = |hours: &usize, it: &Incident| (*hours, it.episode.severity);
        key(b_hours, b).cmp(&key(a_hours, a)).then(b.episode.score.total_cmp(&a.episode.score))
    });
    let (title, none) = if is_labelled {
        ("False alarms, worst first", "No alert was a false one.")
    } else {
        ("Worst alerts", "Nothing was announced.")
    };
    let cards = ranked.iter().take(CARDS_MAX).map(|(hours, it)| alert_card(page, it, *hours));
    let mut text = section("false-alarms", title, cards.collect(), ranked.len(), none);
    let beyond: usize = page.alerts().filter_map(|(_, verdict)| beyond(verdict?)).sum();
    if beyond > 0 {
        let _ = writeln!(
            text,
            "<p class=\"note\">Besides, alerts that met an incident went on outside its window; \
             that counts as {beyond} h of false alarm.</p>"
        );
    }
    text
}

fn beyond(verdict: &Verdict) -> Option<usize> {
    match verdict {
        Verdict::True { hours, .. } => Some(*hours),
        _ => None,
    }
}

/// Labelled incidents that no alert met.
pub fn missed(page: &Page<'_>) -> String {
    if page.accuracy().is_none() {
        return String::new();
    }
    let mut missed: Vec<&Outcome> =
        page.outcomes().iter().filter(|it| it.hits.is_empty()).collect();
    missed.sort_by_key(|it| (it.kind.clone(), Reverse(it.end_s - it.start_s)));
    let cards = missed.iter().take(CARDS_MAX).map(|it| missed_card(page, it));
    section(
        "missed",
        "Missed incidents",
        cards.collect(),
        missed.len(),
        "Every incident was found.",
    )
}

fn section(id: &str, title: &str, cards: Vec<String>, all: usize, none: &str) -> String {
    let mut text = format!("<section id=\"{id}\"><h2>{title} <small>{all}</small></h2>\n");
    if cards.is_empty() {
        let _ = writeln!(text, "<p class=\"none\">{none}</p>");
    }
    let shown = cards.len();
    let _ = writeln!(text, "<div class=\"cards\">\n{}</div>", cards.concat());
    if all > shown {
        let _ = writeln!(text, "<p class=\"note\">and {} more</p>", all - shown);
    }
    text.push_str("</section>\n");
    text
}

fn alert_card(page: &Page<'_>, incident: &Incident, hours: usize) -> String {
    let episode = &incident.episode;
    let service = incident.service.as_str();
    let cause = incident.cause.as_ref();
    let hours = if hours > 1 { format!(" · {hours} h") } else { String::new() };
    let metrics = cause.map_or(&[][..], |cause| cause.metrics.as_slice());
    format!(
        "<article class=\"card\"><h4>{} {}</h4><p class=\"sub\">{}, {}{hours} · score {:.2}</p>\
         <p>{}</p>{}</article>\n",
        pill(episode.severity),
        service_link(service),
        moment(page.calendar, episode.start_s),
        length(episode.end_s - episode.start_s),
        episode.score,
        escape(page.what(incident)),
        picture(page, service, metrics, (episode.start_s, episode.end_s)),
    )
}

fn missed_card(page: &Page<'_>, outcome: &Outcome) -> String {
    let is_known = |service: &&String| page.tape(service).is_some();
    let root = Some(&outcome.root_cause).filter(is_known);
    let service = root.or_else(|| outcome.services.iter().find(is_known));
    let name = service.map_or(outcome.root_cause.as_str(), String::as_str);
    let felt = outcome.services.len();
    format!(
        "<article class=\"card\"><h4>{} {}</h4><p class=\"sub\">{}, {} · felt by {felt} \
         ({})</p>{}</article>\n",
        escape(&outcome.kind),
        service_link(name),
        moment(page.calendar, outcome.start_s),
        length(outcome.end_s - outcome.start_s),
        escape(&outcome.incident),
        picture(page, name, &[], (outcome.start_s, outcome.end_s)),
    )
}

/// The named metrics around a stretch; if none is named, those that left the usual furthest.
fn picture(page: &Page<'_>, service: &str, metrics: &[String], span: (i64, i64)) -> String {
    let Some(tape) = page.tape(service) else { return String::new() };
    let least_s = STEPS_MIN * tape.step_s / 3;
    let until_s = (span.1 + AFTER_S.max(least_s)).min(span.0 + SHOWN_MAX_S.max(2 * least_s));
    let shown = (span.0 - BEFORE_S.max(2 * least_s), until_s);
    let known = &page.run.input.settings.config.metrics;
    let mut indices: Vec<usize> = metrics.iter().filter_map(|name| known.index_of(name)).collect();
    if indices.is_empty() {
        let far = |index: usize| Some((departure(page, tape, index, span)?, index));
        let mut ranked: Vec<(f64, usize)> = (0..known.len()).filter_map(far).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        indices = ranked.into_iter().map(|(_, index)| index).collect();
    }
    let charts = indices.into_iter().take(METRICS_MAX);
    charts.filter_map(|index| metric_picture(page, tape, index, shown)).collect()
}

/// How far a metric went from the middle of what is usual, in widths of it.
fn departure(page: &Page<'_>, tape: &Tape, index: usize, span: (i64, i64)) -> Option<f64> {
    let series = tape.samples.series.get(index)?.as_ref()?;
    let usual = page.usual(&tape.service, index)(span.0);
    let values = series.between(span.0 - 1, span.1).map(|(_, value)| value);
    let far = |value: f64| {
        usual.map_or(0.0, |it| {
            (value - it.middle).abs() / (it.high - it.low).max(1e-3 * it.middle.abs()).max(1e-9)
        })
    };
    values.filter(|value| value.is_finite()).map(far).reduce(f64::max)
}

fn metric_picture(
    page: &Page<'_>,
    tape: &Tape,
    index: usize,
    (from_s, until_s): (i64, i64),
) -> Option<String> {
    let metric = page.run.input.settings.config.metrics.get(index)?;
    let series = tape.samples.series.get(index)?.as_ref()?;
    let samples: Vec<(i64, f64)> = series.between(from_s - 1, until_s).collect();
    let (first_s, last_s) = (samples.first()?.0, samples.last()?.0);
    let axis = Axis::of([(first_s, last_s)]);
    let usual = chart::stretches(&axis, page.usual(&tape.service, index));
    let range = Range::of(&samples, &usual)?;
    let marks = page.marks(tape.service.as_str());
    let (labels, alerts): (Vec<_>, Vec<_>) = marks.into_iter().partition(|it| it.class == "lb");
    let mut shades = chart::marks(&axis, &labels, (0.0, 1.0), MARK_MIN).replace("\"lb\"", "\"sl\"");
    shades.push_str(&chart::marks(&axis, &alerts, (0.0, 1.0), MARK_MIN));
    let band = chart::band(&axis, &usual, range);
    let line = chart::line(&axis, &samples, tape.step_s, range, POINTS);
    let text = |value: f64| escape(&format_value(metric.kind, &metric.unit, value));
    Some(format!(
        "<figure>{}<figcaption>{} <small>{} to {}</small></figcaption></figure>",
        chart::svg("mini", &[&band, &shades, &line], None),
        escape(&metric.name),
        text(range.low),
        text(range.high),
    ))
}
