//! A table of known incidents: what training leaves out.
//!
//! Columns `start` and `end`, instants with their offset or epoch seconds, both included; `service`
//! (empty for all services) and `reason` may be missing. Other columns are not looked at, so that
//! a table of labels will do.

use std::path::Path;

use anyhow::{Context, anyhow};
use domain::config::valid::ExcludedPeriod;
use serde::Deserialize;

use crate::exit::Failure;
use crate::instant;

#[derive(Debug, Deserialize)]
struct Row {
    #[serde(default)]
    service: String,
    start: String,
    end: String,
    #[serde(default)]
    reason: String,
}

/// Reads the table.
pub(super) fn read(path: &Path) -> Result<Vec<ExcludedPeriod>, Failure> {
    let place = || path.display().to_string();
    let mut reader = csv::Reader::from_path(path).with_context(place).map_err(Failure::Usage)?;
    let mut incidents = Vec::new();
    for row in reader.deserialize() {
        let row: Row = row.with_context(place).map_err(Failure::Usage)?;
        // The heading is line 1.
        let line = incidents.len() + 2;
        incidents.push(incident(&row).map_err(|reason| {
            Failure::Usage(anyhow!("{}: line {line}: {reason}", path.display()))
        })?);
    }
    Ok(incidents)
}

fn incident(row: &Row) -> Result<ExcludedPeriod, String> {
    let service = match row.service.trim() {
        "" => None,
        name => Some(instant::parse_service(name)?),
    };
    let (start_s, end_s) = (seconds(&row.start)?, seconds(&row.end)?);
    if end_s < start_s {
        return Err(format!("it ends ({}) before it starts ({})", row.end, row.start));
    }
    Ok(ExcludedPeriod { service, start_s, end_s, reason: row.reason.clone(), variant: None })
}

fn seconds(text: &str) -> Result<i64, String> {
    text.parse().or_else(|_| instant::parse(text).map(|at| at.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Vec<ExcludedPeriod>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("incidents.csv");
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|failure| match failure {
            Failure::Usage(error) => {
                error.to_string().rsplit("incidents.csv").next().unwrap_or_default().to_owned()
            }
            _ => "another failure".to_owned(),
        })
    }

    #[test]
    fn a_table_of_labels_will_do() {
        let found = check(
            "incident_id,service,start,end,kind\n\
             inc-1,checkout,1970-01-01T00:01:00Z,1970-01-01T01:02:00+01:00,burst\n\
             inc-2,,60,180,outage\n",
        )
        .unwrap();
        let short: Vec<(Option<&str>, i64, i64)> = found
            .iter()
            .map(|it| (it.service.as_ref().map(|s| s.as_str()), it.start_s, it.end_s))
            .collect();
        assert_eq!(short, [(Some("checkout"), 60, 120), (None, 60, 180)]);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        assert_eq!(
            check("service,start,end\na,1,2\nb,9,3\n").unwrap_err(),
            ": line 3: it ends (3) before it starts (9)"
        );
        assert!(check("start,end\n2026-04-01,3\n").unwrap_err().contains("line 2: write an"));
        assert!(check("begin,end\n1,2\n").is_err());
    }
}
