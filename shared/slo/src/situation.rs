//! What is known of one service at one instant, as the caller hands it over.

use chrono::{DateTime, Utc};
use domain::{Period, ServiceName, Severity};

/// One service at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Situation<'a> {
    pub service: &'a ServiceName,
    pub at: DateTime<Utc>,
    pub period: Period,
    pub metrics: Metrics,
    /// Seconds that rates are averages over: with them a rate becomes a count. Zero: not known, and
    /// an error rate is taken as it is.
    pub window_s: u32,
    pub baselines: Baselines,
    /// What detection found, in the order in which it is to be reported.
    pub anomalies: &'a [Anomaly],
    /// The detector's severity of the whole; the worst anomaly counts if it is worse.
    pub overall_severity: Option<Severity>,
    /// Failures of the past, for the error budget; empty where nobody counts them.
    pub burn: &'a [BurnWindow],
}

/// Current values; `None` is a metric that was not collected, which is never read as zero.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Metrics {
    pub application_latency_ms: Option<f64>,
    /// A share from 0 to 1.
    pub error_rate: Option<f64>,
    pub request_rate_rps: Option<f64>,
    pub database_latency_ms: Option<f64>,
}

/// What is usual.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Baselines {
    pub request_rate_rps: Baseline,
    pub database_latency_ms: Baseline,
}

/// What is usual for one metric: of this hour of the week if that is known, else of the period.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Baseline {
    pub hour_of_week: Option<f64>,
    pub period_mean: Option<f64>,
}

/// One anomaly that detection found.
#[derive(Debug, Clone, PartialEq)]
pub struct Anomaly {
    pub name: String,
    /// Metric that decides what the anomaly is about; the name is read only if it is missing.
    pub root_metric: Option<String>,
    /// Value of the root metric; `None` if it is one of [`Metrics`] or was not collected.
    pub value: Option<f64>,
    /// The detector's.
    pub severity: Severity,
    /// Its pattern fixes the severity: it may be lowered, never raised.
    pub is_locked: bool,
}

/// Failures in the time up to now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurnWindow {
    pub length_s: u32,
    /// Failures over requests, from 0 to 1.
    pub error_share: f64,
    pub requests: f64,
}

/// Names of the service's own latency, in the order in which they are looked for.
const LATENCY_NAMES: [&str; 3] = ["server_latency_avg", "application_latency", "latency_avg"];
/// The same of the latency of its database.
pub(crate) const DATABASE_LATENCY_NAMES: [&str; 3] =
    ["database_latency", "db_latency_avg", "database_latency_avg"];
const ERROR_RATE_NAMES: [&str; 1] = ["error_rate"];
const REQUEST_RATE_NAMES: [&str; 1] = ["request_rate"];

/// Every name of what an objective calls `metric`; none of a metric without an objective.
pub fn names_of(metric: &str) -> &'static [&'static str] {
    match metric {
        "application_latency" => &LATENCY_NAMES,
        "error_rate" => &ERROR_RATE_NAMES,
        "request_rate" => &REQUEST_RATE_NAMES,
        "database_latency" => &DATABASE_LATENCY_NAMES,
        _ => &[],
    }
}

/// The first of several names that has a value other than zero, else one that has any.
pub fn first_of(names: &[&str], value: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let values = || names.iter().filter_map(|name| value(name));
    values().find(|value| *value != 0.0).or_else(|| values().next())
}

impl Metrics {
    /// Metrics under any of their names.
    pub fn named(value: impl Fn(&str) -> Option<f64>) -> Metrics {
        let find = |metric: &str| first_of(names_of(metric), &value);
        Metrics {
            application_latency_ms: find("application_latency"),
            error_rate: find("error_rate"),
            request_rate_rps: find("request_rate"),
            database_latency_ms: find("database_latency"),
        }
    }

    /// The same with everything that is not a number taken as not collected.
    pub(crate) fn finite(self) -> Metrics {
        let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
        Metrics {
            application_latency_ms: finite(self.application_latency_ms),
            error_rate: finite(self.error_rate),
            request_rate_rps: finite(self.request_rate_rps),
            database_latency_ms: finite(self.database_latency_ms),
        }
    }
}

impl Baseline {
    /// A baseline of which only the mean of the period is known.
    pub fn of_period(mean: Option<f64>) -> Baseline {
        Baseline { hour_of_week: None, period_mean: mean }
    }

    /// The best that is known, if it is a positive number.
    pub fn value(self) -> Option<f64> {
        let known = |value: &f64| value.is_finite() && *value > 0.0;
        self.hour_of_week.filter(known).or(self.period_mean.filter(known))
    }
}

impl Anomaly {
    /// An anomaly with its root metric and severity; nothing else known.
    pub fn new(name: &str, root_metric: Option<&str>, severity: Severity) -> Anomaly {
        Anomaly {
            name: name.to_owned(),
            root_metric: root_metric.map(str::to_owned),
            value: None,
            severity,
            is_locked: false,
        }
    }
}
