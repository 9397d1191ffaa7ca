//! Words for people: values with units, ordinals, and what to look at first.

use domain::MetricKind;

use crate::score::Direction;

/// Possible causes and first checks of an unusual metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    pub causes: &'static [&'static str],
    pub checks: &'static [&'static str],
}

/// A value with its unit: rates with one decimal, milliseconds with none, shares as percent.
pub fn format_value(kind: MetricKind, unit: &str, value: f64) -> String {
    match kind {
        MetricKind::Rate => format!("{value:.1} {unit}").trim_end().to_owned(),
        MetricKind::Latency if value >= 10.0 => format!("{value:.0} ms"),
        MetricKind::Latency => format!("{value:.1} ms"),
        MetricKind::Ratio => format!("{:.2} %", 100.0 * value),
        MetricKind::Gauge => format!("{} {unit}", significant(value)).trim_end().to_owned(),
    }
}

/// `92nd`, `11th`, `0.4th` never: percentiles are shown as whole numbers from 0 to 100.
pub fn ordinal(percentile: f64) -> String {
    let number = percentile.clamp(0.0, 100.0) as u32;
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

/// What usually lies behind a metric that moves in this direction.
pub fn hints(metric: &str, kind: MetricKind, direction: Direction) -> Hints {
    TABLE
        .iter()
        .find(|(name, side, _)| *name == metric && *side == direction)
        .map_or_else(|| general(kind, direction), |(_, _, hints)| *hints)
}

const fn hints_of(causes: &'static [&'static str], checks: &'static [&'static str]) -> Hints {
    Hints { causes, checks }
}

#[rustfmt::skip]
const TABLE: &[(&str, Direction, Hints)] = &[
    ("request_rate", Direction::High, hints_of(
        &["a campaign or a viral link", "clients that retry", "bots or an attack"],
        &["who sends the requests", "retry rates of the callers", "rate limits"])),
    ("request_rate", Direction::Low, hints_of(
        &["an outage upstream", "DNS, balancer or routing", "a release that blocks clients"],
        &["health of the callers", "balancer and DNS", "recent changes of infrastructure"])),
    ("application_latency", Direction::High, hints_of(
        &["CPU, memory or garbage collection", "locks or exhausted threads", "a slow dependency or database"],
        &["CPU and memory", "thread and connection pools", "latency of dependencies and database"])),
    ("application_latency", Direction::Low, hints_of(
        &["requests that fail early", "a cache that answers", "a feature that is off"],
        &["response codes", "cache hit rate", "whether requests are processed to the end"])),
    ("error_rate", Direction::High, hints_of(
        &["a regression of a release", "a failing dependency", "exhausted capacity"],
        &["exceptions and stack traces", "releases of the last 30 minutes", "health of dependencies"])),
    ("dependency_latency", Direction::High, hints_of(
        &["a degraded callee or vendor", "network, DNS or TLS", "a rate limit"],
        &["latency by endpoint called", "status of vendors", "network and DNS"])),
    ("dependency_latency", Direction::Activated, hints_of(
        &["a feature flag", "a fallback path", "a cache that misses"],
        &["releases and flags", "how often the fallback is used", "cache hit rate"])),
    ("database_latency", Direction::High, hints_of(
        &["a missing index or a changed plan", "locks", "a saturated pool or host"],
        &["the slow query log", "connection pool", "replication and host load"])),
    ("database_latency", Direction::Activated, hints_of(
        &["a new feature that reads the database", "a cache that is bypassed"],
        &["releases", "cache health and hit rate"])),
];

fn general(kind: MetricKind, direction: Direction) -> Hints {
    const CHANGE: &[&str] = &["a release or a change of configuration", "a change of load"];
    const LOOK: &[&str] = &["what changed in the last hour", "metrics that moved with it"];
    match (kind, direction) {
        (MetricKind::Latency, Direction::High) => {
            hints_of(&["a slow callee", "exhausted resources"], LOOK)
        }
        _ => hints_of(CHANGE, LOOK),
    }
}

/// Three significant digits without an exponent for everyday sizes.
fn significant(value: f64) -> String {
    let size = value.abs();
    match size {
        s if s >= 100.0 || s == 0.0 => format!("{value:.0}"),
        s if s >= 10.0 => format!("{value:.1}"),
        s if s >= 1.0 => format!("{value:.2}"),
        s if s >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_are_spelled_as_people_say_them() {
        let all: Vec<String> = [1, 2, 3, 4, 11, 12, 13, 21, 92, 99, 100]
            .iter()
            .map(|n| ordinal(f64::from(*n)))
            .collect();
        assert_eq!(
            all,
            ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "92nd", "99th", "100th"]
        );
        assert_eq!(ordinal(99.97), "99th");
    }

    #[test]
    fn values_bear_their_units() {
        assert_eq!(format_value(MetricKind::Rate, "req/s", 41.25), "41.2 req/s");
        assert_eq!(format_value(MetricKind::Latency, "ms", 636.4), "636 ms");
        assert_eq!(format_value(MetricKind::Latency, "ms", 1.26), "1.3 ms");
        assert_eq!(format_value(MetricKind::Ratio, "share", 0.0123), "1.23 %");
        assert_eq!(format_value(MetricKind::Gauge, "", 12.345), "12.3");
    }
}
