//! Alerts that another run had and this one has not, and the other way round.
//!
//! Two alerts are the same if they are of one service and overlap, give or take one cycle.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, anyhow};
use domain::Severity;
use pipeline::backtest::accuracy::Alert;
use serde::{Deserialize, Serialize};

use super::Run;
use super::files::{ALERTS, SUMMARY, unusable, write_json};
use crate::exit::Failure;
use crate::instant;

/// The result of a comparison, beside the other results.
pub const COMPARISON: &str = "compare.json";

/// What changed from the other run to this one.
#[derive(Debug, Serialize)]
pub struct Comparison {
    pub other: String,
    pub config_digest: String,
    pub other_config_digest: Option<String>,
    pub both: usize,
    pub added: Vec<Alert>,
    pub removed: Vec<Alert>,
    /// Of this run, where the severity is another one.
    pub severity_changed: Vec<SeverityChange>,
}

/// The same alert with another severity.
#[derive(Debug, Serialize)]
pub struct SeverityChange {
    pub alert: Alert,
    pub was: Severity,
}

#[derive(Debug, Deserialize)]
struct AlertLine {
    service: String,
    start: String,
    end: String,
    severity: Severity,
    score: f64,
    root_cause: String,
    affected: Vec<String>,
}

/// Compares with the results in another folder and writes [`COMPARISON`].
pub fn with(run: &Run<'_>, other: &Path, out: &Path) -> Result<Comparison, Failure> {
    let earlier = read_alerts(&other.join(ALERTS))?;
    let comparison = Comparison {
        other: other.display().to_string(),
        config_digest: run.input.settings.digest.clone(),
        other_config_digest: digest(&other.join(SUMMARY)),
        ..compare(&earlier, &run.alerts, run.input.cycle_s)
    };
    fs::create_dir_all(out).map_err(|error| unusable(out, &error))?;
    write_json(&comparison, &out.join(COMPARISON))?;
    Ok(comparison)
}

fn compare(earlier: &[Alert], later: &[Alert], slack_s: i64) -> Comparison {
    let is_same = |a: &Alert, b: &Alert| {
        a.service == b.service && a.start <= b.end + slack_s && b.start <= a.end + slack_s
    };
    let mut met: BTreeSet<usize> = BTreeSet::new();
    let (mut added, mut severity_changed) = (Vec::new(), Vec::new());
    for alert in later {
        let same: Vec<usize> =
            (0..earlier.len()).filter(|index| is_same(&earlier[*index], alert)).collect();
        match same.iter().map(|index| earlier[*index].severity).max() {
            None => added.push(alert.clone()),
            Some(was) if was != alert.severity => {
                severity_changed.push(SeverityChange { alert: alert.clone(), was });
            }
            Some(_) => {}
        }
        met.extend(same);
    }
    let removed = earlier.iter().enumerate().filter(|(index, _)| !met.contains(index));
    Comparison {
        other: String::new(),
        config_digest: String::new(),
        other_config_digest: None,
        both: later.len() - added.len(),
        added,
        removed: removed.map(|(_, alert)| alert.clone()).collect(),
        severity_changed,
    }
}

fn read_alerts(path: &Path) -> Result<Vec<Alert>, Failure> {
    let what = || format!("{} cannot be read; --compare wants the folder of a run", path.display());
    let text = fs::read_to_string(path).with_context(what).map_err(Failure::Usage)?;
    let alert = |(index, line): (usize, &str)| {
        parse(line).map_err(|reason| {
            Failure::Usage(anyhow!("{}: line {}: {reason}", path.display(), index + 1))
        })
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(alert).collect()
}

fn parse(line: &str) -> Result<Alert, String> {
    let line: AlertLine = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let second = |text: &str| instant::parse(text).map(|at| at.timestamp());
    Ok(Alert {
        start: second(&line.start)?,
        end: second(&line.end)?,
        service: line.service,
        severity: line.severity,
        score: line.score,
        root_cause: line.root_cause,
        affected: line.affected,
    })
}

fn digest(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let summary: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(summary.get("config_digest")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(service: &str, start: i64, end: i64, severity: Severity) -> Alert {
        Alert {
            service: service.to_owned(),
            start,
            end,
            severity,
            score: 1.0,
            root_cause: service.to_owned(),
            affected: vec![service.to_owned()],
        }
    }

    #[test]
    fn alerts_are_the_same_where_they_overlap() {
        let earlier = [
            alert("a", 0, 600, Severity::High),
            alert("a", 5_000, 5_600, Severity::High),
            alert("b", 0, 600, Severity::Medium),
        ];
        let later = [
            alert("a", 720, 900, Severity::High),
            alert("b", 100, 200, Severity::Critical),
            alert("c", 0, 600, Severity::High),
        ];
        let found = compare(&earlier, &later, 120);
        assert_eq!((found.both, found.added.len(), found.removed.len()), (2, 1, 1));
        assert_eq!(found.added[0].service, "c");
        assert_eq!(found.removed[0].start, 5_000);
        assert_eq!(found.severity_changed[0].was, Severity::Medium);
        assert_eq!(compare(&earlier, &later, 119).both, 1);
    }

    #[test]
    fn what_is_written_can_be_read() {
        let one = alert("a", 1_775_037_600, 1_775_038_200, Severity::High);
        assert_eq!(parse(&serde_json::to_string(&one).unwrap()), Ok(one));
    }
}
