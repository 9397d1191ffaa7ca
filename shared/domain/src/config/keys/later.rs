//! Keys of sections that a later version will use: storage, dashboard, enrichment.

use super::Key;
use crate::config::shape::{Form, Shape, integer};

const TEXT: Shape = Shape::Text(Form::NotEmpty);
const URL: Shape = Shape::Text(Form::HttpUrl);

pub(super) const KEYS: &[Key] = &[
    Key::later("alerting.log_below_threshold", Shape::Boolean, "true")
        .about("Whether milder ones are logged."),
    Key::later("alerting.below_threshold_log_level", Shape::Text(Form::LogLevel), "\"info\"")
        .about("Level of these log lines."),
    Key::later("alerting.correlation.enabled", Shape::Boolean, "false")
        .about("Whether anomalies of a cycle are grouped."),
    Key::later("alerting.correlation.window_seconds", integer(1, 86_400), "300")
        .unit("s")
        .about("Span of a group."),
    Key::later("alerting.correlation.primary_selection", TEXT, "\"highest_confidence\"")
        .about("Which anomaly stands for its group."),
    Key::later("alerting.correlation.min_anomalies_to_correlate", integer(2, 1_000), "2")
        .about("Least size of a group."),
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
