//! `yaga incidents reset`: ends all incidents of a service, or of all services.

use std::collections::BTreeMap;

use anyhow::anyhow;
use chrono::Utc;
use domain::ServiceName;
use incident::operate::end_all;
use incident::{EndReason, ServiceHead};
use serde::Serialize;

use super::change::{commit, tell_messages};
use super::find;
use crate::commands::state::{Opened, Place};
use crate::exit::{Done, Failure, Outcome};
use crate::instant::parse_service;
use crate::shell::Shell;
use crate::terminal::{Tone, count, paint};

/// What to reset.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One service; otherwise all.
    #[arg(value_parser = parse_service)]
    service: Option<ServiceName>,
    /// Do it. Without this it is only said what would be ended.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

/// The answer for machines.
#[derive(Debug, Default, Serialize)]
struct Answer {
    /// By service.
    ended: BTreeMap<ServiceName, usize>,
    /// Messages that the next cycle sends for it.
    messages: usize,
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let known = known(&opened, arguments.service.as_ref()).await?;
    if !arguments.yes {
        return Err(refusal(arguments, &known));
    }
    let mut answer = Answer::default();
    for service in known.keys() {
        let at = Utc::now();
        let step =
            |head: &ServiceHead| Ok(end_all(head, EndReason::SystemReset, at.timestamp_millis()));
        let plan = commit(&opened, service, at, &step).await?;
        answer.messages += plan.messages.len();
        answer.ended.insert(service.clone(), plan.advance.changes.len());
    }
    if shell.json {
        shell.say_json(&answer)?;
    } else {
        tell(shell, &answer);
    }
    Ok(Done::Whole)
}

/// Active incidents by service; services with none may have some that could come back.
async fn known(
    opened: &Opened,
    service: Option<&ServiceName>,
) -> Result<BTreeMap<ServiceName, usize>, Failure> {
    let mut known: BTreeMap<ServiceName, usize> = BTreeMap::new();
    for it in find::everything(opened.store()).await? {
        *known.entry(it.service).or_default() += usize::from(it.closed_at_ms.is_none());
    }
    let Some(service) = service else { return Ok(known) };
    match known.remove(service) {
        Some(active) => Ok(BTreeMap::from([(service.clone(), active)])),
        None => Err(Failure::Usage(match known.is_empty() {
            true => anyhow!("{service} has no incident; no service has"),
            false => {
                let names: Vec<&str> = known.keys().map(ServiceName::as_str).collect();
                anyhow!("{service} has no incident; there are some of {}", names.join(", "))
            }
        })),
    }
}

fn refusal(arguments: &Arguments, known: &BTreeMap<ServiceName, usize>) -> Failure {
    let active = known.values().sum();
    let of = match &arguments.service {
        Some(service) => format!("of {service}"),
        None => format!("of {}", count(known.len(), "service")),
    };
    Failure::Usage(anyhow!(
        "this ends {} {of}, and forgets what might come back; say --yes to do it",
        count(active, "incident")
    ))
}

fn tell(shell: &Shell, answer: &Answer) {
    if answer.ended.is_empty() {
        shell.say("there was nothing to reset");
    }
    for (service, ended) in &answer.ended {
        let sign = paint(Tone::Good, "✓");
        let name = paint(Tone::Strong, service.as_str());
        shell.say(&format!("{sign} {name}: {} ended", count(*ended, "incident")));
    }
    tell_messages(shell, answer.messages);
}
