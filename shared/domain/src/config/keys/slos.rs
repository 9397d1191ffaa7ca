//! Keys of service level objectives, once as defaults and once per service.

use super::Key;
use crate::config::shape::{Form, Shape, number};

const LABELS: Shape = Shape::Word(&["informational", "warning", "high", "critical"]);
const MILLISECONDS: Shape = number(0.001, 300_000.0);
const FLOOR: Shape = number(0.0, 300_000.0);
const SHARE: Shape = number(0.0, 1.0);
const RATIO: Shape = number(1.0, 1_000.0);
const RATE: Shape = number(0.0, 1e9);

/// The thresholds below `$at`.
macro_rules! thresholds {
    ($at:literal: $($path:literal $shape:ident $default:literal $about:literal;)*) => {
        [$(threshold(concat!($at, ".", $path), $shape, $default).about($about)),*]
    };
}

/// The same thresholds at both places.
macro_rules! both_places {
    ($($line:tt)*) => {
        const DEFAULTS: &[Key] = &thresholds!("slos.defaults": $($line)*);
        const SERVICES: &[Key] = &thresholds!("slos.services.*": $($line)*);
    };
}

both_places! {
    "latency_acceptable_ms" MILLISECONDS "500" "Latency below which all is fine.";
    "latency_warning_ms" MILLISECONDS "800" "Latency from here is a warning.";
    "latency_critical_ms" MILLISECONDS "1000" "Latency that breaks the objective.";
    "error_rate_acceptable" SHARE "0.005" "Error rate below which all is fine.";
    "error_rate_warning" SHARE "0.01" "Error rate from here is a warning.";
    "error_rate_critical" SHARE "0.02" "Error rate that breaks the objective.";
    "error_rate_floor" SHARE "0.0" "Error rate below which error anomalies are dropped; 0: the acceptable one.";
    "min_traffic_rps" RATE "1.0" "Traffic below which few errors are not judged.";
    "busy_period_factor" FACTOR "1.5" "How much looser thresholds are in busy periods.";
    "database_latency_floor_ms" FLOOR "1.0" "Database latency below which it is ignored.";
    "database_latency_ratios.info" RATIO "1.5" "Database latency against its mean: worth a note.";
    "database_latency_ratios.warning" RATIO "2.0" "The same: noticed.";
    "database_latency_ratios.high" RATIO "3.0" "The same: high.";
    "database_latency_ratios.critical" RATIO "5.0" "The same: critical.";
    "error_budget.objective" OBJECTIVE ""
        "Share of requests that must succeed over 30 days; absent: no error budget.";
    "request_rate_evaluation.enabled" BOOLEAN "true" "Whether traffic is judged.";
    "request_rate_evaluation.surge.threshold_percent" SURGE "200" "Traffic that is a surge.";
    "request_rate_evaluation.surge.standalone_severity" LABELS "\"informational\""
        "Severity of a surge alone.";
    "request_rate_evaluation.surge.with_latency_breach_severity" LABELS "\"warning\""
        "Severity of a surge with slow answers.";
    "request_rate_evaluation.surge.with_error_breach_severity" LABELS "\"high\""
        "Severity of a surge with errors.";
    "request_rate_evaluation.cliff.threshold_percent" CLIFF "50" "Traffic that is a cliff.";
    "request_rate_evaluation.cliff.standalone_severity" LABELS "\"warning\""
        "Severity of a cliff alone.";
    "request_rate_evaluation.cliff.peak_hours_severity" LABELS "\"high\""
        "Severity of a cliff in business hours.";
    "request_rate_evaluation.cliff.with_upstream_errors_severity" LABELS "\"critical\""
        "Severity of a cliff with errors.";
    "request_rate_evaluation.min_expected_rps.business_hours" RATE "5.0" "Least traffic expected.";
    "request_rate_evaluation.min_expected_rps.evening_hours" RATE "2.0" "Least traffic expected.";
    "request_rate_evaluation.min_expected_rps.night_hours" RATE "0.5" "Least traffic expected.";
    "request_rate_evaluation.min_expected_rps.weekend_day" RATE "2.0" "Least traffic expected.";
    "request_rate_evaluation.min_expected_rps.weekend_night" RATE "0.2" "Least traffic expected.";
}

const FACTOR: Shape = number(1.0, 10.0);
/// Percent of the usual rate; the ends themselves are refused when all is known.
const SURGE: Shape = number(100.0, 100_000.0);
const CLIFF: Shape = number(0.0, 100.0);
const BOOLEAN: Shape = Shape::Boolean;
const OBJECTIVE: Shape = number(0.5, 0.999_999);

/// A share gets a code of its own: percent written as a share is the common mistake.
const fn threshold(path: &'static str, shape: Shape, default: &'static str) -> Key {
    let key = Key::live(path, shape, default);
    match shape {
        Shape::Number { min, max } if min == 0.0 && max == 1.0 => key.range_code("SLO010"),
        _ => key,
    }
}

const SWITCHES: [Key; 8] = [
    Key::live("slos.enabled", BOOLEAN, "")
        .about("Whether objectives are judged; true where the section has any key."),
    Key::live("slos.allow_downgrade_to_informational", BOOLEAN, "true")
        .about("Whether an anomaly within limits becomes low."),
    Key::live("slos.require_slo_breach_for_critical", BOOLEAN, "true")
        .about("Whether critical needs a broken objective."),
    Key::live("slos.request_rate_affects_severity", BOOLEAN, "true")
        .about("Whether a fall of traffic raises severity."),
    Key::live("slos.database_high_maps_to", Shape::Word(&["breached", "warning"]), "\"breached\"")
        .about("What a database latency of the level high counts as."),
    Key::live("slos.hysteresis", number(0.0, 0.5), "0.05").about(
        "How far below a limit a value must fall before an incident becomes milder or ends.",
    ),
    Key::live("slos.busy_periods[].start", Shape::Text(Form::Moment), "")
        .required()
        .about("Start of a busy period, in which limits are looser."),
    Key::live("slos.busy_periods[].end", Shape::Text(Form::Moment), "")
        .required()
        .about("End of a busy period, inclusive; a date means all of that day."),
];

pub(super) const KEYS: &[Key] = &joined();

/// Switches, then defaults, then services.
const fn joined() -> [Key; SWITCHES.len() + 2 * DEFAULTS.len()] {
    let mut keys = [SWITCHES[0]; SWITCHES.len() + 2 * DEFAULTS.len()];
    let mut index = 0;
    while index < keys.len() {
        keys[index] = if index < SWITCHES.len() {
            SWITCHES[index]
        } else if index < SWITCHES.len() + DEFAULTS.len() {
            DEFAULTS[index - SWITCHES.len()]
        } else {
            Key { default: "", ..SERVICES[index - SWITCHES.len() - DEFAULTS.len()] }
        };
        index += 1;
    }
    keys
}
