//! The four forms of metrics, and the scale on which each is compared with its past.
//!
//! Logarithms make a doubling the same size at any level; the arcsine of a root makes the noise of
//! a share independent of the share. Half a request and three eighths of a failure keep them finite
//! at zero (Anscombe, "The transformation of Poisson, binomial and negative-binomial data",
//! Biometrika 1948).

use domain::{BadDirection, MetricDefinition, MetricKind};
use serde::{Deserialize, Serialize};

/// How the numbers of a metric come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Form {
    /// Events per second: their count in a cycle is Poisson at best.
    Rate,
    /// Milliseconds, averaged over the requests of a cycle.
    Latency,
    /// The share of the requests of a cycle that failed: binomial at best.
    ErrorShare,
    /// Anything else.
    Gauge,
}

/// Latencies below this many milliseconds are taken for this.
const LATENCY_MS_MIN: f64 = 1e-3;
/// Gauges below this are taken for it; the offset damps the logarithm near zero.
const GAUGE_MIN: f64 = 1e-3;
const GAUGE_OFFSET: f64 = 1e-2;
/// Expected requests below which the noise of a count is not taken to grow further.
const EXPECTED_COUNT_MIN: f64 = 0.5;

impl Form {
    /// The form of a metric. A ratio of which also a fall is bad is no share of failures.
    pub fn of(metric: &MetricDefinition) -> Form {
        match metric.kind {
            MetricKind::Rate => Form::Rate,
            MetricKind::Latency => Form::Latency,
            MetricKind::Ratio if metric.bad_direction == BadDirection::Up => Form::ErrorShare,
            MetricKind::Ratio | MetricKind::Gauge => Form::Gauge,
        }
    }

    /// A value on the scale of comparison; NaN if it is missing or means nothing without traffic.
    ///
    /// `count` is, for a rate, the number of its own events in the cycle; otherwise that of the
    /// service's requests.
    pub fn transform(self, value: f64, count: f64) -> f64 {
        if !value.is_finite() {
            return f64::NAN;
        }
        match self {
            Form::Rate => libm::log(count.max(0.0) + 0.5),
            Form::Latency if value > 0.0 => libm::log(value.max(LATENCY_MS_MIN)),
            Form::ErrorShare if count > 0.0 => root_share(value.clamp(0.0, 1.0) * count, count),
            Form::Latency | Form::ErrorShare => f64::NAN,
            Form::Gauge => libm::log(value.max(GAUGE_MIN) + GAUGE_OFFSET),
        }
    }

    /// The value at a point `y` of the scale. Of a rate it is the count, and of shares, whose
    /// scale depends on the traffic, it is `y` itself.
    pub fn inverse(self, y: f64) -> f64 {
        match self {
            Form::Rate => (libm::exp(y) - 0.5).max(0.0),
            Form::Latency => libm::exp(y),
            Form::ErrorShare => y,
            Form::Gauge => libm::exp(y) - GAUGE_OFFSET,
        }
    }

    /// Variance on the scale of comparison that counting alone brings: 1 / the expected count of a
    /// rate, 1 / N of a mean over N requests, 1 / (4 (N + 3/4)) of a share of N. `expected` is the
    /// expected point of a rate's scale. NaN without traffic.
    pub fn unit_variance(self, expected: f64, count: f64) -> f64 {
        match self {
            Form::Rate => 1.0 / expected_count(expected),
            Form::Latency if count > 0.0 => 1.0 / count,
            Form::ErrorShare if count > 0.0 => 1.0 / (4.0 * (count + 0.75)),
            Form::Latency | Form::ErrorShare => f64::NAN,
            Form::Gauge => 0.0,
        }
    }
}

/// Count at an expected point of a rate's scale, not below a half; NaN of NaN.
pub fn expected_count(expected: f64) -> f64 {
    let count = libm::exp(expected);
    if count < EXPECTED_COUNT_MIN { EXPECTED_COUNT_MIN } else { count }
}

/// `failures` of `requests` on the scale of shares.
pub fn root_share(failures: f64, requests: f64) -> f64 {
    libm::asin(libm::sqrt((failures + 0.375) / (requests + 0.75)).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Form; 4] = [Form::Rate, Form::Latency, Form::ErrorShare, Form::Gauge];

    #[test]
    fn forms_follow_from_definitions() {
        let of = |name: &str| Form::of(&MetricDefinition::guess(name));
        assert_eq!(of("request_rate"), Form::Rate);
        assert_eq!(of("database_latency"), Form::Latency);
        assert_eq!(of("error_rate"), Form::ErrorShare);
        assert_eq!(of("cpu_usage"), Form::Gauge);
        let mut hits = MetricDefinition::guess("error_rate");
        hits.bad_direction = BadDirection::Down;
        assert_eq!(Form::of(&hits), Form::Gauge);
    }

    #[test]
    fn what_has_no_traffic_is_missing() {
        assert!(Form::ErrorShare.transform(0.1, 0.0).is_nan());
        assert!(Form::ErrorShare.transform(0.1, f64::NAN).is_nan());
        assert!(Form::Latency.transform(0.0, 10.0).is_nan());
        assert!(Form::Latency.unit_variance(1.0, f64::NAN).is_nan());
        for form in ALL {
            assert!(form.transform(f64::NAN, 10.0).is_nan(), "{form:?}");
            assert!(form.transform(f64::INFINITY, 10.0).is_nan(), "{form:?}");
        }
    }

    proptest! {
        #[test]
        fn more_is_higher(a in 0.0f64..1.0, b in 0.0f64..1.0, count in 1.0f64..1e6) {
            let (low, high) = (a.min(b), a.max(b));
            for form in ALL {
                let y = |v: f64| match form {
                    Form::Rate => form.transform(v, v * count),
                    Form::Latency => form.transform(v + 0.1, count),
                    _ => form.transform(v, count),
                };
                prop_assert!(y(low) <= y(high), "{:?}", form);
            }
        }

        #[test]
        fn inverse_undoes(value in 0.01f64..1e5) {
            for form in [Form::Rate, Form::Latency, Form::Gauge] {
                let back = form.inverse(form.transform(value, value));
                prop_assert!((back - value).abs() < 1e-9 * value.max(1.0), "{:?}", form);
            }
        }

        #[test]
        fn anything_is_answered(value: f64, count: f64, expected: f64) {
            for form in ALL {
                let _ = (form.transform(value, count), form.inverse(value));
                let _ = form.unit_variance(expected, count);
            }
        }
    }
}
