//! `yaga incidents list` and `history`: incidents in a table.

use chrono::{DateTime, Utc};
use comfy_table::Table;
use domain::{ServiceName, Severity};
use incident::{EndReason, FingerprintId, IncidentId, IncidentState};
use payload::instant;
use pipeline::incidents::statistics::{Repeated, statistics};
use pipeline::ports::incidents::{IncidentStore, IncidentSummary};
use serde::Serialize;

use super::find;
use super::words::{at, span, state_cell};
use crate::commands::state::{Place, unusable};
use crate::exit::{Done, Failure, Outcome};
use crate::instant::parse_service;
use crate::shell::Shell;
use crate::terminal::{Tone, ago, cell, count, number, paint, severity_cell, table};

/// Which incidents to list.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Those that are over, too.
    #[arg(long, conflicts_with_all = ["service", "fingerprint"])]
    all: bool,
    /// Those of one service, over or not.
    #[arg(long, value_name = "NAME", value_parser = parse_service, conflicts_with = "fingerprint")]
    service: Option<ServiceName>,
    /// Those of one pattern of one service, over or not.
    #[arg(long, value_name = "FINGERPRINT")]
    fingerprint: Option<String>,
    /// How many, the newest first.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    last: u16,
    #[command(flatten)]
    place: Place,
}

/// Whose history to show.
#[derive(Debug, clap::Args)]
pub struct HistoryArguments {
    /// A fingerprint (anomaly_…), or one of its incidents; the beginning of an id is enough.
    #[arg(value_name = "FINGERPRINT | ID")]
    id: String,
    #[command(flatten)]
    place: Place,
}

/// An incident for machines.
#[derive(Debug, Serialize)]
pub(super) struct Listed<'a> {
    incident_id: &'a IncidentId,
    fingerprint_id: &'a FingerprintId,
    service_name: &'a ServiceName,
    anomaly_name: &'a str,
    status: IncidentState,
    severity: Severity,
    peak_severity: Severity,
    first_seen: String,
    last_updated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution_reason: Option<EndReason>,
    occurrence_count: u32,
    /// Whether anybody was told.
    alerted: bool,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    location: String,
    /// How many there are; the list may be shorter.
    total: usize,
    incidents: Vec<Listed<'a>>,
}

/// Runs `list`.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let store = opened.store();
    let mut found = wanted(store, arguments).await?;
    found.sort_by_key(|it| (it.closed_at_ms.is_some(), std::cmp::Reverse(it.first_seen_ms)));
    let total = found.len();
    found.truncate(usize::from(arguments.last));
    if shell.json {
        let incidents = found.iter().map(listed).collect();
        shell.say_json(&Listing { location: store.describe(), total, incidents })?;
        return Ok(Done::Whole);
    }
    if found.is_empty() {
        shell.say(&nothing(arguments, &store.describe()));
        return Ok(Done::Whole);
    }
    shell.say(&incidents_table(&found, Utc::now()).trim_fmt());
    let shown = match total - found.len() {
        0 => String::new(),
        more => format!(", {more} more with --last {total}"),
    };
    shell.say(&format!("\n{} in {}{shown}", count(found.len(), "incident"), store.describe()));
    Ok(Done::Whole)
}

async fn wanted(
    store: &dyn IncidentStore,
    arguments: &Arguments,
) -> Result<Vec<IncidentSummary>, Failure> {
    let now = Utc::now();
    let limit = pipeline::ports::incidents::LIST_MAX;
    if let Some(service) = &arguments.service {
        return store.of_service(service, now, limit).await.map_err(unusable);
    }
    if let Some(fingerprint) = &arguments.fingerprint {
        let id = find::fingerprint(store, fingerprint).await?;
        return store.of_fingerprint(&id, now, limit).await.map_err(unusable);
    }
    if arguments.all {
        return find::everything(store).await;
    }
    store.active().await.map_err(unusable)
}

fn nothing(arguments: &Arguments, location: &str) -> String {
    match (&arguments.service, arguments.all) {
        (Some(service), _) => format!("{service} has no incident in {location}"),
        (None, true) => format!("there is no incident in {location}"),
        (None, false) => {
            let sign = paint(Tone::Good, "✓");
            format!("{sign} no incident is going on in {location}; --all lists those that are over")
        }
    }
}

/// Incidents in a table.
pub(super) fn incidents_table(incidents: &[IncidentSummary], now: DateTime<Utc>) -> Table {
    let header = ["severity", "service", "what", "state", "began", "lasted", "seen", "incident"];
    let mut table = table(&header);
    for it in incidents {
        let until_ms = it.closed_at_ms.unwrap_or(now.timestamp_millis());
        table.add_row(vec![
            severity_cell(it.peak_severity),
            cell(Tone::Strong, it.service.as_str()),
            cell(Tone::Plain, &it.anomaly_name),
            state_cell(it.state, it.reason),
            number(ago(at(it.first_seen_ms), now)),
            number(span(it.first_seen_ms, until_ms)),
            number(it.occurrence_count),
            cell(Tone::Faint, it.incident_id.as_str()),
        ]);
    }
    table
}

/// What machines get of an incident.
pub(super) fn listed(it: &IncidentSummary) -> Listed<'_> {
    Listed {
        incident_id: &it.incident_id,
        fingerprint_id: &it.fingerprint_id,
        service_name: &it.service,
        anomaly_name: &it.anomaly_name,
        status: it.state,
        severity: it.severity,
        peak_severity: it.peak_severity,
        first_seen: instant(at(it.first_seen_ms)),
        last_updated: instant(at(it.last_updated_ms)),
        closed_at: it.closed_at_ms.map(|closed_ms| instant(at(closed_ms))),
        resolution_reason: it.reason,
        occurrence_count: it.occurrence_count,
        alerted: it.alerted,
    }
}

/// Runs `history`.
pub(super) async fn history(shell: &Shell, arguments: &HistoryArguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let store = opened.store();
    let id = find::fingerprint(store, &arguments.id).await?;
    let now = Utc::now();
    let limit = pipeline::ports::incidents::LIST_MAX;
    let found = store.of_fingerprint(&id, now, limit).await.map_err(unusable)?;
    if shell.json {
        let (location, total) = (store.describe(), found.len());
        let incidents = found.iter().map(listed).collect();
        shell.say_json(&Listing { location, total, incidents })?;
        return Ok(Done::Whole);
    }
    let Some(newest) = found.first() else {
        shell.say(&format!("{id} has no incident that is still kept"));
        return Ok(Done::Whole);
    };
    let title = format!("{} of {}", newest.anomaly_name, newest.service);
    shell.say(&format!("{}, {id}\n", paint(Tone::Strong, &title)));
    shell.say(&incidents_table(&found, now).trim_fmt());
    let repeated = statistics(&found, now.timestamp_millis(), 1).repeated;
    shell.say(&format!("\n{}", recurrence(found.len(), repeated.first(), &found, now)));
    Ok(Done::Whole)
}

/// `3 incidents since 4 days ago, 38 min each on average`
fn recurrence(
    incidents: usize,
    repeated: Option<&Repeated>,
    found: &[IncidentSummary],
    now: DateTime<Utc>,
) -> String {
    let oldest = found.iter().map(|it| it.first_seen_ms).min().unwrap_or_default();
    let mean = repeated.and_then(|it| it.mean_duration_minutes);
    let mean = mean.map_or_else(String::new, |mean| format!(", {mean:.0} min each on average"));
    format!("{}, the first one {}{mean}", count(incidents, "incident"), ago(at(oldest), now))
}
