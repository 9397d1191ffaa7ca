//! Settings of incidents: when they open and end, what is told, and who depends on whom.

use std::collections::{BTreeMap, BTreeSet};

use super::valid::LogLevel;
use crate::Severity;
use crate::service::{Category, ServiceName};

/// `fingerprinting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprinting {
    /// Detections before an incident is confirmed; `auto` is resolved.
    pub confirmation_cycles: u32,
    /// The same for what is judged from single cycles.
    pub confirmation_cycles_single: u32,
    /// Cycles without a detection that end an incident; `None` is [`auto_grace_cycles`].
    pub resolution_grace_cycles: Option<u32>,
    pub separation_minutes: i64,
    pub strict_confirmation: bool,
    pub max_unobserved_hours: i64,
    pub resolution_requires_slo_ok: bool,
    /// How long closed incidents are kept.
    pub retention_hours: i64,
}

/// `dependencies`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dependencies {
    /// Who calls whom.
    pub graph: BTreeMap<ServiceName, BTreeSet<ServiceName>>,
    pub cascades: CascadeDetection,
}

/// `dependencies.cascade_detection`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CascadeDetection {
    pub enabled: bool,
    /// Calls from a service to a cause.
    pub max_depth: usize,
    /// Share of latency spent in dependencies, 0 to 1.
    pub latency_propagation_threshold: f64,
    pub require_temporal_correlation: bool,
    pub correlation_window_minutes: i64,
}

/// `alerting`.
#[derive(Debug, Clone, PartialEq)]
pub struct Alerting {
    pub severity_threshold: Severity,
    pub non_alerting_patterns: BTreeSet<String>,
    pub min_confidence: Option<f64>,
    /// Level at which an incident below the threshold is logged.
    pub below_threshold_log: Option<LogLevel>,
    /// `None`: anomalies of a service are told one by one.
    pub correlation: Option<Correlation>,
    pub false_alarm_budget: FalseAlarmBudget,
    pub repeat_every_cycles: u32,
    /// In the order of the document.
    pub silences: Vec<Silence>,
}

/// `alerting.correlation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correlation {
    /// Seconds between first sights.
    pub window_s: i64,
    pub primary: Primary,
    pub anomalies_min: usize,
}

/// Which of several anomalies stands for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Primary {
    HighestConfidence,
    HighestSeverity,
    NamedPatternFirst,
}

/// False incidents of a service and week that are acceptable.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FalseAlarmBudget {
    pub default: Option<f64>,
    pub by_category: BTreeMap<Category, f64>,
    pub by_service: BTreeMap<ServiceName, f64>,
}

/// A window in which incidents are tracked and not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    pub service: Option<ServiceName>,
    pub pattern: Option<String>,
    /// Inclusive, epoch seconds.
    pub from_s: i64,
    /// Inclusive, epoch seconds.
    pub until_s: i64,
    pub reason: Option<String>,
    pub by: Option<String>,
}

/// Misses that close an incident in cycles of a length, if nothing else is asked for: three, and in
/// long cycles as few as make up six minutes. There single cycles open anomalies, and a calm one
/// says as much.
pub fn auto_grace_cycles(length_s: i64) -> u32 {
    match length_s {
        ..180 => 3,
        180..360 => 2,
        _ => 1,
    }
}

impl Default for Fingerprinting {
    fn default() -> Fingerprinting {
        Fingerprinting {
            confirmation_cycles: 1,
            confirmation_cycles_single: 2,
            resolution_grace_cycles: None,
            separation_minutes: 30,
            strict_confirmation: true,
            max_unobserved_hours: 24,
            resolution_requires_slo_ok: false,
            retention_hours: 72,
        }
    }
}

impl Default for CascadeDetection {
    fn default() -> CascadeDetection {
        CascadeDetection {
            enabled: true,
            max_depth: 5,
            latency_propagation_threshold: 0.6,
            require_temporal_correlation: true,
            correlation_window_minutes: 5,
        }
    }
}

impl Default for Alerting {
    fn default() -> Alerting {
        Alerting {
            severity_threshold: Severity::Low,
            non_alerting_patterns: BTreeSet::from(["request_rate_surge_healthy".to_owned()]),
            min_confidence: None,
            below_threshold_log: Some(LogLevel::Info),
            correlation: None,
            false_alarm_budget: FalseAlarmBudget::default(),
            repeat_every_cycles: 1,
            silences: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_table_of_keys() {
        let config = crate::config::load(None, &|_| None).unwrap().config;
        assert_eq!(config.fingerprinting, Fingerprinting::default());
        assert_eq!(config.dependencies, Dependencies::default());
        assert_eq!(config.alerting, Alerting::default());
    }
}
