//! `yaga incidents`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::yaga;

#[test]
fn a_walk_shows_states_and_messages() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = "incidents walk D D m x 45m D --confirmation 2 --grace 3 --separation 30";
    let ran = yaga(folder.path(), arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<&str> = ran.out.lines().collect();
    let line = |words: &[&str]| lines.iter().any(|it| words.iter().all(|word| it.contains(word)));
    assert!(lines[0].starts_with("2 detections in a row to open, 3 misses close"), "{}", ran.out);
    assert!(line(&["0", "detected", "SUSPECTED", "1"]), "{}", ran.out);
    assert!(line(&["2", "detected", "OPEN", "alert"]), "{}", ran.out);
    assert!(line(&["4", "missed", "RECOVERING"]), "{}", ran.out);
    assert!(line(&["6", "not evaluated"]), "{}", ran.out);
    assert!(line(&["51", "CLOSED: gap too long", "resolution"]), "{}", ran.out);
    assert_eq!(lines.last(), Some(&"2 incidents, 2 messages"));
}

#[test]
fn a_walk_for_machines_says_under_which_rules() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("yaga.json"),
        r#"{"fingerprinting": {"confirmation_cycles": 2, "strict_confirmation": false}}"#,
    )
    .unwrap();
    let json = yaga(folder.path(), "incidents walk DmDmm --step 5m --json").json();
    assert_eq!((&json["confirmation_cycles"], &json["grace_cycles"]), (&2.into(), &2.into()));
    assert_eq!((&json["step_s"], &json["messages"]), (&300.into(), &2.into()));
    let last = &json["cycles"][4]["incidents"][0];
    assert_eq!((&last["end"], &last["message"]), (&"resolved".into(), &"resolution".into()));
    let coarse = yaga(folder.path(), "incidents walk D --step 1h --json").json();
    assert_eq!((&coarse["separation_minutes"], &coarse["grace_cycles"]), (&180.into(), &1.into()));
    let fixed = yaga(folder.path(), "incidents walk D --step 1h --grace 3 --json").json();
    assert_eq!(fixed["grace_cycles"], 3);
}

#[test]
fn mistakes_in_a_walk_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, said) in [
        ("incidents walk D Q", "\"Q\" is none of D, d, m, x"),
        ("incidents walk 5m", "at least one of D, d, m, x"),
        ("incidents walk D --step 5", "is no duration"),
        ("incidents walk D --grace 0", "1..=10"),
    ] {
        let ran = yaga(folder.path(), arguments);
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(ran.err.contains(said), "{ran:?}");
    }
}
