//! Incidents of a replay, and who would have been told of them.

use std::collections::BTreeSet;

use domain::{ServiceName, Severity};
use incident::fold::{Announced, Folded, Opening, fold};
use incident::{Announcement, AnnouncementKind, Change, EndReason, Hold, IncidentId, Rules};
use serde::Serialize;

use crate::backtest::Track;
use crate::backtest::episode::Episode;
use crate::backtest::judge::{Cause, Judge};
use crate::backtest::lives::{Lives, live};

/// Only an incident that the detector gives this severity is an alert, whatever its pattern.
pub const ANNOUNCED_FROM: Severity = Severity::Medium;

/// One opening of an incident. Instants are stamps of cycles.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    pub service: ServiceName,
    pub incident_id: IncidentId,
    /// The pattern that it was named for when it was first seen.
    pub anomaly_name: String,
    pub episode: Episode,
    /// The service itself where no other one is to blame.
    pub root_cause: ServiceName,
    /// Itself, and the services whose incidents were folded under it; sorted.
    pub affected: BTreeSet<ServiceName>,
    /// An alert was sent.
    pub is_told: bool,
    /// What held the alert back in the last cycle in which one was due and not sent.
    pub hold: Option<Hold>,
    /// How it ended; `None` if it went on when the replay was over.
    pub end: Option<EndReason>,
    /// What its worst cycle said.
    pub cause: Option<Cause>,
}

/// A message that is not a repeat.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notification {
    #[serde(skip)]
    pub at_s: i64,
    pub kind: AnnouncementKind,
    pub service: ServiceName,
    pub incident_id: IncidentId,
    pub anomaly_name: String,
    pub severity: Severity,
    pub root_cause: ServiceName,
    pub affected: Vec<ServiceName>,
}

/// The incidents of a replay.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Incidents {
    /// All of them, by start and service.
    pub all: Vec<Incident>,
    /// Those that the detector calls at least medium, without those that are listed under another.
    pub alerts: Vec<Incident>,
    /// What would have been sent, in order.
    pub notifications: Vec<Notification>,
    /// Alerts that were sent again while an incident went on.
    pub repeats: usize,
}

impl Incidents {
    /// Takes the findings of all services through the life of incidents.
    pub fn of(fleet: &[Track], judge: &dyn Judge, rules: &Rules) -> Incidents {
        let Lives { incidents: mut all, notifications, repeats } = live(fleet, judge, rules);
        for it in &mut all {
            let track = fleet.iter().find(|track| track.service == it.service);
            it.cause = track.and_then(|track| track.findings[it.episode.worst_at].cause.clone());
        }
        all.sort_by(|a, b| (a.episode.start_s, &a.service).cmp(&(b.episode.start_s, &b.service)));
        let alerts = folded(&all);
        Incidents { all, alerts, notifications, repeats }
    }

    /// Those that the detector calls at least medium.
    pub fn announced(&self) -> impl Iterator<Item = &Incident> {
        self.all.iter().filter(|incident| incident.is_announced())
    }
}

/// Alerts without those that are listed under another. What nobody was told of for its pattern or
/// by a setting is listed by the same rule as what is told.
fn folded(all: &[Incident]) -> Vec<Incident> {
    let is_alert = |it: &&Incident| it.is_announced() && !it.is_listed_elsewhere();
    let (mut alerts, untold): (Vec<Incident>, Vec<Incident>) =
        all.iter().filter(is_alert).cloned().partition(|it| it.is_told);
    let known: Vec<Announced> = alerts.iter().map(Incident::known).collect();
    for it in untold {
        let opening = Opening { service: it.service.clone(), root: it.root_cause.clone() };
        match fold(&[opening], &known, it.episode.start_s)[..] {
            [Folded::JoinsIncident(host)] => alerts[host].affected.extend(it.affected),
            _ => alerts.push(it),
        }
    }
    alerts.sort_by(|a, b| (a.episode.start_s, &a.service).cmp(&(b.episode.start_s, &b.service)));
    alerts
}

impl Incident {
    pub(super) fn new(service: &ServiceName, change: &Change, episode: Episode) -> Incident {
        Incident {
            service: service.clone(),
            incident_id: change.incident.incident_id.clone(),
            anomaly_name: change.incident.anomaly_name.clone(),
            episode,
            root_cause: service.clone(),
            affected: BTreeSet::from([service.clone()]),
            is_told: false,
            hold: None,
            end: None,
            cause: None,
        }
    }

    /// Takes over what a step did to it.
    pub(super) fn follow(&mut self, change: &Change) {
        let it = &change.incident;
        self.root_cause = it.root(&self.service).clone();
        self.affected.extend(it.affected.iter().map(|it| it.service.clone()));
        self.is_told |= change.announcement.is_some_and(|told| told.kind.is_alert());
        if change.hold.is_some() {
            self.hold.clone_from(&change.hold);
        }
        self.end = change.end();
    }

    fn known(&self) -> Announced {
        Announced {
            service: self.service.clone(),
            root: self.root_cause.clone(),
            since_s: self.episode.start_s,
            end_s: Some(self.episode.end_s),
        }
    }

    /// Whether the detector takes it for at least medium.
    pub fn is_announced(&self) -> bool {
        self.episode.detected >= ANNOUNCED_FROM
    }

    /// Whether nobody was told of it because it is listed under another incident.
    pub fn is_listed_elsewhere(&self) -> bool {
        !self.is_told && matches!(self.hold, Some(Hold::Folded { .. }))
    }
}

impl Notification {
    pub(super) fn new(
        service: &ServiceName,
        at_s: i64,
        change: &Change,
        told: Announcement,
    ) -> Notification {
        let it = &change.incident;
        Notification {
            at_s,
            kind: told.kind,
            service: service.clone(),
            incident_id: it.incident_id.clone(),
            anomaly_name: it.anomaly_name.clone(),
            severity: it.severity,
            root_cause: it.root(service).clone(),
            affected: it.affected.iter().map(|it| it.service.clone()).collect(),
        }
    }
}
