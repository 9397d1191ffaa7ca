//! Hits and false alarms, service by service.

use std::collections::BTreeSet;

use super::intervals::{Interval, minus, overlap, union};
use super::{Alert, EVERY_SERVICE, Label, Maintenance, Truth, Verdict, span};

const HOUR_S: i64 = 3_600;
/// Alerts closer than this, or than three steps, are one episode.
const MERGE_S: i64 = 900;
/// Alerts are excused for so long after a labelled window.
const TAIL_S: i64 = 300;

/// What was counted.
pub(super) struct Counted {
    pub(super) hits: usize,
    pub(super) false_alarms: usize,
    /// By position of the alert.
    pub(super) verdicts: Vec<Verdict>,
}

/// Counts all services.
pub(super) fn count_alarms(truth: &Truth, alerts: &[Alert]) -> Counted {
    let mut counted =
        Counted { hits: 0, false_alarms: 0, verdicts: vec![Verdict::Excused; alerts.len()] };
    let services: BTreeSet<&str> = alerts.iter().map(|alert| alert.service.as_str()).collect();
    for service in services {
        let mut own: Vec<usize> =
            (0..alerts.len()).filter(|index| alerts[*index].service == service).collect();
        own.sort_by_key(|index| alerts[*index].start);
        count_service(truth, service, &own, alerts, &mut counted);
    }
    counted
}

fn count_service(
    truth: &Truth,
    service: &str,
    own: &[usize],
    alerts: &[Alert],
    counted: &mut Counted,
) {
    let step_s = truth.step_s;
    let merge_s = MERGE_S.max(3 * step_s);
    let windows = windows(truth, service);
    let alarmed = |index: &usize| {
        (alerts[*index].start, alerts[*index].end.max(alerts[*index].start + step_s))
    };
    let spans = union(own.iter().map(alarmed).collect());
    let mut rest = own;
    while let Some(first) = rest.first() {
        let mut end_s = alerts[*first].end;
        let mut length = 1;
        while rest.get(length).is_some_and(|next| alerts[*next].start <= end_s + merge_s) {
            end_s = end_s.max(alerts[rest[length]].end);
            length += 1;
        }
        let episode = (alerts[*first].start, end_s);
        counted.hits += usize::from(windows.own.iter().any(|it| overlap(*it, episode)));
        let outside: Vec<Interval> = spans
            .iter()
            .filter(|it| overlap(**it, episode))
            .flat_map(|it| minus(*it, &windows.excused))
            .collect();
        let hours = hours_touched(episode.0, &outside);
        counted.false_alarms += hours;
        tell(truth, service, &rest[..length], alerts, &outside, hours, counted);
        rest = &rest[length..];
    }
}

/// The verdicts on the alerts of one episode; its false hours are told with the first that is one.
fn tell(
    truth: &Truth,
    service: &str,
    episode: &[usize],
    alerts: &[Alert],
    outside: &[Interval],
    hours: usize,
    counted: &mut Counted,
) {
    let mut hours = hours;
    for index in episode {
        let alert = span(&alerts[*index]);
        let kinds = kinds_met(truth, service, alert);
        let is_outside =
            outside.iter().any(|it| overlap(*it, (alert.0, alert.1.max(alert.0 + truth.step_s))));
        let counts = if is_outside { std::mem::take(&mut hours) } else { 0 };
        counted.verdicts[*index] = match (kinds.is_empty(), is_outside) {
            (false, _) => Verdict::True { kinds, hours: counts },
            (true, true) => Verdict::False { hours: counts },
            (true, false) => Verdict::Excused,
        };
    }
}

fn kinds_met(truth: &Truth, service: &str, alert: Interval) -> BTreeSet<String> {
    let is_met = |label: &&Label| {
        (label.service == service || label.service == EVERY_SERVICE)
            && overlap(widened(label, truth.step_s), alert)
    };
    truth.labels.iter().filter(is_met).map(|label| label.kind.clone()).collect()
}

struct Windows {
    /// Meeting one of these is a hit.
    own: Vec<Interval>,
    /// Nothing within these is a false alarm.
    excused: Vec<Interval>,
}

fn windows(truth: &Truth, service: &str) -> Windows {
    let named: BTreeSet<&str> = truth
        .labels
        .iter()
        .filter(|label| label.service != EVERY_SERVICE)
        .map(|label| label.incident.as_str())
        .collect();
    let of = |wanted: &dyn Fn(&Label) -> bool| -> Vec<Interval> {
        let labels = truth.labels.iter().filter(|label| wanted(label));
        labels.map(|label| widened(label, truth.step_s)).collect()
    };
    let is_own = |label: &Label| label.service == service;
    let is_every = |label: &Label| label.service == EVERY_SERVICE;
    let own = of(&|it| is_own(it) || (is_every(it) && !named.contains(it.incident.as_str())));
    let mut excused = of(&|it| is_own(it) || is_every(it));
    let maintained = |it: &&Maintenance| it.service == service || it.service == EVERY_SERVICE;
    excused.extend(
        truth.maintenance.iter().filter(maintained).map(|it| (it.start_s, it.end_s + truth.step_s)),
    );
    Windows { own: union(own), excused: union(excused) }
}

fn widened(label: &Label, step_s: i64) -> Interval {
    (label.start_s - step_s, label.end_s + step_s.max(TAIL_S))
}

/// Hours, counted from the start of an episode, that the intervals touch.
fn hours_touched(from_s: i64, intervals: &[Interval]) -> usize {
    let hours: BTreeSet<i64> = intervals
        .iter()
        .flat_map(|(start, end)| {
            let last = (end - 1).max(*start);
            (start - from_s).div_euclid(HOUR_S)..=(last - from_s).div_euclid(HOUR_S)
        })
        .collect();
    hours.len()
}
