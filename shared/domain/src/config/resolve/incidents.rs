//! `fingerprinting`, `dependencies` and `alerting`.

use std::collections::BTreeSet;

use chrono_tz::Tz;

use super::graph::graph;
use super::services::{service_name, warn_of_unlisted_as, warn_of_unused_category};
use crate::Severity;
use crate::config::forms;
use crate::config::incidents::{
    Alerting, CascadeDetection, Correlation, Dependencies, FalseAlarmBudget, Fingerprinting,
    Primary, Silence, auto_grace_cycles,
};
use crate::config::moment::{self, Side};
use crate::config::problems::Problem;
use crate::config::valid::{Opening, Services, StateLocation};
use crate::config::values::{Leaf, Values};
use crate::limits::CYCLE_S;
use crate::service::{Category, ServiceName};

const SILENCES: &str = "alerting.silences";
const CONFIRMATION: &str = "fingerprinting.confirmation_cycles";
/// `auto` where a detection is judged from a single cycle: once may be chance.
const AUTO_SINGLE: u32 = 2;
const GRACE: &str = "fingerprinting.resolution_grace_cycles";

pub(super) fn state(values: &Values) -> Option<StateLocation> {
    values.given("fingerprinting.db_path")?;
    forms::state_location(&values.text("fingerprinting.db_path"))
}

pub(super) fn fingerprinting(
    values: &Values,
    opening: Opening,
    problems: &mut Vec<Problem>,
) -> Fingerprinting {
    let given = cycles(values, CONFIRMATION);
    let auto = match opening {
        Opening::Residual => 1,
        Opening::Forest => 2,
    };
    let separation_minutes = values.whole("fingerprinting.incident_separation_minutes");
    let retention_hours = values.whole("fingerprinting.cleanup_max_age_hours");
    if retention_hours * 60 < separation_minutes {
        let message = format!(
            "incidents are kept for {retention_hours} h, which is less than the \
             {separation_minutes} min within which they may be opened again; keep them longer"
        );
        let at = "fingerprinting.cleanup_max_age_hours";
        problems.push(Problem::error("FP004", at, message));
    }
    let grace_cycles = cycles(values, GRACE);
    let shortest = grace_cycles.unwrap_or_else(|| auto_grace_cycles(CYCLE_S));
    let grace_minutes = i64::from(shortest) * CYCLE_S / 60;
    if separation_minutes < 2 * grace_minutes {
        let message = format!(
            "after {separation_minutes} min another incident begins, and an incident ends after \
             {grace_minutes} min of calm; let at least twice as much lie between incidents"
        );
        let at = "fingerprinting.incident_separation_minutes";
        problems.push(Problem::warning("FP003", at, message));
    }
    Fingerprinting {
        confirmation_cycles: given.unwrap_or(auto),
        confirmation_cycles_single: given.unwrap_or(AUTO_SINGLE),
        resolution_grace_cycles: grace_cycles,
        separation_minutes,
        strict_confirmation: values.flag("fingerprinting.strict_confirmation"),
        max_unobserved_hours: values.whole("fingerprinting.max_unobserved_hours"),
        resolution_requires_slo_ok: values.flag("fingerprinting.resolution_requires_slo_ok"),
        retention_hours,
    }
}

/// A number of cycles; `None` for `auto`.
fn cycles(values: &Values, path: &str) -> Option<u32> {
    let given = values.given(path).and_then(|leaf| leaf.value.as_u64());
    given.and_then(|it| u32::try_from(it).ok())
}

pub(super) fn dependencies(
    values: &Values,
    services: &Services,
    problems: &mut Vec<Problem>,
) -> Dependencies {
    const AT: &str = "dependencies.cascade_detection";
    let key = |name: &str| format!("{AT}.{name}");
    Dependencies {
        graph: graph(values, services, problems),
        cascades: CascadeDetection {
            enabled: values.flag(&key("enabled")),
            max_depth: values.whole(&key("max_depth")),
            latency_propagation_threshold: values.number(&key("latency_propagation_threshold")),
            require_temporal_correlation: values.flag(&key("require_temporal_correlation")),
            correlation_window_minutes: values.whole(&key("correlation_window_minutes")),
        },
    }
}

pub(super) fn alerting(
    values: &Values,
    services: &Services,
    problems: &mut Vec<Problem>,
) -> Alerting {
    let patterns = values.items("alerting.non_alerting_patterns");
    let patterns = patterns.iter().filter_map(|it| Some(it.as_str()?.to_owned()));
    let threshold = Severity::parse(&values.text("alerting.severity_threshold"));
    Alerting {
        severity_threshold: threshold.unwrap_or(Severity::Low),
        non_alerting_patterns: patterns.collect(),
        min_confidence: values.given("alerting.min_confidence").and_then(|it| it.value.as_f64()),
        below_threshold_log: values
            .flag("alerting.log_below_threshold")
            .then(|| forms::log_level(&values.text("alerting.below_threshold_log_level")))
            .flatten(),
        correlation: correlation(values),
        false_alarm_budget: budget(values, services, problems),
        repeat_every_cycles: values.whole("alerting.repeat_every_cycles"),
        silences: silences(values, services, problems),
    }
}

fn correlation(values: &Values) -> Option<Correlation> {
    let key = |name: &str| format!("alerting.correlation.{name}");
    values.flag(&key("enabled")).then(|| Correlation {
        window_s: values.whole(&key("window_seconds")),
        primary: match values.text(&key("primary_selection")).as_str() {
            "highest_severity" => Primary::HighestSeverity,
            "named_pattern_first" => Primary::NamedPatternFirst,
            _ => Primary::HighestConfidence,
        },
        anomalies_min: values.whole(&key("min_anomalies_to_correlate")),
    })
}

fn budget(values: &Values, services: &Services, problems: &mut Vec<Problem>) -> FalseAlarmBudget {
    let number = |leaf: &Leaf| leaf.value.as_f64();
    let mut budget = FalseAlarmBudget {
        default: values.given("alerting.false_alarm_budget").and_then(number),
        ..FalseAlarmBudget::default()
    };
    for leaf in values.each("alerting.false_alarm_budget_by_category.*") {
        let category = Category::new(leaf.path.last_name());
        warn_of_unused_category(&category, services, &leaf.path, problems);
        budget.by_category.extend(number(leaf).map(|rate| (category, rate)));
    }
    for leaf in values.each("alerting.false_alarm_budget_by_service.*") {
        if let Some(name) = service_name(leaf.path.last_name(), &leaf.path, problems) {
            budget.by_service.extend(number(leaf).map(|rate| (name, rate)));
        }
    }
    budget
}

fn silences(values: &Values, services: &Services, problems: &mut Vec<Problem>) -> Vec<Silence> {
    let known: BTreeSet<ServiceName> =
        services.listed.iter().map(|(name, _)| name.clone()).collect();
    for leaf in values.each("alerting.silences[].service") {
        let name = leaf.value.as_str().and_then(|name| ServiceName::new(name).ok());
        if let Some(name) = name {
            warn_of_unlisted_as("SVC004", &name, &known, &leaf.path, problems);
        }
    }
    let zone = values.text("time_periods.timezone").parse().unwrap_or(Tz::UTC);
    let starts = values.each("alerting.silences[].from");
    starts.filter_map(|start| silence(values, start, zone, problems)).collect()
}

/// The silence that begins with `start`, if its end is there and after it.
fn silence(
    values: &Values,
    start: &Leaf,
    zone: Tz,
    problems: &mut Vec<Problem>,
) -> Option<Silence> {
    let index = start.path.first_index();
    let leaf = |name: &str| {
        let pattern = format!("{SILENCES}[].{name}");
        let mut leaves = values.leaves.iter();
        leaves.find(|leaf| leaf.key.path == pattern && leaf.path.first_index() == index)
    };
    let text = |name: &str| Some(leaf(name)?.value.as_str()?.to_owned());
    let end = leaf("until");
    let from_s = epoch_s(start, Side::Start, zone, problems);
    let until_s = end.and_then(|end| epoch_s(end, Side::End, zone, problems));
    let (from_s, until_s) = (from_s?, until_s?);
    if until_s < from_s {
        let path = end.map_or(&start.path, |end| &end.path);
        let message = "the silence ends before it starts; write an end at or after its start";
        problems.push(Problem::error("ALR002", path, message));
        return None;
    }
    Some(Silence {
        service: text("service").and_then(|name| ServiceName::new(name).ok()),
        pattern: text("pattern"),
        from_s,
        until_s,
        reason: text("reason"),
        by: text("by"),
    })
}

fn epoch_s(leaf: &Leaf, side: Side, zone: Tz, problems: &mut Vec<Problem>) -> Option<i64> {
    match leaf.value.as_str().and_then(moment::parse)?.epoch_s(side, zone) {
        Ok(seconds) => Some(seconds),
        Err(never_was) => {
            problems.push(Problem::error("ALR002", &leaf.path, never_was.to_string()));
            None
        }
    }
}
