//! Keys of the metric source and of the metrics themselves.

use super::Key;
use crate::config::shape::{Form, Shape, integer, number};

pub(super) const KEYS: &[Key] = &[
    Key::live("config_version", integer(1, 1), "1")
        .about("Version of the document's format; documents of another version are refused."),
    Key::live("victoria_metrics.endpoint", Shape::Text(Form::MetricsEndpoint), "")
        .variable("VM_ENDPOINT")
        .about("Where metrics come from: a server or a recording. There is no default."),
    Key::live("victoria_metrics.timeout_seconds", integer(1, 120), "10")
        .unit("s")
        .variable("VM_TIMEOUT")
        .range_code("VM002")
        .about("Patience for one request."),
    Key::live("victoria_metrics.max_retries", integer(1, 10), "3")
        .variable("VM_MAX_RETRIES")
        .about("Attempts for one request, the first one included."),
    Key::live("victoria_metrics.retry_backoff_factor", number(0.0, 10.0), "0.3")
        .unit("s")
        .about("Pause before the second attempt; it doubles with each further one."),
    Key::live(
        "victoria_metrics.retry_status_forcelist",
        Shape::List(&integer(100, 599)),
        "[429, 500, 502, 503, 504]",
    )
    .about("Status codes after which a request is tried again."),
    Key::live("victoria_metrics.circuit_breaker_threshold", integer(1, 100), "5")
        .about("Requests that may fail in one run before the rest is not tried any more."),
    Key::live("victoria_metrics.lag_seconds", integer(0, 600), "30")
        .unit("s")
        .about("How long the server holds back its newest samples; a cycle looks that far back."),
    Key::live("victoria_metrics.rate_window", Shape::Text(Form::Duration), "\"2m\"")
        .about("Replaces `$window` in queries. With the preset `seed` the default is `\"5m\"`."),
    Key::live("victoria_metrics.chunk_days", integer(1, 30), "7")
        .unit("days")
        .about("Length of one range request of a training run."),
    Key::live("victoria_metrics.health_latency_ms", integer(100, 120_000), "5000")
        .unit("ms")
        .about("A health check slower than this counts as failed, and the cycle is skipped."),
    Key::moot("victoria_metrics.pool_connections", integer(1, 200), "20")
        .about("Connections are kept open as they are needed."),
    Key::moot("victoria_metrics.pool_maxsize", integer(1, 200), "20")
        .about("Connections are opened as they are needed; see `inference.max_workers`."),
    Key::moot("victoria_metrics.circuit_breaker_timeout_seconds", integer(5, 3_600), "300")
        .unit("s")
        .about("A source that failed is asked again by the next cycle."),
    Key::live("metrics_preset", Shape::Word(&["spans", "seed"]), "\"spans\"").about(
        "Queries of the five default metrics: from span metrics, or request rate from the \
         recording rule `http_requests:count:rate_5m` and windows of 5 minutes.",
    ),
    Key::live("error_status_regex", Shape::Text(Form::Regex), "\"5..\"").about(
        "Status codes that count as errors. `5..|` also counts spans without a status code.",
    ),
    Key::live("metrics[].name", Shape::Text(Form::NotEmpty), "")
        .required()
        .about("Name of the metric. The list replaces the five defaults; at most 64."),
    Key::live("metrics[].kind", Shape::Word(&["rate", "latency", "ratio", "gauge"]), "")
        .about("How its numbers behave. Default: by the name."),
    Key::live("metrics[].unit", Shape::Text(Form::Free), "")
        .about("Unit, for people. Default: by the name or kind."),
    Key::live("metrics[].bad_direction", Shape::Word(&["up", "down", "both"]), "")
        .about("Which side of normal hurts. Default: by the name or kind."),
    Key::live("metrics[].zero_is_normal", Shape::Boolean, "")
        .about("Whether a long run of zeros is healthy. Default: by the name or kind."),
    Key::live("metrics[].query", Shape::Text(Form::NotEmpty), "").about(
        "Query with one series per `service_name`. Default: the preset's, or \
         `avg(name) by (service_name)`.",
    ),
];
