//! `yaga forest`: scores are the forest's own, and bad tables are refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, yaga};
use forest::{Forest, ForestParams, Table};
use tempfile::TempDir;

const ROWS: usize = 700;

/// Three columns; every hundredth row is far out.
fn rows(salt: u32) -> Vec<[f64; 3]> {
    let value = |row: u32, column: u32| f64::from((row * 7919 + column * 104_729 + salt) % 1009);
    let far = |row: u32| if row.is_multiple_of(100) { 5000.0 } else { 0.0 };
    (0..ROWS as u32)
        .map(|row| [value(row, 1) + far(row), value(row, 2) / 7.0, -value(row, 3)])
        .collect()
}

fn write(folder: &Path, name: &str, header: &str, rows: &[[f64; 3]]) {
    let line = |row: &[f64; 3]| format!("{},{},{}\n", row[0], row[1], row[2]);
    let text: String = rows.iter().map(line).collect();
    fs::write(folder.join(name), format!("{header}{text}")).unwrap();
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.csv", "rate,latency,errors\n", &rows(0));
    write(folder.path(), "b.csv", "rate,latency,errors\n", &rows(5));
    folder
}

fn forest(folder: &TempDir, arguments: &str) -> Ran {
    yaga(folder.path(), &format!("forest --train a.csv --score b.csv {arguments}"))
}

fn expected(trees: u32, subsample: u32, seed: u64) -> (Forest, Vec<f64>) {
    let params = ForestParams { trees, subsample, seed }.validate().unwrap();
    let forest = Forest::fit(&params, &Table::from_rows(&rows(0), 3).unwrap()).unwrap();
    let scores = forest.score_rows(&Table::from_rows(&rows(5), 3).unwrap());
    (forest, scores)
}

#[test]
fn scores_are_the_forests_to_the_last_bit() {
    let folder = folder();
    for (arguments, (_, scores)) in
        [("", expected(200, 256, 42)), ("--trees 50 --subsample 64 --seed 7", expected(50, 64, 7))]
    {
        let ran = forest(&folder, arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        let printed: Vec<f64> = ran.out.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(printed, scores);
    }
}

#[test]
fn flags_follow_the_contamination() {
    let folder = folder();
    let (trained, scores) = expected(200, 256, 42);
    let flags = |arguments: &str| -> Vec<(f64, bool)> {
        let ran = forest(&folder, arguments);
        let split = |line: &str| {
            let (score, flag) = line.split_once(',').unwrap();
            (score.parse().unwrap(), flag == "1")
        };
        ran.out.lines().map(split).collect()
    };
    let auto: Vec<(f64, bool)> = scores.iter().map(|score| (*score, *score > 0.5)).collect();
    assert_eq!(flags("--flags"), auto);
    assert_eq!(flags("--contamination auto"), auto);
    let mut own = trained.score_rows(&Table::from_rows(&rows(0), 3).unwrap());
    let limit = stats::quantile_in_place(&mut own, 0.99).unwrap();
    let flagged = flags("--contamination 0.01");
    assert!(flagged.iter().all(|(score, flag)| *flag == (*score > limit)));
    assert!(flagged.iter().step_by(100).all(|(_, flag)| *flag), "the far rows are flagged");
    assert!(flagged.iter().filter(|(_, flag)| *flag).count() < ROWS / 50);
}

#[test]
fn machines_get_one_document() {
    let folder = folder();
    let json = forest(&folder, "--json --flags").json();
    assert_eq!(json["columns"], serde_json::json!(["rate", "latency", "errors"]));
    assert_eq!((&json["rows"], &json["flagged_above"]), (&ROWS.into(), &0.5.into()));
    assert_eq!(json["scores"].as_array().unwrap().len(), ROWS);
    assert_eq!(json["flagged"].as_array().unwrap().len(), ROWS);
    assert!(forest(&folder, "--json").json().get("flagged").is_none());
}

#[test]
fn a_table_without_a_header_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.csv", "b.csv"] {
        write(folder.path(), name, "", &rows(1));
    }
    let refused = forest(&folder, "");
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("a.csv, line 1: only numbers"), "{refused:?}");
    assert_eq!(forest(&folder, "--no-header").out.lines().count(), ROWS);
    write(folder.path(), "a.csv", "0,1,2\n", &rows(1));
    write(folder.path(), "b.csv", "0,1,2\n", &rows(1));
    assert_eq!(forest(&folder, "").out.lines().count(), ROWS);
}

#[test]
fn bad_tables_and_arguments_are_refused() {
    let folder = folder();
    let folder = folder.path();
    fs::write(folder.join("other.csv"), "rate,errors,latency\n1,2,3\n").unwrap();
    fs::write(folder.join("two.csv"), "rate,latency\n1,2\n").unwrap();
    fs::write(folder.join("text.csv"), "rate,latency,errors\n1,2,3\n4,five,6\n").unwrap();
    fs::write(folder.join("empty.csv"), "rate,latency,errors\n").unwrap();
    fs::write(folder.join("latin.csv"), b"rate,latency,errors\n1,2,\xe9\n").unwrap();
    let texts = [
        "--train missing.csv --score b.csv",
        "--train a.csv --score missing.csv",
        "--train a.csv --score other.csv",
        "--train a.csv --score two.csv",
        "--train a.csv --score text.csv",
        "--train empty.csv --score b.csv",
        "--train latin.csv --score b.csv",
        "--train a.csv --score b.csv --contamination 0.7",
        "--train a.csv --score b.csv --trees 0",
        "--train a.csv --score b.csv --trees 1000 --subsample 65536",
    ]
    .map(|arguments| {
        format!("$ {arguments}\n{}", yaga(folder, &format!("forest {arguments}")).all())
    });
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn a_score_file_without_rows_has_no_scores() {
    let folder = folder();
    fs::write(folder.path().join("b.csv"), "rate,latency,errors\n").unwrap();
    let ran = forest(&folder, "");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
}
