//! `metrics`, `metrics_preset`, `error_status_regex`: which metrics are read, and how.

use crate::config::path::Path;
use crate::config::problems::Problem;
use crate::config::values::{Leaf, Values};
use crate::limits::METRICS_PER_SERVICE_MAX;
use crate::metric::{
    BadDirection, MetricDefinition, MetricKind, MetricPreset, MetricSet, MetricSetError,
};

/// The declared metrics, or the preset's five.
pub(super) fn metrics(values: &Values, problems: &mut Vec<Problem>) -> MetricSet {
    let preset = match values.text("metrics_preset").as_str() {
        "seed" => MetricPreset::Seed,
        _ => MetricPreset::Spans,
    };
    let five = MetricSet::preset(preset, &values.text("error_status_regex"));
    let Some((_, length)) = values.lists.iter().find(|(pattern, _)| pattern == "metrics") else {
        return five;
    };
    if *length > METRICS_PER_SERVICE_MAX {
        let error = MetricSetError::TooMany(*length).to_string();
        problems.push(Problem::error("MET001", Path::of("metrics"), error));
        return five;
    }
    let names: Vec<&Leaf> = values.each("metrics[].name").collect();
    let declared = names.iter().map(|name| declared(values, name, &five)).collect();
    match MetricSet::new(declared) {
        Ok(metrics) => metrics,
        // There are items, but none has a usable name, and that is reported already.
        Err(MetricSetError::Empty) if *length > 0 => five,
        Err(error) => {
            problems.push(Problem::error("MET001", Path::of("metrics"), error.to_string()));
            five
        }
    }
}

/// The definition of the list's item that has this name.
fn declared(values: &Values, name: &Leaf, five: &MetricSet) -> MetricDefinition {
    let index = name.path.first_index();
    let part = |pattern: &'static str| {
        values.each(pattern).find(|leaf| leaf.path.first_index() == index).map(|leaf| &leaf.value)
    };
    let text = |pattern| part(pattern).and_then(|value| value.as_str());
    let base = base(name.value.as_str().unwrap_or_default(), text("metrics[].kind"), five);
    MetricDefinition {
        unit: text("metrics[].unit").map_or(base.unit, str::to_owned),
        bad_direction: text("metrics[].bad_direction").map_or(base.bad_direction, bad_direction),
        zero_is_normal: part("metrics[].zero_is_normal")
            .and_then(|value| value.as_bool())
            .unwrap_or(base.zero_is_normal),
        query: text("metrics[].query").map_or(base.query, str::to_owned),
        ..base
    }
}

/// What is known of a metric by its name, unless the declared kind says otherwise.
fn base(name: &str, kind: Option<&str>, five: &MetricSet) -> MetricDefinition {
    let known = five.iter().find(|metric| metric.name == name).cloned();
    let guess = known.unwrap_or_else(|| MetricDefinition::guess(name));
    match kind.map(metric_kind) {
        Some(kind) if kind != guess.kind => {
            MetricDefinition { query: guess.query, ..MetricDefinition::of_kind(name, kind) }
        }
        _ => guess,
    }
}

fn metric_kind(word: &str) -> MetricKind {
    match word {
        "rate" => MetricKind::Rate,
        "latency" => MetricKind::Latency,
        "ratio" => MetricKind::Ratio,
        _ => MetricKind::Gauge,
    }
}

fn bad_direction(word: &str) -> BadDirection {
    match word {
        "up" => BadDirection::Up,
        "down" => BadDirection::Down,
        _ => BadDirection::Both,
    }
}
