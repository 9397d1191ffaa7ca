//! Keys of incidents: when they open and end, what is told, and who depends on whom.

use super::Key;
use crate::config::shape::{Form, Shape, integer, number};

const PATTERNS: Shape = Shape::List(&Shape::Text(Form::NotEmpty));
const SERVICE_NAMES: Shape = Shape::List(&Shape::Text(Form::Service));
const BUDGETS: Shape = number(0.01, 1_000.0);
const SELECTIONS: Shape =
    Shape::Word(&["highest_confidence", "highest_severity", "named_pattern_first"]);
const SEVERITIES: Shape = Shape::Word(&["low", "medium", "high", "critical"]);

pub(super) const KEYS: &[Key] = &[
    Key::live("fingerprinting.db_path", Shape::Text(Form::State), "")
        .variable("FINGERPRINT_DB")
        .about(
            "Where incidents are kept: a file of this machine, with one owner at a time, or a \
             table of DynamoDB. The functions work on a table only. Not set: nothing is kept, \
             and nobody is told.",
        ),
    Key::live(
        "fingerprinting.confirmation_cycles",
        Shape::IntegerOr { word: "auto", min: 1, max: 10 },
        "\"auto\"",
    )
    .about(
        "Detections before an incident is confirmed and told. `auto`: 1 where residual evidence \
         opens anomalies, which has persistence of its own, and 2 where forests do.",
    ),
    Key::live(
        "fingerprinting.resolution_grace_cycles",
        Shape::IntegerOr { word: "auto", min: 1, max: 10 },
        "\"auto\"",
    )
    .about(
        "Cycles without a detection that close an incident. `auto`: 3, and where the metrics' step \
         makes cycles longer than two minutes as few as make up six minutes, at least 1.",
    ),
    Key::live("fingerprinting.incident_separation_minutes", integer(5, 1_440), "30")
        .unit("min")
        .about(
            "A longer gap between detections makes a new incident; within it, a closed one is \
             opened again. At least three cycles.",
        ),
    Key::live("fingerprinting.cleanup_max_age_hours", integer(1, 720), "72")
        .unit("h")
        .about("How long closed incidents are kept."),
    Key::live("fingerprinting.strict_confirmation", Shape::Boolean, "true")
        .about("Whether the detections that confirm must follow each other without a gap."),
    Key::live("fingerprinting.max_unobserved_hours", integer(1, 168), "24")
        .unit("h")
        .about("An incident of a service that nothing is known of is closed after this time."),
    Key::live("fingerprinting.resolution_requires_slo_ok", Shape::Boolean, "false")
        .about("Whether a confirmed incident stays open while its metric breaks its objective."),
    Key::live("dependencies.graph.*", SERVICE_NAMES, "").about("Services that a service calls."),
    Key::live("dependencies.cascade_detection.enabled", Shape::Boolean, "true")
        .about("Whether causes are looked for among dependencies, and incidents listed there."),
    Key::live("dependencies.cascade_detection.max_depth", integer(1, 20), "5")
        .about("Calls from a service to a cause, at most."),
    Key::live(
        "dependencies.cascade_detection.latency_propagation_threshold",
        number(0.0, 1.0),
        "0.6",
    )
    .about("Share of latency spent in dependencies that makes a slow one a cause."),
    Key::live(
        "dependencies.cascade_detection.require_temporal_correlation",
        Shape::Boolean,
        "true",
    )
    .about("Whether a cause must not start later than its effect."),
    Key::live("dependencies.cascade_detection.correlation_window_minutes", integer(1, 60), "5")
        .unit("min")
        .about("How much later it may start all the same."),
    Key::live("alerting.severity_threshold", SEVERITIES, "\"low\"")
        .about("Severity from which incidents are told."),
    Key::live("alerting.non_alerting_patterns", PATTERNS, "[\"request_rate_surge_healthy\"]")
        .about("Patterns that are tracked and never told."),
    Key::live("alerting.min_confidence", number(0.0, 1.0), "")
        .about("Confidence from which incidents are told; otherwise any."),
    Key::live("alerting.log_below_threshold", Shape::Boolean, "true").about(
        "Whether an incident is logged that severity, pattern or confidence keep from being told.",
    ),
    Key::live("alerting.below_threshold_log_level", Shape::Text(Form::LogLevel), "\"info\"")
        .about("Level of these log lines."),
    Key::live("alerting.correlation.enabled", Shape::Boolean, "false")
        .about("Whether several anomalies of a service are told as one."),
    Key::live("alerting.correlation.window_seconds", integer(1, 86_400), "300")
        .unit("s")
        .about("Incidents that were first seen this close to the primary one are told with it."),
    Key::live("alerting.correlation.primary_selection", SELECTIONS, "\"highest_confidence\"")
        .about("Which anomaly stands for the others."),
    Key::live("alerting.correlation.min_anomalies_to_correlate", integer(2, 1_000), "2")
        .about("Fewer are told one by one."),
    Key::live("alerting.false_alarm_budget", BUDGETS, "").unit("1/week").about(
        "False incidents of a service and week that are acceptable. Training turns it into the \
         score that opens incidents, service by service; without it that score is 1.5.",
    ),
    Key::live("alerting.false_alarm_budget_by_category.*", BUDGETS, "")
        .unit("1/week")
        .about("The same for the services of a category."),
    Key::live("alerting.false_alarm_budget_by_service.*", BUDGETS, "")
        .unit("1/week")
        .about("The same for one service."),
    Key::live("alerting.repeat_every_cycles", integer(1, 720), "1")
        .unit("cycles")
        .about("An open incident is told again after so many cycles; 1 keeps values fresh."),
    Key::live("alerting.silences[].service", Shape::Text(Form::Service), "")
        .about("Service that is silenced; otherwise all."),
    Key::live("alerting.silences[].pattern", Shape::Text(Form::NotEmpty), "")
        .about("Pattern that is silenced; otherwise all."),
    Key::live("alerting.silences[].from", Shape::Text(Form::Moment), "").required().about(
        "Start. Until the end incidents are tracked and not told; what then still goes on is told.",
    ),
    Key::live("alerting.silences[].until", Shape::Text(Form::Moment), "")
        .required()
        .about("End; a date means the whole day."),
    Key::live("alerting.silences[].reason", Shape::Text(Form::Free), "")
        .about("Why, for example maintenance."),
    Key::live("alerting.silences[].by", Shape::Text(Form::Free), "").about("Who."),
];
