//! How an anomaly relates to the services it calls: what kind of cascade it is part of, and how
//! sure that is.
//!
//! Where the trouble starts, and on which way, is found elsewhere (by the symptoms of all services
//! along the call graph). Here that candidate is weighed: first whether it can be a cause at all,
//! then whether it is one that can be told.

use domain::config::incidents::CascadeDetection;
use domain::{ServiceName, Severity};

/// What kind of relation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CascadeType {
    /// The root is one call away.
    UpstreamCascade,
    /// The root is further away.
    ChainDegraded,
    /// All services that it calls were looked at and are well.
    DependenciesHealthy,
    None,
}

/// The relation of one anomaly to the services around it.
#[derive(Debug, Clone, PartialEq)]
pub struct CascadeAnalysis {
    pub cascade_type: CascadeType,
    /// Where the trouble starts. Without a cascade it is a suspect: it shows symptoms, and no
    /// anomaly that could be told.
    pub root_cause_service: Option<ServiceName>,
    /// From the root to the service itself; empty where there is no cascade.
    pub affected_chain: Vec<ServiceName>,
    /// 0 to 1.
    pub confidence: f64,
    pub root_cause_anomaly: Option<String>,
}

/// What is known of one service in this cycle.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceFacts {
    /// Its anomaly, if it has one that harms others: a healthy surge does not.
    pub anomaly: Option<AnomalyFacts>,
    /// When its trouble began, epoch milliseconds.
    pub first_seen_ms: Option<i64>,
    /// Its metrics could be read and judged.
    pub is_observed: bool,
    /// The root that its incident was found to have before.
    pub known_root: Option<ServiceName>,
}

/// What is known of an anomaly.
#[derive(Debug, Clone, PartialEq)]
pub struct AnomalyFacts {
    pub name: String,
    pub severity: Severity,
    /// It fails, and is not only slow.
    pub has_errors: bool,
    /// Its own latency is flagged.
    pub is_slow: bool,
    /// Latency of dependencies is flagged.
    pub has_slow_dependency: bool,
    /// Share of latency spent in dependencies; `None` where it is not measured.
    pub dependency_share: Option<f64>,
}

const CONFIDENCE_BASE: f64 = 0.6;
const CONFIDENCE_RANGE: (f64, f64) = (0.3, 0.95);
const CONFIDENCE_HEALTHY: f64 = 0.9;
/// Severity from which an anomaly is a cause.
const CAUSE_MIN: Severity = Severity::Medium;

/// Weighs the candidate at the end of `path`, which begins with the service itself. `callees` are
/// the services that it calls directly.
pub fn analyze(
    path: &[ServiceName],
    callees: &[ServiceName],
    facts: &dyn Fn(&ServiceName) -> ServiceFacts,
    settings: &CascadeDetection,
) -> CascadeAnalysis {
    if let [service, between @ .., root] = path
        && service != root
    {
        let first = between.first().unwrap_or(root);
        let (own, cause) = (facts(service), facts(root));
        let waits = !callees.contains(first) || can_wait(&own, settings);
        if waits
            && (is_in_time(&own, &cause, root, settings) || !settings.require_temporal_correlation)
        {
            let between: Vec<ServiceFacts> = between.iter().map(facts).collect();
            return rooted(path, &own, &cause, &between);
        }
    }
    let is_well = |callee: &ServiceName| {
        let facts = facts(callee);
        facts.is_observed && facts.anomaly.is_none()
    };
    let is_healthy = !callees.is_empty() && callees.iter().all(is_well);
    let (cascade_type, confidence) = match is_healthy {
        true => (CascadeType::DependenciesHealthy, CONFIDENCE_HEALTHY),
        false => (CascadeType::None, 0.0),
    };
    CascadeAnalysis { cascade_type, confidence, ..CascadeAnalysis::unknown() }
}

/// Slowness comes from below only where time is spent below. Failures and load need no waiting.
fn can_wait(own: &ServiceFacts, settings: &CascadeDetection) -> bool {
    let Some(own) = &own.anomaly else { return true };
    let is_only_slow = own.is_slow && !own.has_errors && !own.has_slow_dependency;
    let is_enough = |share: f64| share >= settings.latency_propagation_threshold;
    !is_only_slow || own.dependency_share.is_none_or(is_enough)
}

/// A cause does not begin later than its effect, give or take the window. What was found to be one
/// is not asked again: who began when is seen best at the beginning.
fn is_in_time(
    own: &ServiceFacts,
    cause: &ServiceFacts,
    root: &ServiceName,
    settings: &CascadeDetection,
) -> bool {
    let lead_ms = lead_ms(own, cause).unwrap_or(0);
    own.known_root.as_ref() == Some(root) || lead_ms <= settings.correlation_window_minutes * 60_000
}

/// How much later the cause began; negative if it was first.
fn lead_ms(own: &ServiceFacts, cause: &ServiceFacts) -> Option<i64> {
    Some(cause.first_seen_ms? - own.first_seen_ms?)
}

fn rooted(
    path: &[ServiceName],
    own: &ServiceFacts,
    cause: &ServiceFacts,
    between: &[ServiceFacts],
) -> CascadeAnalysis {
    let (least, most) = CONFIDENCE_RANGE;
    let root_cause_service = path.last().cloned();
    let Some(anomaly) = cause.anomaly.as_ref().filter(|it| it.severity >= CAUSE_MIN) else {
        return CascadeAnalysis {
            root_cause_service,
            confidence: least,
            ..CascadeAnalysis::unknown()
        };
    };
    let waits = own.anomaly.as_ref().is_some_and(|own| own.has_slow_dependency);
    let terms = [
        (waits, 0.15),
        (lead_ms(own, cause).is_some_and(|lead_ms| lead_ms <= 0), 0.10),
        (anomaly.severity >= Severity::High, 0.10),
        (between.iter().any(|it| it.anomaly.is_none()), -0.15),
    ];
    let bonus: f64 = terms.iter().filter(|(holds, _)| *holds).map(|(_, term)| term).sum();
    CascadeAnalysis {
        cascade_type: match path.len() {
            2 => CascadeType::UpstreamCascade,
            _ => CascadeType::ChainDegraded,
        },
        root_cause_service,
        affected_chain: path.iter().rev().cloned().collect(),
        confidence: ((CONFIDENCE_BASE + bonus).clamp(least, most) * 100.0).round() / 100.0,
        root_cause_anomaly: Some(anomaly.name.clone()),
    }
}

impl CascadeAnalysis {
    /// Nothing is known.
    fn unknown() -> CascadeAnalysis {
        CascadeAnalysis {
            cascade_type: CascadeType::None,
            root_cause_service: None,
            affected_chain: Vec::new(),
            confidence: 0.0,
            root_cause_anomaly: None,
        }
    }
}

impl CascadeType {
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

    fn slow() -> AnomalyFacts {
        AnomalyFacts {
            name: "latency_high".to_owned(),
            severity: Severity::High,
            has_errors: false,
            is_slow: true,
            has_slow_dependency: true,
            dependency_share: None,
        }
    }

    /// Slow since a minute.
    fn since(minute: i64) -> ServiceFacts {
        with(minute, slow())
    }

    fn with(minute: i64, anomaly: AnomalyFacts) -> ServiceFacts {
        let first_seen_ms = Some(minute * 60_000);
        ServiceFacts { anomaly: Some(anomaly), first_seen_ms, ..ServiceFacts::default() }
    }

    /// `booking` calls `search` and `vms`, `search` calls `catalog`.
    #[track_caller]
    fn check(path: &str, ill: &[(&str, ServiceFacts)], expected: &str) {
        check_with(&CascadeDetection::default(), path, ill, expected);
    }

    #[track_caller]
    fn check_with(
        settings: &CascadeDetection,
        path: &str,
        ill: &[(&str, ServiceFacts)],
        expected: &str,
    ) {
        let ill: BTreeMap<ServiceName, ServiceFacts> =
            ill.iter().map(|(service, it)| (name(service), it.clone())).collect();
        let facts = |service: &ServiceName| {
            let facts = ill.get(service).cloned().unwrap_or_default();
            ServiceFacts { is_observed: service.as_str() != "unknown", ..facts }
        };
        let path: Vec<ServiceName> = path.split_whitespace().map(name).collect();
        let it = analyze(&path, &[name("search"), name("vms")], &facts, settings);
        let root = it.root_cause_service.as_ref().map_or("-", ServiceName::as_str);
        let found = format!("{:?} {root} {:.2}", it.cascade_type, it.confidence);
        assert_eq!(found, expected);
        assert_eq!(it.affected_chain.is_empty(), !it.cascade_type.is_cascade());
    }

    #[test]
    fn the_length_of_the_way_names_the_cascade() {
        let booking = ("booking", since(4));
        let search = ("search", since(2));
        check("booking search", &[booking.clone(), search], "UpstreamCascade search 0.95");
        let all = [booking.clone(), ("search", since(3)), ("catalog", since(2))];
        check("booking search catalog", &all, "ChainDegraded catalog 0.95");
        let gap = [booking.clone(), ("catalog", since(2))];
        check("booking search catalog", &gap, "ChainDegraded catalog 0.80");
        check("booking", &[booking], "DependenciesHealthy - 0.90");
    }

    #[test]
    fn what_is_called_is_healthy_only_if_all_of_it_was_looked_at_and_is_well() {
        let booking = ("booking", since(4));
        check("booking", &[booking.clone(), ("vms", since(2))], "None - 0.00");
        let path = [name("booking")];
        let facts = |service: &ServiceName| ServiceFacts {
            is_observed: service.as_str() != "vms",
            ..ServiceFacts::default()
        };
        let settings = CascadeDetection::default();
        let kind =
            |callees: &[ServiceName]| analyze(&path, callees, &facts, &settings).cascade_type;
        assert_eq!(kind(&[name("search"), name("vms")]), CascadeType::None);
        assert_eq!(kind(&[name("search")]), CascadeType::DependenciesHealthy);
        assert_eq!(kind(&[]), CascadeType::None);
    }

    #[test]
    fn a_cause_must_be_in_time() {
        let late = [("booking", since(0)), ("vms", since(6))];
        check("booking vms", &late, "None - 0.00");
        let any_time =
            CascadeDetection { require_temporal_correlation: false, ..CascadeDetection::default() };
        check_with(&any_time, "booking vms", &late, "UpstreamCascade vms 0.85");
        let wide =
            CascadeDetection { correlation_window_minutes: 6, ..CascadeDetection::default() };
        check_with(&wide, "booking vms", &late, "UpstreamCascade vms 0.85");
        let known = ServiceFacts { known_root: Some(name("vms")), ..since(0) };
        check("booking vms", &[("booking", known), ("vms", since(6))], "UpstreamCascade vms 0.85");
    }

    #[test]
    fn a_root_without_an_anomaly_that_can_be_told_is_a_suspect() {
        let mild = with(0, AnomalyFacts { severity: Severity::Low, ..slow() });
        check("booking vms", &[("booking", since(0)), ("vms", mild)], "None vms 0.30");
        check("booking vms", &[("booking", since(0))], "None vms 0.30");
        let late = ServiceFacts { first_seen_ms: Some(360_000), ..ServiceFacts::default() };
        check("booking vms", &[("booking", since(0)), ("vms", late)], "DependenciesHealthy - 0.90");
    }

    #[test]
    fn slowness_needs_time_spent_below_and_errors_and_load_do_not() {
        let own = AnomalyFacts { has_slow_dependency: false, ..slow() };
        let pair = |own: AnomalyFacts| [("booking", with(4, own)), ("vms", since(2))];
        let share = |share| AnomalyFacts { dependency_share: Some(share), ..own.clone() };
        check("booking vms", &pair(share(0.59)), "None - 0.00");
        check("booking vms", &pair(share(0.6)), "UpstreamCascade vms 0.80");
        let low =
            CascadeDetection { latency_propagation_threshold: 0.5, ..CascadeDetection::default() };
        check_with(&low, "booking vms", &pair(share(0.5)), "UpstreamCascade vms 0.80");
        // Where it is not measured, nothing speaks against it.
        check("booking vms", &pair(own.clone()), "UpstreamCascade vms 0.80");
        let errors = AnomalyFacts { has_errors: true, ..share(0.1) };
        check("booking vms", &pair(errors), "UpstreamCascade vms 0.80");
        let load = AnomalyFacts { is_slow: false, ..share(0.1) };
        check("booking vms", &pair(load), "UpstreamCascade vms 0.80");
        // From above comes load, however slow it makes a service.
        let above = [("booking", with(4, share(0.1))), ("caller", since(2))];
        check("booking caller", &above, "UpstreamCascade caller 0.80");
    }

    #[test]
    fn a_circle_has_no_root() {
        let ill = [("booking", since(0)), ("search", since(0))];
        check("booking search booking", &ill, "None - 0.00");
    }
}
