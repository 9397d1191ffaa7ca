//! `yaga outbox list`: what waits, and why.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use comfy_table::Table;
use payload::instant;
use pipeline::ports::outbox::{DamagedMessage, MessageStatus, QueuedMessage};
use serde::Serialize;

use super::of_statuses;
use crate::commands::state::{Place, unusable};
use crate::exit::{Done, Outcome};
use crate::shell::Shell;
use crate::terminal::{Tone, ago, cell, columns, count, number, paint, table, wrap};

/// Reasons that are told below the table.
const REASONS_SHOWN_MAX: usize = 5;

/// Which messages to list.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Those that were delivered in the last days, too.
    #[arg(long)]
    all: bool,
    /// Only those that were given up.
    #[arg(long, conflicts_with = "all")]
    dead: bool,
    /// How many, the oldest first.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=10_000))]
    first: u16,
    #[command(flatten)]
    place: Place,
}

/// A message for machines.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    message_id: &'a str,
    kind: &'a str,
    service_name: &'a str,
    incident_ids: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<&'a str>,
    status: &'a str,
    created_at: String,
    attempts: u32,
    next_attempt_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<&'a str>,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    location: String,
    total: usize,
    messages: Vec<Listed<'a>>,
    /// Why, by message.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    unreadable: BTreeMap<String, String>,
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let statuses: &[MessageStatus] = match (arguments.all, arguments.dead) {
        (true, _) => &MessageStatus::ALL,
        (false, true) => &[MessageStatus::Dead],
        (false, false) => &[MessageStatus::Pending, MessageStatus::Sending, MessageStatus::Dead],
    };
    let mut found = of_statuses(opened.outbox(), statuses).await?;
    let (location, total) = (opened.store().describe(), found.len());
    found.truncate(usize::from(arguments.first));
    let unreadable = opened.outbox().unreadable().await.map_err(unusable)?;
    for it in &unreadable {
        let DamagedMessage { key, reason } = it;
        shell.warn(&format!("{} cannot be read: {reason}; yaga outbox drop forgets it", key.id));
    }
    if shell.json {
        let messages = found.iter().map(listed).collect();
        let unreadable = unreadable.into_iter().map(|it| (it.key.id, it.reason)).collect();
        shell.say_json(&Listing { location, total, messages, unreadable })?;
    } else if found.is_empty() {
        let sign = paint(Tone::Good, "✓");
        shell.say(&format!("{sign} no message waits in {location}"));
    } else {
        shell.say(&messages_table(&found, Utc::now()).trim_fmt());
        tell_reasons(shell, &found);
        let more = match total - found.len() {
            0 => String::new(),
            more => format!(", {more} more with --first {total}"),
        };
        shell.say(&format!("\n{} in {location}{more}", count(found.len(), "message")));
    }
    Ok(Done::Whole)
}

fn messages_table(messages: &[QueuedMessage], now: DateTime<Utc>) -> Table {
    let header = ["status", "about", "service", "to", "made", "tries", "next try", "message"];
    let mut table = table(&header);
    for it in messages {
        let message = &it.message.message;
        let next = match it.status {
            MessageStatus::Pending if it.next_attempt_at <= now => "next cycle".to_owned(),
            MessageStatus::Pending => ago(it.next_attempt_at, now),
            _ => String::new(),
        };
        table.add_row(vec![
            cell(tone(it.status), word(it.status)),
            cell(Tone::Plain, message.kind.as_str()),
            cell(Tone::Strong, &message.service),
            cell(Tone::Plain, it.message.destination.as_deref().unwrap_or("everybody")),
            number(ago(it.message.created_at, now)),
            number(it.attempts),
            number(next),
            cell(Tone::Faint, &message.id),
        ]);
    }
    table
}

fn tell_reasons(shell: &Shell, messages: &[QueuedMessage]) {
    let mut reasons: Vec<&str> =
        messages.iter().filter_map(|it| it.last_error.as_deref()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    if !reasons.is_empty() {
        shell.say(&format!("\n{}", paint(Tone::Strong, "Why they were not delivered")));
    }
    for reason in reasons.iter().take(REASONS_SHOWN_MAX) {
        for line in wrap(reason, columns() - 2) {
            shell.say(&format!("  {line}"));
        }
    }
}

fn tone(status: MessageStatus) -> Tone {
    match status {
        MessageStatus::Pending => Tone::Warning,
        MessageStatus::Sending => Tone::Note,
        MessageStatus::Delivered => Tone::Good,
        MessageStatus::Dead => Tone::Bad,
    }
}

fn word(status: MessageStatus) -> &'static str {
    match status {
        MessageStatus::Pending => "waits",
        MessageStatus::Sending => "being sent",
        MessageStatus::Delivered => "delivered",
        MessageStatus::Dead => "given up",
    }
}

fn listed(it: &QueuedMessage) -> Listed<'_> {
    let message = &it.message.message;
    Listed {
        message_id: &message.id,
        kind: message.kind.as_str(),
        service_name: &message.service,
        incident_ids: &message.incident_ids,
        destination: it.message.destination.as_deref(),
        status: it.status.as_str(),
        created_at: instant(it.message.created_at),
        attempts: it.attempts,
        next_attempt_at: instant(it.next_attempt_at),
        last_error: it.last_error.as_deref(),
    }
}
