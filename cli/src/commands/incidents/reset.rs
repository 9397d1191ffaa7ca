//! `yaga incidents reset`: ends all incidents of a service, or of all services.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use chrono::Utc;
use domain::ServiceName;
use incident::operate::end_all;
use incident::{EndReason, ServiceHead};
use pipeline::incidents::ends_max;
use pipeline::ports::incidents::IncidentSummary;
use serde::Serialize;

use super::change::{commit, tell_messages};
use super::find;
use super::list::{Listed, incidents_table, listed};
use super::show::{Document, document};
use crate::commands::state::{Opened, Place, unusable};
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
    /// What messages and history give as the reason. Only a reset forgets what might come back.
    #[arg(long, value_enum, default_value_t = Reason::SystemReset)]
    reason: Reason,
    /// Keep what is ended in a file, as it was before.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say what would be ended, and change nothing.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do it.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

/// The reasons that an operator may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Reason {
    SystemReset,
    OperatorClosed,
    ServiceRemoved,
}

/// The answer for machines.
#[derive(Debug, Default, Serialize)]
struct Answer {
    /// By service.
    ended: BTreeMap<ServiceName, usize>,
    /// Messages that the next cycle sends for it.
    messages: usize,
}

/// The same where nothing was changed.
#[derive(Debug, Serialize)]
struct Preview<'a> {
    would_end: Vec<Listed<'a>>,
}

impl Reason {
    fn end(self) -> EndReason {
        match self {
            Reason::SystemReset => EndReason::SystemReset,
            Reason::OperatorClosed => EndReason::OperatorClosed,
            Reason::ServiceRemoved => EndReason::ServiceRemoved,
        }
    }
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let known = known(&opened, arguments.service.as_ref()).await?;
    let active: Vec<IncidentSummary> =
        known.values().flatten().filter(|it| it.closed_at_ms.is_none()).cloned().collect();
    if arguments.dry_run {
        return dry_run(shell, &active);
    }
    if !arguments.yes {
        return Err(refusal(arguments, known.len(), active.len()));
    }
    if let Some(path) = &arguments.output {
        keep(&opened, &active, path).await?;
    }
    let mut answer = Answer::default();
    for service in known.keys() {
        let (ended, messages) = end(&opened, service, arguments.reason.end()).await?;
        answer.messages += messages;
        answer.ended.insert(service.clone(), ended);
    }
    if shell.json {
        shell.say_json(&answer)?;
    } else {
        tell(shell, &answer);
    }
    Ok(Done::Whole)
}

/// Ends all incidents of a service, in as many steps as that takes: how many, and how many messages
/// tell of it.
async fn end(
    opened: &Opened,
    service: &ServiceName,
    reason: EndReason,
) -> Result<(usize, usize), Failure> {
    let at = Utc::now();
    let ends_max = ends_max(opened.incidents.receivers.len());
    let step = |head: &ServiceHead| Ok(end_all(head, reason, at.timestamp_millis(), ends_max));
    let (mut ended, mut messages) = (0, 0);
    loop {
        let plan = commit(opened, service, at, &step).await?;
        ended += plan.advance.changes.len();
        messages += plan.messages.len();
        if plan.advance.head.active.is_empty() {
            return Ok((ended, messages));
        }
    }
}

/// Incidents by service; services with none that is active may have some that could come back.
async fn known(
    opened: &Opened,
    service: Option<&ServiceName>,
) -> Result<BTreeMap<ServiceName, Vec<IncidentSummary>>, Failure> {
    let mut known: BTreeMap<ServiceName, Vec<IncidentSummary>> = BTreeMap::new();
    for it in find::everything(opened.store()).await? {
        known.entry(it.service.clone()).or_default().push(it);
    }
    let Some(service) = service else { return Ok(known) };
    match known.remove(service) {
        Some(incidents) => Ok(BTreeMap::from([(service.clone(), incidents)])),
        None => Err(Failure::Usage(match known.is_empty() {
            true => anyhow!("{service} has no incident; no service has"),
            false => {
                let names: Vec<&str> = known.keys().map(ServiceName::as_str).collect();
                anyhow!("{service} has no incident; there are some of {}", names.join(", "))
            }
        })),
    }
}

fn dry_run(shell: &Shell, active: &[IncidentSummary]) -> Outcome {
    if shell.json {
        shell.say_json(&Preview { would_end: active.iter().map(listed).collect() })?;
    } else if active.is_empty() {
        shell.say("no incident would be ended");
    } else {
        shell.say(&incidents_table(active, Utc::now()).trim_fmt());
        let ending = count(active.len(), "incident");
        shell.say(&format!("\n{ending} would be ended; nothing was changed"));
    }
    Ok(Done::Whole)
}

/// Writes what is about to be ended, with all that happened to it.
async fn keep(opened: &Opened, active: &[IncidentSummary], path: &Path) -> Result<(), Failure> {
    let mut kept = Vec::new();
    for it in active {
        let found = opened.store().incident(&it.incident_id, Utc::now()).await;
        kept.extend(found.map_err(unusable)?);
    }
    let documents: Vec<Document<'_>> = kept.iter().map(document).collect();
    let text = serde_json::to_string_pretty(&documents).map_err(|it| Failure::Other(it.into()))?;
    let written = std::fs::write(path, text + "\n");
    written.map_err(|error| {
        Failure::Usage(anyhow!(
            "nothing was changed: {} cannot be written: {error}",
            path.display()
        ))
    })
}

fn refusal(arguments: &Arguments, services: usize, active: usize) -> Failure {
    let of = match &arguments.service {
        Some(service) => format!("of {service}"),
        None => format!("of {}", count(services, "service")),
    };
    Failure::Usage(anyhow!(
        "this ends {} {of}, and forgets what might come back; look with --dry-run, say --yes to do \
         it",
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
