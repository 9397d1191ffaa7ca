//! Where the trouble of an anomaly starts, on the wire.

use detect::residual::{Cause, CauseKind};
use domain::ServiceName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::result::ServiceResult;
use crate::tracking::RootCause;

/// What the dependency graph says about an anomaly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CascadeAnalysis {
    /// True if another service is to blame.
    pub is_cascade: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_cause_service: Option<String>,
    /// The root first; empty if there is no other service.
    pub affected_chain: Vec<String>,
    pub cascade_type: CascadeType,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
    /// From the service to the root.
    pub propagation_path: Vec<Propagation>,
}

/// How trouble came to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CascadeType {
    /// From a service one call away.
    UpstreamCascade,
    /// From further away.
    ChainDegraded,
    /// From within: what it calls is well.
    DependenciesHealthy,
    /// Not known.
    None,
}

/// A service on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Propagation {
    pub service: String,
    pub has_anomaly: bool,
    /// `errors`, `slow`, `slow_calls`, `more_traffic` or `less_traffic`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomaly_type: Option<String>,
}

/// Tells an anomaly's service where its trouble starts. A result without anomalies says nothing.
pub fn put_cause(result: &mut ServiceResult, cause: &Cause) {
    let ServiceResult::AnomalyDetected(evaluation) = result else { return };
    evaluation.root_cause = cause.root().map(|root| RootCause {
        service_name: root.to_string(),
        path: services(cause).map(ServiceName::to_string).collect(),
    });
    let analysis = CascadeAnalysis::from(cause);
    for anomaly in evaluation.anomalies.values_mut() {
        anomaly.cascade_analysis = Some(analysis.clone());
    }
}

impl From<&Cause> for CascadeAnalysis {
    fn from(cause: &Cause) -> CascadeAnalysis {
        let root = cause.root();
        let chain = services(cause).rev().map(ServiceName::to_string);
        let propagation = cause.path.iter().map(|stop| Propagation {
            service: stop.service.to_string(),
            has_anomaly: stop.symptom.is_some(),
            anomaly_type: stop.symptom.map(|symptom| symptom.as_str().to_owned()),
        });
        CascadeAnalysis {
            is_cascade: root.is_some(),
            root_cause_service: root.map(ServiceName::to_string),
            affected_chain: if root.is_some() { chain.collect() } else { Vec::new() },
            cascade_type: match cause.kind {
                CauseKind::Neighbour => CascadeType::UpstreamCascade,
                CauseKind::Chain => CascadeType::ChainDegraded,
                CauseKind::DependenciesHealthy => CascadeType::DependenciesHealthy,
                CauseKind::Unknown => CascadeType::None,
            },
            confidence: (cause.confidence * 100.0).round() / 100.0,
            propagation_path: propagation.collect(),
        }
    }
}

fn services(cause: &Cause) -> impl DoubleEndedIterator<Item = &ServiceName> {
    cause.path.iter().map(|stop| &stop.service)
}

#[cfg(test)]
mod tests {
    use detect::residual::Symptom;
    use detect::residual::cause::Stop;

    use super::*;

    #[test]
    fn the_chain_begins_at_the_root_and_the_path_ends_there() {
        let stop = |service: &str, symptom| {
            let service = ServiceName::new(service).unwrap();
            Stop { service, symptom }
        };
        let path = vec![stop("front", Some(Symptom::SlowCalls)), stop("db", None)];
        let cause = Cause { kind: CauseKind::Neighbour, path, confidence: 0.851 };
        insta::assert_json_snapshot!(CascadeAnalysis::from(&cause), @r#"
        {
          "is_cascade": true,
          "root_cause_service": "db",
          "affected_chain": [
            "db",
            "front"
          ],
          "cascade_type": "upstream_cascade",
          "confidence": 0.85,
          "propagation_path": [
            {
              "service": "front",
              "has_anomaly": true,
              "anomaly_type": "slow_calls"
            },
            {
              "service": "db",
              "has_anomaly": false
            }
          ]
        }
        "#);
    }
}
