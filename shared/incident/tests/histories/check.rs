//! One history through the lifecycle and through the model, side by side, with the invariants that
//! hold whatever the rules are.

use std::collections::BTreeMap;

use incident::operate::{act, end_all};
use incident::rules::Grouping;
use incident::{
    Advance, AnnouncementKind, Change, Disposition, Evaluation, Event, FingerprintId, Incident,
    IncidentId, IncidentState, ServiceHead, Step, advance,
};

use crate::entry::View;
use crate::generate::{Happening, History, history};
use crate::model::{Message, Model};

/// What a history exercised, so that a run can say what it covered.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Coverage {
    pub(crate) steps: u64,
    pub(crate) alerts: u64,
    pub(crate) resolutions: u64,
    pub(crate) reopened: u64,
    pub(crate) stale: u64,
    pub(crate) unobserved: u64,
    pub(crate) flapping: u64,
    pub(crate) held: u64,
    pub(crate) overflow: u64,
    pub(crate) dropped: u64,
}

/// Runs the history of a seed; the error says what went wrong where.
pub(crate) fn check(seed: u64, coverage: &mut Coverage) -> Result<(), String> {
    let history = history(seed);
    let mut run = Run {
        history: &history,
        head: ServiceHead::new(history.service.clone()),
        model: Model::new(&history),
        detections: BTreeMap::new(),
        is_announced: BTreeMap::new(),
        messages: BTreeMap::new(),
    };
    for (index, happening) in history.happenings.iter().enumerate() {
        let step = run.happen(happening, coverage);
        step.map_err(|what| format!("seed {seed}, happening {index}: {what}\n{happening:?}"))?;
    }
    Ok(())
}

struct Run<'a> {
    history: &'a History,
    head: ServiceHead,
    model: Model<'a>,
    detections: BTreeMap<IncidentId, u32>,
    /// By incident: whether an alert was told since its last opening.
    is_announced: BTreeMap<IncidentId, bool>,
    messages: BTreeMap<IncidentId, u32>,
}

fn ensure(holds: bool, law: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(law.to_owned()) }
}

impl Run<'_> {
    fn happen(&mut self, happening: &Happening, coverage: &mut Coverage) -> Result<(), String> {
        let (after, expected) = match happening {
            Happening::Cycle(cycle, evaluation) => {
                let step = Step::new(*cycle, evaluation.clone());
                let after = advance(&self.head, &step, &self.history.rules);
                self.check_replay(&after, &step)?;
                self.check_freeze(&after, evaluation)?;
                (after, self.model.cycle(*cycle, evaluation))
            }
            Happening::Act(index, action, at_ms) => {
                let mut active: Vec<&Incident> = self.head.active.values().collect();
                active.sort_by(|a, b| a.anomaly_name.cmp(&b.anomaly_name));
                let Some(incident) = active.get(*index) else { return Ok(()) };
                let (id, name) = (incident.incident_id.clone(), incident.anomaly_name.clone());
                let after = act(&self.head, &id, action, *at_ms).map_err(|it| it.to_string())?;
                (after, self.model.act(&name, action, *at_ms))
            }
            Happening::EndAll(reason, at_ms) => (
                end_all(&self.head, *reason, *at_ms, usize::MAX),
                self.model.end_all(*reason, *at_ms),
            ),
        };
        self.check_laws(&after)?;
        self.compare(&after, expected)?;
        count(&after, coverage);
        self.head = after.head;
        Ok(())
    }

    /// The same cycle once more changes nothing.
    fn check_replay(&self, after: &Advance, step: &Step) -> Result<(), String> {
        let again = advance(&after.head, step, &self.history.rules);
        match after.disposition {
            Disposition::Quiet => ensure(again == *after, "a quiet cycle repeats itself"),
            _ => {
                let is_dropped =
                    matches!(again.disposition, Disposition::AlreadyProcessed | Disposition::Late);
                ensure(is_dropped && again.changes.is_empty(), "a replay is dropped")?;
                ensure(again.head == after.head, "a replay changes nothing")
            }
        }
    }

    /// Without an evaluation no counter moves.
    fn check_freeze(&self, after: &Advance, evaluation: &Evaluation) -> Result<(), String> {
        if !matches!(evaluation, Evaluation::NotEvaluated { .. }) {
            return Ok(());
        }
        let counters = |it: &Incident| {
            (it.state, it.occurrence_count, it.consecutive_detections, it.missed_cycles)
        };
        let is_same = |(id, it): (&FingerprintId, &Incident)| {
            self.head.active.get(id).is_some_and(|before| counters(before) == counters(it))
        };
        ensure(after.head.active.iter().all(is_same), "a frozen cycle moves no counter")
    }

    fn check_laws(&mut self, after: &Advance) -> Result<(), String> {
        let written = u64::from(after.is_written());
        ensure(after.head.version == self.head.version + written, "one version a write")?;
        ensure(after.is_written() || after.head == self.head, "what is not written is unchanged")?;
        for (fingerprint, incident) in &after.head.active {
            ensure(*fingerprint == incident.fingerprint_id, "an incident is kept by its pattern")?;
            ensure(incident.state != IncidentState::Closed, "what is active is not closed")?;
            ensure(incident.first_seen_ms <= incident.last_updated_ms, "seen before updated")?;
        }
        let has_many = self.history.rules.grouping == Grouping::Metric;
        ensure(has_many || after.head.active.len() <= 1, "one incident a service")?;
        for change in &after.changes {
            self.check_change(change)?;
        }
        let live = |id: &IncidentId| after.head.incident(id).is_some();
        let mut announced = self.is_announced.iter().filter(|(_, is_announced)| **is_announced);
        ensure(announced.all(|(id, _)| live(id)), "what was told is resolved or goes on")
    }

    fn check_change(&mut self, change: &Change) -> Result<(), String> {
        let (incident, id) = (&change.incident, &change.incident.incident_id);
        ensure(!change.events.is_empty(), "a change says what happened")?;
        let is_detection =
            matches!(change.events[0], Event::Created | Event::Continued | Event::Reopened { .. });
        let detections = self.detections.entry(id.clone()).or_default();
        *detections += u32::from(is_detection);
        ensure(incident.occurrence_count == *detections, "occurrences are detections")?;
        if let Some(resolution) = &change.resolution {
            ensure(
                incident.last_updated_ms <= resolution.resolved_at_ms,
                "updated before resolved",
            )?;
        }
        if matches!(change.events[0], Event::Reopened { .. }) {
            let was = self.is_announced.insert(id.clone(), false);
            ensure(was == Some(false) || was.is_none(), "what is opened again had ended")?;
        }
        let is_announced = self.is_announced.entry(id.clone()).or_default();
        let before = *is_announced;
        if let Some(told) = change.announcement {
            let messages = self.messages.entry(id.clone()).or_default();
            *messages += 1;
            ensure(told.seq == *messages, "messages are counted without a gap")?;
            ensure(incident.state != IncidentState::Suspected, "what is suspected is not told")?;
            ensure(change.hold.is_none(), "what is told is not held")?;
            *is_announced = told.kind.is_alert();
            let is_first =
                matches!(told.kind, AnnouncementKind::FirstAlert | AnnouncementKind::ReopenedAlert);
            ensure(is_first != before, "there is one first alert an opening")?;
        }
        let is_resolved =
            change.announcement.map(|it| it.kind) == Some(AnnouncementKind::Resolution);
        let has_ended = change.end().is_some();
        ensure(is_resolved == (has_ended && before), "resolved if and only if told")?;
        ensure(incident.alerted == (*is_announced || is_resolved), "the flag says what was told")
    }

    fn compare(&self, after: &Advance, mut expected: Vec<Message>) -> Result<(), String> {
        let mut views: Vec<View> = after.head.active.values().map(|it| self.view(it)).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        let of_model = self.model.views();
        if views != of_model {
            return Err(format!("the model has {of_model:#?}, the head {views:#?}"));
        }
        let told = |(change, it): (&Change, incident::Announcement)| {
            (change.incident.incident_id.clone(), it.kind)
        };
        let mut told: Vec<(IncidentId, AnnouncementKind)> = after.announced().map(told).collect();
        let mut wanted: Vec<(IncidentId, AnnouncementKind)> =
            expected.drain(..).map(|it| (self.id(&it.0, it.1), it.2)).collect();
        told.sort();
        wanted.sort();
        ensure(told == wanted, &format!("the model tells {wanted:?}, the lifecycle {told:?}"))
    }

    fn id(&self, name: &str, created_in: i64) -> IncidentId {
        IncidentId::of(&FingerprintId::of(&self.history.service, name), created_in)
    }

    fn view(&self, it: &Incident) -> View {
        let entries = self.model.entries.iter();
        let of_model = entries.filter(|entry| entry.name == it.anomaly_name);
        let same = |created_in: i64| self.id(&it.anomaly_name, created_in) == it.incident_id;
        let created_in =
            of_model.map(|entry| entry.created_in).find(|created_in| same(*created_in));
        View {
            name: it.anomaly_name.clone(),
            created_in: created_in.unwrap_or(i64::MIN),
            state: it.state,
            occurrences: it.occurrence_count,
            consecutive: it.consecutive_detections,
            missed: it.missed_cycles,
            severity: it.severity,
            peak: it.peak_severity,
            first_ms: it.first_seen_ms,
            last_ms: it.last_updated_ms,
            unobserved_ms: it.unobserved_ms,
            alerted: it.alerted,
            reopens: it.reopen_count,
        }
    }
}

fn count(after: &Advance, coverage: &mut Coverage) {
    coverage.steps += 1;
    coverage.overflow += after.overflow.len() as u64;
    let is_dropped = matches!(after.disposition, Disposition::AlreadyProcessed | Disposition::Late);
    coverage.dropped += u64::from(is_dropped);
    for change in &after.changes {
        let end = change.end().map(|end| end.as_str());
        let is_alert = change.announcement.map(|it| it.kind.is_alert());
        coverage.alerts += u64::from(is_alert == Some(true));
        coverage.resolutions += u64::from(is_alert == Some(false));
        coverage.reopened += u64::from(matches!(change.events[0], Event::Reopened { .. }));
        coverage.stale += u64::from(end == Some("auto_stale"));
        coverage.unobserved += u64::from(end == Some("unobserved"));
        coverage.flapping += u64::from(change.has(&Event::Flapping));
        coverage.held += u64::from(change.hold.is_some());
    }
}
