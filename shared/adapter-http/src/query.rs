//! What to ask a metric source: the expression, the filter, and the points in time.
//!
//! Points lie on multiples of the step, whatever range is asked for, so that two reads of one
//! instant give one value.

use domain::{MetricDefinition, ServiceName};
use pipeline::ports::RangeRequest;

/// Points of one request. Servers refuse ranges of more than 30 000.
const POINTS_MAX: i64 = 20_000;
const DAY_S: i64 = 86_400;

/// The points of one request: first and last, both inclusive, epoch seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) start_s: i64,
    pub(crate) end_s: i64,
}

impl Chunk {
    /// True where a server may need longer than for a cycle's few points.
    pub(crate) fn is_longer_than_a_day(self) -> bool {
        self.end_s - self.start_s > DAY_S
    }
}

/// The metric's expression with its rate window put in.
pub(crate) fn expression(metric: &MetricDefinition, rate_window: &str) -> String {
    metric.query.replace("$window", rate_window)
}

/// A series selector that lets only these services through.
pub(crate) fn service_filter(services: &[ServiceName]) -> String {
    let names: Vec<_> = services.iter().map(|name| escape_regex(name.as_str())).collect();
    format!("{{service_name=~\"{}\"}}", escape_string(&names.join("|")))
}

/// Cuts a request into ranges that a server answers: at most `chunk_days` long each.
pub(crate) fn chunks(request: &RangeRequest<'_>, chunk_days: u32) -> Vec<Chunk> {
    let step = request.step_s.max(1);
    let first = request.after_s.div_euclid(step) * step + step;
    let last = request.until_s.div_euclid(step) * step;
    let points = (i64::from(chunk_days) * DAY_S / step).clamp(1, POINTS_MAX);
    let mut chunks = Vec::new();
    let mut start_s = first;
    while start_s <= last {
        let end_s = last.min(start_s + (points - 1) * step);
        chunks.push(Chunk { start_s, end_s });
        start_s = end_s + step;
    }
    chunks
}

fn escape_regex(text: &str) -> String {
    escape(text, |c| "\\.+*?()|[]{}^$".contains(c))
}

fn escape_string(text: &str) -> String {
    escape(text, |c| c == '\\' || c == '"')
}

fn escape(text: &str, special: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if special(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_window_is_put_in_everywhere() {
        let mut metric = MetricDefinition::guess("x");
        metric.query = "rate(a[$window]) / rate(b[$window])".to_owned();
        assert_eq!(expression(&metric, "2m"), "rate(a[2m]) / rate(b[2m])");
    }

    #[test]
    fn names_cannot_break_out_of_the_filter() {
        let filter = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|n| ServiceName::new(*n).unwrap()).collect();
            service_filter(&names)
        };
        insta::assert_snapshot!(filter(&["booking"]), @r#"{service_name=~"booking"}"#);
        insta::assert_snapshot!(
            filter(&["a.b|c", r#"quo"te\back"#, ".*"]),
            @r#"{service_name=~"a\\.b\\|c|quo\"te\\\\back|\\.\\*"}"#
        );
    }

    #[track_caller]
    fn check(after_s: i64, until_s: i64, step_s: i64, days: u32, expected: &[(i64, i64)]) {
        let metric = MetricDefinition::guess("x");
        let request = RangeRequest { metric: &metric, after_s, until_s, step_s, services: None };
        let got: Vec<_> = chunks(&request, days).iter().map(|c| (c.start_s, c.end_s)).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn ranges_are_cut_on_the_grid() {
        check(0, 120, 60, 7, &[(60, 120)]);
        check(-1, 120, 60, 7, &[(0, 120)]);
        check(1, 119, 60, 7, &[(60, 60)]);
        check(60, 119, 60, 7, &[]);
        check(120, 0, 60, 7, &[]);
        check(-90, -30, 60, 7, &[(-60, -60)]);
        check(0, 3 * DAY_S, 3_600, 1, &[(3_600, 86_400), (90_000, 172_800), (176_400, 259_200)]);
        check(0, 21_000, 1, 7, &[(1, 20_000), (20_001, 21_000)]);
        check(0, 2 * DAY_S, DAY_S, 0, &[(DAY_S, DAY_S), (2 * DAY_S, 2 * DAY_S)]);
    }

    proptest! {
        /// Every multiple of the step in the range is asked for exactly once, and nothing else.
        #[test]
        fn no_point_is_lost_or_asked_twice(
            after_s in -5_000_i64..5_000, length in 0_i64..500_000, step_s in 1_i64..4_000,
            days in 0_u32..3,
        ) {
            let metric = MetricDefinition::guess("x");
            let until_s = after_s + length;
            let request = RangeRequest { metric: &metric, after_s, until_s, step_s, services: None };
            let mut asked = Vec::new();
            for chunk in chunks(&request, days) {
                let points = (chunk.start_s..=chunk.end_s).step_by(step_s as usize);
                prop_assert!(points.clone().count() as i64 <= POINTS_MAX);
                asked.extend(points);
            }
            let all: Vec<_> = (after_s + 1..=until_s).filter(|t| t.rem_euclid(step_s) == 0).collect();
            prop_assert_eq!(asked, all);
        }
    }
}
