//! The lifecycle: one cycle of one service, from head to head.

use domain::ServiceName;

use crate::active::{AFFECTED_MAX, Affected, Incident, REOPENINGS_MAX};
use crate::announce;
use crate::change::{Advance, Change, Disposition, Event, Resolution};
use crate::group::{Group, group};
use crate::head::{ClosedIncident, ServiceHead};
use crate::id::{FingerprintId, IncidentId};
use crate::rules::Rules;
use crate::sight;
use crate::state::{EndReason, IncidentState};
use crate::step::{Cycle, Evaluated, Step};
use crate::transition::{Position, Progress, Sighting, Transition, transition};

/// Takes a service through one cycle.
///
/// Time never goes back: an instant before the head's is read as the head's. A cycle that is in
/// the head already, or an older one, changes nothing.
pub fn advance(head: &ServiceHead, step: &Step, rules: &Rules) -> Advance {
    if let Some(disposition) = seen_before(head, &step.cycle) {
        return Advance { head: head.clone(), disposition, changes: vec![], overflow: vec![] };
    }
    let mut it = Lifecycle::new(head, step, rules);
    match step.evaluated() {
        None => it.freeze_all(),
        Some(evaluated) => it.evaluate(evaluated),
    }
    for (host, affected) in &step.affected {
        it.list(host, affected);
    }
    it.finish(head)
}

fn seen_before(head: &ServiceHead, cycle: &Cycle) -> Option<Disposition> {
    if head.version == 0 {
        return None;
    }
    // The metrics' step may change, and with it the numbers of cycles.
    let order = match head.cycle_length_s == cycle.length_s {
        true => head.last_cycle.cmp(&cycle.id),
        false => head.last_cycle_at_ms.cmp(&cycle.at_ms),
    };
    match order {
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => Some(Disposition::AlreadyProcessed),
        std::cmp::Ordering::Greater => Some(Disposition::Late),
    }
}

/// A cycle under way.
struct Lifecycle<'a> {
    step: &'a Step,
    rules: &'a Rules,
    now_ms: i64,
    /// Time since the head's last cycle in which nothing was known, if nothing is known now.
    unknown_ms: i64,
    head: ServiceHead,
    changes: Vec<Change>,
    overflow: Vec<String>,
}

impl<'a> Lifecycle<'a> {
    fn new(head: &ServiceHead, step: &'a Step, rules: &'a Rules) -> Lifecycle<'a> {
        let mut head = head.clone();
        let now_ms = step.cycle.at_ms.max(head.last_cycle_at_ms);
        let length_ms = step.cycle.length_s * 1000;
        let unknown_ms = (now_ms - head.last_cycle_at_ms).clamp(0, length_ms);
        head.prune(rules, step.cycle.length_s, now_ms);
        Lifecycle { step, rules, now_ms, unknown_ms, head, changes: vec![], overflow: vec![] }
    }

    fn evaluate(&mut self, evaluated: &Evaluated) {
        self.head.last_evaluated_at_ms = self.now_ms;
        let groups = group(&self.head, &evaluated.detections, self.rules.grouping);
        let active: Vec<FingerprintId> = self.head.active.keys().cloned().collect();
        for fingerprint in active {
            let Some(incident) = self.head.active.remove(&fingerprint) else { continue };
            let continued = groups.continued.iter().find(|(id, _)| *id == fingerprint);
            match continued {
                Some((_, group)) => self.detected(incident, group),
                None if self.is_unknown(&incident, evaluated) => self.freeze(incident),
                None => self.missed(incident, evaluated),
            }
        }
        for group in &groups.new {
            self.appeared(group);
        }
    }

    fn is_unknown(&self, incident: &Incident, evaluated: &Evaluated) -> bool {
        let metric = incident.root_metric.as_ref();
        metric.is_some_and(|metric| evaluated.unavailable_metrics.contains(metric))
    }

    fn detected(&mut self, incident: Incident, group: &Group) {
        let gap = incident.observed_gap_minutes(self.now_ms);
        let is_stale = gap > self.rules.separation_minutes(self.step.cycle.length_s);
        let needed = group.needed(self.rules);
        let sighting = Sighting::Detected { opens: group.opens(), is_stale, needed };
        match transition(position(&incident), sighting, self.rules) {
            Transition::Moved(to) => self.go_on(incident, group, to, Event::Continued),
            Transition::Closed(_) | Transition::Replaced { .. } if self.must_wait() => {
                self.put_back(incident);
            }
            Transition::Closed(reason) => self.close(incident, reason),
            Transition::Replaced { reason, by } => {
                self.close(incident, reason);
                self.create(group, by);
            }
            Transition::Unchanged | Transition::Created(_) | Transition::Reopened(_) => {
                self.put_back(incident);
            }
        }
    }

    fn missed(&mut self, incident: Incident, evaluated: &Evaluated) {
        let breaks = |metric: &String| evaluated.slo_breaches.contains(metric);
        let is_breached = incident.root_metric.as_ref().is_some_and(breaks);
        let is_kept = self.rules.resolution_requires_slo_ok && is_breached;
        let gap = incident.observed_gap_minutes(self.now_ms);
        let sighting = Sighting::Missed {
            needed: self.rules.grace_cycles(self.step.cycle.length_s),
            may_close: !is_kept,
            is_long_quiet: gap >= self.rules.separation_minutes(self.step.cycle.length_s),
        };
        match transition(position(&incident), sighting, self.rules) {
            Transition::Closed(_) if self.must_wait() => self.put_back(incident),
            Transition::Closed(reason) => {
                let mut incident = incident;
                incident.missed_cycles = incident.missed_cycles.saturating_add(1);
                self.close(incident, reason);
            }
            Transition::Moved(to) => {
                let mut incident = incident;
                let state_before = incident.state;
                sight::apply(&mut incident, to, self.now_ms);
                let mut events = vec![Event::Missed { missed_cycles: incident.missed_cycles }];
                if state_before == IncidentState::Open {
                    events.push(Event::Recovering);
                }
                self.put(incident, Some(state_before), events);
            }
            _ => self.put_back(incident),
        }
    }

    /// Detections that continue nothing: a re-opening, or something new.
    fn appeared(&mut self, group: &Group) {
        let fingerprint = &group.strongest().fingerprint;
        let closed = self.head.recent.get(fingerprint).filter(|it| self.may_reopen(it));
        let position = if closed.is_some() { Position::Reopenable } else { Position::Absent };
        let needed = group.needed(self.rules);
        let sighting = Sighting::Detected { opens: group.opens(), is_stale: false, needed };
        let to = transition(position, sighting, self.rules);
        let is_full = self.head.active.len() >= self.rules.active_max;
        match to {
            Transition::Created(_) | Transition::Reopened(_) if is_full => {
                self.overflow.push(group.strongest().name.clone());
            }
            Transition::Created(progress) => self.create(group, progress),
            Transition::Reopened(progress) => {
                if let Some(closed) = self.head.recent.remove(fingerprint) {
                    self.reopen(closed, group, progress);
                }
            }
            _ => {}
        }
    }

    fn may_reopen(&self, closed: &ClosedIncident) -> bool {
        closed.is_confirmed
            && closed.reason == EndReason::Resolved
            && closed.incident.reopen_count < self.rules.reopens_max
            && self.now_ms - closed.closed_at_ms
                <= self.rules.separation_ms(self.step.cycle.length_s)
    }

    fn create(&mut self, group: &Group, progress: Progress) {
        let mut incident = sight::create(group, self.step, self.now_ms, progress);
        let mut events = vec![Event::Created];
        if incident.state == IncidentState::Open {
            events.push(Event::Confirmed);
        }
        let patterns = incident.alternate_patterns.iter().cloned();
        events.extend(patterns.map(|pattern| Event::AlternatePattern { pattern }));
        self.tell(&mut incident, group, None, events);
    }

    fn reopen(&mut self, closed: ClosedIncident, group: &Group, progress: Progress) {
        let minutes_since_closure = (self.now_ms - closed.closed_at_ms).max(0) / 60_000;
        let mut incident = closed.incident;
        incident.alerted = false;
        incident.last_alert_cycle = None;
        incident.acknowledged = None;
        incident.folded_under = None;
        incident.root_cause = None;
        incident.reopen_count += 1;
        if incident.reopenings_ms.len() >= REOPENINGS_MAX {
            incident.reopenings_ms.remove(0);
        }
        incident.reopenings_ms.push(self.now_ms);
        incident.is_flapping = self.is_flapping(&incident);
        let progress = Progress { is_flapping: incident.is_flapping, ..progress };
        let event = Event::Reopened { minutes_since_closure };
        self.go_on(incident, group, progress, event);
    }

    fn is_flapping(&self, incident: &Incident) -> bool {
        let flapping = &self.rules.flapping;
        let since_ms = self.now_ms - flapping.within_s * 1000;
        let lately = incident.reopenings_ms.iter().filter(|at_ms| **at_ms >= since_ms).count();
        lately >= flapping.reopens as usize
    }

    fn go_on(&mut self, mut incident: Incident, group: &Group, to: Progress, event: Event) {
        let state_before = incident.state;
        let more = sight::see(&mut incident, group, self.step, self.now_ms, to);
        let is_reopened = matches!(event, Event::Reopened { .. });
        let mut events = vec![event];
        if is_reopened && incident.is_flapping {
            events.push(Event::Flapping);
        }
        events.extend(more);
        self.tell(&mut incident, group, Some(state_before), events);
    }

    /// Adds the alert that is due, and puts the incident into the head.
    fn tell(
        &mut self,
        incident: &mut Incident,
        group: &Group,
        state_before: Option<IncidentState>,
        mut events: Vec<Event>,
    ) {
        let mut told = None;
        if incident.state == IncidentState::Open {
            let lead = group.leading(&incident.fingerprint_id).clone();
            let is_escalated = events.contains(&Event::Escalated);
            let service = &self.head.service;
            let context = (self.step, self.rules);
            let alert =
                announce::alert(incident, service, &lead, is_escalated, self.now_ms, context);
            events.extend(alert.events.iter().cloned());
            told = Some(alert);
        }
        self.put(incident.clone(), state_before, events);
        if let (Some(told), Some(change)) = (told, self.changes.last_mut()) {
            change.announcement = told.announcement;
            change.hold = told.hold;
        }
    }

    fn put(&mut self, incident: Incident, state_before: Option<IncidentState>, events: Vec<Event>) {
        self.put_back(incident.clone());
        let (announcement, hold, resolution) = (None, None, None);
        let change = Change { incident, state_before, events, announcement, hold, resolution };
        self.changes.push(change);
    }

    fn put_back(&mut self, incident: Incident) {
        self.head.active.insert(incident.fingerprint_id.clone(), incident);
    }

    /// Whether as many incidents ended as one step has room for.
    fn must_wait(&self) -> bool {
        let ended = self.changes.iter().filter(|change| change.end().is_some());
        ended.count() >= self.rules.ends_max
    }

    fn close(&mut self, incident: Incident, reason: EndReason) {
        self.changes.push(close(&mut self.head, incident, reason, self.now_ms));
    }

    fn freeze_all(&mut self) {
        for incident in std::mem::take(&mut self.head.active).into_values() {
            self.freeze(incident);
        }
    }

    /// Nothing is known of it: it neither ages nor closes, until nothing was known for too long.
    fn freeze(&mut self, mut incident: Incident) {
        incident.unobserved_ms = incident.unobserved_ms.saturating_add(self.unknown_ms);
        incident.unobserved_total_ms = incident.unobserved_total_ms.saturating_add(self.unknown_ms);
        let limit_ms = self.rules.max_unobserved_hours * 3_600_000;
        let since_evaluated_ms = self.now_ms - self.head.last_evaluated_at_ms;
        let is_over = incident.unobserved_ms.max(since_evaluated_ms) >= limit_ms;
        if is_over && !self.must_wait() {
            self.close(incident, EndReason::Unobserved);
        } else {
            self.put_back(incident);
        }
    }

    /// Lists an incident of another service under one of this service.
    fn list(&mut self, host: &IncidentId, affected: &Affected) {
        let recent = self.head.recent.values_mut().map(|closed| &mut closed.incident);
        let kept = self.head.active.values_mut().chain(recent);
        let Some(incident) = kept.into_iter().find(|it| it.incident_id == *host) else { return };
        let is_listed = incident.affected.iter().any(|it| it.incident_id == affected.incident_id);
        if is_listed || incident.affected.len() >= AFFECTED_MAX {
            return;
        }
        incident.affected.push(affected.clone());
        let event = Event::Affects { service: affected.service.clone() };
        match self.changes.iter_mut().find(|change| change.incident.incident_id == *host) {
            Some(change) => {
                change.incident.affected.push(affected.clone());
                change.events.push(event);
            }
            None => self.changes.push(Change {
                state_before: Some(incident.state),
                incident: incident.clone(),
                events: vec![Event::Edited, event],
                announcement: None,
                hold: None,
                resolution: None,
            }),
        }
    }

    fn finish(mut self, before: &ServiceHead) -> Advance {
        let is_quiet = before.active.is_empty() && self.changes.is_empty();
        let disposition = if is_quiet { Disposition::Quiet } else { Disposition::Advanced };
        if !is_quiet {
            self.head.version += 1;
            self.head.last_cycle = self.step.cycle.id;
            self.head.last_cycle_at_ms = self.now_ms;
            self.head.cycle_length_s = self.step.cycle.length_s;
        }
        let head = if is_quiet { before.clone() } else { self.head };
        Advance { head, disposition, changes: self.changes, overflow: self.overflow }
    }
}

fn position(incident: &Incident) -> Position {
    Position::Active(Progress {
        state: incident.state,
        consecutive: incident.consecutive_detections,
        missed: incident.missed_cycles,
        is_flapping: incident.is_flapping,
    })
}

/// Ends an incident that was taken out of the head; a confirmed one is remembered for a while.
pub(crate) fn close(
    head: &mut ServiceHead,
    mut incident: Incident,
    reason: EndReason,
    now_ms: i64,
) -> Change {
    let state_before = incident.state;
    let announcement = announce::resolution(&mut incident);
    incident.state = IncidentState::Closed;
    let is_confirmed = state_before.is_confirmed();
    if is_confirmed {
        let closed = ClosedIncident {
            closed_at_ms: now_ms,
            reason,
            is_confirmed,
            incident: incident.clone(),
        };
        head.recent.insert(incident.fingerprint_id.clone(), closed);
    }
    Change {
        resolution: Some(resolution(&head.service, &incident, reason, now_ms)),
        incident,
        state_before: Some(state_before),
        events: vec![Event::Closed { reason }],
        announcement,
        hold: None,
    }
}

/// What there is to say of an end.
pub(crate) fn resolution(
    service: &ServiceName,
    incident: &Incident,
    reason: EndReason,
    now_ms: i64,
) -> Resolution {
    let missed = (reason == EndReason::Resolved).then_some(incident.missed_cycles);
    Resolution {
        fingerprint_id: incident.fingerprint_id.clone(),
        incident_id: incident.incident_id.clone(),
        anomaly_name: incident.anomaly_name.clone(),
        service: service.clone(),
        final_severity: incident.severity,
        peak_severity: incident.peak_severity,
        first_seen_ms: incident.first_seen_ms,
        resolved_at_ms: now_ms,
        total_occurrences: incident.occurrence_count,
        incident_duration_minutes: incident.duration_minutes(now_ms),
        active_duration_minutes: incident.active_duration_minutes(),
        unobserved_minutes: incident.unobserved_total_minutes(),
        last_detected_by_model: incident.detected_by_model,
        missed_cycles_before_close: missed,
        reason,
        root_cause: incident.root_cause.as_ref().map(|root| root.service.clone()),
        affected: incident.affected.iter().map(|it| it.service.clone()).collect(),
    }
}

#[cfg(test)]
#[path = "advance_tests.rs"]
mod tests;
