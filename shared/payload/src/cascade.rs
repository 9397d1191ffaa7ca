//! Where the trouble of an anomaly starts, on the wire.

use std::collections::{BTreeMap, BTreeSet};

use detect::residual::Cause;
use domain::ServiceName;
use incident::analysis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::result::ServiceResult;
use crate::tracking::RootCause;

/// What the dependency graph says about an anomaly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CascadeAnalysis {
    /// True if another service with an anomaly of its own is to blame.
    pub is_cascade: bool,
    /// Without a cascade it is a suspect: it shows symptoms, and no anomaly that could be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_cause_service: Option<String>,
    /// The root first; empty without a cascade.
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

/// Trouble that spread: one service where it starts, and those that it reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cascade {
    pub root_service: String,
    /// Services with an anomaly that starts there, by name; without the root.
    pub affected_services: Vec<String>,
    /// How many these are.
    pub blast_radius: u32,
    /// The highest among them, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub confidence: f64,
}

/// Tells an anomaly's service where its trouble starts. A result without anomalies says nothing.
pub fn put_cause(result: &mut ServiceResult, cause: &Cause, analysis: &analysis::CascadeAnalysis) {
    let ServiceResult::AnomalyDetected(evaluation) = result else { return };
    evaluation.root_cause = cause.root().map(|root| RootCause {
        service_name: root.to_string(),
        path: cause.path.iter().map(|stop| stop.service.to_string()).collect(),
    });
    let analysis = render(cause, analysis);
    for anomaly in evaluation.anomalies.values_mut() {
        anomaly.cascade_analysis = Some(analysis.clone());
    }
}

/// The cascades among the results of a cycle, by root.
pub fn cascades(results: &[ServiceResult]) -> Vec<Cascade> {
    let mut roots: BTreeMap<&str, (BTreeSet<&str>, f64)> = BTreeMap::new();
    for evaluation in results.iter().filter_map(ServiceResult::evaluation) {
        let told = evaluation.anomalies.values().filter_map(|it| it.cascade_analysis.as_ref());
        for analysis in told.filter(|it| it.is_cascade) {
            let Some(root) = &analysis.root_cause_service else { continue };
            let (affected, confidence) = roots.entry(root).or_default();
            affected.insert(&evaluation.service_name);
            *confidence = confidence.max(analysis.confidence);
        }
    }
    let cascade = |(root, (affected, confidence)): (&str, (BTreeSet<&str>, f64))| Cascade {
        root_service: root.to_owned(),
        blast_radius: affected.len() as u32,
        affected_services: affected.into_iter().map(str::to_owned).collect(),
        confidence,
    };
    roots.into_iter().map(cascade).collect()
}

fn render(cause: &Cause, analysis: &analysis::CascadeAnalysis) -> CascadeAnalysis {
    let propagation = cause.path.iter().map(|stop| Propagation {
        service: stop.service.to_string(),
        has_anomaly: stop.symptom.is_some(),
        anomaly_type: stop.symptom.map(|symptom| symptom.as_str().to_owned()),
    });
    CascadeAnalysis {
        is_cascade: analysis.cascade_type.is_cascade(),
        root_cause_service: analysis.root_cause_service.as_ref().map(ServiceName::to_string),
        affected_chain: analysis.affected_chain.iter().map(ServiceName::to_string).collect(),
        cascade_type: CascadeType::from(analysis.cascade_type),
        confidence: analysis.confidence,
        propagation_path: propagation.collect(),
    }
}

impl From<analysis::CascadeType> for CascadeType {
    fn from(kind: analysis::CascadeType) -> CascadeType {
        match kind {
            analysis::CascadeType::UpstreamCascade => CascadeType::UpstreamCascade,
            analysis::CascadeType::ChainDegraded => CascadeType::ChainDegraded,
            analysis::CascadeType::DependenciesHealthy => CascadeType::DependenciesHealthy,
            analysis::CascadeType::None => CascadeType::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use detect::residual::Symptom;
    use detect::residual::cause::Stop;

    use super::*;

    #[test]
    fn the_chain_begins_at_the_root_and_the_path_ends_there() {
        let name = |text: &str| ServiceName::new(text).unwrap();
        let stop = |service: &str, symptom| Stop { service: name(service), symptom };
        let path = vec![stop("front", Some(Symptom::SlowCalls)), stop("db", None)];
        let analysis = analysis::CascadeAnalysis {
            cascade_type: analysis::CascadeType::UpstreamCascade,
            root_cause_service: Some(name("db")),
            affected_chain: vec![name("db"), name("front")],
            confidence: 0.85,
            root_cause_anomaly: Some("database_latency_high".to_owned()),
        };
        insta::assert_json_snapshot!(render(&Cause { path }, &analysis), @r#"
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
