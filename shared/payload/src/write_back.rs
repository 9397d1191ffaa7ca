//! Scores and expected values as metrics, in the import format of VictoriaMetrics
//! (`POST /api/v1/import`): charts can show them beside the metrics that they speak of.

use std::fmt::Write as _;

use crate::tracking::IncidentStatus;

/// Bytes of one request.
pub const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// Requests of one cycle; what does not fit is left out.
pub const REQUESTS_MAX: usize = 16;

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
    pub bands: Vec<Band>,
}

/// What is usual of one metric now, in its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    pub metric: String,
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
    let mut lines = vec![
        line("yaga_anomaly_score", None, point.score),
        line("yaga_incident_state", None, Some(state)),
    ];
    for band in &point.bands {
        let metric = Some(band.metric.as_str());
        lines.push(line("yaga_expected", metric, band.usual));
        lines.push(line("yaga_expected_low", metric, band.low));
        lines.push(line("yaga_expected_high", metric, band.high));
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
            bands: vec![Band {
                metric: "application_latency".to_owned(),
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
        {"metric":{"__name__":"yaga_expected","service_name":"booking","metric":"application_latency"},"values":[120.5],"timestamps":[1766485800000]}
        {"metric":{"__name__":"yaga_expected_high","service_name":"booking","metric":"application_latency"},"values":[180],"timestamps":[1766485800000]}
        "#);
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
