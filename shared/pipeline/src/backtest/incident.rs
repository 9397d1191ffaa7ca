//! Incidents of a replay: episodes with a service, a root cause, and whether anybody is told.

use std::collections::BTreeSet;

use detect::residual::root::ROOT_SETTLES_S;
use domain::{ServiceName, Severity};
use incident::fold::{self as folding, Folded};

use crate::backtest::Track;
use crate::backtest::episodes::{Episode, Episodes};
use crate::backtest::judge::{Cause, Judge};

/// Only an incident that the detector gives this severity is announced, whatever its pattern.
pub const ANNOUNCED_FROM: Severity = Severity::Medium;

/// One incident. Instants are stamps of cycles.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    pub service: ServiceName,
    pub episode: Episode,
    /// The service itself where no other one is to blame.
    pub root_cause: ServiceName,
    /// Itself, and the services whose incidents were folded under it; sorted.
    pub affected: BTreeSet<ServiceName>,
    pub is_announced: bool,
    /// What its worst cycle said.
    pub cause: Option<Cause>,
}

/// The incidents of a replay.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Incidents {
    /// Announced and not, by start and service.
    pub all: Vec<Incident>,
    /// Those that are announced, folded by root cause.
    pub alerts: Vec<Incident>,
}

impl Incidents {
    /// Finds the incidents in the findings of all services.
    pub fn of(fleet: &[Track], judge: &dyn Judge) -> Incidents {
        let mut all: Vec<Incident> =
            fleet.iter().flat_map(|track| of_track(track, judge)).collect();
        all.sort_by(|a, b| (a.episode.start_s, &a.service).cmp(&(b.episode.start_s, &b.service)));
        all.iter_mut().for_each(|it| it.find_root(fleet, judge, Stage::Opening));
        let mut alerts = fold(all.iter().filter(|incident| incident.is_announced));
        // Who is listed under whom is decided when incidents open. What they say may be better.
        for incident in all.iter_mut().chain(&mut alerts) {
            incident.find_root(fleet, judge, Stage::Settled);
        }
        Incidents { all, alerts }
    }

    /// Those that are announced, before folding.
    pub fn announced(&self) -> impl Iterator<Item = &Incident> {
        self.all.iter().filter(|incident| incident.is_announced)
    }
}

/// What is announced follows the judge's rules. What stays below that is an incident only where
/// nothing is announced.
fn of_track(track: &Track, judge: &dyn Judge) -> Vec<Incident> {
    let announced = judge.episodes(&track.service).fold(&track.findings, track.cycle_s);
    let (announced, mild): (Vec<Episode>, Vec<Episode>) =
        announced.into_iter().partition(|episode| episode.detected >= ANNOUNCED_FROM);
    let below = Episodes::of_severity(Severity::Low).fold(&track.findings, track.cycle_s);
    let taken = |episode: &Episode, others: &[Episode]| {
        others
            .iter()
            .any(|it| it.first_evidence_s <= episode.end_s && it.end_s >= episode.first_evidence_s)
    };
    let below: Vec<Episode> =
        below.into_iter().filter(|it| !taken(it, &announced) && !taken(it, &mild)).collect();
    let loud = announced.into_iter().map(|episode| (episode, true));
    let quiet = mild.into_iter().chain(below).map(|episode| (episode, false));
    loud.chain(quiet)
        .map(|(episode, is_announced)| incident(track, episode, is_announced))
        .collect()
}

fn incident(track: &Track, episode: Episode, is_announced: bool) -> Incident {
    let service = track.service.clone();
    Incident {
        root_cause: service.clone(),
        affected: BTreeSet::from([service.clone()]),
        is_announced,
        cause: track.findings[episode.worst_at].cause.clone(),
        service,
        episode,
    }
}

/// Lists incidents whose trouble starts elsewhere under the incident that it starts with, as a
/// cycle in service does. `incidents` are in the order of their starts.
pub fn fold<'a>(incidents: impl IntoIterator<Item = &'a Incident>) -> Vec<Incident> {
    let incidents: Vec<&Incident> = incidents.into_iter().collect();
    let mut told: Vec<Incident> = Vec::new();
    // As they stand by themselves: who was folded under one does not prolong it.
    let mut known: Vec<folding::Announced> = Vec::new();
    for opened in incidents.chunk_by(|a, b| a.episode.start_s == b.episode.start_s) {
        let opening = |it: &&Incident| folding::Opening {
            service: it.service.clone(),
            root: it.root_cause.clone(),
        };
        let openings: Vec<folding::Opening> = opened.iter().map(opening).collect();
        let folded = folding::fold(&openings, &known, opened[0].episode.start_s);
        // Where each opening that stands by itself is told.
        let mut places: Vec<Option<usize>> = vec![None; opened.len()];
        for (index, incident) in opened.iter().enumerate() {
            if folded[index] == Folded::Opens {
                places[index] = Some(told.len());
                told.push((*incident).clone());
                known.push(incident.known());
            }
        }
        for (index, incident) in opened.iter().enumerate() {
            let host = match folded[index] {
                Folded::Opens => None,
                Folded::JoinsIncident(host) => Some(host),
                Folded::JoinsOpening(host) => places[host],
            };
            if let Some(host) = host.and_then(|host| told.get_mut(host)) {
                host.affected.insert(incident.service.clone());
            }
        }
    }
    told
}

/// When the root of an incident is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    /// Ten minutes later, or at its end if that comes first.
    Settled,
}

impl Incident {
    fn find_root(&mut self, fleet: &[Track], judge: &dyn Judge, stage: Stage) {
        let Some(track) = fleet.iter().find(|track| track.service == self.service) else { return };
        let ended = track.findings.partition_point(|it| it.stamp_s <= self.episode.end_s);
        let end_s = track.findings[..ended].last().map_or(i64::MAX, |it| it.at_s);
        let opened_s = track.findings[self.episode.opened_at].at_s;
        let at_s = match stage {
            Stage::Opening => opened_s,
            Stage::Settled => end_s.min(opened_s + ROOT_SETTLES_S),
        };
        if let Some(root) = judge.root_cause(&self.service, fleet, at_s) {
            self.root_cause = root;
        }
    }

    fn known(&self) -> folding::Announced {
        folding::Announced {
            service: self.service.clone(),
            root: self.root_cause.clone(),
            since_s: self.episode.start_s,
            end_s: Some(self.episode.end_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(service: &str, root: &str, start_s: i64, end_s: i64) -> Incident {
        let name = |text: &str| ServiceName::new(text).unwrap();
        let episode = Episode {
            start_s,
            end_s,
            first_evidence_s: start_s,
            severity: Severity::Medium,
            detected: Severity::Medium,
            score: 1.0,
            cycles: 1,
            opened_at: 0,
            worst_at: 0,
        };
        Incident {
            service: name(service),
            episode,
            root_cause: name(root),
            affected: BTreeSet::from([name(service)]),
            is_announced: true,
            cause: None,
        }
    }

    #[track_caller]
    fn check(incidents: &[Incident], expected: &[&str]) {
        let text = |it: &Incident| {
            let affected: Vec<&str> = it.affected.iter().map(ServiceName::as_str).collect();
            let (start_s, end_s) = (it.episode.start_s, it.episode.end_s);
            format!("{} {start_s}-{end_s} {}", it.service, affected.join("+"))
        };
        assert_eq!(fold(incidents).iter().map(text).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn services_that_blame_themselves_stay_apart() {
        check(&[one("a", "a", 0, 60), one("b", "b", 0, 60)], &["a 0-60 a", "b 0-60 b"]);
    }

    #[test]
    fn victims_are_told_with_their_root() {
        check(&[one("db", "db", 0, 60), one("front", "db", 1_260, 1_300)], &["db 0-60 db+front"]);
        check(
            &[one("db", "db", 0, 60), one("front", "db", 1_261, 1_300)],
            &["db 0-60 db", "front 1261-1300 front"],
        );
        check(&[one("api", "db", 0, 60), one("front", "db", 0, 90)], &["api 0-60 api+front"]);
        check(&[one("api", "db", 0, 60), one("db", "db", 0, 90)], &["db 0-90 api+db"]);
    }

    #[test]
    fn a_reopening_is_a_line_of_its_own() {
        check(
            &[one("db", "db", 0, 60), one("db", "db", 300, 360)],
            &["db 0-60 db", "db 300-360 db"],
        );
    }
}
