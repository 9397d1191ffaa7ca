//! `slos`: the defaults, what each service changes of them, and busy periods.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use serde_json::Value;

use super::ladders::{check_defaults, check_service};
use super::services::{service_name, warn_of_unlisted_as};
use crate::config::keys;
use crate::config::moment::{self, Side};
use crate::config::objectives::{
    BusyPeriod, Cliff, DatabaseHigh, DatabaseRatios, Ladder, RequestRateObjectives,
    ServiceObjectives, SloSettings, Surge, Thresholds, TrafficSeverity,
};
use crate::config::path::Path;
use crate::config::problems::Problem;
use crate::config::valid::Services;
use crate::config::values::{Leaf, Values};
use crate::period::Period;
use crate::service::ServiceName;

const DEFAULTS: &str = "slos.defaults.";
const SERVICES: &str = "slos.services.*.";

/// The values of thresholds by the name of their key, the path below `slos.defaults`.
type Named = BTreeMap<&'static str, Value>;

/// `None` if the section is missing, empty or switched off.
pub(super) fn slos(
    values: &Values,
    services: &Services,
    problems: &mut Vec<Problem>,
) -> Option<SloSettings> {
    let is_there = values.leaves.iter().any(|leaf| leaf.key.path.starts_with("slos."))
        || values.lists.iter().any(|(pattern, _)| pattern == "slos.busy_periods");
    if !is_there {
        return None;
    }
    let base = default_values(values);
    let defaults = thresholds(&base);
    check_defaults(&defaults, problems);
    let settings = SloSettings {
        allow_downgrade_to_informational: values.flag("slos.allow_downgrade_to_informational"),
        require_slo_breach_for_critical: values.flag("slos.require_slo_breach_for_critical"),
        request_rate_affects_severity: values.flag("slos.request_rate_affects_severity"),
        database_high_maps_to: match values.text("slos.database_high_maps_to").as_str() {
            "warning" => DatabaseHigh::Warning,
            _ => DatabaseHigh::Breached,
        },
        hysteresis: values.number("slos.hysteresis"),
        busy_periods: busy_periods(values, problems),
        defaults,
        services: of_services(values, &base, services, problems),
    };
    let is_off = values.given("slos.enabled").is_some_and(|leaf| leaf.value == false);
    (!is_off).then_some(settings)
}

fn default_values(values: &Values) -> Named {
    let names = keys::under("slos.defaults").filter_map(|key| key.path.strip_prefix(DEFAULTS));
    names.map(|name| (name, values.value(&format!("{DEFAULTS}{name}")))).collect()
}

fn of_services(
    values: &Values,
    base: &Named,
    services: &Services,
    problems: &mut Vec<Problem>,
) -> BTreeMap<ServiceName, ServiceObjectives> {
    let mut leaves: Vec<(&str, Vec<&Leaf>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for leaf in values.leaves.iter().filter(|leaf| leaf.key.path.starts_with(SERVICES)) {
        let name = leaf.path.name_at(2);
        let place = *places.entry(name).or_insert(leaves.len());
        if place == leaves.len() {
            leaves.push((name, Vec::new()));
        }
        leaves[place].1.push(leaf);
    }
    let known: BTreeSet<ServiceName> =
        services.listed.iter().map(|(name, _)| name.clone()).collect();
    let mut all = BTreeMap::new();
    for (name, leaves) in leaves {
        let path = Path::of("slos.services").name(name);
        let Some(service) = service_name(name, &path, problems) else { continue };
        warn_of_unlisted_as("SLO012", &service, &known, &path, problems);
        all.insert(service, of_service(&leaves, base, &path, problems));
    }
    all
}

fn of_service(
    leaves: &[&Leaf],
    base: &Named,
    path: &Path,
    problems: &mut Vec<Problem>,
) -> ServiceObjectives {
    let mut named = base.clone();
    let mut own = BTreeSet::new();
    for leaf in leaves {
        if let Some(name) = leaf.key.path.strip_prefix(SERVICES) {
            named.insert(name, leaf.value.clone());
            own.insert(name);
        }
    }
    let mut objectives =
        ServiceObjectives { thresholds: thresholds(&named), own, repaired: BTreeSet::new() };
    check_service(&mut objectives, path, problems);
    objectives
}

fn thresholds(named: &Named) -> Thresholds {
    let number = |name: &str| named.get(name).and_then(Value::as_f64);
    let some = |name: &str| number(name).unwrap_or_default();
    let ladder = |acceptable: &str, warning: &str, critical: &str| Ladder {
        acceptable: some(acceptable),
        warning: some(warning),
        critical: some(critical),
    };
    let ratio = |name: &str| some(&format!("database_latency_ratios.{name}"));
    Thresholds {
        latency_ms: ladder("latency_acceptable_ms", "latency_warning_ms", "latency_critical_ms"),
        error_rate: ladder("error_rate_acceptable", "error_rate_warning", "error_rate_critical"),
        error_rate_floor: some("error_rate_floor"),
        min_traffic_rps: some("min_traffic_rps"),
        busy_period_factor: some("busy_period_factor"),
        database_latency_floor_ms: some("database_latency_floor_ms"),
        database_ratios: DatabaseRatios {
            info: ratio("info"),
            warning: ratio("warning"),
            high: ratio("high"),
            critical: ratio("critical"),
        },
        request_rate: request_rate(named),
        error_budget_objective: number("error_budget.objective"),
    }
}

fn request_rate(named: &Named) -> RequestRateObjectives {
    let value = |name: &str| named.get(format!("request_rate_evaluation.{name}").as_str());
    let number = |name: &str| value(name).and_then(Value::as_f64).unwrap_or_default();
    let label = |name: &str| traffic_severity(value(name).and_then(Value::as_str));
    RequestRateObjectives {
        enabled: value("enabled").and_then(Value::as_bool).unwrap_or_default(),
        surge: Surge {
            threshold_percent: number("surge.threshold_percent"),
            standalone: label("surge.standalone_severity"),
            with_latency_breach: label("surge.with_latency_breach_severity"),
            with_error_breach: label("surge.with_error_breach_severity"),
        },
        cliff: Cliff {
            threshold_percent: number("cliff.threshold_percent"),
            standalone: label("cliff.standalone_severity"),
            peak_hours: label("cliff.peak_hours_severity"),
            with_upstream_errors: label("cliff.with_upstream_errors_severity"),
        },
        min_expected_rps: Period::ALL.map(|period| number(&format!("min_expected_rps.{period}"))),
    }
}

fn traffic_severity(word: Option<&str>) -> TrafficSeverity {
    match word {
        Some("critical") => TrafficSeverity::Critical,
        Some("high") => TrafficSeverity::High,
        Some("warning") => TrafficSeverity::Warning,
        _ => TrafficSeverity::Informational,
    }
}

fn busy_periods(values: &Values, problems: &mut Vec<Problem>) -> Vec<BusyPeriod> {
    let zone = values.text("time_periods.timezone").parse().unwrap_or(Tz::UTC);
    let ends: BTreeMap<Option<usize>, &Leaf> =
        values.each("slos.busy_periods[].end").map(|end| (end.path.first_index(), end)).collect();
    let mut periods = Vec::new();
    for start in values.each("slos.busy_periods[].start") {
        let end = ends.get(&start.path.first_index()).copied();
        periods.extend(busy_period(start, end, zone, problems));
    }
    periods
}

fn busy_period(
    start: &Leaf,
    end: Option<&Leaf>,
    zone: Tz,
    problems: &mut Vec<Problem>,
) -> Option<BusyPeriod> {
    let start_s = epoch_s(start, Side::Start, zone, problems);
    let end_s = end.and_then(|end| epoch_s(end, Side::End, zone, problems));
    let (start_s, end_s, end) = (start_s?, end_s?, end?);
    if end_s <= start_s {
        let message =
            format!("{} is not after the start, {}; write a later end", end.value, start.value);
        problems.push(Problem::error("SLO009", &end.path, message));
        return None;
    }
    Some(BusyPeriod { start_s, end_s })
}

fn epoch_s(leaf: &Leaf, side: Side, zone: Tz, problems: &mut Vec<Problem>) -> Option<i64> {
    let moment = leaf.value.as_str().and_then(moment::parse)?;
    match moment.epoch_s(side, zone) {
        Ok(seconds) => Some(seconds),
        Err(never_was) => {
            problems.push(Problem::error("SLO009", &leaf.path, never_was.to_string()));
            None
        }
    }
}
