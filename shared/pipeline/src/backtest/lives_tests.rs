use detect::residual::SymptomScores;
use domain::{ServiceName, Severity};
use incident::{Detection, Evaluated};

use super::*;
use crate::backtest::Incidents;
use crate::backtest::testing::Blames;

const MINUTE_S: i64 = 60;

/// One letter a minute: `.` quiet, `w` enough to go on, `m` medium, `h` high, `l` a surge that is
/// not told, `?` not judged, `_` no cycle.
fn track(service: &str, cycles: &str) -> Track {
    let finding = |(index, letter): (usize, char)| {
        let stamp_s = MINUTE_S * index as i64;
        let (severity, score, name) = match letter {
            '_' => return None,
            '?' => return Some(Finding { at_s: stamp_s, stamp_s, ..Finding::default() }),
            'w' => (Severity::Medium, 0.5, "latency_high"),
            'm' => (Severity::Medium, 1.0, "latency_high"),
            'h' => (Severity::High, 2.0, "latency_high"),
            'l' => (Severity::Low, 1.0, "request_rate_surge_healthy"),
            _ => (Severity::None, 0.0, ""),
        };
        let detection = Detection {
            anomaly: name.to_owned(),
            root_metric: None,
            severity,
            ml_severity: severity,
            confidence: 1.0,
            score,
            value: None,
            threshold: None,
            method: None,
            description: None,
            opens: score >= 1.0,
            is_single: false,
            lingering: Severity::None,
        };
        let detections = if name.is_empty() { vec![] } else { vec![detection] };
        Some(Finding {
            at_s: stamp_s,
            stamp_s,
            severity: if score >= 1.0 { severity } else { Severity::None },
            detected: if score >= 1.0 { severity.max(Severity::Medium) } else { Severity::None },
            score: Some(score),
            symptoms: Some(SymptomScores::default()),
            evaluated: Some(Evaluated { detections, ..Evaluated::default() }),
            ..Finding::default()
        })
    };
    Track {
        service: ServiceName::new(service).unwrap(),
        cycle_s: MINUTE_S,
        findings: cycles.chars().enumerate().filter_map(finding).collect(),
    }
}

fn incidents(tracks: &[(&str, &str)], blames: Blames, rules: &Rules) -> Incidents {
    let fleet: Vec<Track> = tracks.iter().map(|(name, cycles)| track(name, cycles)).collect();
    Incidents::of(&fleet, &blames, rules)
}

/// Alerts of a service in minutes.
#[track_caller]
fn check(cycles: &str, expected: &[(i64, i64)]) {
    let found = incidents(&[("a", cycles)], Blames(&[]), &Rules::default());
    let minutes = |it: &Incident| (it.episode.start_s / MINUTE_S, it.episode.end_s / MINUTE_S);
    assert_eq!(found.alerts.iter().map(minutes).collect::<Vec<_>>(), expected, "of {cycles:?}");
}

/// What is told in which minute.
fn told(found: &Incidents) -> Vec<String> {
    let text =
        |it: &Notification| format!("{} {} {}", it.at_s / MINUTE_S, it.service, it.kind.as_str());
    found.notifications.iter().map(text).collect()
}

#[test]
fn a_score_opens_at_once_goes_on_with_less_and_ends_after_three_misses() {
    check("wm..w..w...", &[(1, 7)]);
    check("w.w.w", &[]);
    check("m", &[(0, 0)]);
}

#[test]
fn what_was_not_judged_changes_nothing() {
    check("mm..????w...", &[(0, 8)]);
}

#[test]
fn each_opening_is_a_line_of_its_own() {
    check("m...m...", &[(0, 0), (4, 4)]);
    let found = incidents(&[("a", "m...m...")], Blames(&[]), &Rules::default());
    assert_eq!(found.all[0].incident_id, found.all[1].incident_id);
    let expected = ["0 a first_alert", "3 a resolution", "4 a reopened_alert", "7 a resolution"];
    assert_eq!(told(&found), expected);
}

#[test]
fn a_long_silence_ends_and_begins_anew() {
    let silence = |minutes: usize| format!("m{}m", "_".repeat(minutes));
    check(&silence(29), &[(0, 30)]);
    check(&silence(31), &[(0, 0), (32, 32)]);
}

#[test]
fn confirmation_waits_for_its_cycles() {
    let rules = Rules { confirmation_cycles: 2, ..Rules::default() };
    let found = incidents(&[("a", "m.mm...")], Blames(&[]), &rules);
    let episode = &found.alerts[0].episode;
    let minutes = (episode.first_evidence_s / MINUTE_S, episode.start_s / MINUTE_S);
    assert_eq!((found.alerts.len(), minutes, episode.cycles), (1, (0, 3), 3));
}

#[test]
fn a_cascade_is_told_once() {
    let blames = || Blames(&[("front", "db")]);
    let found = incidents(&[("db", "mmmm..."), ("front", ".mmm...")], blames(), &Rules::default());
    assert_eq!((found.announced().count(), found.alerts.len()), (2, 1));
    let services: Vec<&str> = found.alerts[0].affected.iter().map(ServiceName::as_str).collect();
    assert_eq!(services, ["db", "front"]);
    assert_eq!(told(&found), ["0 db first_alert", "6 db resolution"]);
    // A root whose data has stopped still takes it in.
    let found = incidents(&[("db", "mmm____"), ("front", "...mmm.")], blames(), &Rules::default());
    assert_eq!(told(&found), ["0 db first_alert"]);
    assert_eq!(found.alerts[0].affected.len(), 2);
}

#[test]
fn a_surge_that_is_not_told_is_an_alert_of_its_own_or_one_of_its_roots() {
    let alone = incidents(&[("a", "lll...")], Blames(&[]), &Rules::default());
    assert_eq!((alone.alerts.len(), told(&alone).len()), (1, 0));
    assert!(!alone.alerts[0].is_told);
    let tracks = [("db", "mmm..."), ("front", ".ll...")];
    let below = incidents(&tracks, Blames(&[("front", "db")]), &Rules::default());
    assert_eq!((below.alerts.len(), below.alerts[0].affected.len()), (1, 2));
}
