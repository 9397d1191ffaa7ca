//! Incidents of a replay live as those in service do: all services of an instant are taken through
//! the same state machine together, with the same folding, silences and filters.
//!
//! Only cycles with data happen. A service without data in a cycle takes no part in it, except
//! that the trouble of others may be listed under its incident.

use std::collections::{BTreeMap, BTreeSet};

use incident::cascade::{Member, place};
use incident::fold::FOLD_AFTER_END_S;
use incident::{
    Advance, Announcement, AnnouncementKind, Change, Cycle, Evaluation, Event, IncidentId, Rules,
    ServiceHead, Step, advance,
};

use crate::backtest::Track;
use crate::backtest::episode::Episode;
use crate::backtest::incident::{Incident, Notification};
use crate::backtest::judge::{Finding, Judge};

/// What came of a replay.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// One for each opening of an incident, in the order of their ends.
    pub(super) incidents: Vec<Incident>,
    /// All messages but repeats, in order.
    pub(super) notifications: Vec<Notification>,
    /// Alerts that were repeated while an incident went on.
    pub(super) repeats: usize,
}

/// Takes the fleet through all its cycles.
pub(super) fn live(fleet: &[Track], judge: &dyn Judge, rules: &Rules) -> Lives {
    let mut cycles: Vec<Position> = Vec::new();
    for (service, track) in fleet.iter().enumerate() {
        let position =
            |(finding, it): (usize, &Finding)| Position { at_s: it.at_s, service, finding };
        cycles.extend(track.findings.iter().enumerate().map(position));
    }
    cycles.sort_by_key(|it| (it.at_s, it.service));
    let heads = fleet.iter().map(|track| ServiceHead::new(track.service.clone()));
    let mut walk = Walk {
        fleet,
        judge,
        rules,
        heads: heads.collect(),
        seen: BTreeMap::new(),
        open: BTreeMap::new(),
        lives: Lives::default(),
    };
    for together in cycles.chunk_by(|a, b| a.at_s == b.at_s) {
        walk.cycle(together);
    }
    walk.lives.incidents.extend(std::mem::take(&mut walk.open).into_values());
    walk.lives
}

/// One cycle of one service.
#[derive(Debug, Clone, Copy)]
struct Position {
    at_s: i64,
    service: usize,
    finding: usize,
}

struct Walk<'a> {
    fleet: &'a [Track],
    judge: &'a dyn Judge,
    rules: &'a Rules,
    /// By position of the service, as are all positions here.
    heads: Vec<ServiceHead>,
    /// Findings of incidents that are not confirmed yet.
    seen: BTreeMap<IncidentId, Vec<usize>>,
    /// Incidents that are confirmed and not over.
    open: BTreeMap<IncidentId, Incident>,
    lives: Lives,
}

impl Walk<'_> {
    fn cycle(&mut self, together: &[Position]) {
        let Some(at_s) = together.first().map(|it| it.at_s) else { return };
        let mut taking: Vec<(usize, Option<usize>)> = Vec::new();
        for it in together {
            let finding = &self.fleet[it.service].findings[it.finding];
            if finding.has_evidence() || self.matters(it.service, at_s) {
                taking.push((it.service, Some(it.finding)));
            }
        }
        if taking.is_empty() {
            return;
        }
        let present: BTreeSet<usize> = together.iter().map(|it| it.service).collect();
        let absent = (0..self.fleet.len()).filter(|it| !present.contains(it));
        taking.extend(absent.filter(|it| self.matters(*it, at_s)).map(|it| (it, None)));
        let mut members: Vec<Member> =
            taking.iter().map(|(service, finding)| self.member(*service, *finding, at_s)).collect();
        place(&mut members, self.rules);
        for ((service, finding), Member { head, step }) in taking.into_iter().zip(members) {
            if finding.is_none() && step.affected.is_empty() {
                continue;
            }
            let after = advance(&head, &step, self.rules);
            self.note(service, finding, &after);
            self.heads[service] = after.head;
        }
    }

    /// Whether a service has incidents that go on, or under which others may still be listed.
    fn matters(&self, service: usize, at_s: i64) -> bool {
        let head = &self.heads[service];
        let is_fresh = |closed_at_ms: i64| at_s - closed_at_ms.div_euclid(1000) <= FOLD_AFTER_END_S;
        !head.active.is_empty() || head.recent.values().any(|it| is_fresh(it.closed_at_ms))
    }

    fn member(&self, service: usize, finding: Option<usize>, at_s: i64) -> Member {
        let track = &self.fleet[service];
        let cycle = Cycle::of_length(at_s * 1000, track.cycle_s);
        let found = finding.map(|finding| &track.findings[finding]);
        let evaluation = match found.and_then(|it| it.evaluated.clone()) {
            Some(evaluated) => Evaluation::Evaluated(evaluated),
            None => Evaluation::NotEvaluated { reason: String::new() },
        };
        let is_asked = found.is_some_and(Finding::has_evidence);
        let root_cause =
            if is_asked { self.judge.root_cause(&track.service, self.fleet, at_s) } else { None };
        let step = Step { root_cause, ..Step::new(cycle, evaluation) };
        Member { head: self.heads[service].clone(), step }
    }

    fn note(&mut self, service: usize, finding: Option<usize>, after: &Advance) {
        for change in &after.changes {
            if let Some(finding) = finding.filter(|_| is_sighting(change)) {
                self.sight(service, finding, change);
            }
            let id = &change.incident.incident_id;
            let track = &self.fleet[service];
            if let Some(incident) = self.open.get_mut(id) {
                incident.follow(change);
            }
            if let Some(told) = change.announcement {
                self.tell(track, finding, change, told);
            }
            if change.end().is_some() {
                self.seen.remove(id);
                self.lives.incidents.extend(self.open.remove(id));
            }
        }
    }

    /// An incident was seen: that confirms it, opens it again, or lets it go on.
    fn sight(&mut self, service: usize, finding: usize, change: &Change) {
        let (track, id) = (&self.fleet[service], &change.incident.incident_id);
        if let Some(incident) = self.open.get_mut(id) {
            incident.episode.note(finding, &track.findings);
            return;
        }
        let seen = self.seen.entry(id.clone()).or_default();
        seen.push(finding);
        let is_opened =
            change.is_newly_confirmed() || matches!(change.events[0], Event::Reopened { .. });
        if !is_opened {
            return;
        }
        let seen = self.seen.remove(id).unwrap_or_default();
        if let Some(episode) = Episode::confirmed(&seen, &track.findings) {
            self.open.insert(id.clone(), Incident::new(&track.service, change, episode));
        }
    }

    fn tell(&mut self, track: &Track, finding: Option<usize>, change: &Change, told: Announcement) {
        if told.kind == AnnouncementKind::RepeatedAlert {
            self.lives.repeats += 1;
            return;
        }
        let updated_s = change.incident.last_updated_ms.div_euclid(1000);
        let stamp_s = finding.map_or(updated_s, |finding| track.findings[finding].stamp_s);
        self.lives.notifications.push(Notification::new(&track.service, stamp_s, change, told));
    }
}

fn is_sighting(change: &Change) -> bool {
    matches!(change.events[0], Event::Created | Event::Continued | Event::Reopened { .. })
}

#[cfg(test)]
#[path = "lives_tests.rs"]
mod tests;
