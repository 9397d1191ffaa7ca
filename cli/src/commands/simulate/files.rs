//! The files of a simulated estate: two recordings, tables, and a configuration.

use std::fs;
use std::path::Path;

use adapter_local::{RecordedSeries, write_recording};
use anyhow::{Context, anyhow};
use domain::{Series, ServiceName};
use serde::Serialize;
use serde_json::{Map, Value, json};
use simulate::{Estate, Metric};

use crate::exit::Failure;
use crate::shell::Shell;
use crate::terminal;

/// The recording to learn from.
pub const TRAIN: &str = "train.jsonl.gz";
/// The recording to judge.
pub const TEST: &str = "test.jsonl.gz";
/// The configuration that fits both.
pub const CONFIG: &str = "yaga.json";
/// The folder of models that the configuration names.
pub const MODELS: &str = "models";
/// A cycle looks an hour back: so much more than the test hours lets the first cycle see it all.
const LEAD_IN_S: i64 = 2 * 3_600;

/// One file.
#[derive(Debug, Clone, Serialize)]
pub struct Written {
    pub name: String,
    pub holds: String,
    pub bytes: u64,
}

/// Writes an estate to a folder, which is created if need be. A configuration that was changed by
/// hand is not overwritten.
pub fn write(
    folder: &Path,
    estate: &Estate,
    zone: &str,
    shell: &Shell,
) -> Result<Vec<Written>, Failure> {
    fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    let config = config(folder, estate, zone);
    let known = fs::read_to_string(folder.join(CONFIG)).ok();
    if known.is_some_and(|known| known != config) {
        let place = folder.join(CONFIG);
        return Err(Failure::Usage(anyhow!(
            "{} exists and is not what would be written; choose another folder or remove it",
            place.display()
        )));
    }
    let bar =
        terminal::bar(shell.shows_progress(), "writing", Some(2 * estate.series.len() as u64));
    record(folder, TRAIN, estate, i64::MIN, estate.test_start_s, &bar)?;
    record(folder, TEST, estate, estate.test_start_s - LEAD_IN_S, i64::MAX, &bar)?;
    bar.finish_and_clear();
    let tables = [
        ("labels.csv", estate.labels_csv()),
        ("graph.csv", estate.graph_csv()),
        ("events.csv", estate.events_csv()),
        ("services.csv", estate.services_csv()),
        ("split.csv", estate.split_csv()),
        (CONFIG, config),
    ];
    for (name, text) in &tables {
        let place = folder.join(name);
        fs::write(&place, text).map_err(|error| unusable(&place, &error))?;
    }
    HOLDS.iter().map(|(name, holds)| describe(folder, name, holds)).collect()
}

const HOLDS: [(&str, &str); 8] = [
    (TRAIN, "metrics to learn from, without faults"),
    (TEST, "metrics of the test hours and two hours before them"),
    ("labels.csv", "faults: when, where, what, who else feels them"),
    ("graph.csv", "which service calls which"),
    ("events.csv", "what is no fault: deploys, maintenance, gaps, bad values"),
    ("services.csv", "category, metrics and size of each service"),
    ("split.csv", "where the test hours begin"),
    (CONFIG, "services, zone and metrics, for --config"),
];

fn describe(folder: &Path, name: &str, holds: &str) -> Result<Written, Failure> {
    let place = folder.join(name);
    let about = fs::metadata(&place).map_err(|error| unusable(&place, &error))?;
    Ok(Written { name: name.to_owned(), holds: holds.to_owned(), bytes: about.len() })
}

fn unusable(place: &Path, error: &std::io::Error) -> Failure {
    let place = place.display();
    Failure::Usage(anyhow!("{place} cannot be written: {error}; choose another folder"))
}

/// Writes the samples with `from_s <= time < until_s`.
fn record(
    folder: &Path,
    name: &str,
    estate: &Estate,
    from_s: i64,
    until_s: i64,
    bar: &indicatif::ProgressBar,
) -> Result<(), Failure> {
    let series = estate.series.iter().filter_map(|series| {
        bar.inc(1);
        let start = series.timestamps_s.partition_point(|time| *time < from_s);
        let end = series.timestamps_s.partition_point(|time| *time < until_s).max(start);
        Some(RecordedSeries {
            metric: series.metric.as_str().to_owned(),
            service: ServiceName::new(series.service.as_str()).ok()?,
            series: Series {
                times_s: series.timestamps_s[start..end].to_vec(),
                values: series.values[start..end].to_vec(),
            },
        })
    });
    write_recording(&folder.join(name), series)
        .context("nothing more was written")
        .map_err(Failure::Usage)
}

/// A configuration for the recordings, that also works once they are imported into a server.
fn config(folder: &Path, estate: &Estate, zone: &str) -> String {
    let mut categories: Map<String, Value> = Map::new();
    for service in &estate.services {
        let category = categories.entry(service.category.as_str()).or_insert_with(|| json!([]));
        if let Some(list) = category.as_array_mut() {
            list.push(json!(service.name));
        }
    }
    let mut graph: Map<String, Value> = Map::new();
    for (caller, callee) in &estate.graph {
        let callees = graph.entry(caller.as_str()).or_insert_with(|| json!([]));
        if let Some(list) = callees.as_array_mut() {
            list.push(json!(callee));
        }
    }
    let metric = |metric: &Metric| {
        let query = format!("avg(avg_over_time({metric}[$window])) by (service_name)");
        json!({ "name": metric.as_str(), "query": query })
    };
    let document = json!({
        "_comment": "Written by `yaga simulate`. VM_ENDPOINT says which recording is read.",
        "config_version": 1,
        "time_periods": { "timezone": zone },
        "model": { "models_directory": folder.join(MODELS).display().to_string() },
        "metrics": Metric::ALL.iter().map(metric).collect::<Vec<_>>(),
        "services": categories,
        "dependencies": { "graph": graph },
    });
    format!("{document:#}\n")
}
