//! How an anomaly relates to the services it calls: what kind of cascade it is part of, and how
//! sure that is.
//!
//! Where the trouble starts, and on which way, is found elsewhere (by the symptoms of all services
//! along the call graph). Here that candidate is weighed.

use domain::config::incidents::CascadeDetection;
use domain::{ServiceName, Severity};

/// What kind of relation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CascadeType {
    /// A service that it calls itself is the root.
    UpstreamCascade,
    /// The root is further away.
    ChainDegraded,
    /// All services that it calls were looked at and are well.
    DependenciesHealthy,
    None,
}

/// The relation of one anomaly to the services it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct CascadeAnalysis {
    pub cascade_type: CascadeType,
    pub root_cause_service: Option<ServiceName>,
    /// From the root to the service itself; empty where there is no root.
    pub affected_chain: Vec<ServiceName>,
    /// 0 to 1.
    pub confidence: f64,
    pub root_cause_anomaly: Option<String>,
}

/// What is known of one service of the chain in this cycle.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceFacts {
    /// Its anomaly, if it has one.
    pub anomaly: Option<AnomalyFacts>,
    /// Its metrics could be read and judged.
    pub is_observed: bool,
}

/// What is known of an anomaly.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyFacts {
    pub name: String,
    pub severity: Severity,
    /// Epoch milliseconds.
    pub first_seen_ms: i64,
    /// Errors, and not only slowness.
    pub has_errors: bool,
    /// Latency of dependencies is flagged.
    pub has_slow_dependency: bool,
    /// Share of latency spent in dependencies, 0 to 1.
    pub dependency_share: Option<f64>,
}

const CONFIDENCE_BASE: f64 = 0.6;
const CONFIDENCE_RANGE: (f64, f64) = (0.3, 0.95);
const CONFIDENCE_HEALTHY: f64 = 0.9;

/// Weighs the candidate at the end of `path`, which begins with the service itself. `callees` are
/// the services that it calls directly.
pub fn analyze(
    path: &[ServiceName],
    callees: &[ServiceName],
    facts: &dyn Fn(&ServiceName) -> ServiceFacts,
    settings: &CascadeDetection,
) -> CascadeAnalysis {
    if settings.enabled
        && let Some(found) = rooted(path, facts, settings)
    {
        return found;
    }
    let is_well = |callee: &ServiceName| {
        let facts = facts(callee);
        facts.is_observed && facts.anomaly.is_none()
    };
    let is_healthy = settings.enabled && !callees.is_empty() && callees.iter().all(is_well);
    let (cascade_type, confidence) = match is_healthy {
        true => (CascadeType::DependenciesHealthy, CONFIDENCE_HEALTHY),
        false => (CascadeType::None, 0.0),
    };
    CascadeAnalysis {
        cascade_type,
        root_cause_service: None,
        affected_chain: Vec::new(),
        confidence,
        root_cause_anomaly: None,
    }
}

fn rooted(
    path: &[ServiceName],
    facts: &dyn Fn(&ServiceName) -> ServiceFacts,
    settings: &CascadeDetection,
) -> Option<CascadeAnalysis> {
    let [service, between @ .., root] = path else { return None };
    let calls = path.len() - 1;
    let own = facts(service).anomaly?;
    let cause = facts(root).anomaly?;
    if calls > settings.max_depth || cause.severity < Severity::Medium {
        return None;
    }
    // Slowness comes from below only where time is spent below.
    let share = own.dependency_share.unwrap_or(0.0);
    let waits = own.has_slow_dependency || share >= settings.latency_propagation_threshold;
    let lead_ms = cause.first_seen_ms - own.first_seen_ms;
    let is_in_time = lead_ms <= settings.correlation_window_minutes * 60_000;
    if !(waits || own.has_errors) || (settings.require_temporal_correlation && !is_in_time) {
        return None;
    }
    let is_gap = |service: &ServiceName| facts(service).anomaly.is_none();
    let terms = [
        (own.has_slow_dependency, 0.15),
        (lead_ms <= 0, 0.10),
        (cause.severity >= Severity::High, 0.10),
        (between.iter().any(is_gap), -0.15),
    ];
    let bonus: f64 = terms.iter().filter(|(holds, _)| *holds).map(|(_, term)| term).sum();
    let (least, most) = CONFIDENCE_RANGE;
    let confidence = ((CONFIDENCE_BASE + bonus).clamp(least, most) * 100.0).round() / 100.0;
    Some(CascadeAnalysis {
        cascade_type: match calls {
            1 => CascadeType::UpstreamCascade,
            _ => CascadeType::ChainDegraded,
        },
        root_cause_service: Some(root.clone()),
        affected_chain: path.iter().rev().cloned().collect(),
        confidence,
        root_cause_anomaly: Some(cause.name),
    })
}

impl CascadeType {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            CascadeType::UpstreamCascade => "upstream_cascade",
            CascadeType::ChainDegraded => "chain_degraded",
            CascadeType::DependenciesHealthy => "dependencies_healthy",
            CascadeType::None => "none",
        }
    }

    /// Whether trouble spread.
    pub fn is_cascade(self) -> bool {
        matches!(self, CascadeType::UpstreamCascade | CascadeType::ChainDegraded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).unwrap()
    }

    fn slow(first_seen_minute: i64) -> AnomalyFacts {
        AnomalyFacts {
            name: "latency_high".to_owned(),
            severity: Severity::High,
            first_seen_ms: first_seen_minute * 60_000,
            has_errors: false,
            has_slow_dependency: true,
            dependency_share: None,
        }
    }

    /// `booking` calls `search` and `vms`, `search` calls `catalog`.
    #[track_caller]
    fn check(path: &str, ill: &[(&str, AnomalyFacts)], expected: &str) {
        check_with(&CascadeDetection::default(), path, ill, expected);
    }

    #[track_caller]
    fn check_with(
        settings: &CascadeDetection,
        path: &str,
        ill: &[(&str, AnomalyFacts)],
        expected: &str,
    ) {
        let ill: BTreeMap<ServiceName, AnomalyFacts> =
            ill.iter().map(|(service, it)| (name(service), it.clone())).collect();
        let facts = |service: &ServiceName| ServiceFacts {
            anomaly: ill.get(service).cloned(),
            is_observed: true,
        };
        let path: Vec<ServiceName> = path.split_whitespace().map(name).collect();
        let it = analyze(&path, &[name("search"), name("vms")], &facts, settings);
        let root = it.root_cause_service.as_ref().map_or("-", ServiceName::as_str);
        let found = format!("{} {root} {:.2}", it.cascade_type.as_str(), it.confidence);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_length_of_the_way_names_the_cascade() {
        let booking = ("booking", slow(4));
        check(
            "booking search",
            &[booking.clone(), ("search", slow(2))],
            "upstream_cascade search 0.95",
        );
        let all = [booking.clone(), ("search", slow(3)), ("catalog", slow(2))];
        check("booking search catalog", &all, "chain_degraded catalog 0.95");
        let gap = [booking.clone(), ("catalog", slow(2))];
        check("booking search catalog", &gap, "chain_degraded catalog 0.80");
        check("booking", &[booking], "dependencies_healthy - 0.90");
    }

    #[test]
    fn a_cause_must_be_in_time_and_worth_it() {
        let late = [("booking", slow(0)), ("vms", slow(6))];
        check("booking vms", &late, "none - 0.00");
        let any_time =
            CascadeDetection { require_temporal_correlation: false, ..CascadeDetection::default() };
        check_with(&any_time, "booking vms", &late, "upstream_cascade vms 0.85");
        let wide =
            CascadeDetection { correlation_window_minutes: 6, ..CascadeDetection::default() };
        check_with(&wide, "booking vms", &late, "upstream_cascade vms 0.85");
        let mild = AnomalyFacts { severity: Severity::Low, ..slow(0) };
        check("booking vms", &[("booking", slow(0)), ("vms", mild)], "none - 0.00");
    }

    #[test]
    fn slowness_needs_time_spent_below_and_errors_do_not() {
        let own = AnomalyFacts { has_slow_dependency: false, ..slow(4) };
        let with = |own: AnomalyFacts| [("booking", own), ("vms", slow(2))];
        check("booking vms", &with(own.clone()), "none - 0.00");
        let share = |share| AnomalyFacts { dependency_share: Some(share), ..own.clone() };
        check("booking vms", &with(share(0.59)), "none - 0.00");
        check("booking vms", &with(share(0.6)), "upstream_cascade vms 0.80");
        let errors = AnomalyFacts { has_errors: true, ..own.clone() };
        check("booking vms", &with(errors), "upstream_cascade vms 0.80");
    }

    #[test]
    fn settings_switch_it_off_and_bound_the_way() {
        let ill = [("booking", slow(4)), ("catalog", slow(2))];
        let off = CascadeDetection { enabled: false, ..CascadeDetection::default() };
        check_with(&off, "booking search catalog", &ill, "none - 0.00");
        let near = CascadeDetection { max_depth: 1, ..CascadeDetection::default() };
        check_with(&near, "booking search catalog", &ill, "dependencies_healthy - 0.90");
    }
}
