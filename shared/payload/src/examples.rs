//! Messages that tests of this crate share: a slow service in its second cycle.

use std::collections::BTreeMap;

use domain::{Period, Severity};

use crate::SCHEMA_VERSION;
use crate::notification::{Heartbeat, Notification, NotificationStatus};
use crate::resolution::{
    BaselineComparison, HealthSummary, MODEL_TYPE, Resolution, ResolutionContext,
    ResolutionDetails, ResolutionReason,
};
use crate::result::Evaluation;

const NOW: &str = "2025-12-23T10:30:00.000Z";
const FIRST_SEEN: &str = "2025-12-23T10:28:00.000Z";

/// An evaluation with one open incident, as it is sent.
pub(crate) fn evaluation() -> Evaluation {
    serde_json::from_str(include_str!("../goldens/anomaly_detected.json"))
        .expect("a golden payload")
}

pub(crate) fn resolution() -> Resolution {
    let comparison = BaselineComparison::new(110.5, 100.0, 20.0);
    Resolution {
        schema_version: SCHEMA_VERSION.to_owned(),
        message_id: None,
        service_name: "booking".to_owned(),
        timestamp: NOW.to_owned(),
        incident_id: "incident_ab62e1ef67bc".to_owned(),
        fingerprint_id: "anomaly_e0e86c103edf".to_owned(),
        anomaly_name: "latency_spike_recent".to_owned(),
        model_type: MODEL_TYPE.to_owned(),
        resolution_details: ResolutionDetails {
            final_severity: Severity::High,
            peak_severity: Severity::Critical,
            total_occurrences: 8,
            incident_duration_minutes: 34,
            active_duration_minutes: 28,
            unobserved_minutes: 0,
            first_seen: FIRST_SEEN.to_owned(),
            last_detected_by_model: Period::BusinessHours.to_string(),
            missed_cycles_before_close: Some(3),
            resolution_reason: ResolutionReason::Resolved,
        },
        resolution_context: Some(ResolutionContext {
            metrics_at_resolution: BTreeMap::from([
                ("application_latency".to_owned(), Some(110.5)),
                ("error_rate".to_owned(), None),
            ]),
            comparison_to_baseline: BTreeMap::from([(
                "application_latency".to_owned(),
                comparison,
            )]),
            slo_evaluation: evaluation().slo_evaluation,
            health_summary: HealthSummary {
                all_metrics_normal: true,
                slo_compliant: true,
                summary: "application_latency 110.5 ms".to_owned(),
            },
        }),
    }
}

pub(crate) fn notification() -> Notification {
    Notification {
        schema_version: SCHEMA_VERSION.to_owned(),
        message_id: None,
        timestamp: NOW.to_owned(),
        cycle_id: 14_500_000,
        service_name: Some("booking".to_owned()),
        status: NotificationStatus::Unavailable,
        cause: "metrics_unavailable".to_owned(),
        message: "1/5 metrics failed: request_rate".to_owned(),
        consecutive_cycles: 3,
        since: FIRST_SEEN.to_owned(),
    }
}

pub(crate) fn heartbeat() -> Heartbeat {
    Heartbeat {
        schema_version: SCHEMA_VERSION.to_owned(),
        message_id: None,
        timestamp: NOW.to_owned(),
        cycle_id: 14_500_000,
        status: "complete".to_owned(),
        services_evaluated: 12,
        anomalies_detected: 1,
        incidents_resolved: 0,
        inference_duration_ms: None,
    }
}
