//! Makes raw metric values plausible: the same bounds in training and in service.
//!
//! A value that is no finite number is missing, and missing is never zero. A value outside the
//! plausible range of its kind is set to the nearest bound, and a warning says so.

use domain::config::valid::Bounds;
use domain::{MetricDefinition, MetricKind};

/// What was wrong with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    NotFinite,
    Negative,
    AboveBound,
}

/// A value that may be used, and what was done to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sanitized {
    /// `None` if the value must be treated as missing.
    pub value: Option<f64>,
    pub problem: Option<Problem>,
}

/// Applies the rules of a metric's kind to one raw value.
pub fn sanitize(value: f64, kind: MetricKind, bounds: &Bounds) -> Sanitized {
    if !value.is_finite() {
        return Sanitized { value: None, problem: Some(Problem::NotFinite) };
    }
    let (low, high) = range_of(kind, bounds);
    if value < low {
        return Sanitized { value: Some(low), problem: Some(Problem::Negative) };
    }
    if value > high {
        return Sanitized { value: Some(high), problem: Some(Problem::AboveBound) };
    }
    Sanitized { value: Some(value), problem: None }
}

/// The warning for people: `<metric>: <problem> <value>, <what was done>`.
pub fn warning(metric: &MetricDefinition, problem: Problem, value: f64, bounds: &Bounds) -> String {
    let name = &metric.name;
    let (low, high) = range_of(metric.kind, bounds);
    match problem {
        Problem::NotFinite => format!("{name}: invalid value {value}, treated as missing"),
        Problem::Negative => format!("{name}: negative value {value}, using {low:.1}"),
        Problem::AboveBound => format!("{name}: extreme value {value}, capping at {high}"),
    }
}

/// The plausible range of a kind of metric.
fn range_of(kind: MetricKind, bounds: &Bounds) -> (f64, f64) {
    match kind {
        MetricKind::Rate => (0.0, bounds.request_rate_max),
        MetricKind::Latency => (0.0, bounds.latency_ms_max),
        MetricKind::Ratio => (0.0, 1.0),
        MetricKind::Gauge => (f64::MIN, f64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { request_rate_max: 1e6, latency_ms_max: 3e5 };

    #[test]
    fn values_out_of_range_are_set_to_the_bound() {
        let value = |value, kind| sanitize(value, kind, &BOUNDS).value;
        assert_eq!(value(-5.0, MetricKind::Rate), Some(0.0));
        assert_eq!(value(1.5, MetricKind::Ratio), Some(1.0));
        assert_eq!(value(400_000.0, MetricKind::Latency), Some(300_000.0));
        assert_eq!(value(-1.0, MetricKind::Latency), Some(0.0));
        assert_eq!(value(2e6, MetricKind::Rate), Some(1e6));
        assert_eq!(value(-7.0, MetricKind::Gauge), Some(-7.0));
    }

    #[test]
    fn what_is_no_number_is_missing_and_not_zero() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let out = sanitize(bad, MetricKind::Latency, &BOUNDS);
            assert_eq!(out, Sanitized { value: None, problem: Some(Problem::NotFinite) });
        }
    }

    #[test]
    fn warnings_name_metric_value_and_replacement() {
        let metric = MetricDefinition::guess("application_latency");
        insta::assert_snapshot!(
            [
                warning(&metric, Problem::NotFinite, f64::NAN, &BOUNDS),
                warning(&metric, Problem::Negative, -1.0, &BOUNDS),
                warning(&metric, Problem::AboveBound, 400_000.0, &BOUNDS),
            ]
            .join("\n"),
            @r"
        application_latency: invalid value NaN, treated as missing
        application_latency: negative value -1, using 0.0
        application_latency: extreme value 400000, capping at 300000
        "
        );
    }
}
