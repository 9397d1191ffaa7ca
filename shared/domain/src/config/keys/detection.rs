//! Keys of inference, detection and logging.

use super::Key;
use crate::config::shape::{Form, Shape, at_least_zero, integer, number};

pub(super) const KEYS: &[Key] = &[
    Key::live("inference.max_workers", integer(1, 64), "8")
        .variable("MAX_WORKERS")
        .about("Requests and model reads under way at once."),
    Key::moot("inference.alerts_directory", Shape::Text(Form::NotEmpty), "")
        .variable("ALERTS_DIR")
        .about("Alerts go to receivers; see `stdout.enabled`."),
    Key::moot("inference.inter_service_delay_seconds", number(0.0, 60.0), "0.2")
        .unit("s")
        .about("One query reads a metric of all services; there is nothing to pause between."),
    Key::live("inference.check_drift", Shape::Boolean, "false")
        .about("Whether each cycle compares the last day with what the model learned."),
    Key::live("detection.opening", Shape::Text(Form::Opening), "\"residual\"")
        .about("What opens an anomaly: forests, or residuals around the season."),
    Key::live("detection.gates.requests_min", number(0.0, 1e9), "20")
        .unit("requests")
        .about("Requests in 5 minutes below which latency and errors say nothing."),
    Key::live("detection.gates.error_rate_min", number(0.0, 1.0), "0.001")
        .about("Error rate below which errors are no signal."),
    Key::live("detection.gates.error_rate_ratio_min", number(1.0, 1_000.0), "1.5")
        .unit("times the mean")
        .about("Error rate, against its mean, below which errors are no signal."),
    Key::live("detection.gates.latency_ms_min", number(0.0, 300_000.0), "5")
        .unit("ms")
        .about("Change of latency below which it is no signal."),
    Key::live("detection.gates.latency_ratio_min", number(0.0, 100.0), "0.10")
        .unit("of the median")
        .about("The same as a share; the larger of both counts."),
    Key::live("detection.gates.rate_min", number(0.0, 1e9), "1")
        .unit("req/s")
        .about("Change of traffic below which it is no signal."),
    Key::live("detection.gates.rate_ratio_min", number(0.0, 100.0), "0.15")
        .unit("of the median")
        .about("The same as a share; the larger of both counts."),
    Key::live("detection_thresholds.severity_scores.critical", SCORE, "-0.6")
        .about("Score below which an anomaly without calibration is critical."),
    Key::live("detection_thresholds.severity_scores.high", SCORE, "-0.3")
        .about("The same for high; above critical."),
    Key::live("detection_thresholds.severity_scores.medium", SCORE, "-0.1")
        .about("The same for medium; above high."),
    Key::live("detection_thresholds.validation.max_request_rate", number(1.0, 1e12), "1000000")
        .unit("req/s")
        .about("Larger values are capped, in training and in service."),
    Key::live("detection_thresholds.validation.max_latency_ms", number(1.0, 1e9), "300000")
        .unit("ms")
        .about("Larger values are capped, in training and in service."),
    Key::moot("detection_thresholds.validation.constant_value_threshold", at_least_zero(), "")
        .about("A metric is constant if its spread is below what a number can tell apart."),
    Key::moot("detection_thresholds.error_rates.*", number(0.0, 1.0), "")
        .about("Levels follow from each service's own history, and from objectives."),
    Key::moot("detection_thresholds.latency_ms.*", at_least_zero(), "")
        .unit("ms")
        .about("Levels follow from each service's own history, and from objectives."),
    Key::moot("detection_thresholds.ratios.*", at_least_zero(), "")
        .about("Bottlenecks are named from 0.6 (calls) and 0.7 (database) of the response time, cliffs below half of the usual traffic."),
    Key::moot("detection_thresholds.outlier_percentiles", Shape::Anything, "")
        .about("No rows are left out: estimates are robust."),
    Key::live("logging.level", Shape::Text(Form::LogLevel), "\"info\"")
        .variable("LOG_LEVEL")
        .about("Which log lines are written. Case does not count."),
    Key::moot("logging.format", Shape::Text(Form::Free), "").about("Lines are text on a terminal and JSON in the functions."),
];

const SCORE: Shape = number(-1.0, 0.0);
