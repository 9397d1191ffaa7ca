//! Who is told: when an alert is due, and what holds it back.
//!
//! In each cycle in which an incident is open and seen, one alert is due. The first one that
//! nothing holds back is the first alert; only then the incident counts as announced, and only an
//! announced incident has a resolution. So what a window held back is told when the window ends,
//! if the incident is still going on, and what was never told is never resolved.

use domain::ServiceName;

use crate::active::Incident;
use crate::change::{Announcement, AnnouncementKind, Event, Hold};
use crate::group::Found;
use crate::rules::Rules;
use crate::step::Step;

/// What is told of an open incident that was seen in this cycle.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) announcement: Option<Announcement>,
    pub(crate) hold: Option<Hold>,
    pub(crate) events: Vec<Event>,
}

/// Decides on the alert that is due, and notes in the incident what was decided.
pub(crate) fn alert(
    incident: &mut Incident,
    service: &ServiceName,
    lead: &Found,
    is_escalated: bool,
    now_ms: i64,
    (step, rules): (&Step, &Rules),
) -> Told {
    let kind = due(incident, is_escalated);
    let hold = filtered(incident, lead, rules)
        .or_else(|| silenced(incident, service, &lead.name, now_ms, rules));
    let before = std::mem::replace(&mut incident.hold, hold.clone());
    if let Some(hold) = hold {
        let is_new = before.is_none_or(|before| !before.is_like(&hold));
        let events = is_new.then(|| Event::HeldBack { hold: hold.clone() }).into_iter().collect();
        return Told { announcement: None, hold: Some(hold), events };
    }
    let (hold, events) = match kind {
        AnnouncementKind::RepeatedAlert => (repeated(incident, step, rules), Vec::new()),
        AnnouncementKind::FirstAlert | AnnouncementKind::ReopenedAlert => fold(incident, step),
        AnnouncementKind::EscalatedAlert | AnnouncementKind::Resolution => (None, Vec::new()),
    };
    let announcement = hold.is_none().then(|| {
        incident.alerted = true;
        incident.last_alert_cycle = Some(step.cycle.id);
        next(incident, kind)
    });
    Told { announcement, hold, events }
}

/// The resolution of an incident that ends now, if its beginning was told.
pub(crate) fn resolution(incident: &mut Incident) -> Option<Announcement> {
    incident.alerted.then(|| next(incident, AnnouncementKind::Resolution))
}

fn next(incident: &mut Incident, kind: AnnouncementKind) -> Announcement {
    incident.alert_seq = incident.alert_seq.saturating_add(1);
    Announcement { kind, seq: incident.alert_seq }
}

fn due(incident: &Incident, is_escalated: bool) -> AnnouncementKind {
    match (incident.alerted, incident.alert_seq) {
        (false, 0) => AnnouncementKind::FirstAlert,
        (false, _) => AnnouncementKind::ReopenedAlert,
        (true, _) if is_escalated => AnnouncementKind::EscalatedAlert,
        (true, _) => AnnouncementKind::RepeatedAlert,
    }
}

/// What this cycle's detection is not worth telling for.
fn filtered(incident: &Incident, lead: &Found, rules: &Rules) -> Option<Hold> {
    let alerting = &rules.alerting;
    if alerting.non_alerting_patterns.contains(&lead.name) {
        return Some(Hold::NonAlertingPattern { pattern: lead.name.clone() });
    }
    let (severity, threshold) = (incident.severity, alerting.severity_threshold);
    if severity < threshold {
        return Some(Hold::BelowSeverity { severity, threshold });
    }
    let confidence = lead.detection.confidence;
    let threshold = alerting.min_confidence.filter(|threshold| confidence < *threshold)?;
    Some(Hold::LowConfidence { confidence, threshold })
}

fn silenced(
    incident: &Incident,
    service: &ServiceName,
    pattern: &str,
    now_ms: i64,
    rules: &Rules,
) -> Option<Hold> {
    if let Some(silence) = &incident.silenced
        && now_ms < silence.until_ms
    {
        return Some(Hold::Silenced { by: silence.by.clone(), until_ms: silence.until_ms });
    }
    // Of several windows, the one that holds longest says when it will be told.
    let holding = rules.alerting.windows.iter().filter(|it| it.holds(service, pattern, now_ms));
    let longest = holding.max_by_key(|it| it.until_ms.unwrap_or(i64::MAX));
    longest.map(|it| Hold::Window { name: it.name.clone(), until_ms: it.until_ms })
}

fn repeated(incident: &Incident, step: &Step, rules: &Rules) -> Option<Hold> {
    if let Some(acknowledged) = &incident.acknowledged {
        return Some(Hold::Acknowledged { by: acknowledged.by.clone() });
    }
    let every = i64::from(rules.alerting.repeat_every_cycles);
    let since = incident.last_alert_cycle.map_or(every, |last| step.cycle.id - last);
    (0..every).contains(&since).then_some(Hold::NotDue)
}

/// An alert that nobody was told yet is listed under the incident of its root cause.
fn fold(incident: &mut Incident, step: &Step) -> (Option<Hold>, Vec<Event>) {
    let before = incident.folded_under.take();
    let host = step.host_of(&incident.incident_id);
    incident.folded_under = host.cloned();
    match (before, host) {
        (before, Some(under)) => {
            let is_new = before.as_ref() != Some(under);
            let event = is_new.then(|| Event::Folded { under: under.clone() });
            (Some(Hold::Folded { under: under.clone() }), event.into_iter().collect())
        }
        (Some(from), None) => (None, vec![Event::Unfolded { from }]),
        (None, None) => (None, Vec::new()),
    }
}
