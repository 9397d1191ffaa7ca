use super::*;

const H: i64 = 3_600;

fn label(incident: &str, service: &str, start_s: i64, end_s: i64, root: &str) -> Label {
    Label {
        incident: incident.to_owned(),
        service: service.to_owned(),
        start_s,
        end_s,
        kind: "error_burst".to_owned(),
        root_cause: root.to_owned(),
    }
}

fn alert(service: &str, start: i64, end: i64) -> Alert {
    Alert {
        service: service.to_owned(),
        start,
        end,
        severity: Severity::High,
        score: 1.0,
        root_cause: service.to_owned(),
        affected: vec![service.to_owned()],
    }
}

/// Two services for a day: both fail from 1 h to 2 h because of `b`, and `a` from 10 h to 11 h.
/// `a` is maintained from 20 h to 21 h.
fn truth() -> Truth {
    let mut cliff = label("2", "a", 10 * H, 11 * H, "a");
    cliff.kind = "traffic_cliff".to_owned();
    Truth {
        labelled: Vec::new(),
        labels: vec![label("1", "a", H, 2 * H, "b"), label("1", "b", H, 2 * H, "b"), cliff],
        maintenance: vec![Maintenance { service: "a".to_owned(), start_s: 20 * H, end_s: 21 * H }],
        step_s: 60,
        service_days: 2.0,
    }
}

#[test]
fn hits_misses_false_alarms_and_maintenance() {
    let alerts = [
        alert("b", H + 300, H + 600),
        alert("a", 15 * H, 15 * H),
        alert("a", 20 * H + 60, 20 * H + 60),
    ];
    let it = judge(&truth(), &alerts);
    assert_eq!((it.detected, it.incidents, it.true_episodes, it.false_alarms), (1, 2, 1, 1));
    assert_eq!((it.median_delay_s, it.root_cause_top1), (Some(300.0), Some(1.0)));
    assert_eq!((it.precision, it.recall, it.f1), (Some(0.5), Some(0.5), 0.5));
    assert!((it.false_alarms_per_service_day - 0.5).abs() < 1e-12);
    assert_eq!(it.recall_by_kind["error_burst"], (1, 1));
    assert_eq!(it.recall_by_kind["traffic_cliff"], (0, 1));
    let kinds = BTreeSet::from(["error_burst".to_owned()]);
    let expected =
        [Verdict::True { kinds, hours: 0 }, Verdict::False { hours: 1 }, Verdict::Excused];
    assert_eq!(it.verdicts, expected);
}

#[test]
fn silence_finds_nothing_and_disturbs_nobody() {
    let it = judge(&truth(), &[]);
    assert_eq!((it.recall, it.precision, it.f1, it.false_alarms), (Some(0.0), None, 0.0, 0));
    assert_eq!((it.median_delay_s, it.root_cause_top1), (None, None));
}

#[test]
fn an_alert_that_never_ends_earns_nothing() {
    let it = judge(&truth(), &[alert("a", 0, 24 * H), alert("b", 0, 24 * H)]);
    assert_eq!(it.recall, Some(1.0));
    assert!(it.false_alarms > 40 && it.precision < Some(0.06), "{it:?}");
}

#[test]
fn what_lies_within_the_windows_is_no_false_alarm() {
    let alerts = [alert("a", H, 2 * H), alert("b", H, 2 * H), alert("a", 10 * H, 11 * H)];
    let it = judge(&truth(), &alerts);
    assert_eq!((it.recall, it.precision, it.f1), (Some(1.0), Some(1.0), 1.0));
    assert_eq!(it.median_delay_s, Some(0.0));
}

#[test]
fn alerts_close_together_are_one_episode() {
    let within: Vec<Alert> = (0..12).map(|i| alert("a", H + 300 * i, H + 300 * i)).collect();
    let it = judge(&truth(), &within);
    assert_eq!((it.true_episodes, it.false_alarms), (1, 0));
    let all_day: Vec<Alert> = (0..144).map(|i| alert("a", 600 * i, 600 * i)).collect();
    assert!(judge(&truth(), &all_day).false_alarms >= 21);
}

#[test]
fn a_label_of_every_service_is_met_by_any() {
    let every = label("9", EVERY_SERVICE, H, 2 * H, "z");
    let only = Truth { labels: vec![every.clone()], maintenance: Vec::new(), ..truth() };
    let alerts = [alert("q", H + 10, H + 10)];
    let it = judge(&only, &alerts);
    assert_eq!((it.recall, it.precision), (Some(1.0), Some(1.0)));
    // Beside a named service it excuses alerts elsewhere, no more.
    let named = label("9", "z", H, 2 * H, "z");
    let it = judge(&Truth { labels: vec![every, named], ..only }, &alerts);
    assert_eq!((it.detected, it.true_episodes, it.false_alarms), (0, 0, 0));
}

#[test]
fn harmless_surges_need_not_be_found() {
    let mut surge = label("3", "b", 15 * H, 16 * H, "b");
    surge.kind = HARMLESS_KIND.to_owned();
    let mut truth = truth();
    truth.labels.push(surge);
    let it = judge(&truth, &[alert("b", H, 2 * H)]);
    assert_eq!(it.recall, Some(1.0 / 3.0));
    assert_eq!(it.recall_without_harmless, Some(0.5));
}

#[test]
fn the_most_blamed_service_counts() {
    let blaming = |service: &str, root: &str, start| Alert {
        root_cause: root.to_owned(),
        ..alert(service, start, start)
    };
    let alerts = [blaming("a", "b", H), blaming("b", "a", H + 60), blaming("a", "b", H + 120)];
    assert_eq!(judge(&truth(), &alerts).root_cause_top1, Some(1.0));
    // Of equally often blamed ones the first by name.
    assert_eq!(judge(&truth(), &alerts[..2]).root_cause_top1, Some(0.0));
}

#[test]
fn labels_of_the_history_do_not_count() {
    use detect::rows::ServiceSamples;
    use domain::{Series, ServiceName};
    let samples = |from: i64| ServiceSamples {
        series: vec![Some(Series::from_samples(
            (from..from + 60).map(|minute| (60 * minute, 1.0)).collect(),
        ))],
    };
    let name = |text: &str| ServiceName::new(text).unwrap();
    let tapes = [
        Tape::new(name("a"), samples(0), samples(60)).unwrap(),
        Tape::new(name("b"), samples(60), samples(0)).unwrap(),
    ];
    let at = |service: &str, start_s| label("1", service, start_s, start_s + 60, service);
    let labels = vec![
        at("a", 3_540),
        at("a", 3_600),
        at("b", 3_540),
        at("b", 3_600),
        at("c", 0),
        at("a", 7_200),
    ];
    let kept: Vec<(String, i64)> = Truth::new(labels, Vec::new(), &tapes)
        .labels
        .into_iter()
        .map(|label| (label.service, label.start_s))
        .collect();
    let expected = [("a", 3_600), ("b", 3_540), ("c", 0)];
    assert_eq!(kept, expected.map(|(service, start_s)| (service.to_owned(), start_s)));
}
