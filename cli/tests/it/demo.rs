//! The demo from start to end, on a small estate.

use std::path::Path;

use crate::program::{Run, yaga};

fn demo(folder: &Path, more: &[&str]) -> Run {
    let base = ["demo", "--services", "4", "--days", "12", "--hours", "12"];
    yaga(folder, &[], &[&base[..], more].concat()).ended(0)
}

#[test]
fn the_demo_ends_with_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let run = demo(folder.path(), &[]);
    run.is_plain();
    for part in [
        "✓ simulated",
        "✓ learned",
        "noticed",
        "false alarms",
        "cost",
        "The life of one incident",
        "seen for the first time",
        "over: resolved",
        "Next",
    ] {
        assert!(run.out.contains(part), "{part:?} is not in {}", run.out);
    }
    assert!(run.out.contains("yaga demo --keep yaga-demo"));
    let widest = run.out.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "a line has {widest:?} columns in {}", run.out);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn what_is_kept_can_be_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let run = demo(folder.path(), &["--keep", "kept"]);
    let out = run.out.replace(" \\\n    ", " ");
    let next = out.lines().find_map(|line| line.trim().strip_prefix("VM_ENDPOINT=file://"));
    let (endpoint, command) = next.unwrap().split_once(" yaga ").unwrap();
    let arguments: Vec<&str> = command.split(' ').collect();
    let again = yaga(folder.path(), &[("VM_ENDPOINT", &format!("file://{endpoint}"))], &arguments);
    assert!(again.code <= 1, "{again:?}");
    assert!(again.out.contains("in Europe/Paris:"), "{}", again.out);
    let listing = ["incidents", "list", "--all", "--state", "kept/state.db"];
    let listed = yaga(folder.path(), &[], &listing).ended(0);
    assert!(listed.out.contains("resolved"), "{}", listed.out);
    let messages = std::fs::read_to_string(folder.path().join("kept/messages.jsonl")).unwrap();
    assert!(messages.contains(r#""alert_type":"incident_resolved""#), "{messages}");
}

#[test]
fn the_demo_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = [(), ()].map(|()| demo(folder.path(), &["--json"]).json());
    assert_eq!(first["verdict"], second["verdict"]);
    assert_eq!(first["incidents"], second["incidents"]);
    let lives = first["incidents"].as_array().unwrap();
    let alerts: u64 = lives.iter().map(|life| life["alerts"].as_u64().unwrap()).sum();
    assert_eq!(Some(alerts), first["alerts"].as_u64(), "one incident an alert: {first}");
    assert!(first["resolutions"].as_u64() > Some(0), "{first}");
    assert_eq!(first["cycles"], 360);
    let faults = first["verdict"]["faults"].as_array().unwrap();
    assert!(!faults.is_empty(), "{first}");
}
