//! The folder of results.
//!
//! The same inputs give the same bytes, but for `timing` in the summary.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use chrono::DateTime;
use flate2::Compression;
use flate2::write::GzEncoder;
use incident::{EndReason, Hold, IncidentId};
use pipeline::backtest::accuracy::Alert;
use pipeline::backtest::{Cause, Incident, Notification};
use serde::Serialize;

use super::summary::Summary;
use super::{Run, report};
use crate::exit::Failure;

/// Alerts, folded by root cause.
pub const ALERTS: &str = "alerts.jsonl";
/// The same before folding.
pub const ALERTS_BY_SERVICE: &str = "alerts_by_service.jsonl";
/// All incidents, also those that nobody is told of.
pub const INCIDENTS: &str = "incidents.jsonl";
/// All messages but repeats.
pub const NOTIFICATIONS: &str = "notifications.jsonl";
/// One score per service and cycle.
pub const SCORES: &str = "scores.csv.gz";
/// All figures.
pub const SUMMARY: &str = "summary.json";
/// The page for people.
pub const REPORT: &str = "report.html";

/// An incident as a line of [`INCIDENTS`].
#[derive(Debug, Serialize)]
struct IncidentLine<'a> {
    #[serde(flatten)]
    alert: Alert,
    incident_id: &'a IncidentId,
    anomaly_name: &'a str,
    announced: bool,
    /// An alert would have been sent.
    told: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_back: Option<&'a Hold>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<EndReason>,
    first_evidence: String,
    cycles: u32,
    #[serde(flatten)]
    cause: Option<&'a Cause>,
}

/// A message as a line of [`NOTIFICATIONS`].
#[derive(Debug, Serialize)]
struct NotificationLine<'a> {
    at: String,
    #[serde(flatten)]
    notification: &'a Notification,
}

/// Writes everything but the summary.
pub fn write(run: &Run<'_>, folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| unusable(folder, &error))?;
    write_lines(folder, ALERTS, &run.alerts)?;
    write_lines(folder, ALERTS_BY_SERVICE, &run.alerts_by_service)?;
    let incidents: Vec<IncidentLine<'_>> = run.incidents.all.iter().map(line).collect();
    write_lines(folder, INCIDENTS, &incidents)?;
    let told: Vec<NotificationLine<'_>> =
        run.incidents.notifications.iter().map(notification).collect();
    write_lines(folder, NOTIFICATIONS, &told)?;
    let place = folder.join(SCORES);
    write_scores(run, &place).map_err(|error| unusable(&place, &error))?;
    let place = folder.join(REPORT);
    fs::write(&place, report::page(run)).map_err(|error| unusable(&place, &error))
}

/// Writes the summary.
pub fn write_summary(summary: &Summary, folder: &Path) -> Result<(), Failure> {
    write_json(summary, &folder.join(SUMMARY))
}

/// Writes a JSON document, indented.
pub fn write_json(document: &impl Serialize, place: &Path) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(document).context("the result is not JSON")?;
    text.push('\n');
    fs::write(place, text).map_err(|error| unusable(place, &error))
}

/// That a place cannot be written.
pub fn unusable(place: &Path, error: &std::io::Error) -> Failure {
    let place = place.display();
    Failure::Usage(anyhow!("{place} cannot be written: {error}; choose another folder"))
}

fn line(incident: &Incident) -> IncidentLine<'_> {
    IncidentLine {
        alert: Alert::from(incident),
        incident_id: &incident.incident_id,
        anomaly_name: &incident.anomaly_name,
        announced: incident.is_announced(),
        told: incident.is_told,
        held_back: incident.hold.as_ref().filter(|_| !incident.is_told),
        ended: incident.end,
        first_evidence: instant(incident.episode.first_evidence_s),
        cycles: incident.episode.cycles,
        cause: incident.cause.as_ref(),
    }
}

fn notification(notification: &Notification) -> NotificationLine<'_> {
    NotificationLine { at: instant(notification.at_s), notification }
}

fn instant(at_s: i64) -> String {
    DateTime::from_timestamp(at_s, 0).map(payload::instant).unwrap_or_default()
}

fn write_lines(folder: &Path, name: &str, lines: &[impl Serialize]) -> Result<(), Failure> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(line).context("the result is not JSON")?);
        text.push('\n');
    }
    let place = folder.join(name);
    fs::write(&place, text).map_err(|error| unusable(&place, &error))
}

/// One row per cycle with data: epoch seconds, service, score.
fn write_scores(run: &Run<'_>, place: &Path) -> std::io::Result<()> {
    let file = BufWriter::new(File::create(place)?);
    let mut writer = GzEncoder::new(file, Compression::fast());
    writer.write_all(b"timestamp,service,score\n")?;
    for track in &run.tracks {
        let service = csv_field(track.service.as_str());
        let floor = run.judge.scale(&track.service).floor;
        for finding in &track.findings {
            let score = if finding.is_judged() { finding.published } else { floor };
            writeln!(writer, "{},{service},{score:.6}", finding.stamp_s)?;
        }
    }
    writer.finish()?.flush()
}

/// Quotes what a comma or a quote would break.
fn csv_field(text: &str) -> String {
    if !text.contains([',', '"', '\n', '\r']) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('"', "\"\""))
}
