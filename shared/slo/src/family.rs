//! Which objective an anomaly is about.

use crate::situation::{Anomaly, DATABASE_LATENCY_NAMES};

/// What an anomaly is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    DatabaseLatency,
    Latency,
    ErrorRate,
    RequestRate,
    Other,
}

/// By the root metric; by the name only where there is none.
pub(crate) fn of(anomaly: &Anomaly) -> Family {
    match anomaly.root_metric.as_deref() {
        Some(metric) => of_metric(metric),
        None => of_name(&anomaly.name),
    }
}

fn of_metric(metric: &str) -> Family {
    match metric {
        "error_rate" => Family::ErrorRate,
        "request_rate" => Family::RequestRate,
        metric if DATABASE_LATENCY_NAMES.contains(&metric) => Family::DatabaseLatency,
        metric if metric.contains("latency") => Family::Latency,
        _ => Family::Other,
    }
}

fn of_name(name: &str) -> Family {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if has(&["database", "db_"]) {
        Family::DatabaseLatency
    } else if has(&["latency"]) {
        Family::Latency
    } else if has(&["error"]) {
        Family::ErrorRate
    } else if has(&["traffic", "surge", "cliff", "request_rate"]) {
        Family::RequestRate
    } else {
        Family::Other
    }
}

impl Family {
    /// The word for counters.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::DatabaseLatency => "database_latency",
            Family::Latency => "latency",
            Family::ErrorRate => "error_rate",
            Family::RequestRate => "request_rate",
            Family::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Severity;

    use super::*;

    #[test]
    fn the_root_metric_decides_and_the_name_only_without_one() {
        let of = |name: &str, root: Option<&str>| of(&Anomaly::new(name, root, Severity::Low));
        assert_eq!(of("latency_degradation", Some("application_latency")), Family::Latency);
        assert_eq!(of("database_slow", Some("dependency_latency")), Family::Latency);
        assert_eq!(of("anything", Some("db_latency_avg")), Family::DatabaseLatency);
        assert_eq!(of("error_rate_high", Some("queue_depth")), Family::Other);
        assert_eq!(of("latency_degradation", None), Family::Latency);
        assert_eq!(of("database_latency_degraded", None), Family::DatabaseLatency);
        assert_eq!(of("error_rate_high", None), Family::ErrorRate);
        assert_eq!(of("traffic_cliff", None), Family::RequestRate);
        assert_eq!(of("multivariate", None), Family::Other);
    }
}
