//! What a backtest is about: configuration, metrics, labels.

use std::path::Path;

use anyhow::{Context, anyhow};
use domain::ServiceName;
use domain::config::valid::Config;
use pipeline::backtest::accuracy::{Label, Maintenance, Truth};
use pipeline::backtest::{Tape, read_tapes};
use serde::Deserialize;
use wiring::Settings;

use super::Arguments;
use super::sides::{Side, Sides};
use crate::exit::Failure;
use crate::instant;
use crate::shell::Shell;

/// The variable that the zone of a configuration listens to.
const ZONE_VARIABLE: &str = "YAGA__TIME_PERIODS__TIMEZONE";
/// The kind of event that excuses alerts.
const MAINTENANCE: &str = "maintenance";

/// Everything that was read.
pub struct Input {
    pub settings: Settings,
    /// To learn from.
    pub history: Side,
    /// To replay.
    pub metrics: Side,
    pub tapes: Vec<Tape>,
    pub cycle_s: i64,
    pub truth: Option<Truth>,
    /// Caller and callee.
    pub graph: Vec<(ServiceName, ServiceName)>,
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
        if let Some(days) = arguments.history_days {
            settings.config.training.lookback_days = days;
        }
        settings.config.training.cycle_s = arguments.cycle;
        let Sides { history, metrics } = Sides::open(shell, arguments, &mut settings)?;
        let tapes = read_tapes(history.part(), metrics.part(), &settings.config).await;
        let tapes = tapes.map_err(|error| Failure::Source(error.into()))?;
        let tapes = wanted(tapes, &settings.config, arguments)?;
        let truth = truth(arguments, &tapes)?;
        Ok(Input {
            settings,
            history,
            metrics,
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

fn wanted(tapes: Vec<Tape>, config: &Config, arguments: &Arguments) -> Result<Vec<Tape>, Failure> {
    let listed = &config.services.listed;
    let is_wanted = |tape: &Tape| {
        (listed.is_empty() || listed.iter().any(|(name, _)| *name == tape.service))
            && (arguments.services.is_empty() || arguments.services.contains(&tape.service))
    };
    let tapes: Vec<Tape> = tapes.into_iter().filter(is_wanted).collect();
    if tapes.is_empty() {
        return Err(Failure::Usage(anyhow!(
            "there is nothing to replay: no sample of a wanted service and metric that the history has not"
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
}
