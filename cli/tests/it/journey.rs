//! Simulate, train, infer: each step works on what the one before it wrote.

use std::fs;
use std::path::Path;

use crate::program::{Run, recording, simulate, yaga};

const FAULT: &str = "error_burst:order:2026-03-17T12:00:00Z:40:3";
const DURING: &str = "2026-03-17T12:30:00Z";
const BEFORE: &str = "2026-03-17T11:30:00Z";

fn train(folder: &Path, more: &[&str]) -> Run {
    let base = ["train", "--config", "estate/yaga.json"];
    yaga(folder, &[("VM_ENDPOINT", &recording("train"))], &[&base[..], more].concat())
}

fn infer(folder: &Path, more: &[&str]) -> Run {
    let base = ["infer", "--config", "estate/yaga.json"];
    yaga(folder, &[("VM_ENDPOINT", &recording("test"))], &[&base[..], more].concat())
}

/// `order` is the fifth service of an estate.
fn estate(folder: &Path) -> Run {
    let faults = ["--services", "5", "--test-hours", "24", "--fault", FAULT];
    let base = ["simulate", "--out", "estate", "--days", "15"];
    yaga(folder, &[], &[&base[..], &faults].concat()).ended(0)
}

#[test]
fn what_was_simulated_is_learned_and_a_fault_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let simulated = estate(folder.path());
    simulated.is_plain();
    assert!(simulated.out.contains("1 fault,"), "{}", simulated.out);
    assert!(simulated.out.contains("VM_ENDPOINT=file://estate/train.jsonl.gz yaga train"));

    let trained = train(folder.path(), &[]);
    trained.is_plain();
    assert!(trained.code <= 1, "some models may be missing after so few days: {trained:?}");
    assert!(trained.out.contains("Next: yaga infer --config estate/yaga.json"), "{}", trained.out);

    let judged = infer(folder.path(), &["--at", DURING]);
    judged.is_plain();
    assert!(judged.code <= 1, "{judged:?}");
    assert!(judged.out.contains("order"), "{}", judged.out);
    assert!(judged.out.contains("error_rate high"), "{}", judged.out);
    assert!(judged.out.contains("Look first at"), "{}", judged.out);
}

#[test]
fn machines_get_documents() {
    let folder = tempfile::tempdir().unwrap();
    let simulated = simulate(folder.path(), &["--json"]).ended(0).json();
    assert_eq!(
        (&simulated["services"], &simulated["files"][0]["name"]),
        (&3.into(), &"train.jsonl.gz".into())
    );

    let trained = train(folder.path(), &["--json"]).json();
    let put_in_force =
        trained["promoted"].as_u64().unwrap() + trained["provisional"].as_u64().unwrap();
    assert!(put_in_force > 0, "{trained}");
    assert_eq!(trained["services"].as_array().unwrap().len(), 3);

    let cycle = infer(folder.path(), &["--json", "--at", BEFORE]).json();
    assert_eq!(cycle["timestamp"], "2026-03-17T11:30:00.000Z");
    assert_eq!(cycle["results"].as_array().unwrap().len(), 3);

    let one = infer(folder.path(), &["--json", "--service", "search"]).json();
    assert_eq!(one["results"][0]["service_name"], "search");
    assert_eq!(one["results"].as_array().unwrap().len(), 1);
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let [first, second] = [(), ()].map(|()| tempfile::tempdir().unwrap());
    for folder in [&first, &second] {
        simulate(folder.path(), &["--seed", "3"]).ended(0);
    }
    let names =
        fs::read_dir(first.path().join("estate")).unwrap().map(|it| it.unwrap().file_name());
    let names: Vec<_> = names.collect();
    assert_eq!(names.len(), 8);
    for name in names {
        let read = |folder: &Path| fs::read(folder.join("estate").join(&name)).unwrap();
        assert!(read(first.path()) == read(second.path()), "{name:?} differs");
    }
}

#[test]
fn a_changed_configuration_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    simulate(folder.path(), &[]).ended(0);
    simulate(folder.path(), &[]).ended(0);
    fs::write(folder.path().join("estate/yaga.json"), "{}").unwrap();
    let refused = simulate(folder.path(), &[]).ended(2);
    assert!(refused.err.contains("choose another folder or remove it"), "{}", refused.err);
    assert_eq!(fs::read_to_string(folder.path().join("estate/yaga.json")).unwrap(), "{}");
}
