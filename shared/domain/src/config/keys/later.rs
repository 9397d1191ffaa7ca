//! Keys of sections that a later version will use: incidents, dependencies, storage.

use super::Key;
use crate::config::shape::{Form, Shape, integer, number};

const TEXT: Shape = Shape::Text(Form::NotEmpty);
const URL: Shape = Shape::Text(Form::HttpUrl);
const SERVICE_NAMES: Shape = Shape::List(&Shape::Text(Form::Service));
const SEVERITIES: Shape = Shape::Word(&["low", "medium", "high", "critical"]);

pub(super) const KEYS: &[Key] = &[
    Key::later("fingerprinting.db_path", TEXT, "")
        .variable("FINGERPRINT_DB")
        .about("Where incidents are kept."),
    Key::later(
        "fingerprinting.confirmation_cycles",
        Shape::IntegerOr { word: "auto", min: 1, max: 10 },
        "\"auto\"",
    )
    .about("Detections before an alert."),
    Key::later("fingerprinting.resolution_grace_cycles", integer(1, 10), "3")
        .about("Quiet cycles before an incident closes."),
    Key::later("fingerprinting.incident_separation_minutes", integer(5, 1_440), "30")
        .unit("min")
        .about("Gap after which a detection is a new incident."),
    Key::later("fingerprinting.cleanup_max_age_hours", integer(1, 720), "72")
        .unit("h")
        .about("How long closed incidents are kept."),
    Key::later("fingerprinting.strict_confirmation", Shape::Boolean, "true")
        .about("Whether detections must follow each other."),
    Key::later("fingerprinting.max_unobserved_hours", integer(1, 168), "24")
        .unit("h")
        .about("How long an incident without data stays open."),
    Key::later("dependencies.graph.*", SERVICE_NAMES, "").about("Services that a service calls."),
    Key::later("dependencies.cascade_detection.enabled", Shape::Boolean, "true")
        .about("Whether causes are looked for among dependencies."),
    Key::later("dependencies.cascade_detection.max_depth", integer(1, 20), "5")
        .about("How far causes are looked for."),
    Key::later(
        "dependencies.cascade_detection.latency_propagation_threshold",
        number(0.0, 1.0),
        "0.6",
    )
    .about("Share of latency spent in dependencies that makes them a cause."),
    Key::later(
        "dependencies.cascade_detection.require_temporal_correlation",
        Shape::Boolean,
        "true",
    )
    .about("Whether a cause must come first."),
    Key::later("dependencies.cascade_detection.correlation_window_minutes", integer(1, 60), "5")
        .unit("min")
        .about("How far apart cause and effect may start."),
    Key::later("alerting.severity_threshold", SEVERITIES, "\"low\"")
        .about("Severity from which anomalies are sent."),
    Key::later("alerting.log_below_threshold", Shape::Boolean, "true")
        .about("Whether milder ones are logged."),
    Key::later("alerting.below_threshold_log_level", Shape::Text(Form::LogLevel), "\"info\"")
        .about("Level of these log lines."),
    Key::later("alerting.non_alerting_patterns", Shape::List(&TEXT), "")
        .about("Patterns that are logged and never sent."),
    Key::later("alerting.correlation.enabled", Shape::Boolean, "false")
        .about("Whether anomalies of a cycle are grouped."),
    Key::later("alerting.correlation.window_seconds", integer(1, 86_400), "300")
        .unit("s")
        .about("Span of a group."),
    Key::later("alerting.correlation.primary_selection", TEXT, "\"highest_confidence\"")
        .about("Which anomaly stands for its group."),
    Key::later("alerting.correlation.min_anomalies_to_correlate", integer(2, 1_000), "2")
        .about("Least size of a group."),
    Key::later("alerting.silences[].service", TEXT, "").about("Service that is silenced."),
    Key::later("alerting.silences[].pattern", TEXT, "").about("Pattern that is silenced."),
    Key::later("alerting.silences[].from", Shape::Text(Form::Moment), "").about("Start."),
    Key::later("alerting.silences[].until", Shape::Text(Form::Moment), "").about("End."),
    Key::later("alerting.silences[].reason", Shape::Text(Form::Free), "").about("Why."),
    Key::later("alerting.silences[].by", Shape::Text(Form::Free), "").about("Who."),
    Key::later("alerting.false_alarm_budget", number(0.0, 1_000.0), "")
        .about("False alarms that are acceptable."),
    Key::later("alerting.min_confidence", number(0.0, 1.0), "")
        .about("Confidence from which anomalies are sent."),
    Key::later("envoy_enrichment.enabled", Shape::Boolean, "false")
        .about("Whether alerts carry proxy metrics."),
    Key::later("envoy_enrichment.mimir_endpoint", URL, "").about("Where proxy metrics come from."),
    Key::later("envoy_enrichment.lookback_minutes", integer(1, 60), "5")
        .unit("min")
        .about("How far back they are read."),
    Key::later("envoy_enrichment.timeout_seconds", integer(1, 60), "10")
        .unit("s")
        .about("Patience for one request."),
    Key::later("envoy_enrichment.cluster_mapping.*", TEXT, "")
        .about("The proxy's name for a service."),
    Key::later("storage", Shape::Object, "").about("Tables, prefixes and how long data is kept."),
    Key::later("metrics_cache", Shape::Object, "").about("A local copy of metrics."),
    Key::later("dashboard", Shape::Object, "").about("The dashboard's access rules."),
    Key::later("limits", Shape::Object, "").about("Bounds that may be changed."),
];
