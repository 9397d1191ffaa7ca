//! The list of injected faults that comes with a simulated recording.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};

/// After a fault has ended, its traces in windows and averages fade for this long.
const AFTERMATH: TimeDelta = TimeDelta::hours(1);

/// One labelled incident on one service.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) service: String,
    pub(crate) start: DateTime<Utc>,
    pub(crate) end: DateTime<Utc>,
    pub(crate) kind: String,
}

impl Fault {
    /// An instant well inside: evidence has had time to persist, recovery has not begun.
    pub(crate) fn heart(&self) -> DateTime<Utc> {
        self.start + (self.end - self.start) * 3 / 5
    }

    fn touches(&self, at: DateTime<Utc>) -> bool {
        self.start <= at && at <= self.end + AFTERMATH
    }
}

/// Reads `labels.csv`, whose columns are found by their names.
pub(crate) fn read(path: &Path) -> Result<Vec<Fault>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().context("labels.csv is empty")?.split(',').collect();
    lines.map(|line| fault(&header, line).with_context(|| format!("in the line {line}"))).collect()
}

fn fault(header: &[&str], line: &str) -> Result<Fault> {
    let cells: Vec<&str> = line.split(',').collect();
    let cell = |name: &str| {
        let column = header.iter().position(|column| *column == name);
        column.and_then(|column| cells.get(column)).with_context(|| format!("no column {name}"))
    };
    let instant = |name: &str| -> Result<DateTime<Utc>> {
        cell(name)?.parse::<DateTime<Utc>>().with_context(|| format!("in column {name}"))
    };
    Ok(Fault {
        service: (*cell("service")?).to_owned(),
        start: instant("start")?,
        end: instant("end")?,
        kind: (*cell("kind")?).to_owned(),
    })
}

/// The fault that lasts longest: the plainest one to look for.
pub(crate) fn longest(faults: &[Fault]) -> Result<&Fault> {
    let longest = faults.iter().max_by_key(|fault| fault.end - fault.start);
    longest.context("the simulated test span has no fault: nothing to look for")
}

/// Of `services`, those on which no fault has left a trace at `at`.
pub(crate) fn healthy<'a>(
    services: &'a BTreeSet<String>,
    faults: &[Fault],
    at: DateTime<Utc>,
) -> Vec<&'a str> {
    let ill = |name: &str| faults.iter().any(|fault| fault.service == name && fault.touches(at));
    services.iter().map(String::as_str).filter(|name| !ill(name)).collect()
}
