//! The same rules written a second time, the other way round: nothing is counted on the way. An
//! incident is the list of what happened to it, and everything else is read off that list.

use std::cmp::Ordering;

use domain::Severity;
use incident::operate::Action;
use incident::rules::{Grouping, Rules};
use incident::{
    AnnouncementKind, Cycle, Detection, EndReason, Evaluated, Evaluation, IncidentState,
};

use crate::entry::{Entry, Line, View};
use crate::generate::History;

/// What was told in a step: the pattern of the incident, the cycle of its creation, and how.
pub(crate) type Message = (String, i64, AnnouncementKind);

pub(crate) struct Model<'a> {
    rules: &'a Rules,
    pub(crate) entries: Vec<Entry>,
    last: Option<Cycle>,
    now_ms: i64,
    evaluated_ms: i64,
}

impl<'a> Model<'a> {
    pub(crate) fn new(history: &'a History) -> Model<'a> {
        let rules = &history.rules;
        Model { rules, entries: Vec::new(), last: None, now_ms: 0, evaluated_ms: 0 }
    }

    /// The active incidents by name.
    pub(crate) fn views(&self) -> Vec<View> {
        let mut views: Vec<View> = self.active().map(|entry| entry.view(self.rules)).collect();
        views.sort_by(|a, b| a.name.cmp(&b.name));
        views
    }

    fn active(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.end().is_none())
    }

    pub(crate) fn cycle(&mut self, cycle: Cycle, evaluation: &Evaluation) -> Vec<Message> {
        if self.last.is_some_and(|last| cycle.id <= last.id) {
            return Vec::new();
        }
        let before = self.entries.iter().map(|entry| entry.lines.len()).sum::<usize>();
        let had_active = self.active().next().is_some();
        let earlier_ms = self.now_ms;
        let now_ms = cycle.at_ms.max(earlier_ms);
        let told = match evaluation {
            Evaluation::NotEvaluated { .. } => {
                let frozen: Vec<usize> = self.positions();
                self.freeze(&frozen, cycle, now_ms, now_ms - self.evaluated_ms)
            }
            Evaluation::Evaluated(evaluated) => self.evaluate(cycle, now_ms, evaluated),
        };
        let after = self.entries.iter().map(|entry| entry.lines.len()).sum::<usize>();
        if had_active || after != before {
            self.last = Some(cycle);
            self.now_ms = now_ms;
            if matches!(evaluation, Evaluation::Evaluated(_)) {
                self.evaluated_ms = now_ms;
            }
        }
        told
    }

    fn positions(&self) -> Vec<usize> {
        (0..self.entries.len()).filter(|index| self.entries[*index].end().is_none()).collect()
    }

    fn freeze(&mut self, which: &[usize], cycle: Cycle, now_ms: i64, dark_ms: i64) -> Vec<Message> {
        let span_ms = (now_ms - self.now_ms).clamp(0, cycle.length_s * 1000);
        let limit_ms = self.rules.max_unobserved_hours * 3_600_000;
        let mut told = Vec::new();
        for index in which {
            self.entries[*index].lines.push(Line::Frozen { ms: span_ms });
            if self.entries[*index].unobserved_ms().max(dark_ms) >= limit_ms {
                told.extend(self.end(*index, cycle.id, now_ms, EndReason::Unobserved));
            }
        }
        told
    }

    fn evaluate(&mut self, cycle: Cycle, now_ms: i64, evaluated: &Evaluated) -> Vec<Message> {
        let old = self.positions();
        let mut own: Vec<Vec<&Detection>> = vec![Vec::new(); old.len()];
        let mut rest: Vec<&Detection> = Vec::new();
        for detection in &evaluated.detections {
            match self.home(&old, detection) {
                Some(place) => own[place].push(detection),
                None => rest.push(detection),
            }
        }
        let mut told = Vec::new();
        for (place, index) in old.iter().enumerate() {
            let metric = self.entries[*index].metric.clone();
            let is_dark =
                metric.as_ref().is_some_and(|it| evaluated.unavailable_metrics.contains(it));
            let is_breached = metric.as_ref().is_some_and(|it| evaluated.slo_breaches.contains(it));
            if !own[place].is_empty() {
                told.extend(self.see(*index, &own[place], cycle, now_ms));
            } else if is_dark {
                told.extend(self.freeze(&[*index], cycle, now_ms, 0));
            } else {
                let is_gated = self.rules.resolution_requires_slo_ok && is_breached;
                told.extend(self.miss(*index, is_gated, cycle, now_ms));
            }
        }
        let mut groups: Vec<(String, Vec<&Detection>)> = Vec::new();
        for detection in rest {
            let key = match self.rules.grouping {
                Grouping::Service => String::new(),
                Grouping::Metric => {
                    detection.root_metric.clone().unwrap_or_else(|| plain(detection).to_owned())
                }
            };
            match groups.iter_mut().find(|(other, _)| *other == key) {
                Some((_, group)) => group.push(detection),
                None => groups.push((key, vec![detection])),
            }
        }
        // Room is given to the strongest first.
        groups.sort_by(|a, b| order(strongest(&a.1), strongest(&b.1)));
        for (_, group) in groups {
            told.extend(self.appear(&group, cycle, now_ms));
        }
        told
    }

    fn home(&self, old: &[usize], detection: &Detection) -> Option<usize> {
        let name = plain(detection);
        let by_name = old.iter().position(|index| self.entries[*index].name == name);
        let covers = |entry: &Entry| match self.rules.grouping {
            Grouping::Service => true,
            Grouping::Metric => entry.metric.is_some() && entry.metric == detection.root_metric,
        };
        // One metric has at most one incident, so there is no choice among several.
        by_name.or_else(|| old.iter().position(|index| covers(&self.entries[*index])))
    }

    fn see(
        &mut self,
        index: usize,
        group: &[&Detection],
        cycle: Cycle,
        now_ms: i64,
    ) -> Vec<Message> {
        let view = self.entries[index].view(self.rules);
        let gap_minutes = (now_ms - view.last_ms - view.unobserved_ms).max(0) / 60_000;
        if gap_minutes > self.separation(cycle) {
            let reason = match view.state {
                IncidentState::Suspected => EndReason::SuspectedExpired,
                _ => EndReason::AutoStale,
            };
            let mut told = self.end(index, cycle.id, now_ms, reason);
            if strongest(group).opens {
                told.extend(self.create(group, cycle, now_ms));
            }
            return told;
        }
        let severity = lingering(view.severity, group);
        let needed = self.needed(group);
        self.entries[index].lines.push(Line::Seen { at_ms: now_ms, severity, needed });
        let is_escalated = view.state != IncidentState::Suspected
            && view.severity < Severity::Critical
            && severity == Severity::Critical;
        self.tell(index, group, is_escalated, cycle, now_ms)
    }

    fn miss(&mut self, index: usize, is_gated: bool, cycle: Cycle, now_ms: i64) -> Vec<Message> {
        let flaps = self.entries[index].flaps(self.rules);
        self.entries[index].lines.push(Line::Missed);
        let view = self.entries[index].view(self.rules);
        let is_over = i64::from(view.missed) >= self.grace(cycle);
        if view.state == IncidentState::Suspected {
            return match is_over {
                true => self.end(index, cycle.id, now_ms, EndReason::SuspectedExpired),
                false => Vec::new(),
            };
        }
        let quiet_minutes = (now_ms - view.last_ms - view.unobserved_ms).max(0) / 60_000;
        let is_held = flaps && quiet_minutes < self.separation(cycle);
        if is_over && !is_held && !is_gated {
            return self.end(index, cycle.id, now_ms, EndReason::Resolved);
        }
        Vec::new()
    }

    fn appear(&mut self, group: &[&Detection], cycle: Cycle, now_ms: i64) -> Vec<Message> {
        let lead = strongest(group);
        if !lead.opens || self.active().count() >= self.rules.active_max {
            return Vec::new();
        }
        let separation_ms = self.separation(cycle) * 60_000;
        // What was confirmed last under this name, and whether it may come back.
        let newest = self
            .entries
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, entry)| entry.name == plain(lead) && entry.is_confirmed(self.rules));
        let newest = newest.max_by_key(|(index, entry)| (entry.ended_line(), *index));
        let back = newest.filter(|(_, entry)| {
            entry.end().is_some_and(|(at_ms, reason)| {
                reason == EndReason::Resolved && now_ms - at_ms <= separation_ms
            }) && entry.reopens() < self.rules.reopens_max
        });
        let Some((index, _)) = back else { return self.create(group, cycle, now_ms) };
        let severity = lingering(self.entries[index].view(self.rules).severity, group);
        let needed = self.needed(group);
        let entry = &mut self.entries[index];
        entry.lines.push(Line::Reopened { at_ms: now_ms });
        entry.lines.push(Line::Seen { at_ms: now_ms, severity, needed });
        self.tell(index, group, false, cycle, now_ms)
    }

    fn create(&mut self, group: &[&Detection], cycle: Cycle, now_ms: i64) -> Vec<Message> {
        let lead = strongest(group);
        let (severity, needed) = (worst(group), self.needed(group));
        let lines = vec![Line::Seen { at_ms: now_ms, severity, needed }];
        let (name, metric) = (plain(lead).to_owned(), lead.root_metric.clone());
        self.entries.push(Entry { name, metric, created_in: cycle.id, lines });
        self.tell(self.entries.len() - 1, group, false, cycle, now_ms)
    }

    fn tell(
        &mut self,
        index: usize,
        group: &[&Detection],
        is_escalated: bool,
        cycle: Cycle,
        now_ms: i64,
    ) -> Vec<Message> {
        let entry = &self.entries[index];
        let view = entry.view(self.rules);
        let own: Vec<&Detection> =
            group.iter().filter(|it| plain(it) == entry.name).copied().collect();
        let lead = if own.is_empty() { strongest(group) } else { strongest(&own) };
        let alerting = &self.rules.alerting;
        let is_silent = view.state != IncidentState::Open
            || alerting.non_alerting_patterns.contains(plain(lead))
            || view.severity < alerting.severity_threshold
            || alerting.min_confidence.is_some_and(|least| lead.confidence < least)
            || entry.silenced_until().is_some_and(|until_ms| now_ms < until_ms)
            || alerting.windows.iter().any(|it| {
                it.pattern.as_ref().is_none_or(|pattern| pattern == plain(lead))
                    && it.from_ms <= Some(now_ms)
                    && it.until_ms > Some(now_ms)
            });
        let last = entry.last_alert();
        let kind = match (view.alerted, entry.messages()) {
            (false, 0) => AnnouncementKind::FirstAlert,
            (false, _) => AnnouncementKind::ReopenedAlert,
            _ if is_escalated => AnnouncementKind::EscalatedAlert,
            _ => AnnouncementKind::RepeatedAlert,
        };
        let is_due = kind != AnnouncementKind::RepeatedAlert
            || (!entry.is_acknowledged()
                && last
                    .is_none_or(|last| cycle.id - last >= i64::from(alerting.repeat_every_cycles)));
        if is_silent || !is_due {
            return Vec::new();
        }
        vec![self.say(index, kind, cycle.id)]
    }

    fn end(&mut self, index: usize, cycle: i64, at_ms: i64, reason: EndReason) -> Vec<Message> {
        let is_told = self.entries[index].is_told();
        self.entries[index].lines.push(Line::Ended { at_ms, reason });
        match is_told {
            true => vec![self.say(index, AnnouncementKind::Resolution, cycle)],
            false => Vec::new(),
        }
    }

    fn say(&mut self, index: usize, kind: AnnouncementKind, cycle: i64) -> Message {
        let entry = &mut self.entries[index];
        entry.lines.push(Line::Told { kind, cycle });
        (entry.name.clone(), entry.created_in, kind)
    }

    /// An operator acts on an active incident.
    pub(crate) fn act(&mut self, name: &str, action: &Action, at_ms: i64) -> Vec<Message> {
        let place = self.positions().into_iter().find(|index| self.entries[*index].name == name);
        let Some(index) = place else { return Vec::new() };
        if matches!(action, Action::Close { .. }) {
            let at_ms = at_ms.max(self.entries[index].view(self.rules).last_ms);
            return self.end(index, 0, at_ms, EndReason::OperatorClosed);
        }
        self.entries[index].lines.push(Line::Edited(action.clone()));
        Vec::new()
    }

    pub(crate) fn end_all(&mut self, reason: EndReason, at_ms: i64) -> Vec<Message> {
        let mut told = Vec::new();
        for index in self.positions() {
            let at_ms = at_ms.max(self.entries[index].view(self.rules).last_ms);
            told.extend(self.end(index, 0, at_ms, reason));
        }
        if reason == EndReason::SystemReset {
            // Nothing comes back after a reset.
            self.entries.clear();
        }
        told
    }

    /// One detection with a persistence of its own speaks for all.
    fn needed(&self, group: &[&Detection]) -> u32 {
        match group.iter().any(|it| !it.is_single) {
            true => self.rules.confirmation_cycles,
            false => self.rules.confirmation_cycles_single,
        }
    }

    /// Where it is not set: three cycles, or fewer if they are six minutes together.
    fn grace(&self, cycle: Cycle) -> i64 {
        let enough = (360 + cycle.length_s - 1) / cycle.length_s;
        self.rules.grace_cycles.map_or(enough.min(3), i64::from)
    }

    fn separation(&self, cycle: Cycle) -> i64 {
        self.rules.separation_minutes.max(3 * cycle.length_s / 60)
    }
}

fn plain(detection: &Detection) -> &str {
    detection.anomaly.split(':').next().unwrap_or_default()
}

fn worst(group: &[&Detection]) -> Severity {
    group.iter().map(|it| it.severity).max().unwrap_or_default()
}

/// A severity does not fall below what tighter limits would give.
fn lingering(before: Severity, group: &[&Detection]) -> Severity {
    let held = group.iter().map(|it| it.lingering).max().unwrap_or_default();
    if before <= held { worst(group).max(before) } else { worst(group).max(held) }
}

/// What comes first: it opens, it is worse, it is surer, its name.
fn order(a: &Detection, b: &Detection) -> Ordering {
    let opens = b.opens.cmp(&a.opens);
    let severity = b.severity.cmp(&a.severity);
    let sure = b.confidence.total_cmp(&a.confidence);
    opens.then(severity).then(sure).then_with(|| plain(a).cmp(plain(b)))
}

fn strongest<'a>(group: &[&'a Detection]) -> &'a Detection {
    group.iter().copied().min_by(|a, b| order(a, b)).expect("groups are not empty")
}
