//! One metric of a model as text: what is usual, what is flagged, and the score of every value.

use detect::model::{Axis, MetricModel, UnivariateForest};
use domain::{BadDirection, MetricKind};

use super::text::{contamination, held_out, severity};
use crate::commands::models::words::{number, pair, percent, unit_of, value};
use crate::commands::models::zones::{Zone, decision, flagged_zones, possible};
use crate::plot::{self, Curve, Span};
use crate::terminal::{Tone, count, paint};

/// What is above each plot.
const CAPTION: &str =
    "  decision score of each value; below 0 is flagged, and what lies far outside the values seen";
/// How far a plot goes beyond the values seen, as a share of their span.
const MARGIN: f64 = 0.15;
/// Flagged zones that are listed.
const ZONES_SHOWN_MAX: usize = 4;
/// Places of the ticks on the axis.
const TICKS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// Everything about a metric, line by line.
pub(super) fn lines(metric: &MetricModel) -> Vec<String> {
    let mut lines = vec![paint(Tone::Strong, &metric.name), pair("usual", &usual(metric))];
    if metric.zeros.zero_share > 0.0 {
        lines.push(pair("zero", &zeros(metric)));
    }
    let Some(forest) = &metric.forest else {
        let reason = metric.forest_absent.as_deref().unwrap_or("no reason is recorded");
        lines.push(pair("no forest", &paint(Tone::Warning, reason)));
        return lines;
    };
    lines.extend([
        pair("flags", &flags(metric)),
        pair("severity", &severity(&forest.calibration)),
        pair("contamination", &contamination(&forest.contamination)),
        pair("forest", &grown(forest)),
        pair("held out", &held_out(&forest.calibration)),
    ]);
    lines.push(paint(Tone::Faint, CAPTION));
    lines.extend(plot::draw(&curve(metric, forest)));
    lines
}

fn usual(metric: &MetricModel) -> String {
    let seen = &metric.statistics.summary;
    let plain = |at| number(metric.kind, at);
    let with_unit = |at| value(metric.kind, &metric.unit, at);
    format!(
        "{} to {} (5 to 95 %), median {}, seen {} to {}, {} values",
        plain(seen.p5),
        with_unit(seen.p95),
        plain(seen.p50),
        plain(seen.min),
        with_unit(seen.max),
        seen.count,
    )
}

fn zeros(metric: &MetricModel) -> String {
    let share = percent(metric.zeros.zero_share);
    match metric.zeros.is_zero_dominant {
        true => format!("{share} of the values, which is normal; described by the others"),
        false => format!("{share} of the values"),
    }
}

fn grown(forest: &UnivariateForest) -> String {
    let record = &forest.parameters;
    format!(
        "{} of {} of {} rows each, kept as {}",
        count(record.trees as usize, "tree"),
        record.subsample,
        record.rows,
        count(forest.steps.cuts().len() + 1, "step")
    )
}

/// `below 33.1 req/s, above 92.0 req/s`.
fn flags(metric: &MetricModel) -> String {
    let zones = flagged_zones(metric);
    if zones.is_empty() {
        return "no value".to_owned();
    }
    let mut texts: Vec<String> =
        zones.iter().take(ZONES_SHOWN_MAX).map(|zone| describe(metric, zone)).collect();
    if zones.len() > ZONES_SHOWN_MAX {
        texts.push(format!("{} more", zones.len() - ZONES_SHOWN_MAX));
    }
    texts.join(", ") + good_news(metric, &zones)
}

fn describe(metric: &MetricModel, zone: &Zone) -> String {
    let with_unit = |at| with_unit(metric, at);
    match (zone.above, zone.up_to) {
        (None, Some(up_to)) => format!("below {}", with_unit(up_to)),
        (Some(above), None) => format!("above {}", with_unit(above)),
        (Some(above), Some(up_to)) => {
            format!("{} to {}", plain(metric, above), with_unit(up_to))
        }
        (None, None) => "every value".to_owned(),
    }
}

fn is_deviation(metric: &MetricModel) -> bool {
    metric.forest.as_ref().is_some_and(|forest| forest.axis == Axis::Deviation)
}

/// What the forest judges, with its unit.
fn with_unit(metric: &MetricModel, at: f64) -> String {
    match is_deviation(metric) {
        true => format!("{at:.1} sigmas from usual"),
        false => value(metric.kind, &metric.unit, at),
    }
}

fn plain(metric: &MetricModel, at: f64) -> String {
    if is_deviation(metric) { format!("{at:.1}") } else { number(metric.kind, at) }
}

/// A flag on the side that does not hurt is never reported.
fn good_news(metric: &MetricModel, zones: &[Zone]) -> &'static str {
    let median = if is_deviation(metric) { 0.0 } else { metric.statistics.summary.p50 };
    match metric.bad_direction {
        BadDirection::Up if zones.iter().any(|zone| zone.up_to.is_some_and(|it| it <= median)) => {
            "; a low value is good and not reported"
        }
        BadDirection::Down
            if zones.iter().any(|zone| zone.above.is_some_and(|it| it >= median)) =>
        {
            "; a high value is good and not reported"
        }
        _ => "",
    }
}

/// The curve from somewhat below the lowest to somewhat above the highest value seen, even on the
/// scale that the forest sees.
fn curve(metric: &MetricModel, forest: &UnivariateForest) -> Curve {
    let seen = &metric.statistics.summary;
    let feature = |value: f64| f64::from(metric.feature(forest.axis, value));
    let (low, high) = match forest.axis {
        Axis::Value => (feature(seen.min), feature(seen.max)),
        Axis::Deviation => (f64::from(forest.range.0), f64::from(forest.range.1)),
    };
    let (lowest, highest) = possible(metric, forest.axis);
    let margin = MARGIN * (high - low).max(f64::EPSILON);
    let from = (low - margin).max(f64::from(lowest));
    let to = (high + margin).min(f64::from(highest));
    let at = |share: f64| metric.at_feature(forest.axis, (from + share * (to - from)) as f32);
    let share = |value: f64| (feature(value) - from) / (to - from).max(f64::EPSILON);
    let last = (plot::SAMPLES - 1) as f64;
    let usual = match forest.axis {
        Axis::Value => (seen.p5, seen.p50, seen.p95),
        // Nine in ten of a normal variable.
        Axis::Deviation => (-1.645, 0.0, 1.645),
    };
    Curve {
        values: (0..plot::SAMPLES)
            .map(|sample| decision(metric, forest, at(sample as f64 / last)))
            .collect(),
        ticks: TICKS.map(|place| (place, tick(metric, place, at(place)))).into(),
        span: Some(Span {
            from: share(usual.0),
            middle: share(usual.1),
            to: share(usual.2),
            label: "usual".to_owned(),
        }),
    }
}

/// Only the last one bears the unit, except for percent, which is short.
fn tick(metric: &MetricModel, place: f64, at: f64) -> String {
    if is_deviation(metric) {
        return if place < 1.0 { format!("{at:.1}") } else { format!("{at:.1} sigmas") };
    }
    if place < 1.0 && metric.kind != MetricKind::Ratio {
        return number(metric.kind, at);
    }
    match unit_of(metric.kind, &metric.unit) {
        "" => number(metric.kind, at),
        unit => format!("{} {unit}", number(metric.kind, at)),
    }
}
