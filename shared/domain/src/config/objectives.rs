//! `slos`: what a service owes its callers, after all checks.
//!
//! Thresholds are whole: what a service does not set is inherited from the defaults member by
//! member, so whoever judges never has to ask twice.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::period::Period;
use crate::service::ServiceName;

/// `slos`: switches, busy periods, thresholds.
#[derive(Debug, Clone, PartialEq)]
pub struct SloSettings {
    /// An anomaly within limits becomes low; otherwise it keeps its severity.
    pub allow_downgrade_to_informational: bool,
    /// Critical needs a broken objective.
    pub require_slo_breach_for_critical: bool,
    /// A fall of traffic sets a lower bound of the severity.
    pub request_rate_affects_severity: bool,
    /// What a database that is `high` does to the service's status.
    pub database_high_maps_to: DatabaseHigh,
    /// How far below a limit a value must fall, as a share of it, before an incident becomes milder
    /// or ends.
    pub hysteresis: f64,
    pub busy_periods: Vec<BusyPeriod>,
    pub defaults: Thresholds,
    /// Services with at least one threshold of their own.
    pub services: BTreeMap<ServiceName, ServiceObjectives>,
}

/// How much a database latency of the level `high` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseHigh {
    Breached,
    Warning,
}

/// A span of time with more traffic than usual, inclusive at both ends, epoch seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusyPeriod {
    pub start_s: i64,
    pub end_s: i64,
}

/// The thresholds of one service, and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceObjectives {
    pub thresholds: Thresholds,
    /// Names of the keys that the service sets itself.
    pub own: BTreeSet<&'static str>,
    /// Names of inherited keys that did not fit between the service's own and were moved.
    pub repaired: BTreeSet<&'static str>,
}

/// Everything that one service is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    pub latency_ms: Ladder,
    /// Shares from 0 to 1.
    pub error_rate: Ladder,
    /// An error anomaly below it is dropped; 0 means: below the acceptable rate.
    pub error_rate_floor: f64,
    pub min_traffic_rps: f64,
    /// Multiplies limits in busy periods, at least 1.
    pub busy_period_factor: f64,
    pub database_latency_floor_ms: f64,
    pub database_ratios: DatabaseRatios,
    pub request_rate: RequestRateObjectives,
    /// The share of requests that must succeed over 30 days; `None` means no error budget.
    pub error_budget_objective: Option<f64>,
}

/// Three limits, `acceptable < warning < critical`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ladder {
    pub acceptable: f64,
    pub warning: f64,
    pub critical: f64,
}

/// Database latency over its usual mean, strictly increasing, at least 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatabaseRatios {
    pub info: f64,
    pub warning: f64,
    pub high: f64,
    pub critical: f64,
}

/// `request_rate_evaluation`.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestRateObjectives {
    pub enabled: bool,
    pub surge: Surge,
    pub cliff: Cliff,
    /// By [`Period::index`], requests per second.
    pub min_expected_rps: [f64; 5],
}

/// More traffic than usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surge {
    /// Percent of the usual rate, over 100.
    pub threshold_percent: f64,
    pub standalone: TrafficSeverity,
    pub with_latency_breach: TrafficSeverity,
    pub with_error_breach: TrafficSeverity,
}

/// Less traffic than usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cliff {
    /// Percent of the usual rate, between 0 and 100.
    pub threshold_percent: f64,
    pub standalone: TrafficSeverity,
    pub peak_hours: TrafficSeverity,
    pub with_upstream_errors: TrafficSeverity,
}

/// How much a change of traffic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrafficSeverity {
    Informational,
    Warning,
    High,
    Critical,
}

/// Where a threshold of a service comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The service's own key.
    Service,
    /// Inherited, then moved between the service's own limits.
    Repaired,
    /// `slos.defaults`, or what is built in.
    Defaults,
}

impl SloSettings {
    /// The thresholds of a service outside of busy periods.
    pub fn thresholds_of(&self, service: &ServiceName) -> &Thresholds {
        self.services.get(service).map_or(&self.defaults, |own| &own.thresholds)
    }

    /// Where the threshold `key` (its path below `slos.defaults`) of a service comes from.
    pub fn origin_of(&self, service: &ServiceName, key: &str) -> Origin {
        match self.services.get(service) {
            Some(own) if own.own.contains(key) => Origin::Service,
            Some(own) if own.repaired.contains(key) => Origin::Repaired,
            _ => Origin::Defaults,
        }
    }

    /// The busy period that `at` lies in, if there is one; the first wins.
    pub fn busy_period_at(&self, at: DateTime<Utc>) -> Option<&BusyPeriod> {
        let now_s = at.timestamp();
        self.busy_periods.iter().find(|busy| (busy.start_s..=busy.end_s).contains(&now_s))
    }

    /// Whether `at` lies in a busy period.
    pub fn is_busy(&self, at: DateTime<Utc>) -> bool {
        self.busy_period_at(at).is_some()
    }
}

impl RequestRateObjectives {
    /// The least traffic expected in a period, requests per second.
    pub fn min_expected_rps(&self, period: Period) -> f64 {
        self.min_expected_rps[period.index()]
    }
}

impl Ladder {
    /// Whether `acceptable < warning < critical`.
    pub fn is_ascending(&self) -> bool {
        self.acceptable < self.warning && self.warning < self.critical
    }
}

impl TrafficSeverity {
    /// The word in the configuration and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            TrafficSeverity::Informational => "informational",
            TrafficSeverity::Warning => "warning",
            TrafficSeverity::High => "high",
            TrafficSeverity::Critical => "critical",
        }
    }
}
