//! Backtests from start to end: a simulated estate, and metrics that yaga has never heard of.

mod common;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use adapter_local::{RecordedSeries, write_recording};
use common::yaga;
use domain::{Series, ServiceName};
use serde_json::Value;
use tempfile::TempDir;

const RUN: &str = "backtest --history file://estate/train.jsonl.gz \
    --metrics file://estate/test.jsonl.gz --labels estate/labels.csv --events estate/events.csv \
    --graph estate/graph.csv --timezone Europe/Paris";

/// Two weeks of three services, eight hours with a fault, and a first run in `out`.
static TEMPLATE: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for tests");
    let estate = yaga(
        folder.path(),
        "simulate --out estate --services 3 --days 14 --test-hours 8 \
         --fault error_burst:storefront:+240:30:2",
    );
    assert_eq!(estate.code, 0, "{}", estate.all());
    // The estate's own configuration lists its services; here they are discovered.
    let run = yaga(folder.path(), &format!("{RUN} --out out"));
    assert_eq!(run.code, 0, "{}", run.all());
    folder
});

fn json(place: &Path) -> Value {
    let text = fs::read_to_string(place).expect("the file was written");
    serde_json::from_str(&text).expect("it is JSON")
}

fn lines(place: &Path) -> Vec<Value> {
    let text = fs::read_to_string(place).expect("the file was written");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn a_run_writes_its_files_and_finds_the_fault() {
    let out = TEMPLATE.path().join("out");
    let summary = json(&out.join("summary.json"));
    assert_eq!(summary["counts"]["services"], 3);
    assert_eq!(summary["counts"]["cycles"], 3 * 241);
    assert_eq!(summary["timezone"], "Europe/Paris");
    assert_eq!(summary["accuracy"]["incidents"], 1);
    assert_eq!(summary["accuracy"]["detected"], 1, "{summary:#}");
    let alerts = lines(&out.join("alerts.jsonl"));
    let keys: Vec<&String> = alerts[0].as_object().expect("an object").keys().collect();
    let mut expected =
        ["affected", "end", "root_cause", "score", "service", "severity", "start"].to_vec();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert!(alerts.iter().any(|alert| alert["service"] == "storefront"));
    assert!(lines(&out.join("incidents.jsonl")).len() >= alerts.len());
    assert!(lines(&out.join("alerts_by_service.jsonl")).len() >= alerts.len());
}

#[test]
fn the_page_needs_nothing_else() {
    let page = fs::read_to_string(TEMPLATE.path().join("out/report.html")).expect("a page");
    for part in ["<h1>Backtest</h1>", "id=\"kinds\"", "id=\"false-alarms\"", "id=\"services\""] {
        assert!(page.contains(part), "{part}");
    }
    for outside in ["http://", "https://", "src=", "@import", "url(", "onclick"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.len() < 6_000_000);
    let opened = page.matches("<svg").count();
    assert_eq!(opened, page.matches("</svg>").count());
    assert!(opened >= 3 * 6, "{opened}");
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let again = tempfile::tempdir().expect("a folder for a test");
    let place = again.path().join("again");
    let run = yaga(TEMPLATE.path(), &format!("{RUN} --compare out --out {}", place.display()));
    assert_eq!(run.code, 0, "{}", run.all());
    let first = TEMPLATE.path().join("out");
    for name in [
        "alerts.jsonl",
        "alerts_by_service.jsonl",
        "incidents.jsonl",
        "scores.csv.gz",
        "report.html",
    ] {
        let (one, two) = (fs::read(first.join(name)), fs::read(place.join(name)));
        assert!(one.expect("a file") == two.expect("a file"), "{name} differs");
    }
    let timeless = |folder: &Path| {
        let mut summary = json(&folder.join("summary.json"));
        summary.as_object_mut().expect("an object").remove("timing").expect("timing");
        summary
    };
    assert_eq!(timeless(&first), timeless(&place));
    let comparison = json(&place.join("compare.json"));
    assert_eq!(comparison["added"].as_array().map(Vec::len), Some(0));
    assert_eq!(comparison["removed"].as_array().map(Vec::len), Some(0));
    assert!(run.out.contains("0 added, 0 removed"), "{}", run.out);
}

#[test]
fn one_cycle_is_explained_as_it_was_replayed() {
    let alert = lines(&TEMPLATE.path().join("out/alerts_by_service.jsonl"))
        .into_iter()
        .find(|alert| alert["service"] == "storefront")
        .expect("an alert of the fault");
    let start = alert["start"].as_str().expect("an instant");
    let arguments = format!("{RUN} --explain {start} --service storefront");
    let explained = yaga(TEMPLATE.path(), &format!("{arguments} --json")).json();
    let finding = &explained[0]["finding"];
    assert_ne!(finding["severity"], "none", "{finding}");
    assert_eq!(explained[0]["metrics"].as_array().map(Vec::len), Some(5));
    let text = yaga(TEMPLATE.path(), &arguments);
    assert_eq!(text.code, 0, "{}", text.all());
    for part in ["storefront", "error_rate", "usually", "compared with"] {
        assert!(text.out.contains(part), "{part:?} is not in {}", text.out);
    }
}

/// A day of hours of one gauge, with a rise at the end, and five days before it.
fn write_gauge(folder: &Path) {
    let service = ServiceName::new("a/b \"c\"").expect("a name");
    let hour = |index: i64| {
        let rise = if index >= 140 { 900.0 } else { 0.0 };
        (1_772_409_600 + 3_600 * index, 50.0 + (index % 24) as f64 + rise)
    };
    let record = |name: &str, hours: std::ops::Range<i64>| {
        let series = Series::from_samples(hours.map(hour).collect());
        let metric = "queue_depth".to_owned();
        let one = RecordedSeries { metric, service: service.clone(), series };
        write_recording(&folder.join(name), [one]).expect("a recording");
    };
    record("train.jsonl", 0..120);
    record("test.jsonl", 120..144);
}

#[test]
fn other_peoples_metrics_at_their_own_step_are_replayed() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_gauge(folder.path());
    let run =
        yaga(folder.path(), "backtest --history train.jsonl --metrics test.jsonl --out out --json");
    assert_eq!(run.code, 0, "{}", run.all());
    let summary = run.json();
    assert_eq!(summary["metrics"][0]["name"], "queue_depth");
    assert_eq!(summary["metrics"][0]["kind"], "gauge");
    assert_eq!(summary["services"][0]["cycle_s"], 3_600);
    assert_eq!(summary["services"][0]["cycles"], 24);
    assert!(summary.get("accuracy").is_none());
    let page = fs::read_to_string(folder.path().join("out/report.html")).expect("a page");
    assert!(page.contains("a/b &quot;c&quot;") && !page.contains("a/b \"c\""));
}

#[test]
fn what_is_wrong_is_named() {
    let folder = tempfile::tempdir().expect("a folder for a test");
    write_gauge(folder.path());
    fs::write(folder.path().join("labels.csv"), "incident_id,service,start,end\n1,a,today,never\n")
        .expect("a file");
    let files = "--history train.jsonl --metrics test.jsonl";
    for (arguments, code, part) in [
        (
            format!("{files} --labels labels.csv --out out"),
            2,
            "labels.csv: line 2: write an instant",
        ),
        (format!("{files} --cycle 2 --out out"), 2, "write a length between 1s and 24h"),
        (files.to_owned(), 2, "--out"),
        (format!("{files} --timezone Paris --out out"), 2, "Paris"),
        (format!("{files} --compare nowhere --out out"), 2, "--compare wants the folder of a run"),
        ("--history none.jsonl --metrics test.jsonl --out out".to_owned(), 3, "none.jsonl"),
        (
            "--history train.jsonl --metrics train.jsonl --out out".to_owned(),
            2,
            "nothing to replay",
        ),
    ] {
        let run = yaga(folder.path(), &format!("backtest {arguments}"));
        assert_eq!(run.code, code, "{arguments}\n{}", run.all());
        assert!(run.err.contains(part), "{part:?} is not in {}", run.err);
    }
}
