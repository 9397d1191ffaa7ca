//! One service through cycles: what is told, what is held back, what people change.

use std::collections::BTreeSet;

use domain::{ServiceName, Severity};

use crate::active::RootCause;
use crate::advance::advance;
use crate::change::{Advance, AnnouncementKind, Disposition, Event, Hold};
use crate::head::ServiceHead;
use crate::id::IncidentId;
use crate::operate::{Action, ActionError, act, end_all, is_unobserved, tell_end_again};
use crate::rules::{Grouping, Rules, Window};
use crate::state::{EndReason, IncidentState};
use crate::step::{Cycle, Detection, Evaluated, Evaluation, Step};
use crate::summary::{OverallAction, summarize};

const START_MS: i64 = 1_700_000_040_000;

/// A service that is taken through cycles of two minutes.
struct Service {
    head: ServiceHead,
    rules: Rules,
    minute: i64,
    last: Advance,
}

impl Service {
    fn new(rules: Rules) -> Service {
        let head = ServiceHead::new(ServiceName::new("booking").unwrap());
        let last = end_all(&head, EndReason::SystemReset, START_MS, usize::MAX);
        Service { head, rules, minute: 0, last }
    }

    fn at_ms(&self) -> i64 {
        START_MS + self.minute * 60_000
    }

    fn evaluate(&mut self, evaluated: Evaluated) -> String {
        let step = Step::new(Cycle::at(self.at_ms(), 120), Evaluation::Evaluated(evaluated));
        self.take(advance(&self.head, &step, &self.rules));
        self.minute += 2;
        self.words()
    }

    /// A cycle with these anomalies.
    fn see(&mut self, detections: &[Detection]) -> String {
        self.evaluate(Evaluated { detections: detections.to_vec(), ..Evaluated::default() })
    }

    fn act(&mut self, action: Action) -> String {
        self.take(act(&self.head, &self.id(), &action, self.at_ms()).unwrap());
        self.words()
    }

    fn take(&mut self, after: Advance) {
        self.head = after.head.clone();
        self.last = after;
    }

    fn id(&self) -> IncidentId {
        self.head.active.values().next().unwrap().incident_id.clone()
    }

    /// What was told or held of each incident that was touched.
    fn words(&self) -> String {
        let word = |change: &crate::change::Change| match (&change.announcement, &change.hold) {
            (Some(told), _) => told.kind.as_str().to_owned(),
            (None, Some(hold)) => {
                let text = serde_json::to_value(hold).unwrap();
                format!("held: {}", text["because"].as_str().unwrap())
            }
            (None, None) => change.incident.state.as_str().to_owned(),
        };
        self.last.changes.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

fn anomaly(name: &str, severity: Severity) -> Detection {
    Detection {
        anomaly: name.to_owned(),
        root_metric: name.split('/').nth(1).map(str::to_owned),
        severity,
        ml_severity: severity,
        confidence: 0.8,
        score: 2.0,
        value: Some(1.0),
        threshold: None,
        method: None,
        description: None,
        opens: true,
        is_single: false,
        lingering: Severity::None,
    }
}

fn high() -> [Detection; 1] {
    [anomaly("latency_high", Severity::High)]
}

#[test]
fn what_a_window_holds_back_is_told_when_it_ends() {
    let mut rules = Rules::default();
    rules.alerting.windows = vec![Window {
        name: "move".to_owned(),
        service: None,
        pattern: None,
        from_ms: Some(START_MS),
        until_ms: Some(START_MS + 4 * 60_000),
    }];
    let mut it = Service::new(rules.clone());
    assert_eq!(it.see(&high()), "held: window");
    let hold = it.last.changes[0].hold.clone();
    let until_ms = Some(START_MS + 4 * 60_000);
    assert_eq!(hold, Some(Hold::Window { name: "move".to_owned(), until_ms }));
    assert_eq!(it.see(&high()), "held: window");
    assert_eq!(it.see(&high()), "first_alert");
    assert_eq!(it.head.active.values().next().unwrap().occurrence_count, 3);
    // One that is over before the window ends is never told, neither its end.
    let mut it = Service::new(rules);
    let words: Vec<String> =
        [&high()[..], &[], &[], &[]].iter().map(|found| it.see(found)).collect();
    assert_eq!(words, ["held: window", "RECOVERING", "RECOVERING", "CLOSED"]);
}

#[test]
fn what_is_too_mild_is_told_once_it_is_not() {
    let mut rules = Rules::default();
    rules.alerting.severity_threshold = Severity::High;
    rules.alerting.min_confidence = Some(0.7);
    let mut it = Service::new(rules);
    assert_eq!(it.see(&[anomaly("latency_high", Severity::Low)]), "held: below_severity");
    let unsure = Detection { confidence: 0.6, ..anomaly("latency_high", Severity::High) };
    assert_eq!(it.see(&[unsure]), "held: low_confidence");
    let surge = anomaly("traffic_surge_healthy", Severity::Critical);
    assert_eq!(it.see(&[surge]), "held: non_alerting_pattern");
    assert_eq!(it.see(&high()), "first_alert");
    assert_eq!(it.see(&[anomaly("latency_high", Severity::Low)]), "held: below_severity");
    let incident = it.head.active.values().next().unwrap();
    assert_eq!(incident.alternate_patterns, ["request_rate_surge_healthy"]);
    assert_eq!((incident.severity, incident.peak_severity), (Severity::Low, Severity::Critical));
    assert_eq!(incident.severity_history.len(), 4);
}

#[test]
fn becoming_critical_is_told_although_repeats_are_not() {
    let mut rules = Rules::default();
    rules.alerting.repeat_every_cycles = 3;
    let mut it = Service::new(rules);
    let critical = [anomaly("latency_high", Severity::Critical)];
    let cycles = [&high(), &high(), &critical, &critical, &high(), &critical];
    let words: Vec<String> = cycles.iter().map(|found| it.see(&found[..])).collect();
    let expected = [
        "first_alert",
        "held: not_due",
        "escalated_alert",
        "held: not_due",
        "held: not_due",
        "escalated_alert",
    ];
    assert_eq!(words, expected);
    assert!(it.last.changes[0].has(&Event::Escalated));
    assert_eq!(it.see(&high()), "held: not_due");
}

#[test]
fn an_acknowledged_incident_is_not_repeated_but_escalates_and_resolves() {
    let mut it = Service::new(Rules::default());
    it.see(&high());
    it.act(Action::Acknowledge { by: "ann".to_owned(), note: None });
    assert_eq!(it.see(&high()), "held: acknowledged");
    assert_eq!(it.see(&[anomaly("latency_high", Severity::Critical)]), "escalated_alert");
    it.act(Action::Unacknowledge);
    assert_eq!(it.see(&high()), "repeated_alert");
    it.act(Action::Acknowledge { by: "ann".to_owned(), note: Some("x".repeat(999)) });
    it.see(&[]);
    it.see(&[]);
    assert_eq!(it.see(&[]), "resolution");
    // Whoever was at it is asked again when it comes back.
    assert_eq!(it.see(&high()), "reopened_alert");
    assert_eq!(it.head.active.values().next().unwrap().acknowledged, None);
}

#[test]
fn what_people_write_is_kept_short_and_on_one_line() {
    let mut it = Service::new(Rules::default());
    it.see(&high());
    let hostile = format!("ann\n\u{1b}[2J\u{7}\"{}", "é".repeat(10_000));
    let note = Some(hostile.clone());
    it.act(Action::Acknowledge { by: hostile.clone(), note: note.clone() });
    let until_ms = it.at_ms() + 60_000;
    it.act(Action::Silence { by: hostile.clone(), until_ms, reason: note.clone() });
    it.act(Action::Assign { owner: note });
    let incident = it.head.active.values().next().unwrap();
    let (ack, silence) =
        (incident.acknowledged.clone().unwrap(), incident.silenced.clone().unwrap());
    let kept = [Some(ack.by), ack.note, Some(silence.by), silence.reason, incident.owner.clone()];
    for text in kept.into_iter().flatten() {
        assert!(text.starts_with("ann  [2J \"é"), "{text}");
        assert_eq!(text.chars().count(), 400);
        assert!(!text.contains(char::is_control), "{text}");
    }
}

#[test]
fn a_silence_ends_by_itself() {
    let mut it = Service::new(Rules::default());
    it.see(&high());
    let until_ms = it.at_ms() + 3 * 60_000;
    it.act(Action::Silence { by: "ann".to_owned(), until_ms, reason: None });
    let words: Vec<String> = (0..3).map(|_| it.see(&high())).collect();
    assert_eq!(words, ["held: silenced", "held: silenced", "repeated_alert"]);
}

#[test]
fn what_an_operator_closed_starts_anew_if_it_goes_on() {
    let mut it = Service::new(Rules::default());
    it.see(&high());
    let first = it.id();
    assert_eq!(it.act(Action::Close { by: "ann".to_owned() }), "resolution");
    assert_eq!(it.last.changes[0].end(), Some(EndReason::OperatorClosed));
    assert_eq!(it.see(&high()), "first_alert");
    assert_ne!(it.id(), first);
    let gone = act(&it.head, &first, &Action::Unsilence, it.at_ms()).unwrap_err();
    assert!(matches!(gone, ActionError::NotActive { .. }));
    let silence = |until_ms| Action::Silence { by: "ann".to_owned(), until_ms, reason: None };
    for until_ms in [it.at_ms(), it.at_ms() + 31 * 86_400_000] {
        let refused = act(&it.head, &it.id(), &silence(until_ms), it.at_ms());
        assert_eq!(refused, Err(ActionError::SilenceEnd));
    }
    let blank = Action::Acknowledge { by: " ".to_owned(), note: None };
    assert!(matches!(act(&it.head, &it.id(), &blank, 0), Err(ActionError::Empty(_))));
}

#[test]
fn what_nobody_watches_any_more_is_ended_and_resolved() {
    let mut it = Service::new(Rules::default());
    it.see(&high());
    let day_ms = 24 * 3_600_000;
    assert!(!is_unobserved(&it.head, START_MS + day_ms - 1, &it.rules));
    assert!(is_unobserved(&it.head, START_MS + day_ms, &it.rules));
    it.take(end_all(&it.head, EndReason::ServiceRemoved, it.at_ms(), usize::MAX));
    assert_eq!(it.words(), "resolution");
    assert_eq!(
        end_all(&it.head, EndReason::ServiceRemoved, 0, usize::MAX).disposition,
        Disposition::Quiet
    );
    // A reset forgets what might come back.
    it.take(end_all(&it.head, EndReason::SystemReset, it.at_ms(), usize::MAX));
    assert!(it.head.is_quiet());
}

#[test]
fn an_incident_whose_metric_is_missing_is_frozen() {
    let mut it = Service::new(Rules { grouping: Grouping::Metric, ..Rules::default() });
    it.see(&[anomaly("a/x", Severity::High), anomaly("b/y", Severity::High)]);
    let missing =
        Evaluated { unavailable_metrics: BTreeSet::from(["x".to_owned()]), ..Evaluated::default() };
    assert_eq!(it.evaluate(missing), "RECOVERING");
    assert_eq!(it.last.changes[0].incident.anomaly_name, "b/y");
    let frozen = it.head.active.values().find(|it| it.anomaly_name == "a/x").unwrap();
    assert_eq!((frozen.state, frozen.unobserved_minutes()), (IncidentState::Open, 2));
}

#[test]
fn a_broken_objective_keeps_an_incident_open_if_that_is_asked_for() {
    let rules = Rules { resolution_requires_slo_ok: true, ..Rules::default() };
    let mut it = Service::new(rules);
    it.see(&[anomaly("a/x", Severity::High)]);
    let broken =
        Evaluated { slo_breaches: BTreeSet::from(["x".to_owned()]), ..Evaluated::default() };
    for _ in 0..5 {
        assert_eq!(it.evaluate(broken.clone()), "RECOVERING");
    }
    assert_eq!(it.see(&[]), "resolution");
}

#[test]
fn the_longer_a_cycle_the_more_its_calm_says() {
    for (length_s, misses) in [(120, 3), (300, 2), (600, 1), (3_600, 1)] {
        let mut head = ServiceHead::new(ServiceName::new("booking").unwrap());
        let mut is_open_after = |cycle: i64, detections: Vec<Detection>| {
            let cycle = Cycle::of_length(START_MS + cycle * length_s * 1000, length_s);
            let found = Evaluated { detections, ..Evaluated::default() };
            let step = Step::new(cycle, Evaluation::Evaluated(found));
            head = advance(&head, &step, &Rules::default()).head;
            !head.active.is_empty()
        };
        assert!(is_open_after(0, vec![anomaly("a/x", Severity::High)]));
        let closing = (1..9).find(|cycle| !is_open_after(*cycle, Vec::new()));
        assert_eq!(closing, Some(misses), "{length_s}");
    }
}

#[test]
fn what_single_cycles_show_is_confirmed_by_a_second_one() {
    let single = || [Detection { is_single: true, ..anomaly("slo_error_rate/e", Severity::High) }];
    let mut it = Service::new(Rules::default());
    assert_eq!(it.see(&single()), "SUSPECTED");
    assert_eq!(it.see(&single()), "first_alert");
    // Evidence that persists by itself speaks for it at once.
    let mut it = Service::new(Rules::default());
    it.see(&single());
    assert_eq!(it.see(&high()), "first_alert");
}

#[test]
fn a_value_that_swings_around_a_limit_does_not_change_the_severity_each_time() {
    let mut it = Service::new(Rules::default());
    let near = |severity, lingering| [Detection { lingering, ..anomaly("a/x", severity) }];
    let severities = [
        (Severity::Medium, Severity::High),
        (Severity::High, Severity::High),
        (Severity::Medium, Severity::High),
        (Severity::Medium, Severity::Medium),
    ];
    let seen = severities.map(|(severity, lingering)| {
        it.see(&near(severity, lingering));
        it.head.active.values().next().unwrap().severity
    });
    assert_eq!(seen, [Severity::Medium, Severity::High, Severity::High, Severity::Medium]);
}

#[test]
fn whom_an_incident_comes_from_is_looked_for_anew_when_it_comes_back() {
    let mut it = Service::new(Rules::default());
    let vms = ServiceName::new("vms").unwrap();
    let root = RootCause { service: vms.clone(), path: vec![it.head.service.clone(), vms] };
    let mut cycle = |root: Option<&RootCause>, detections: &[Detection]| {
        let evaluated = Evaluated { detections: detections.to_vec(), ..Evaluated::default() };
        let step = Step::new(Cycle::at(it.at_ms(), 120), Evaluation::Evaluated(evaluated));
        it.take(advance(&it.head, &Step { root_cause: root.cloned(), ..step }, &it.rules));
        it.minute += 2;
        let incident = it.last.changes.first().map(|change| change.incident.clone());
        incident.and_then(|it| it.root_cause).map(|root| root.service.to_string())
    };
    assert_eq!(cycle(Some(&root), &high()).as_deref(), Some("vms"));
    for _ in 0..7 {
        cycle(None, &[]);
    }
    assert_eq!(cycle(None, &high()), None);
    assert_eq!(cycle(Some(&root), &high()).as_deref(), Some("vms"));
}

#[test]
fn with_residual_evidence_a_service_has_one_incident_whatever_its_patterns() {
    let mut it = Service::new(Rules::default());
    it.see(&[anomaly("latency_high", Severity::High)]);
    let first = it.id();
    it.see(&[anomaly("error_rate_high", Severity::High), anomaly("latency_high", Severity::Low)]);
    assert_eq!((it.id(), it.head.active.len()), (first, 1));
    let incident = it.head.active.values().next().unwrap();
    assert_eq!(incident.anomaly_name, "latency_high");
    assert_eq!(incident.alternate_patterns, ["error_rate_high"]);
}

#[test]
fn with_forests_a_pattern_of_the_same_metric_is_the_same_incident() {
    let mut it = Service::new(Rules { grouping: Grouping::Metric, ..Rules::default() });
    it.see(&[anomaly("latency_high/l", Severity::High)]);
    it.see(&[anomaly("latency_spike_recent/l", Severity::High), anomaly("e/e", Severity::Low)]);
    let names: Vec<&str> = it.head.active.values().map(|it| it.anomaly_name.as_str()).collect();
    assert_eq!(it.head.active.len(), 2, "{names:?}");
    assert!(names.contains(&"latency_high/l") && names.contains(&"e/e"));
}

#[test]
fn beyond_the_cap_new_patterns_are_dropped_and_named() {
    let rules = Rules { grouping: Grouping::Metric, active_max: 2, ..Rules::default() };
    let mut it = Service::new(rules);
    let names = ["a/a", "b/b", "c/c"].map(|name| anomaly(name, Severity::High));
    it.see(&names);
    assert_eq!((it.head.active.len(), it.last.overflow.clone()), (2, vec!["c/c".to_owned()]));
}

#[test]
fn where_too_many_end_at_once_the_rest_waits_for_the_next_cycle() {
    let rules = Rules { grouping: Grouping::Metric, ends_max: 2, ..Rules::default() };
    let mut it = Service::new(rules);
    let all = ["a/a", "b/b", "c/c", "d/d", "e/e"].map(|name| anomaly(name, Severity::High));
    it.see(&all);
    for _ in 0..2 {
        it.see(&[]);
    }
    assert_eq!(it.see(&[]), "resolution, resolution");
    // One that waits is missed no more often than it may be, and comes back like any other.
    let waiting: Vec<u32> = it.head.active.values().map(|it| it.missed_cycles).collect();
    assert_eq!(waiting, [2, 2, 2]);
    assert_eq!(it.see(&[]), "resolution, resolution");
    assert_eq!(it.see(&[]), "resolution");
    // The same where they are seen again after a gap that is too long.
    it.minute += 60;
    it.see(&all);
    it.minute += 60;
    let word = |it: &Service| {
        let ended = it.last.changes.iter().filter(|change| change.end().is_some());
        (ended.count(), it.head.active.len())
    };
    let mut ended = Vec::new();
    for _ in 0..4 {
        it.see(&all);
        ended.push(word(&it));
    }
    assert_eq!(ended, [(2, 5), (2, 5), (1, 5), (0, 5)]);
    let last = end_all(&it.head, EndReason::SystemReset, it.at_ms(), 3);
    assert_eq!((last.changes.len(), last.head.active.len()), (3, 2));
}

#[test]
fn an_end_may_be_told_again_if_the_beginning_was() {
    let mut it = Service::new(Rules::default());
    it.see(&high());
    let untold = it.head.active.values().next().unwrap().clone();
    for _ in 0..3 {
        it.see(&[]);
    }
    let closed = it.last.changes[0].clone();
    let at_ms = closed.resolution.as_ref().unwrap().resolved_at_ms;
    let again = |incident, by| tell_end_again(&it.head, incident, (EndReason::Resolved, at_ms), by);
    let after = again(&closed.incident, "ann").unwrap();
    assert_eq!(after.changes[0].resolution, closed.resolution);
    assert_eq!(after.changes[0].announcement.unwrap().kind, AnnouncementKind::Resolution);
    assert_eq!(after.head, ServiceHead { version: it.head.version + 1, ..it.head.clone() });
    assert_eq!(
        again(&closed.incident, " ").unwrap_err(),
        ActionError::Empty("the name of who does it")
    );
    let untold = crate::active::Incident { alerted: false, ..untold };
    assert_eq!(again(&untold, "ann"), Err(ActionError::NeverTold(untold.incident_id.clone())));
}

#[test]
fn ids_of_cycles_of_another_length_do_not_make_a_cycle_late() {
    let mut it = Service::new(Rules::default());
    it.see(&high());
    let coarse = Cycle::at(it.at_ms(), 300);
    assert!(coarse.id < it.head.last_cycle);
    let detections = high().to_vec();
    let evaluated = Evaluated { detections, ..Evaluated::default() };
    let step = Step::new(coarse, Evaluation::Evaluated(evaluated));
    let after = advance(&it.head, &step, &it.rules);
    assert_eq!(after.disposition, Disposition::Advanced);
    let again = advance(&after.head, &step, &it.rules);
    assert_eq!(again.disposition, Disposition::AlreadyProcessed);
}

#[test]
fn a_cycle_is_summed_up() {
    let mut it = Service::new(Rules { confirmation_cycles: 2, ..Rules::default() });
    let mut overall = Vec::new();
    for found in [&high()[..], &high(), &high(), &[], &[], &[], &[], &high(), &[]] {
        it.see(found);
        overall.push(summarize(&it.last).overall_action);
    }
    use OverallAction::{Confirmed, Create, NoChange, Reopen, Resolve, Update};
    let expected =
        [Create, Confirmed, Update, NoChange, NoChange, Resolve, NoChange, Reopen, NoChange];
    assert_eq!(overall, expected);
    let summary = summarize(&it.last);
    assert_eq!((summary.total_open_incidents, summary.total_alerting_incidents), (1, 0));
    assert_eq!(summary.status_summary.recovering, 1);
}

#[test]
fn a_head_reads_back_as_it_was_written() {
    let mut it = Service::new(Rules::default());
    it.see(&high());
    it.act(Action::Assign { owner: Some("payments".to_owned()) });
    let text = serde_json::to_string(&it.head).unwrap();
    assert_eq!(serde_json::from_str::<ServiceHead>(&text).unwrap(), it.head);
    let kind = it.see(&high());
    assert_eq!(kind, AnnouncementKind::RepeatedAlert.as_str());
}
