//! Several anomalies of a service told as one.

use std::cmp::Ordering;

use domain::config::incidents::{Correlation as Settings, Primary};
use domain::{ServiceName, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::result::{Anomaly, Evaluation};

/// The others that an anomaly stands for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Correlation {
    /// `corr_` and 12 hexadecimal digits, of the service and the cycle.
    pub correlation_id: String,
    pub is_correlated: bool,
    pub primary_anomaly: String,
    pub anomaly_count: u32,
    /// All of them, the worst first: each with its incident, so that its end can be understood.
    pub contributing_anomalies: Vec<Contributing>,
}

/// One of several anomalies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contributing {
    pub name: String,
    pub severity: Severity,
    pub confidence: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident_id: Option<String>,
}

/// Puts the anomalies that belong together into one entry, that of the primary anomaly.
pub(crate) fn correlate(it: &mut Evaluation, service: &ServiceName, settings: &Settings) {
    let Some(primary) = primary(it, settings.primary) else { return };
    let first = seconds(&it.anomalies[&primary]);
    let is_close = |anomaly: &Anomaly| match (first, seconds(anomaly)) {
        (Some(first), Some(other)) => (first - other).abs() <= settings.window_s,
        _ => true,
    };
    let together: Vec<(String, Anomaly)> = it
        .anomalies
        .iter()
        .filter(|(_, anomaly)| is_close(anomaly))
        .map(|(name, anomaly)| (name.clone(), anomaly.clone()))
        .collect();
    if together.len() < settings.anomalies_min {
        return;
    }
    let correlation = Correlation {
        correlation_id: id(service, it.cycle_id),
        is_correlated: true,
        primary_anomaly: primary.clone(),
        anomaly_count: together.len() as u32,
        contributing_anomalies: contributing(&together),
    };
    for (name, _) in together.iter().filter(|(name, _)| *name != primary) {
        it.anomalies.remove(name);
    }
    if let Some(anomaly) = it.anomalies.get_mut(&primary) {
        let others = together.len() - 1;
        let plural = if others == 1 { "anomaly" } else { "anomalies" };
        anomaly.description.push_str(&format!(" (+{others} correlated {plural})"));
        anomaly.severity = together.iter().map(|(_, it)| it.severity).max().unwrap_or_default();
        anomaly.correlation = Some(correlation);
    }
}

fn id(service: &ServiceName, cycle_id: i64) -> String {
    let digest = Sha256::digest(format!("v=1\nservice={service}\ncycle={cycle_id}"));
    let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("corr_{hex}")
}

/// Epoch seconds of the first sight of an anomaly's incident.
fn seconds(anomaly: &Anomaly) -> Option<i64> {
    let first_seen = &anomaly.tracking.as_ref()?.first_seen;
    chrono::DateTime::parse_from_rfc3339(first_seen).ok().map(|it| it.timestamp())
}

fn primary(it: &Evaluation, by: Primary) -> Option<String> {
    let order = |a: &(&String, &Anomaly), b: &(&String, &Anomaly)| {
        let named = is_named(a.0).cmp(&is_named(b.0));
        let sure = a.1.confidence.total_cmp(&b.1.confidence);
        let severe = a.1.severity.cmp(&b.1.severity);
        let key = match by {
            Primary::HighestConfidence => sure.then(severe).then(named),
            Primary::HighestSeverity => severe.then(sure).then(named),
            Primary::NamedPatternFirst => named.then(severe).then(sure),
        };
        // Of equals the first by name.
        key.then_with(|| b.0.cmp(a.0))
    };
    it.anomalies.iter().max_by(order).map(|(name, _)| name.clone())
}

/// A pattern, and not just a metric that is high or low.
fn is_named(name: &str) -> bool {
    !name.ends_with("_anomaly") && !name.contains("_high") && !name.contains("_low")
}

fn contributing(together: &[(String, Anomaly)]) -> Vec<Contributing> {
    let mut all: Vec<Contributing> = together
        .iter()
        .map(|(name, anomaly)| Contributing {
            name: name.clone(),
            severity: anomaly.severity,
            confidence: anomaly.confidence,
            pattern_name: anomaly.pattern_name.clone(),
            incident_id: anomaly.tracking.as_ref().map(|it| it.incident_id.clone()),
        })
        .collect();
    all.sort_by(worst_first);
    all
}

fn worst_first(a: &Contributing, b: &Contributing) -> Ordering {
    let severe = b.severity.cmp(&a.severity);
    severe.then(b.confidence.total_cmp(&a.confidence)).then_with(|| a.name.cmp(&b.name))
}
