//! What a backtest is about: configuration, recordings, labels.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapter_local::{Contents, Recording};
use anyhow::{Context, anyhow};
use domain::config::valid::Config;
use domain::{MetricSet, ServiceName};
use pipeline::backtest::accuracy::{Label, Maintenance, Truth};
use pipeline::backtest::{Part, Tape, read_tapes, understood};
use serde::Deserialize;
use wiring::{Settings, Source};

use super::Arguments;
use crate::exit::Failure;
use crate::instant;
use crate::shell::Shell;

/// The variable that the zone of a configuration listens to.
const ZONE_VARIABLE: &str = "YAGA__TIME_PERIODS__TIMEZONE";
/// The kind of event that excuses alerts.
const MAINTENANCE: &str = "maintenance";
/// A path that says it is one.
const FILE_SCHEME: &str = "file://";

/// Everything that was read.
#[derive(Debug)]
pub struct Input {
    pub settings: Settings,
    /// To learn from.
    pub history: Source,
    pub history_contents: Contents,
    pub metrics_contents: Contents,
    pub tapes: Vec<Tape>,
    pub cycle_s: i64,
    pub truth: Option<Truth>,
    /// Caller and callee.
    pub graph: Vec<(ServiceName, ServiceName)>,
}

/// Reads `file://recording.jsonl.gz`, or a plain path.
pub fn parse_recording(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix(FILE_SCHEME).unwrap_or(text);
    if path.is_empty() || path.contains("://") {
        return Err("write file://recording.jsonl.gz".to_owned());
    }
    Ok(PathBuf::from(path))
}

/// Reads a length of time in seconds: `90s`, `2m`, `1h`.
pub fn parse_length(text: &str) -> Result<i64, String> {
    const LONGEST_S: i64 = 86_400;
    let wrong = || "write a length between 1s and 24h, like 90s, 2m or 1h".to_owned();
    let (number, unit_s) = match text.trim_end_matches(|c: char| c.is_ascii_alphabetic()) {
        number if text.ends_with('s') => (number, 1),
        number if text.ends_with('m') => (number, 60),
        number if text.ends_with('h') => (number, 3_600),
        _ => return Err(wrong()),
    };
    let has_one_letter = text.len() == number.len() + 1;
    let length_s = number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit_s));
    length_s.filter(|it| has_one_letter && (1..=LONGEST_S).contains(it)).ok_or_else(wrong)
}

impl Input {
    /// Reads everything that the arguments name.
    pub async fn open(shell: &Shell, arguments: &Arguments) -> Result<Input, Failure> {
        let mut settings = settings(shell, arguments.timezone.as_deref()).await?;
        let (history, metrics) = recordings(shell, arguments, &mut settings)?;
        let part = |recording: &'_ Recording| -> Result<(i64, i64), Failure> {
            let contents = contents(recording)?;
            Ok((contents.oldest_s.unwrap_or(0) - 1, contents.newest_s.unwrap_or(0)))
        };
        let (past, replayed) = (part(&history)?, part(&metrics)?);
        let part = |source, (after_s, until_s)| Part { source, after_s, until_s };
        let tapes =
            read_tapes(part(&history, past), part(&metrics, replayed), &settings.config).await;
        let tapes = tapes.map_err(|error| Failure::Source(error.into()))?;
        let tapes = wanted(tapes, &settings.config, arguments)?;
        let truth = truth(arguments, &tapes)?;
        let (history_contents, metrics_contents) =
            (contents(&history)?.clone(), contents(&metrics)?.clone());
        Ok(Input {
            settings,
            history: Source { port: Arc::new(history), newest: None },
            history_contents,
            metrics_contents,
            tapes,
            cycle_s: arguments.cycle,
            truth,
            graph: graph(arguments.graph.as_deref())?,
        })
    }
}

/// The configuration, in the zone that the arguments ask for.
async fn settings(shell: &Shell, zone: Option<&str>) -> Result<Settings, Failure> {
    let env = |name: &str| match zone {
        Some(zone) if name == ZONE_VARIABLE => Some(zone.to_owned()),
        _ => shell.env(name),
    };
    let settings = Settings::load(&env).await.map_err(|error| Failure::Usage(error.into()))?;
    for warning in &settings.warnings {
        shell.warn(&warning.to_string());
    }
    Ok(settings)
}

/// Opens both recordings. Where the configuration declares no metrics and the recordings hold
/// others than the default five, the metrics are what the recordings hold, each understood by its
/// name.
fn recordings(
    shell: &Shell,
    arguments: &Arguments,
    settings: &mut Settings,
) -> Result<(Recording, Recording), Failure> {
    let open = |metrics: &MetricSet| {
        (Recording::new(&arguments.history, metrics), Recording::new(&arguments.metrics, metrics))
    };
    let (mut history, mut metrics) = open(&settings.config.metrics);
    let are_declared = settings.effective.iter().any(|it| it.path.starts_with("metrics["));
    if !are_declared {
        let (past, replayed) = (contents(&history)?, contents(&metrics)?);
        if let Some(found) = metric_set(&settings.config.metrics, past, replayed)? {
            settings.config.metrics = found;
            (history, metrics) = open(&settings.config.metrics);
        }
    }
    for recording in [&history, &metrics] {
        for warning in &contents(recording)?.warnings {
            shell.warn(warning);
        }
    }
    Ok((history, metrics))
}

fn contents(recording: &Recording) -> Result<&Contents, Failure> {
    recording.contents().map_err(|error| Failure::Source(error.into()))
}

/// The metrics of both recordings, if there are any that the set does not know.
fn metric_set(
    known: &MetricSet,
    history: &Contents,
    metrics: &Contents,
) -> Result<Option<MetricSet>, Failure> {
    let both = || [history, metrics].into_iter();
    let named: BTreeSet<String> = both().flat_map(|it| it.metrics.iter().cloned()).collect();
    let others = both().flat_map(|it| it.other_metrics.iter().cloned()).collect();
    let found = understood(known, &named, &others)
        .context("the recordings' metrics cannot be used as they are; list those to use under `metrics` in the configuration");
    found.map_err(Failure::Usage)
}

fn wanted(tapes: Vec<Tape>, config: &Config, arguments: &Arguments) -> Result<Vec<Tape>, Failure> {
    let listed = &config.services.listed;
    let is_wanted = |tape: &Tape| {
        (listed.is_empty() || listed.iter().any(|(name, _)| *name == tape.service))
            && (arguments.services.is_empty() || arguments.services.contains(&tape.service))
    };
    let tapes: Vec<Tape> = tapes.into_iter().filter(is_wanted).collect();
    if tapes.is_empty() {
        let place = arguments.metrics.display();
        return Err(Failure::Usage(anyhow!(
            "{place} holds nothing to replay: no sample of a wanted service and metric that the history has not"
        )));
    }
    Ok(tapes)
}

#[derive(Debug, Deserialize)]
struct LabelRow {
    incident_id: String,
    service: String,
    start: String,
    end: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    root_cause_service: String,
}

#[derive(Debug, Deserialize)]
struct EventRow {
    service: String,
    start: String,
    end: String,
    kind: String,
}

#[derive(Debug, Deserialize)]
struct CallRow {
    caller: String,
    callee: String,
}

fn truth(arguments: &Arguments, tapes: &[Tape]) -> Result<Option<Truth>, Failure> {
    let Some(path) = &arguments.labels else { return Ok(None) };
    let labels = rows(path, |row: LabelRow| {
        Ok(Label {
            start_s: seconds(&row.start)?,
            end_s: seconds(&row.end)?,
            incident: row.incident_id,
            service: row.service,
            kind: row.kind,
            root_cause: row.root_cause_service,
        })
    })?;
    let events = match &arguments.events {
        None => Vec::new(),
        Some(path) => rows(path, |row: EventRow| {
            let (start_s, end_s) = (seconds(&row.start)?, seconds(&row.end)?);
            let excuses = row.kind == MAINTENANCE;
            Ok(excuses.then_some(Maintenance { service: row.service, start_s, end_s }))
        })?,
    };
    let maintenance = events.into_iter().flatten().collect();
    Ok(Some(Truth::new(labels, maintenance, tapes)))
}

fn graph(path: Option<&Path>) -> Result<Vec<(ServiceName, ServiceName)>, Failure> {
    let Some(path) = path else { return Ok(Vec::new()) };
    rows(path, |row: CallRow| {
        Ok((instant::parse_service(&row.caller)?, instant::parse_service(&row.callee)?))
    })
}

/// Reads a table by the names of its columns.
fn rows<R: for<'de> Deserialize<'de>, T>(
    path: &Path,
    read: impl Fn(R) -> Result<T, String>,
) -> Result<Vec<T>, Failure> {
    let place = || path.display().to_string();
    let mut reader = csv::Reader::from_path(path).with_context(place).map_err(Failure::Usage)?;
    let mut found = Vec::new();
    for (index, row) in reader.deserialize().enumerate() {
        let row: R = row.with_context(place).map_err(Failure::Usage)?;
        // The heading is line 1.
        let line = index + 2;
        found.push(read(row).map_err(|reason| {
            Failure::Usage(anyhow!("{}: line {line}: {reason}", path.display()))
        })?);
    }
    Ok(found)
}

/// An instant with its offset, or epoch seconds.
fn seconds(text: &str) -> Result<i64, String> {
    match text.parse::<f64>() {
        Ok(second) if second.is_finite() => Ok(second.floor() as i64),
        _ => instant::parse(text).map(|at| at.timestamp()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_unit() {
        assert_eq!(["90s", "2m", "1h"].map(parse_length), [Ok(90), Ok(120), Ok(3_600)]);
        for bad in ["", "2", "m", "0m", "-1m", "2 m", "25h", "2ms", "1.5m"] {
            assert!(parse_length(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn recordings_are_paths() {
        assert_eq!(parse_recording("file://a/b.gz"), Ok(PathBuf::from("a/b.gz")));
        assert_eq!(parse_recording("file:///a/b.gz"), Ok(PathBuf::from("/a/b.gz")));
        assert_eq!(parse_recording("a/b.gz"), Ok(PathBuf::from("a/b.gz")));
        assert!(parse_recording("https://example.org").is_err());
        assert!(parse_recording("file://").is_err());
    }

    #[test]
    fn metrics_are_what_the_recordings_hold() {
        let five = MetricSet::five();
        let contents = |known: &[&str], others: &[&str]| Contents {
            metrics: known.iter().map(|name| (*name).to_owned()).collect(),
            other_metrics: others.iter().map(|name| (*name).to_owned()).collect(),
            ..Contents::default()
        };
        let names = |history: &Contents, metrics: &Contents| {
            let found = metric_set(&five, history, metrics).unwrap();
            found.map(|set| set.iter().map(|it| it.name.clone()).collect::<Vec<_>>())
        };
        let usual = contents(&["request_rate"], &[]);
        assert_eq!(names(&usual, &usual), None);
        let other = contents(&["error_rate"], &["m02", "m01"]);
        let expected = ["request_rate", "error_rate", "m01", "m02"].map(str::to_owned).to_vec();
        assert_eq!(names(&other, &usual), Some(expected));
        let many: Vec<String> = (0..65).map(|index| format!("m{index}")).collect();
        let many = contents(&[], &many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(metric_set(&five, &many, &usual).is_err());
    }
}
