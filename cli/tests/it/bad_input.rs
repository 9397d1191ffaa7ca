//! What cannot work ends with the right code and says what to do.

use std::fs;
use std::path::Path;

use crate::program::{recording, simulate, yaga};

#[track_caller]
fn check(folder: &Path, variables: &[(&str, &str)], arguments: &[&str], code: i32, says: &str) {
    let run = yaga(folder, variables, arguments).ended(code);
    let all = format!("{}{}", run.out, run.err);
    assert!(all.contains(says), "{says:?} is not in {all}");
    run.is_plain();
}

#[test]
fn arguments_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let check = |arguments: &[&str], says: &str| check(folder.path(), &[], arguments, 2, says);
    check(&["infer", "--at", "yesterday"], "like 2026-04-01T10:00:00Z");
    check(&["train", "--at", "2026-04-01"], "like 2026-04-01T10:00:00Z");
    check(&["infer", "--service", ""], "a service name must not be empty");
    check(&["simulate", "--out", "x", "--services", "0"], "services is 0, choose 1 to 200");
    check(&["simulate", "--out", "x", "--timezone", "Paris"], "use a name like Europe/Paris");
    check(&["simulate", "--out", "x", "--fault", "slow"], "KIND:SERVICE:START:MINUTES[:INTENSITY]");
    let unknown = "latency_spike:nobody:+60:10";
    check(&["simulate", "--out", "x", "--fault", unknown], "services: front-door, storefront");
    assert!(!folder.path().join("x").exists());
}

#[test]
fn a_missing_source_says_what_to_set() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["train", "infer"] {
        check(folder.path(), &[], &[command], 3, "set VM_ENDPOINT");
    }
    let gone = [("VM_ENDPOINT", "file://gone.jsonl.gz")];
    check(folder.path(), &gone, &["train"], 3, "the recording gone.jsonl.gz cannot be read");
}

#[test]
fn a_damaged_recording_is_told() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path(), &[]).ended(0);
    let whole = fs::read(folder.path().join("estate/train.jsonl.gz")).unwrap();
    fs::write(folder.path().join("half.jsonl.gz"), &whole[..whole.len() / 2]).unwrap();
    let half = [("VM_ENDPOINT", "file://half.jsonl.gz")];
    for command in ["train", "infer"] {
        check(folder.path(), &half, &[command], 3, "the recording half.jsonl.gz cannot be read");
    }
}

#[test]
fn without_models_nothing_is_judged() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path(), &[]).ended(0);
    let test = recording("test");
    let test = [("VM_ENDPOINT", test.as_str())];
    check(folder.path(), &test, &["infer"], 4, "yaga train");
    let configured = ["infer", "--config", "estate/yaga.json"];
    check(folder.path(), &test, &configured, 4, "Next: yaga train --config estate/yaga.json");
}

#[test]
fn a_cycle_in_the_future_is_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path(), &[]).ended(0);
    let test = recording("test");
    let variables = [("VM_ENDPOINT", test.as_str()), ("FINGERPRINT_DB", "state.db")];
    let infer = ["infer", "--config", "estate/yaga.json", "--at", "2999-01-01T00:00:00Z"];
    check(folder.path(), &variables, &infer, 2, "2999-01-01T00:00:00Z lies in the future");
    assert!(!folder.path().join("state.db").exists());
}

#[test]
fn too_short_a_history_for_forests_promotes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let base = ["simulate", "--out", "estate", "--services", "2", "--days", "1"];
    yaga(folder.path(), &[], &base).ended(0);
    let train = recording("train");
    let arguments = ["train", "--config", "estate/yaga.json"];
    let forest = [("VM_ENDPOINT", train.as_str()), ("YAGA__DETECTION__OPENING", "forest")];
    check(folder.path(), &forest, &arguments, 1, "are needed");
    // Evidence makes do with a day, on probation.
    let trained = yaga(folder.path(), &[("VM_ENDPOINT", train.as_str())], &arguments);
    trained.ended(0);
}

#[test]
fn a_registry_that_cannot_be_used_is_told() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path(), &[]).ended(0);
    fs::write(folder.path().join("file"), "").unwrap();
    let train = recording("train");
    let variables = [("VM_ENDPOINT", train.as_str()), ("MODELS_DIR", "file")];
    check(folder.path(), &variables, &["train"], 5, "file");
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let arguments = ["simulate", "--out", "file/estate", "--services", "1", "--days", "1"];
    check(folder.path(), &[], &arguments, 2, "file/estate cannot be written");
    let arguments = ["demo", "--keep", "."];
    check(folder.path(), &[], &arguments, 2, "already holds files");
}
