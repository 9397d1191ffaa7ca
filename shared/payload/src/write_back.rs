//! What cycles saw as metrics, in the import format of VictoriaMetrics (`POST /api/v1/import`):
//! charts show each value beside what was expected, whatever query the value comes from.
//! `infra/dashboards` has such charts.

use std::fmt::Write as _;

use crate::tracking::IncidentStatus;

/// Bytes of one request.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Requests of one cycle; what does not fit is left out.
pub const REQUESTS_MAX: usize = 16;

/// How unusual a service is; higher is worse.
pub const SCORE: &str = "yaga_anomaly_score";
/// 0 none, 1 suspected, 2 recovering, 3 open.
pub const STATE: &str = "yaga_incident_state";
/// A metric as it was judged, in its unit.
pub const OBSERVED: &str = "yaga_observed";
/// What would be usual, and the edges of that.
pub const EXPECTED: &str = "yaga_expected";
pub const EXPECTED_LOW: &str = "yaga_expected_low";
pub const EXPECTED_HIGH: &str = "yaga_expected_high";
/// All names that are written.
pub const NAMES: [&str; 6] = [SCORE, STATE, OBSERVED, EXPECTED, EXPECTED_LOW, EXPECTED_HIGH];

/// What one cycle says of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServicePoint {
    pub service: String,
    /// Stamp of the judged samples, epoch milliseconds.
    pub at_ms: i64,
    /// Higher is worse.
    pub score: Option<f64>,
    /// The worst of its active incidents; `None` for none.
    pub incident: Option<IncidentStatus>,
    pub metrics: Vec<MetricPoint>,
}

/// One metric now, and what is usual of it, in its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricPoint {
    pub metric: String,
    pub observed: Option<f64>,
    pub usual: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// The requests' bodies: lines of JSON, one series each. Numbers that are not finite are left out.
pub fn requests(points: &[ServicePoint]) -> Vec<String> {
    let mut requests: Vec<String> = Vec::new();
    for line in points.iter().flat_map(lines) {
        let fits = requests.last().is_some_and(|it| it.len() + line.len() <= REQUEST_BYTES_MAX);
        if !fits && requests.len() == REQUESTS_MAX {
            break;
        }
        if !fits {
            requests.push(String::new());
        }
        if let Some(request) = requests.last_mut() {
            request.push_str(&line);
        }
    }
    requests
}

fn lines(point: &ServicePoint) -> Vec<String> {
    let line = |name: &str, metric: Option<&str>, value: Option<f64>| {
        let value = value.filter(|value| value.is_finite())?;
        let mut labels =
            format!("{{\"__name__\":\"{name}\",\"service_name\":{}", json(&point.service));
        if let Some(metric) = metric {
            let _ = write!(labels, ",\"metric\":{}", json(metric));
        }
        let at_ms = point.at_ms;
        Some(format!("{{\"metric\":{labels}}},\"values\":[{value}],\"timestamps\":[{at_ms}]}}\n"))
    };
    let state = match point.incident {
        None | Some(IncidentStatus::Closed) => 0.0,
        Some(IncidentStatus::Suspected) => 1.0,
        Some(IncidentStatus::Recovering) => 2.0,
        Some(IncidentStatus::Open) => 3.0,
    };
    let mut lines = vec![line(SCORE, None, point.score), line(STATE, None, Some(state))];
    for it in &point.metrics {
        let metric = Some(it.metric.as_str());
        lines.push(line(OBSERVED, metric, it.observed));
        lines.push(line(EXPECTED, metric, it.usual));
        lines.push(line(EXPECTED_LOW, metric, it.low));
        lines.push(line(EXPECTED_HIGH, metric, it.high));
    }
    lines.into_iter().flatten().collect()
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(service: &str) -> ServicePoint {
        ServicePoint {
            service: service.to_owned(),
            at_ms: 1_766_485_800_000,
            score: Some(2.25),
            incident: Some(IncidentStatus::Open),
            metrics: vec![MetricPoint {
                metric: "application_latency".to_owned(),
                observed: Some(450.0),
                usual: Some(120.5),
                low: Some(f64::NAN),
                high: Some(180.0),
            }],
        }
    }

    #[test]
    fn a_point_is_a_line_per_number() {
        insta::assert_snapshot!(requests(&[point("booking")]).concat(), @r#"
        {"metric":{"__name__":"yaga_anomaly_score","service_name":"booking"},"values":[2.25],"timestamps":[1766485800000]}
        {"metric":{"__name__":"yaga_incident_state","service_name":"booking"},"values":[3],"timestamps":[1766485800000]}
        {"metric":{"__name__":"yaga_observed","service_name":"booking","metric":"application_latency"},"values":[450],"timestamps":[1766485800000]}
        {"metric":{"__name__":"yaga_expected","service_name":"booking","metric":"application_latency"},"values":[120.5],"timestamps":[1766485800000]}
        {"metric":{"__name__":"yaga_expected_high","service_name":"booking","metric":"application_latency"},"values":[180],"timestamps":[1766485800000]}
        "#);
    }

    /// The queries of a dashboard, wherever they stand.
    fn queries(value: &serde_json::Value, found: &mut Vec<String>) {
        let Some(members) = value.as_object() else {
            value.as_array().into_iter().flatten().for_each(|it| queries(it, found));
            return;
        };
        for (name, member) in members {
            match member.as_str() {
                Some(text) if ["expr", "query"].contains(&name.as_str()) => {
                    found.push(text.to_owned());
                }
                _ => queries(member, found),
            }
        }
    }

    #[test]
    fn dashboards_show_what_is_written_and_all_of_it() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/dashboards");
        let mut shown = std::collections::BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            let mut found = Vec::new();
            queries(&serde_json::from_str(&text).unwrap(), &mut found);
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            for query in found.iter().filter(|it| it.as_str() != "prometheus") {
                // A name stands before its labels, and nothing else does.
                let names = query.split('{').rev().skip(1);
                let names = names.filter_map(|it| it.rsplit(|c| !is_word(c)).next());
                assert!(query.contains('{'), "{query} has no labels");
                for name in names {
                    assert!(NAMES.contains(&name), "{name} in {query} is not written");
                    shown.insert(name.to_owned());
                }
            }
        }
        assert_eq!(shown.into_iter().collect::<Vec<_>>(), {
            let mut all = NAMES.map(str::to_owned).to_vec();
            all.sort();
            all
        });
    }

    #[test]
    fn hostile_names_are_escaped_and_sizes_are_bounded() {
        let text = requests(&[point("a\"b\\c\nd")]).concat();
        for line in text.lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["metric"]["service_name"], "a\"b\\c\nd");
        }
        let many = vec![point(&"x".repeat(1_000)); 10_000];
        let requests = requests(&many);
        assert_eq!(requests.len(), REQUESTS_MAX);
        assert!(requests.iter().all(|it| it.len() <= REQUEST_BYTES_MAX && it.ends_with('\n')));
    }
}
