//! Which detection belongs to which incident.

use std::cmp::Reverse;

use domain::ServiceName;

use crate::active::Incident;
use crate::head::ServiceHead;
use crate::id::FingerprintId;
use crate::name::canonical;
use crate::rules::{Grouping, Rules};
use crate::step::Detection;

/// Detections of one cycle that are the same trouble, strongest first. Never empty.
#[derive(Debug, Clone)]
pub(crate) struct Group<'a> {
    pub(crate) found: Vec<Found<'a>>,
}

/// A detection under its canonical name.
#[derive(Debug, Clone)]
pub(crate) struct Found<'a> {
    pub(crate) fingerprint: FingerprintId,
    pub(crate) name: String,
    pub(crate) detection: &'a Detection,
}

/// The detections of a cycle, by the active incident that they continue, and those that continue
/// none.
#[derive(Debug, Default)]
pub(crate) struct Groups<'a> {
    pub(crate) continued: Vec<(FingerprintId, Group<'a>)>,
    pub(crate) new: Vec<Group<'a>>,
}

/// Assigns each detection once. The result does not depend on their order.
pub(crate) fn group<'a>(
    head: &ServiceHead,
    detections: &'a [Detection],
    grouping: Grouping,
) -> Groups<'a> {
    let mut groups = Groups::default();
    for found in sorted(&head.service, detections) {
        match incident_of(head, &found, grouping) {
            Some(fingerprint) => groups.put_continued(fingerprint, found),
            None => groups.put_new(found, grouping),
        }
    }
    groups
}

/// Strongest first: what opens, the worst severity, the surest; then by name.
fn sorted<'a>(service: &ServiceName, detections: &'a [Detection]) -> Vec<Found<'a>> {
    let found = |detection: &'a Detection| {
        let name = canonical(&detection.anomaly);
        Found { fingerprint: FingerprintId::of(service, &name), name, detection }
    };
    let mut all: Vec<Found<'a>> = detections.iter().map(found).collect();
    all.sort_by(|a, b| {
        let key = |it: &Found| (Reverse(it.detection.opens), Reverse(it.detection.severity));
        let sure = b.detection.confidence.total_cmp(&a.detection.confidence);
        key(a).cmp(&key(b)).then(sure).then_with(|| a.name.cmp(&b.name))
    });
    all
}

/// The active incident with the same pattern; else the oldest that covers the detection.
fn incident_of(head: &ServiceHead, found: &Found, grouping: Grouping) -> Option<FingerprintId> {
    if head.active.contains_key(&found.fingerprint) {
        return Some(found.fingerprint.clone());
    }
    let covers = |incident: &&Incident| match grouping {
        Grouping::Service => true,
        Grouping::Metric => {
            incident.root_metric.is_some() && incident.root_metric == found.detection.root_metric
        }
    };
    let oldest = head.active.values().filter(covers);
    let oldest = oldest.min_by_key(|it| (it.first_seen_ms, &it.fingerprint_id));
    oldest.map(|incident| incident.fingerprint_id.clone())
}

impl<'a> Groups<'a> {
    fn put_continued(&mut self, fingerprint: FingerprintId, found: Found<'a>) {
        match self.continued.iter_mut().find(|(id, _)| *id == fingerprint) {
            Some((_, group)) => group.found.push(found),
            None => self.continued.push((fingerprint, Group { found: vec![found] })),
        }
    }

    fn put_new(&mut self, found: Found<'a>, grouping: Grouping) {
        let is_same = |it: &Found| {
            let metric = &it.detection.root_metric;
            let shares_metric = metric.is_some() && *metric == found.detection.root_metric;
            it.fingerprint == found.fingerprint || grouping == Grouping::Service || shares_metric
        };
        match self.new.iter_mut().find(|group| group.found.iter().any(is_same)) {
            Some(group) => group.found.push(found),
            None => self.new.push(Group { found: vec![found] }),
        }
    }
}

impl<'a> Group<'a> {
    /// The detection that an incident is told with: its own pattern's, else the strongest.
    pub(crate) fn leading(&self, fingerprint: &FingerprintId) -> &Found<'a> {
        let own = self.found.iter().find(|it| it.fingerprint == *fingerprint);
        own.unwrap_or(self.strongest())
    }

    pub(crate) fn strongest(&self) -> &Found<'a> {
        &self.found[0]
    }

    /// Detections that confirm an incident.
    pub(crate) fn needed(&self, rules: &Rules) -> u32 {
        match self.found.iter().all(|it| it.detection.is_single) {
            true => rules.confirmation_cycles_single,
            false => rules.confirmation_cycles,
        }
    }

    /// Strong enough to start an incident.
    pub(crate) fn opens(&self) -> bool {
        self.strongest().detection.opens
    }
}
