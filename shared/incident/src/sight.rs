//! What a detection leaves in an incident: readings, severity, names.

use crate::active::{
    ALTERNATE_PATTERNS_MAX, Incident, PATH_MAX, Reading, RootCause, SEVERITY_HISTORY_MAX,
    SeverityChange, TEXT_CHARS_MAX,
};
use crate::change::Event;
use crate::group::Group;
use crate::id::IncidentId;
use crate::state::IncidentState;
use crate::step::{Detection, Step};
use crate::transition::Progress;

/// So long after an incident was opened, or opened again, its root cause may be found anew.
const ROOT_SETTLES_MS: i64 = 10 * 60 * 1000;

/// The incident that a group of detections starts.
pub(crate) fn create(group: &Group, step: &Step, now_ms: i64, progress: Progress) -> Incident {
    let lead = group.strongest();
    let reading = reading(lead.detection);
    let severity = group.found.iter().map(|it| it.detection.severity).max().unwrap_or_default();
    let mut incident = Incident {
        incident_id: IncidentId::of(&lead.fingerprint, step.cycle.id),
        fingerprint_id: lead.fingerprint.clone(),
        anomaly_name: lead.name.clone(),
        root_metric: lead.detection.root_metric.clone(),
        state: progress.state,
        severity,
        ml_severity: severity,
        peak_severity: severity,
        severity_history: Vec::new(),
        first_seen_ms: now_ms,
        last_updated_ms: now_ms,
        confirmed_at_ms: None,
        reopenings_ms: Vec::new(),
        reopen_count: 0,
        is_flapping: false,
        occurrence_count: 0,
        consecutive_detections: 0,
        missed_cycles: 0,
        unobserved_ms: 0,
        unobserved_total_ms: 0,
        hold: None,
        alerted: false,
        alert_seq: 0,
        last_alert_cycle: None,
        alternate_patterns: Vec::new(),
        opening: reading,
        latest: reading,
        detection_method: None,
        description: None,
        detected_by_model: None,
        acknowledged: None,
        silenced: None,
        owner: None,
        root_cause: None,
        folded_under: None,
        affected: Vec::new(),
    };
    see(&mut incident, group, step, now_ms, progress);
    incident
}

/// Takes a group of detections into an incident; what is worth telling of it besides.
pub(crate) fn see(
    incident: &mut Incident,
    group: &Group,
    step: &Step,
    now_ms: i64,
    progress: Progress,
) -> Vec<Event> {
    let lead = group.leading(&incident.fingerprint_id).detection;
    let was = (incident.state, incident.severity);
    incident.last_updated_ms = now_ms;
    incident.unobserved_ms = 0;
    incident.occurrence_count = incident.occurrence_count.saturating_add(1);
    incident.latest = reading(lead);
    incident.detection_method = lead.method.as_deref().map(cut);
    incident.description = lead.description.as_deref().map(cut);
    incident.detected_by_model = step.evaluated().and_then(|it| it.model);
    let is_newly_confirmed = apply(incident, progress, now_ms);
    let mut events = alternates(incident, group);
    events.extend(severity(incident, group, now_ms));
    if is_newly_confirmed {
        events.insert(0, Event::Confirmed);
    } else if was.0.is_confirmed() && has_become_critical(was.1, incident) {
        events.push(Event::Escalated);
    }
    // Evidence spreads within minutes. Who was told of a root cause by then is not told another.
    let is_young = now_ms - incident.opened_ms() <= ROOT_SETTLES_MS;
    if is_young || (!incident.alerted && step.root_cause.is_some()) {
        incident.root_cause = step.root_cause.as_ref().map(shortened);
    }
    events
}

/// Takes over state and counters; true if that confirms it.
pub(crate) fn apply(incident: &mut Incident, progress: Progress, now_ms: i64) -> bool {
    let is_newly_confirmed =
        progress.state == IncidentState::Open && incident.confirmed_at_ms.is_none();
    incident.state = progress.state;
    incident.consecutive_detections = progress.consecutive;
    incident.missed_cycles = progress.missed;
    if is_newly_confirmed {
        incident.confirmed_at_ms = Some(now_ms);
    }
    is_newly_confirmed
}

fn severity(incident: &mut Incident, group: &Group, now_ms: i64) -> Option<Event> {
    let worst = |of: fn(&Detection) -> domain::Severity| {
        group.found.iter().map(|it| of(it.detection)).max().unwrap_or_default()
    };
    let (from, now) = (incident.severity, worst(|it| it.severity));
    // A value that swings around a limit does not change the severity each time.
    let to = now.max(from.min(worst(|it| it.lingering)));
    incident.severity = to;
    incident.ml_severity = worst(|it| it.ml_severity);
    incident.peak_severity = incident.peak_severity.max(to);
    if from == to {
        return None;
    }
    if incident.severity_history.len() >= SEVERITY_HISTORY_MAX {
        incident.severity_history.remove(0);
    }
    incident.severity_history.push(SeverityChange { at_ms: now_ms, from, to });
    Some(Event::SeverityChanged { from, to })
}

fn has_become_critical(before: domain::Severity, incident: &Incident) -> bool {
    let critical = domain::Severity::Critical;
    before < critical && incident.severity == critical
}

fn alternates(incident: &mut Incident, group: &Group) -> Vec<Event> {
    let mut events = Vec::new();
    for found in &group.found {
        let is_known = found.name == incident.anomaly_name
            || incident.alternate_patterns.contains(&found.name);
        if !is_known && incident.alternate_patterns.len() < ALTERNATE_PATTERNS_MAX {
            incident.alternate_patterns.push(found.name.clone());
            events.push(Event::AlternatePattern { pattern: found.name.clone() });
        }
    }
    events
}

fn reading(detection: &Detection) -> Reading {
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    Reading {
        value: detection.value.and_then(finite),
        threshold: detection.threshold.and_then(finite),
        confidence: finite(detection.confidence),
        score: finite(detection.score),
    }
}

fn shortened(root: &RootCause) -> RootCause {
    let path = root.path.iter().take(PATH_MAX).cloned().collect();
    RootCause { service: root.service.clone(), path }
}

/// The start of a text.
pub(crate) fn cut(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(TEXT_CHARS_MAX).map(plain).collect()
}
