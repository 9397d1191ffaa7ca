//! Who would have been told how often, and what objectives kept from being told.

use std::collections::BTreeMap;

use domain::Severity;
use incident::{AnnouncementKind, Hold};
use serde::Serialize;

use crate::backtest::accuracy::{Label, Truth, telling};
use crate::backtest::incident::{ANNOUNCED_FROM, Incident, Incidents, Notification};
use crate::backtest::judge::Judge;
use crate::backtest::{Finding, Track};

/// What stands for the kind of what no label names.
pub const UNLABELLED_KIND: &str = "unlabelled";

/// Messages of a replay, in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Notified {
    pub first_alerts: usize,
    /// First alerts of incidents that came back.
    pub reopened_alerts: usize,
    /// An incident became critical.
    pub escalated_alerts: usize,
    pub resolutions: usize,
    /// Alerts that were sent again while an incident went on.
    pub repeated_alerts: usize,
    /// Openings of incidents that nobody was told of, by what held them back.
    pub held_back: BTreeMap<&'static str, usize>,
    /// With labels: first and reopened alerts that meet a labelled incident, for each labelled
    /// incident that they meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_labelled_incident: Option<f64>,
}

/// What became of incidents under objectives, by the kind of their label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Fates {
    /// Incidents of this kind: labelled ones, or openings that no label names.
    pub incidents: usize,
    /// At least one opening kept a severity of medium or more.
    pub loud: usize,
    /// The detector called it at least medium, and the matrix called it low.
    pub lowered: usize,
    /// What was found was dropped, below a floor: there was no incident.
    pub dropped: usize,
    /// The detector found nothing of it, or nothing above low.
    pub unseen: usize,
}

impl Notified {
    /// Counts.
    pub fn of(incidents: &Incidents, truth: Option<&Truth>) -> Notified {
        let told = &incidents.notifications;
        let count = |kind| told.iter().filter(|it| it.kind == kind).count();
        let mut held_back = BTreeMap::new();
        for hold in incidents.all.iter().filter(|it| !it.is_told).filter_map(|it| it.hold.as_ref())
        {
            *held_back.entry(word(hold)).or_insert(0) += 1;
        }
        Notified {
            first_alerts: count(AnnouncementKind::FirstAlert),
            reopened_alerts: count(AnnouncementKind::ReopenedAlert),
            escalated_alerts: count(AnnouncementKind::EscalatedAlert),
            resolutions: count(AnnouncementKind::Resolution),
            repeated_alerts: incidents.repeats,
            held_back,
            per_labelled_incident: truth.and_then(|truth| per_incident(truth, told)),
        }
    }
}

fn word(hold: &Hold) -> &'static str {
    match hold {
        Hold::BelowSeverity { .. } => "below_severity",
        Hold::NonAlertingPattern { .. } => "non_alerting_pattern",
        Hold::LowConfidence { .. } => "low_confidence",
        Hold::Window { .. } => "window",
        Hold::Silenced { .. } => "silenced",
        Hold::Folded { .. } => "folded",
        Hold::Acknowledged { .. } => "acknowledged",
        Hold::NotDue => "not_due",
    }
}

fn per_incident(truth: &Truth, told: &[Notification]) -> Option<f64> {
    let is_first = |it: &&Notification| {
        matches!(it.kind, AnnouncementKind::FirstAlert | AnnouncementKind::ReopenedAlert)
    };
    let labelled = labelled(truth);
    let meets = |it: &Notification, labels: &[&Label]| {
        let (service, span) = (it.service.as_str(), (it.at_s, it.at_s));
        labels.iter().any(|label| label.meets(service, span, truth.step_s))
    };
    let firsts: Vec<&Notification> = told.iter().filter(is_first).collect();
    let is_met = |labels: &&Vec<&Label>| firsts.iter().any(|it| meets(it, labels));
    let met = labelled.iter().filter(is_met).count();
    let meeting = firsts.iter().filter(|it| labelled.iter().any(|labels| meets(it, labels)));
    (met > 0).then(|| meeting.count() as f64 / met as f64)
}

/// What objectives did to incidents, by kind: of labelled ones, and of openings that no label names.
pub fn fates(
    fleet: &[Track],
    incidents: &Incidents,
    judge: &dyn Judge,
    truth: Option<&Truth>,
) -> BTreeMap<String, Fates> {
    let mut fates: BTreeMap<String, Fates> = BTreeMap::new();
    let labelled = truth.map(labelled).unwrap_or_default();
    let slack_s = truth.map_or(0, |truth| truth.step_s);
    let meets = |it: &Incident, labels: &[&Label]| {
        let span = (it.episode.start_s, it.episode.end_s);
        labels.iter().any(|label| label.meets(it.service.as_str(), span, slack_s))
    };
    for labels in &labelled {
        let openings: Vec<&Incident> =
            incidents.all.iter().filter(|it| meets(it, labels)).collect();
        let is_dropped = || fleet.iter().any(|track| is_dropped(track, labels, judge, slack_s));
        fates.entry(labels[0].kind.clone()).or_default().count(&openings, is_dropped);
    }
    let unlabelled = incidents.all.iter().filter(|it| !labelled.iter().any(|of| meets(it, of)));
    for it in unlabelled.filter(|it| it.is_announced()) {
        fates.entry(UNLABELLED_KIND.to_owned()).or_default().count(&[it], || false);
    }
    fates
}

/// Whether objectives dropped something of a service within one of the labels.
fn is_dropped(track: &Track, labels: &[&Label], judge: &dyn Judge, slack_s: i64) -> bool {
    let (service, scale) = (track.service.as_str(), judge.scale(&track.service));
    let is_within = |it: &Finding| {
        labels.iter().any(|label| label.meets(service, (it.stamp_s, it.stamp_s), slack_s))
    };
    track.findings.iter().any(|it| it.is_dropped(scale) && is_within(it))
}

impl Fates {
    fn count(&mut self, openings: &[&Incident], is_dropped: impl FnOnce() -> bool) {
        self.incidents += 1;
        let is_loud = |severity: Severity| severity >= ANNOUNCED_FROM;
        if openings.iter().any(|it| is_loud(it.episode.severity)) {
            self.loud += 1;
        } else if openings.iter().any(|it| is_loud(it.episode.before_objectives)) {
            self.lowered += 1;
        } else if is_dropped() {
            self.dropped += 1;
        } else {
            self.unseen += 1;
        }
    }
}

/// The telling labels of each incident.
fn labelled(truth: &Truth) -> Vec<Vec<&Label>> {
    let incidents = truth.incidents().into_iter().map(|labels| telling(&labels));
    incidents.filter(|labels| !labels.is_empty()).collect()
}

#[cfg(test)]
#[path = "notified_tests.rs"]
mod tests;
