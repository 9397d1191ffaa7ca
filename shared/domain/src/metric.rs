//! What a metric is: its kind, its unit, which direction is bad, whether zero is normal.
//!
//! Metric definitions are data. The five of [`MetricSet::five`] are the default; any other set of
//! up to 64 works from configuration alone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::limits::{METRIC_NAME_CHARS_MAX, METRICS_PER_SERVICE_MAX};

/// How a metric's numbers behave, which decides its transform and its plausible range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// Events per second, not negative.
    Rate,
    /// Milliseconds, not negative, undefined without traffic.
    Latency,
    /// A share between 0 and 1.
    Ratio,
    /// Anything else.
    Gauge,
}

/// Which side of normal hurts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BadDirection {
    Up,
    Down,
    Both,
}

/// One metric: what it is called, what it means, and the query that reads it for all services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricDefinition {
    pub name: String,
    pub kind: MetricKind,
    /// For people: `req/s`, `ms`, `share`.
    pub unit: String,
    pub bad_direction: BadDirection,
    /// A long run of zeros is how this metric looks when nothing is wrong.
    pub zero_is_normal: bool,
    /// Expression that yields one series per `service_name`; `$window` is the rate window.
    pub query: String,
}

/// The metrics of an installation, in the order that vectors and reports use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricSet(Vec<MetricDefinition>);

/// Why a list of metrics is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricSetError {
    #[error("the list of metrics is empty; leave it out to use the default five")]
    Empty,
    #[error("{0} metrics are listed; at most {METRICS_PER_SERVICE_MAX} are allowed")]
    TooMany(usize),
    #[error(
        "the metric name {0:?} is not usable: 1 to {METRIC_NAME_CHARS_MAX} characters, no control characters"
    )]
    BadName(String),
    #[error("the metric {0} is listed twice")]
    Twice(String),
}

/// Where the five default metrics come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricPreset {
    /// Span metrics alone.
    Spans,
    /// Request rate from the recording rule `http_requests:count:rate_5m`, the rest from span
    /// metrics; meant for windows of 5 minutes.
    Seed,
}

/// Status codes that count as errors unless the configuration says otherwise.
pub const ERROR_STATUS_REGEX: &str = "5..";

/// Names that older installations use for a metric of the default five.
const ALIASES: [(&str, &str); 4] = [
    ("client_latency", "dependency_latency"),
    ("server_latency_avg", "application_latency"),
    ("db_latency_avg", "database_latency"),
    ("database_latency_avg", "database_latency"),
];

impl MetricSet {
    /// Checks a list of definitions.
    pub fn new(metrics: Vec<MetricDefinition>) -> Result<MetricSet, MetricSetError> {
        if metrics.is_empty() {
            return Err(MetricSetError::Empty);
        }
        if metrics.len() > METRICS_PER_SERVICE_MAX {
            return Err(MetricSetError::TooMany(metrics.len()));
        }
        for (index, metric) in metrics.iter().enumerate() {
            let name = &metric.name;
            let chars = name.chars().count();
            if chars == 0 || chars > METRIC_NAME_CHARS_MAX || name.chars().any(char::is_control) {
                return Err(MetricSetError::BadName(name.clone()));
            }
            if metrics[..index].iter().any(|earlier| earlier.name == *name) {
                return Err(MetricSetError::Twice(name.clone()));
            }
        }
        Ok(MetricSet(metrics))
    }

    /// Request rate, three latencies and error rate, read from OpenTelemetry span metrics.
    pub fn five() -> MetricSet {
        MetricSet::preset(MetricPreset::Spans, ERROR_STATUS_REGEX)
    }

    /// The five of a preset; spans whose status code matches `error_status_regex` are errors.
    pub fn preset(preset: MetricPreset, error_status_regex: &str) -> MetricSet {
        MetricSet(vec![
            traffic(preset),
            latency("application_latency", "span_kind=\"SPAN_KIND_SERVER\"", BadDirection::Both),
            latency("dependency_latency", DEPENDENCY_SPANS, BadDirection::Up),
            database_latency(),
            error_rate(error_status_regex),
        ])
    }

    /// The definitions in order.
    pub fn iter(&self) -> std::slice::Iter<'_, MetricDefinition> {
        self.0.iter()
    }

    /// How many metrics there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: a set holds at least one metric.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The definition at `index`.
    pub fn get(&self, index: usize) -> Option<&MetricDefinition> {
        self.0.get(index)
    }

    /// The position of the metric with this name or alias.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        let exact = self.0.iter().position(|metric| metric.name == name);
        exact.or_else(|| {
            let (_, canonical) = ALIASES.iter().find(|(alias, _)| *alias == name)?;
            self.0.iter().position(|metric| metric.name == *canonical)
        })
    }

    /// The position of the traffic metric: `request_rate`, if it is among them.
    pub fn traffic_index(&self) -> Option<usize> {
        self.0.iter().position(|m| m.name == "request_rate" && m.kind == MetricKind::Rate)
    }
}

impl MetricDefinition {
    /// A definition for a metric of which only the name is known.
    pub fn guess(name: &str) -> MetricDefinition {
        if let Some(known) = MetricSet::five().0.into_iter().find(|metric| metric.name == name) {
            return known;
        }
        let kind = if name.contains("latency") {
            MetricKind::Latency
        } else if name == "error_rate" {
            MetricKind::Ratio
        } else {
            MetricKind::Gauge
        };
        MetricDefinition::of_kind(name, kind)
    }

    /// A definition with what is natural for a kind.
    pub fn of_kind(name: &str, kind: MetricKind) -> MetricDefinition {
        let (unit, bad_direction) = match kind {
            MetricKind::Rate => ("req/s", BadDirection::Both),
            MetricKind::Latency => ("ms", BadDirection::Up),
            MetricKind::Ratio => ("share", BadDirection::Up),
            MetricKind::Gauge => ("", BadDirection::Both),
        };
        MetricDefinition {
            name: name.to_owned(),
            kind,
            unit: unit.to_owned(),
            bad_direction,
            zero_is_normal: kind == MetricKind::Ratio,
            query: format!("avg({name}) by (service_name)"),
        }
    }

    /// An improvement is never an anomaly: true where only a rise hurts.
    pub fn lower_is_better(&self) -> bool {
        self.bad_direction == BadDirection::Up
    }
}

const PRODUCTION: &str = "deployment_environment_name=~\"production\"";
const DEPENDENCY_SPANS: &str =
    "span_kind=\"SPAN_KIND_CLIENT\", db_system=\"\", db_system_name=\"\"";

fn traffic(preset: MetricPreset) -> MetricDefinition {
    MetricDefinition {
        name: "request_rate".to_owned(),
        kind: MetricKind::Rate,
        unit: "req/s".to_owned(),
        bad_direction: BadDirection::Both,
        zero_is_normal: false,
        query: match preset {
            MetricPreset::Spans => rate_sum("count", "span_kind=\"SPAN_KIND_SERVER\""),
            MetricPreset::Seed => "sum(http_requests:count:rate_5m) by (service_name)".to_owned(),
        },
    }
}

fn latency(name: &str, spans: &str, bad_direction: BadDirection) -> MetricDefinition {
    MetricDefinition {
        name: name.to_owned(),
        kind: MetricKind::Latency,
        unit: "ms".to_owned(),
        bad_direction,
        zero_is_normal: bad_direction == BadDirection::Up,
        query: format!("{} / {}", rate_sum("sum", spans), rate_sum("count", spans)),
    }
}

/// Database spans carry the system's name under a current or a legacy label.
fn database_latency() -> MetricDefinition {
    let spans = |label: &str| format!("span_kind=\"SPAN_KIND_CLIENT\", {label}!=\"\"");
    let current = latency("database_latency", &spans("db_system_name"), BadDirection::Up);
    let legacy = latency("database_latency", &spans("db_system"), BadDirection::Up);
    MetricDefinition { query: format!("({}) or ({})", current.query, legacy.query), ..current }
}

fn error_rate(status_regex: &str) -> MetricDefinition {
    let server = "span_kind=\"SPAN_KIND_SERVER\"";
    // `Debug` quotes a text the way the query language does.
    let failed = format!("{server}, http_response_status_code=~{status_regex:?}");
    // A service without one failure has no failed series: zero, not missing.
    let failed_or_zero =
        format!("({} or 0 * {})", rate_sum("count", &failed), rate_sum("count", server));
    MetricDefinition {
        name: "error_rate".to_owned(),
        kind: MetricKind::Ratio,
        unit: "share".to_owned(),
        bad_direction: BadDirection::Up,
        zero_is_normal: true,
        query: format!("{failed_or_zero} / {}", rate_sum("count", server)),
    }
}

fn rate_sum(part: &str, spans: &str) -> String {
    format!(
        "sum(rate(duration_milliseconds_{part}{{{spans}, {PRODUCTION}}}[$window])) by (service_name)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_set_is_the_five_in_canonical_order() {
        let names: Vec<_> = MetricSet::five().iter().map(|m| m.name.clone()).collect();
        assert_eq!(
            names,
            [
                "request_rate",
                "application_latency",
                "dependency_latency",
                "database_latency",
                "error_rate"
            ]
        );
        assert_eq!(MetricSet::five().index_of("client_latency"), Some(2));
        assert_eq!(MetricSet::five().traffic_index(), Some(0));
        assert_eq!(MetricSet::five().index_of("cpu"), None);
    }

    #[test]
    fn kinds_are_guessed_by_name_only() {
        assert_eq!(MetricDefinition::guess("p95_latency").kind, MetricKind::Latency);
        assert_eq!(MetricDefinition::guess("error_rate").kind, MetricKind::Ratio);
        assert_eq!(MetricDefinition::guess("queue_depth").kind, MetricKind::Gauge);
        assert_eq!(MetricDefinition::guess("queue_depth").bad_direction, BadDirection::Both);
    }

    #[test]
    fn presets_differ_in_traffic_and_in_what_an_error_is() {
        let seed = MetricSet::preset(MetricPreset::Seed, "5..|");
        assert_eq!(seed.0[0].query, "sum(http_requests:count:rate_5m) by (service_name)");
        assert!(seed.0[4].query.contains("http_response_status_code=~\"5..|\""));
        let spans = MetricSet::five();
        assert_eq!(seed.0[1..4], spans.0[1..4]);
        assert!(spans.0[4].query.contains("http_response_status_code=~\"5..\""));
        let quoted = MetricSet::preset(MetricPreset::Spans, "5\\d\"");
        assert!(quoted.0[4].query.contains(r#"=~"5\\d\"""#), "{}", quoted.0[4].query);
    }

    #[test]
    fn unusable_lists_are_refused() {
        let guess = MetricDefinition::guess;
        assert_eq!(MetricSet::new(vec![]), Err(MetricSetError::Empty));
        assert_eq!(
            MetricSet::new(vec![guess("a"), guess("a")]),
            Err(MetricSetError::Twice("a".to_owned()))
        );
        let many = (0..65).map(|i| guess(&format!("m{i}"))).collect();
        assert_eq!(MetricSet::new(many), Err(MetricSetError::TooMany(65)));
    }
}
