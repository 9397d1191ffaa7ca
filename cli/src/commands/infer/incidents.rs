//! Incidents of a cycle: which ones are going on, which ended, who was told.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::ServiceName;
use incident::{Incident, IncidentState};
use payload::result::ServiceResult;
use payload::run::{Cycle, Deliveries};
use payload::tracking::ResolvedIncident;
use pipeline::ports::incidents::StoredHead;
use wiring::Incidents;

use crate::commands::incidents::words::{at, span, state_cell};
use crate::commands::state::unusable;
use crate::exit::Failure;
use crate::shell::Shell;
use crate::terminal::{Tone, cell, count, instant, paint, severity_cell, table};

const NOT_KEPT: &str = "Nothing of this is kept, and nobody is told: set FINGERPRINT_DB=./state.db \
                        to follow incidents.";
const NOBODY: &str = "Nobody is told: no receiver is set.";

/// What is kept after a cycle.
pub struct Kept {
    /// Heads of the cycle's services.
    heads: BTreeMap<ServiceName, StoredHead>,
    has_receivers: bool,
}

impl Kept {
    /// The incidents of the cycle's services as they are now.
    pub async fn after(cycle: &Cycle, incidents: &Incidents) -> Result<Kept, Failure> {
        let names = cycle.results.iter().map(ServiceResult::service_name);
        let services: Vec<ServiceName> = names.filter_map(|it| ServiceName::new(it).ok()).collect();
        // Which ones could not be read, the cycle itself has said.
        let read = incidents.state.incidents.readable_heads(&services).await.map_err(unusable)?;
        Ok(Kept { heads: read.heads, has_receivers: !incidents.receivers.is_empty() })
    }
}

/// Says what became of incidents; `kept` is `None` where none are kept.
pub(super) fn tell(shell: &Shell, cycle: &Cycle, kept: Option<&Kept>) {
    let Some(kept) = kept else {
        shell.say(&paint(Tone::Faint, &format!("\n{NOT_KEPT}")));
        return;
    };
    let now = cycle.timestamp.parse::<DateTime<Utc>>().unwrap_or_default();
    tell_active(shell, kept, now);
    let evaluations = cycle.results.iter().filter_map(|result| result.evaluation());
    for it in evaluations {
        for ended in it.fingerprinting.iter().flat_map(|it| &it.resolved_incidents) {
            shell.say(&ended_line(&it.service_name, ended));
        }
    }
    if let Some(text) = cycle.deliveries.as_ref().and_then(deliveries) {
        shell.say(&text);
    }
    if !kept.has_receivers && cycle.incidents.as_ref().is_some_and(|it| it.announced > 0) {
        shell.say(&paint(Tone::Faint, NOBODY));
    }
}

fn tell_active(shell: &Shell, kept: &Kept, now: DateTime<Utc>) {
    let mut table = table(&["incident", "service", "what", "severity", "state", "since", ""]);
    for (service, stored) in &kept.heads {
        for it in stored.head.active.values() {
            table.add_row(vec![
                cell(Tone::Faint, it.incident_id.as_str()),
                cell(Tone::Strong, service.as_str()),
                cell(Tone::Plain, &it.anomaly_name),
                severity_cell(it.severity),
                state_cell(it.state, None),
                cell(Tone::Plain, &since(it, now)),
                cell(Tone::Faint, &note(it, now)),
            ]);
        }
    }
    if !table.is_empty() {
        shell.say(&format!("\n{}\n", table.trim_fmt()));
    }
}

fn since(it: &Incident, now: DateTime<Utc>) -> String {
    let now_ms = now.timestamp_millis();
    if it.first_seen_ms >= now_ms { "new".to_owned() } else { span(it.first_seen_ms, now_ms) }
}

/// What else matters: who has it, and where it is listed.
fn note(it: &Incident, now: DateTime<Utc>) -> String {
    let mut notes = Vec::new();
    if let Some(host) = &it.folded_under {
        notes.push(format!("listed under {}", host.service));
    }
    if let Some(ack) = &it.acknowledged {
        notes.push(format!("{} is at it", ack.by));
    }
    if let Some(silence) = it.silenced.as_ref().filter(|it| it.until_ms > now.timestamp_millis()) {
        notes.push(format!("silenced until {}", instant(at(silence.until_ms))));
    }
    if it.state == IncidentState::Recovering {
        notes.push(format!("not seen for {}", count(it.missed_cycles as usize, "cycle")));
    }
    if it.is_flapping {
        notes.push("comes and goes".to_owned());
    }
    notes.join(", ")
}

fn ended_line(service: &str, it: &ResolvedIncident) -> String {
    let sign = paint(Tone::Good, "○");
    let name = paint(Tone::Strong, service);
    let minutes = it.incident_duration_minutes;
    format!(
        "{sign} {name}: {} is over after {minutes} min, at worst {} ({})",
        it.anomaly_name, it.peak_severity, it.incident_id
    )
}

/// `2 messages delivered, 1 waits`; `None` if there was nothing to send.
fn deliveries(it: &Deliveries) -> Option<String> {
    let parts = [
        (it.delivered, "delivered", Tone::Good),
        (it.waiting, "waiting for another try", Tone::Warning),
        (it.dead, "given up", Tone::Bad),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, _, _)| *number > 0)
        .map(|(number, what, tone)| paint(tone, &format!("{number} {what}")))
        .collect();
    (!parts.is_empty()).then(|| format!("Messages: {}", parts.join(", ")))
}
