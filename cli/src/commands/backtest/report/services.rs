//! Every service: its metrics as small charts, what was expected, and what was said.

use std::fmt::Write;

use detect::explain::format_value;
use domain::MetricDefinition;
use pipeline::backtest::{Tape, Track};

use super::Page;
use super::axis::Axis;
use super::chart::{self, Mark, Range};
use super::html::{anchor, escape};

/// Points of one line, and of all lines of the page together.
const LINE_POINTS_MAX: usize = 1_500;
const LINE_POINTS_MIN: usize = 120;
const PAGE_POINTS_MAX: usize = 500_000;
/// Smallest width of a mark.
pub const MARK_MIN: f64 = 4.0;

/// The sections of all services.
pub fn sections(page: &Page<'_>) -> String {
    let lines: usize =
        page.tracks().map(|(_, tape)| 1 + tape.samples.series.iter().flatten().count()).sum();
    let points = (PAGE_POINTS_MAX / lines.max(1)).clamp(LINE_POINTS_MIN, LINE_POINTS_MAX);
    let mut text = format!(
        "<section id=\"services\"><h2>Services</h2>\n<p class=\"note\">{} Move over a chart to \
         read it.</p>\n",
        if page.tracks().any(|(track, _)| track.has_bands()) {
            "The band is where the metric would be if all were as usual, the fine line its middle."
        } else {
            "The band is where the metric was nine times of ten in training, the fine line its \
             median."
        }
    );
    for (track, tape) in page.tracks() {
        text.push_str(&section(page, track, tape, points));
    }
    text.push_str("</section>\n");
    text
}

fn section(page: &Page<'_>, track: &Track, tape: &Tape, points: usize) -> String {
    let name = track.service.as_str();
    let axis = Axis::of(tape.spans.iter().map(|span| (span.first_s, span.last_s)));
    let marks = page.marks(name);
    let alerts = marks.iter().filter(|mark| mark.class != "lb").count();
    let mut text = format!(
        "<article class=\"svc\" id=\"{}\" data-x=\"{}\"><h3>{} <small>{} alerts in {:.1} days, \
         a cycle every {}</small></h3>\n",
        anchor(name),
        axis.json(),
        escape(name),
        alerts,
        tape.days(),
        super::html::length(track.cycle_s),
    );
    text.push_str(&lanes(&axis, &marks));
    for (index, metric) in page.run.input.settings.config.metrics.iter().enumerate() {
        text.push_str(&metric_row(page, tape, &axis, &marks, (index, metric), points));
    }
    text.push_str(&score_row(page, track, &axis, &marks, points));
    text.push_str(&ticks(page, &axis));
    text.push_str("<p class=\"at\"></p></article>\n");
    text
}

/// Labels above alerts, with their texts under the pointer.
fn lanes(axis: &Axis, marks: &[Mark]) -> String {
    let (labels, alerts): (Vec<Mark>, Vec<Mark>) =
        marks.iter().cloned().partition(|mark| mark.class == "lb");
    let mut drawn = chart::marks(axis, &labels, (0.08, 0.46), MARK_MIN);
    drawn.push_str(&chart::marks(axis, &alerts, (0.54, 0.92), MARK_MIN));
    row("labels<br>alerts", "", &chart::svg("lane", &[&drawn], None))
}

fn metric_row(
    page: &Page<'_>,
    tape: &Tape,
    axis: &Axis,
    marks: &[Mark],
    (index, metric): (usize, &MetricDefinition),
    points: usize,
) -> String {
    let Some(series) = tape.samples.series.get(index).and_then(Option::as_ref) else {
        return String::new();
    };
    let samples = replayed(tape, series.iter());
    let usual = chart::stretches(axis, page.usual(&tape.service, index));
    let Some(range) = Range::of(&samples, &usual) else { return String::new() };
    let band = chart::band(axis, &usual, range);
    let line = chart::line(axis, &samples, tape.step_s, range, points);
    let text = |value: f64| escape(&format_value(metric.kind, &metric.unit, value));
    let svg = chart::svg("plot", &[&band, &shades(axis, marks), &line], Some(range));
    row(&escape(&metric.name), &scale(&text(range.high), &text(range.low)), &svg)
}

fn score_row(page: &Page<'_>, track: &Track, axis: &Axis, marks: &[Mark], points: usize) -> String {
    let scale_of = page.run.judge.scale(&track.service);
    let scores: Vec<(i64, f64)> =
        track.findings.iter().filter_map(|it| Some((it.stamp_s, it.score?))).collect();
    let Some(mut range) = Range::of(&scores, &[]) else {
        return row("score", "", "<p class=\"none\">nothing could be judged</p>");
    };
    range.low = range.low.min(scale_of.threshold).max(scale_of.floor.min(0.0));
    range.high = range.high.max(scale_of.threshold + 0.5 * (scale_of.threshold - range.low));
    let level = chart::level(scale_of.threshold, range);
    let line = chart::line(axis, &scores, track.cycle_s, range, points);
    let svg = chart::svg("plot score", &[&shades(axis, marks), &level, &line], Some(range));
    let text = |value: f64| format!("{value:.2}");
    row("score", &scale(&text(range.high), &text(range.low)), &svg)
}

/// Marks behind a line: they tell no texts.
fn shades(axis: &Axis, marks: &[Mark]) -> String {
    let mut text = String::new();
    for mark in marks {
        for (left, right) in axis.places(mark.from_s, mark.until_s) {
            let width = (right - left).max(MARK_MIN);
            let class = if mark.class == "lb" { "sl" } else { "sa" };
            let _ = write!(
                text,
                "<rect class=\"{class}\" x=\"{left:.0}\" width=\"{width:.0}\" height=\"100\"/>"
            );
        }
    }
    text
}

fn row(name: &str, scale: &str, drawn: &str) -> String {
    format!(
        "<div class=\"row\"><div class=\"name\">{name}</div><div class=\"scale\">{scale}</div>\
         <div class=\"paper\">{drawn}</div></div>\n"
    )
}

fn scale(high: &str, low: &str) -> String {
    format!("<span>{high}</span><span>{low}</span>")
}

/// The line of ticks below charts.
pub fn ticks(page: &Page<'_>, axis: &Axis) -> String {
    let mut text = String::from(
        "<div class=\"row\"><div class=\"name\"></div><div class=\"scale\"></div>\
         <div class=\"paper ticks\">",
    );
    for (place, label) in axis.ticks(page.calendar) {
        let _ = write!(text, "<span style=\"left:{:.2}%\">{label}</span>", 100.0 * place);
    }
    text.push_str("</div></div>\n");
    text
}

/// The samples that were replayed.
fn replayed(tape: &Tape, samples: impl Iterator<Item = (i64, f64)>) -> Vec<(i64, f64)> {
    let is_replayed =
        |time_s: i64| tape.spans.iter().any(|span| span.first_s <= time_s && time_s <= span.last_s);
    samples.filter(|(time_s, _)| is_replayed(*time_s)).collect()
}
