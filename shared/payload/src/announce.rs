//! From what a cycle did to incidents to the messages about it.
//!
//! [`track`] writes incidents into the service's evaluation; [`messages`] makes what is sent: one
//! alert with all incidents that are announced, and one resolution for each that ended. Both are
//! pure, so a repeated cycle makes the same bytes.

use chrono::DateTime;
use domain::config::incidents::Correlation;
use domain::{ServiceName, Severity};
use incident::change::{Advance, Change, Event};
use incident::name::canonical;
use incident::rules::Rules;
use incident::summary::summarize;
use incident::{EndReason, Incident, IncidentState};

use crate::correlation::correlate;
use crate::message::{BODY_BYTES_MAX, Body, INCIDENTS_MAX, Message, MessageKind, message_id};
use crate::resolution::{
    MODEL_TYPE, Resolution, ResolutionContext, ResolutionDetails, ResolutionReason,
};
use crate::result::{Anomaly, Evaluation};
use crate::text::cut;
use crate::tracking::{
    ActionSummary, AffectedService, DetectionContext, FingerprintAction, Fingerprinting,
    IncidentAction, IncidentStatus, OverallAction, ResolvedIncident, RootCause, SeverityDirection,
    SeverityStep, StatusSummary, Tracking,
};
use crate::{SCHEMA_VERSION, instant};

/// Characters of any text of a message that had to be shortened.
const SHORT_CHARS_MAX: usize = 300;
/// Anomalies of a message that had to be shortened, the worst ones.
const SHORT_ANOMALIES_MAX: usize = 10;

/// Writes into an evaluation which incident each anomaly belongs to, and what was done to all.
pub fn track(evaluation: &mut Evaluation, advance: &Advance, rules: &Rules, at_ms: i64) {
    let changes: Vec<&Change> = advance.changes.iter().filter(|it| is_seen(it)).collect();
    for (name, anomaly) in &mut evaluation.anomalies {
        if let Some(change) = owner(&changes, name, anomaly.root_metric.as_deref()) {
            anomaly.tracking = Some(tracking(change, rules, at_ms));
        }
    }
    changes.iter().for_each(|change| hold(evaluation, &change.incident));
    evaluation.recount();
    evaluation.fingerprinting = Some(fingerprinting(evaluation, advance, rules, at_ms));
    let told = || changes.iter().map(|change| &change.incident);
    let affected = told().flat_map(|it| &it.affected);
    evaluation.affected_services = affected
        .map(|it| AffectedService {
            service_name: it.service.to_string(),
            incident_id: it.incident_id.as_str().to_owned(),
            since: at(it.since_ms),
        })
        .collect();
    evaluation.root_cause = told().find_map(|it| it.root_cause.as_ref()).map(|it| RootCause {
        service_name: it.service.to_string(),
        path: it.path.iter().map(ToString::to_string).collect(),
    });
}

/// An incident keeps its severity until a value is clear of its limit; its worst anomaly says so.
fn hold(evaluation: &mut Evaluation, incident: &Incident) {
    let is_its = |anomaly: &Anomaly| {
        let tracking = anomaly.tracking.as_ref();
        tracking.is_some_and(|it| it.incident_id == incident.incident_id.as_str())
    };
    let its = evaluation.anomalies.values_mut().filter(|anomaly| is_its(anomaly));
    let Some(worst) = its.max_by_key(|anomaly| anomaly.severity) else { return };
    if worst.severity < incident.severity {
        let (held, now) = (incident.severity, worst.severity);
        worst.severity = held;
        let why =
            format!("held at {held}: {now} by its value, which is not clear of the limit yet");
        worst.severity_adjustments.push(why);
    }
}

/// What messages are made of besides what happened to incidents.
#[derive(Debug, Clone, Copy, Default)]
pub struct Material<'a> {
    /// It has been tracked; without one (an operator closed something) there are resolutions only.
    pub evaluation: Option<&'a Evaluation>,
    /// How the service looks now, for resolutions.
    pub context: Option<&'a ResolutionContext>,
    /// Whether anomalies of the service are told as one.
    pub correlation: Option<&'a Correlation>,
}

/// The messages of a service's cycle, alerts first.
pub fn messages(
    service: &ServiceName,
    cycle_id: i64,
    advance: &Advance,
    of: Material<'_>,
) -> Vec<Message> {
    let mut messages = Vec::new();
    messages.extend(alert(service, cycle_id, advance, of));
    for (change, announcement) in advance.announced() {
        if let Some(end) = change.resolution.as_ref().filter(|_| !announcement.kind.is_alert()) {
            messages.extend(resolution(service, cycle_id, end, of.context));
        }
    }
    messages
}

/// The alert of all incidents that are announced in this cycle.
fn alert(
    service: &ServiceName,
    cycle_id: i64,
    advance: &Advance,
    of: Material<'_>,
) -> Option<Message> {
    let evaluation = of.evaluation?;
    let told = advance.announced().filter(|(_, announcement)| announcement.kind.is_alert());
    let mut ids: Vec<String> =
        told.map(|(change, _)| change.incident.incident_id.as_str().to_owned()).collect();
    ids.sort();
    ids.dedup();
    ids.truncate(INCIDENTS_MAX);
    let mut it = evaluation.clone();
    let is_told = |anomaly: &Anomaly| {
        anomaly.tracking.as_ref().is_some_and(|tracking| ids.contains(&tracking.incident_id))
    };
    it.anomalies.retain(|_, anomaly| is_told(anomaly));
    if it.anomalies.is_empty() {
        return None;
    }
    if let Some(settings) = of.correlation {
        correlate(&mut it, service, settings);
    }
    it.recount();
    let id = message_id(service.as_str(), cycle_id, MessageKind::Anomaly.as_str());
    it.message_id = Some(id.clone());
    let body = bounded(it)?;
    let (kind, service) = (MessageKind::Anomaly, service.to_string());
    Some(Message { id, kind, service, cycle_id, incident_ids: ids, body })
}

/// The body, with ever more left out until it fits.
fn bounded(mut it: Evaluation) -> Option<String> {
    let shorten: [fn(&mut Evaluation); 5] = [
        |it| each(it, |anomaly| anomaly.comparison_data.clear()),
        |it| {
            each(it, |anomaly| {
                anomaly.feature_contributions = None;
                anomaly.detection_signals.truncate(3);
                anomaly.possible_causes.clear();
                anomaly.checks.clear();
            });
        },
        |it| {
            it.exception_context = None;
            it.service_graph_context = None;
            it.envoy_context = None;
        },
        |it| {
            it.validation_warnings.clear();
            it.current_metrics.clear();
            it.training_baselines.clear();
            each(it, |anomaly| {
                anomaly.description = cut(&anomaly.description, SHORT_CHARS_MAX);
                anomaly.recommended_actions.truncate(3);
                for action in &mut anomaly.recommended_actions {
                    *action = cut(action, SHORT_CHARS_MAX);
                }
            });
        },
        keep_worst,
    ];
    for step in shorten {
        let body = serialize(&Body::AnomalyDetected(Box::new(it.clone())))?;
        if body.len() <= BODY_BYTES_MAX {
            return Some(body);
        }
        it.truncated = Some(true);
        step(&mut it);
    }
    serialize(&Body::AnomalyDetected(Box::new(it)))
}

fn each(it: &mut Evaluation, change: impl Fn(&mut Anomaly)) {
    it.anomalies.values_mut().for_each(change);
}

fn keep_worst(it: &mut Evaluation) {
    let mut names: Vec<(Severity, String)> =
        it.anomalies.iter().map(|(name, anomaly)| (anomaly.severity, name.clone())).collect();
    names.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    for (_, name) in names.iter().skip(SHORT_ANOMALIES_MAX) {
        it.anomalies.remove(name);
    }
    it.recount();
}

fn resolution(
    service: &ServiceName,
    cycle_id: i64,
    end: &incident::Resolution,
    context: Option<&ResolutionContext>,
) -> Option<Message> {
    let reason = reason(end.reason)?;
    let incident_id = end.incident_id.as_str().to_owned();
    // Several incidents of a service may end in one cycle.
    let subject = format!("{}/{incident_id}", MessageKind::Resolution.as_str());
    let id = message_id(service.as_str(), cycle_id, &subject);
    let minutes = |minutes: i64| u32::try_from(minutes.max(0)).unwrap_or(u32::MAX);
    let model =
        end.last_detected_by_model.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
    let body = Body::IncidentResolved(Box::new(Resolution {
        schema_version: SCHEMA_VERSION.to_owned(),
        message_id: Some(id.clone()),
        service_name: service.to_string(),
        timestamp: at(end.resolved_at_ms),
        incident_id: incident_id.clone(),
        fingerprint_id: end.fingerprint_id.as_str().to_owned(),
        anomaly_name: end.anomaly_name.clone(),
        model_type: MODEL_TYPE.to_owned(),
        resolution_details: ResolutionDetails {
            final_severity: end.final_severity,
            peak_severity: end.peak_severity,
            total_occurrences: end.total_occurrences,
            incident_duration_minutes: minutes(end.incident_duration_minutes),
            active_duration_minutes: minutes(end.active_duration_minutes),
            unobserved_minutes: minutes(end.unobserved_minutes),
            first_seen: at(end.first_seen_ms),
            last_detected_by_model: model,
            missed_cycles_before_close: end.missed_cycles_before_close,
            resolution_reason: reason,
        },
        // What is known now says nothing of an incident that ended in a gap.
        resolution_context: context.filter(|_| reason != ResolutionReason::AutoStale).cloned(),
    }));
    let body = serialize(&body)?;
    let (kind, service) = (MessageKind::Resolution, service.to_string());
    Some(Message { id, kind, service, cycle_id, incident_ids: vec![incident_id], body })
}

/// A payload has no numbers or keys that JSON could not hold.
fn serialize(body: &Body) -> Option<String> {
    serde_json::to_string(body).ok()
}

/// Whether the change is about a detection of this cycle.
fn is_seen(change: &Change) -> bool {
    let seen =
        |event: &Event| matches!(event, Event::Created | Event::Continued | Event::Reopened { .. });
    change.events.first().is_some_and(seen)
}

/// The incident of an anomaly: by name, by another name it has shown, or by root metric; where all
/// of a service is one incident, that one.
fn owner<'a>(changes: &[&'a Change], name: &str, root_metric: Option<&str>) -> Option<&'a Change> {
    let name = canonical(name);
    let find = |is: &dyn Fn(&Incident) -> bool| {
        changes.iter().find(|change| is(&change.incident)).copied()
    };
    let of_name = |it: &Incident| it.anomaly_name == name || it.alternate_patterns.contains(&name);
    let of_metric =
        |it: &Incident| root_metric.is_some() && it.root_metric.as_deref() == root_metric;
    let only = || if let [change] = changes { Some(*change) } else { None };
    find(&of_name).or_else(|| find(&of_metric)).or_else(only)
}

fn tracking(change: &Change, rules: &Rules, at_ms: i64) -> Tracking {
    let it = &change.incident;
    let severity_step = change.events.iter().find_map(|event| match event {
        Event::SeverityChanged { from, to } => Some((*from, *to)),
        _ => None,
    });
    let closed_minutes = change.events.iter().find_map(|event| match event {
        Event::Reopened { minutes_since_closure } => Some(*minutes_since_closure),
        _ => None,
    });
    let (fingerprint_action, incident_action) = match (change.state_before, closed_minutes) {
        (_, Some(_)) => (FingerprintAction::Update, IncidentAction::Reopen),
        (None, None) => (FingerprintAction::Create, IncidentAction::Create),
        (Some(_), None) => (FingerprintAction::Update, IncidentAction::Continue),
    };
    let is_suspected = it.state == IncidentState::Suspected;
    let left = rules.cycles_to_confirm(it.consecutive_detections);
    let minutes = |minutes: i64| u32::try_from(minutes.max(0)).unwrap_or(u32::MAX);
    Tracking {
        fingerprint_id: it.fingerprint_id.as_str().to_owned(),
        incident_id: it.incident_id.as_str().to_owned(),
        anomaly_name: it.anomaly_name.clone(),
        fingerprint_action,
        incident_action,
        status: status(it.state),
        previous_status: change.state_before.map(status),
        is_confirmed: it.state.is_confirmed(),
        newly_confirmed: change.is_newly_confirmed(),
        confirmation_pending: is_suspected,
        cycles_to_confirm: is_suspected.then_some(left),
        reopened: closed_minutes.is_some(),
        time_since_closure_minutes: closed_minutes.map(minutes),
        occurrence_count: it.occurrence_count,
        consecutive_detections: it.consecutive_detections,
        peak_severity: it.peak_severity,
        severity_changed: severity_step.is_some(),
        previous_severity: severity_step.map(|(from, _)| from),
        severity_direction: severity_step.map(|(from, to)| match to > from {
            true => SeverityDirection::Up,
            false => SeverityDirection::Down,
        }),
        severity_changed_at: severity_step.map(|_| at(at_ms)),
        escalated: change.has(&Event::Escalated),
        severity_history: it.severity_history.iter().map(severity_step_of).collect(),
        first_seen: at(it.first_seen_ms),
        last_updated: at(it.last_updated_ms),
        incident_duration_minutes: minutes(it.duration_minutes(at_ms)),
        unobserved_minutes: minutes(it.unobserved_total_minutes()),
        held_back: it.hold.as_ref().map(ToString::to_string),
        alternate_patterns: it.alternate_patterns.clone(),
    }
}

fn severity_step_of(it: &incident::active::SeverityChange) -> SeverityStep {
    SeverityStep { at: at(it.at_ms), from: it.from, to: it.to }
}

fn fingerprinting(
    evaluation: &Evaluation,
    advance: &Advance,
    rules: &Rules,
    at_ms: i64,
) -> Fingerprinting {
    let summary = summarize(advance);
    let confirmed = advance.changes.iter().filter(|change| change.is_newly_confirmed());
    let now = at(at_ms);
    Fingerprinting {
        service_name: evaluation.service_name.clone(),
        model_name: evaluation.model_name,
        timestamp: now.clone(),
        action_summary: actions(&summary.action_summary),
        status_summary: StatusSummary {
            suspected: summary.status_summary.suspected,
            confirmed: summary.status_summary.confirmed,
            recovering: summary.status_summary.recovering,
        },
        overall_action: overall(summary.overall_action),
        resolved_incidents: advance.changes.iter().filter_map(resolved).collect(),
        newly_confirmed_incidents: confirmed.map(|change| tracking(change, rules, at_ms)).collect(),
        total_active_incidents: summary.total_active_incidents,
        total_alerting_incidents: summary.total_alerting_incidents,
        total_open_incidents: summary.total_open_incidents,
        detection_context: DetectionContext {
            model_used: evaluation.model_name,
            inference_timestamp: now,
            confirmation_cycles: rules.confirmation_cycles,
            resolution_grace_cycles: rules.grace_cycles(advance.head.cycle_length_s),
        },
    }
}

fn resolved(change: &Change) -> Option<ResolvedIncident> {
    let end = change.resolution.as_ref()?;
    Some(ResolvedIncident {
        fingerprint_id: end.fingerprint_id.as_str().to_owned(),
        incident_id: end.incident_id.as_str().to_owned(),
        anomaly_name: end.anomaly_name.clone(),
        resolution_reason: reason(end.reason)?,
        final_severity: end.final_severity,
        peak_severity: end.peak_severity,
        resolved_at: at(end.resolved_at_ms),
        incident_duration_minutes: u32::try_from(end.incident_duration_minutes.max(0))
            .unwrap_or(u32::MAX),
    })
}

fn actions(it: &incident::summary::ActionSummary) -> ActionSummary {
    ActionSummary {
        incident_creates: it.incident_creates,
        incident_continues: it.incident_continues,
        incident_closes: it.incident_closes,
        incident_reopens: it.incident_reopens,
        newly_confirmed: it.newly_confirmed,
        suspected_expired: it.suspected_expired,
    }
}

fn overall(it: incident::summary::OverallAction) -> OverallAction {
    use incident::summary::OverallAction as Core;
    match it {
        Core::NoChange => OverallAction::NoChange,
        Core::Confirmed => OverallAction::Confirmed,
        Core::Create => OverallAction::Create,
        Core::Update => OverallAction::Update,
        Core::Resolve => OverallAction::Resolve,
        Core::Reopen => OverallAction::Reopen,
        Core::Mixed => OverallAction::Mixed,
    }
}

fn status(it: IncidentState) -> IncidentStatus {
    match it {
        IncidentState::Suspected => IncidentStatus::Suspected,
        IncidentState::Open => IncidentStatus::Open,
        IncidentState::Recovering => IncidentStatus::Recovering,
        IncidentState::Closed => IncidentStatus::Closed,
    }
}

/// `None` for an end that nobody is told of.
fn reason(it: EndReason) -> Option<ResolutionReason> {
    match it {
        EndReason::Resolved => Some(ResolutionReason::Resolved),
        EndReason::AutoStale => Some(ResolutionReason::AutoStale),
        EndReason::SuspectedExpired => None,
        EndReason::SystemReset => Some(ResolutionReason::SystemReset),
        EndReason::OperatorClosed => Some(ResolutionReason::OperatorClosed),
        EndReason::ServiceRemoved => Some(ResolutionReason::ServiceRemoved),
        EndReason::Unobserved => Some(ResolutionReason::Unobserved),
    }
}

fn at(epoch_ms: i64) -> String {
    instant(DateTime::from_timestamp_millis(epoch_ms).unwrap_or_default())
}

#[cfg(test)]
#[path = "announce_tests.rs"]
mod tests;
