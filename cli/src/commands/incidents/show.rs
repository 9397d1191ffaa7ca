//! `yaga incidents show`: one incident and all that happened to it.

use chrono::{DateTime, Utc};
use domain::ServiceName;
use incident::{EndReason, Event, Incident};
use payload::instant as iso;
use pipeline::ports::incidents::{IncidentHistory, IncidentRecord};
use serde::Serialize;

use super::find;
use super::words::{at, events, span, state_text, tone};
use crate::commands::state::Place;
use crate::exit::{Done, Outcome};
use crate::shell::Shell;
use crate::terminal::{Tone, ago, cell, count, instant, paint, table, wrap};

/// Which incident to show.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Its id, or the beginning of it.
    id: String,
    #[command(flatten)]
    place: Place,
}

/// The answer for machines. Instants inside of `incident` are epoch milliseconds, as they are kept.
#[derive(Debug, Serialize)]
pub(super) struct Document<'a> {
    service_name: &'a ServiceName,
    incident: &'a Incident,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<EndDocument>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct EndDocument {
    at: String,
    reason: EndReason,
    kept_until: String,
}

#[derive(Debug, Serialize)]
struct EventDocument<'a> {
    at: String,
    cycle_id: i64,
    events: &'a [Event],
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let history = find::incident(opened.store(), &arguments.id).await?;
    if shell.json {
        shell.say_json(&document(&history))?;
    } else {
        tell(shell, &history, Utc::now());
    }
    Ok(Done::Whole)
}

/// What machines get of an incident.
pub(super) fn document(history: &IncidentHistory) -> Document<'_> {
    let record = &history.record;
    let events = history.events.iter();
    Document {
        service_name: &record.service,
        incident: &record.incident,
        end: record.end.map(|end| EndDocument {
            at: iso(at(end.at_ms)),
            reason: end.reason,
            kept_until: iso(end.expires_at),
        }),
        events: events
            .map(|it| EventDocument {
                at: iso(at(it.at_ms)),
                cycle_id: it.cycle,
                events: &it.events,
            })
            .collect(),
    }
}

fn tell(shell: &Shell, history: &IncidentHistory, now: DateTime<Utc>) {
    let IncidentRecord { service, incident, end } = &history.record;
    let state = state_text(incident.state, end.map(|it| it.reason));
    let tone = end.map_or(tone(incident.state), |_| Tone::Good);
    shell.say(&format!(
        "{} of {}: {}",
        paint(Tone::Strong, &incident.anomaly_name),
        paint(Tone::Strong, service.as_str()),
        paint(tone, &state)
    ));
    if let Some(description) = &incident.description {
        for line in wrap(description, crate::terminal::columns()) {
            shell.say(&line);
        }
    }
    shell.say("");
    for (name, text) in facts(&history.record, now) {
        shell.say(&format!("  {}  {text}", paint(Tone::Faint, &format!("{name:<12}"))));
    }
    tell_events(shell, history);
}

fn facts(record: &IncidentRecord, now: DateTime<Utc>) -> Vec<(&'static str, String)> {
    let IncidentRecord { service: _, incident: it, end } = record;
    let when = |ms: i64| format!("{}, {}", instant(at(ms)), ago(at(ms), now));
    let mut facts = vec![
        ("incident", it.incident_id.to_string()),
        ("fingerprint", it.fingerprint_id.to_string()),
        ("severity", severities(it)),
        ("began", when(it.first_seen_ms)),
        ("last seen", format!("{}, {} in all", when(it.last_updated_ms), times(it))),
    ];
    if let Some(end) = end {
        let lasted = span(it.first_seen_ms, end.at_ms);
        facts.push(("over", format!("{}, after {lasted}", when(end.at_ms))));
    } else if it.missed_cycles > 0 {
        facts.push(("missed", format!("{} in a row", count(it.missed_cycles as usize, "cycle"))));
    }
    facts.push(("told", told(it)));
    facts.extend(relations(it));
    facts.extend(by_people(it));
    facts
}

fn severities(it: &Incident) -> String {
    match it.severity == it.peak_severity {
        true => it.severity.to_string(),
        false => format!("{}, at worst {}", it.severity, it.peak_severity),
    }
}

fn times(it: &Incident) -> String {
    match it.occurrence_count {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    }
}

fn told(it: &Incident) -> String {
    match (it.alert_seq, it.folded_under.is_some()) {
        (0, true) => "as a part of the incident that it is listed under".to_owned(),
        (0, false) => "nobody".to_owned(),
        (messages, _) => count(messages as usize, "message"),
    }
}

fn relations(it: &Incident) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(host) = &it.folded_under {
        facts.push(("listed under", format!("{} of {}", host.incident_id, host.service)));
    }
    if let Some(root) = &it.root_cause {
        let path: Vec<&str> = root.path.iter().map(ServiceName::as_str).collect();
        facts.push(("cause", format!("{}, by {}", root.service, path.join(" -> "))));
    }
    for affected in &it.affected {
        facts.push(("affects", format!("{}, {}", affected.service, affected.incident_id)));
    }
    if !it.alternate_patterns.is_empty() {
        facts.push(("also", it.alternate_patterns.join(", ")));
    }
    facts
}

fn by_people(it: &Incident) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let because =
        |text: &Option<String>| text.as_ref().map_or_else(String::new, |text| format!(": {text}"));
    if let Some(ack) = &it.acknowledged {
        let when = instant(at(ack.at_ms));
        facts.push(("acknowledged", format!("by {}, {when}{}", ack.by, because(&ack.note))));
    }
    if let Some(silence) = &it.silenced {
        let until = instant(at(silence.until_ms));
        let text = format!("until {until}, by {}{}", silence.by, because(&silence.reason));
        facts.push(("silenced", text));
    }
    if let Some(owner) = &it.owner {
        facts.push(("owner", owner.clone()));
    }
    facts
}

fn tell_events(shell: &Shell, history: &IncidentHistory) {
    if history.events.is_empty() {
        return;
    }
    let mut table = table(&["when (UTC)", "what happened"]);
    for it in &history.events {
        table.add_row([cell(Tone::Faint, &instant(at(it.at_ms))), events(&it.events).into()]);
    }
    shell.say(&format!("\n{}", table.trim_fmt()));
}
