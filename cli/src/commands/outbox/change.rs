//! `yaga outbox retry` and `drop`: sends messages again, or forgets them.

use anyhow::anyhow;
use chrono::Utc;
use incident::IncidentId;
use payload::message::MessageKind;
use pipeline::ports::incidents::IncidentStore;
use pipeline::ports::outbox::{MessageKey, MessageStatus, Outbox, QueuedMessage};
use serde::Serialize;

use super::of_statuses;
use crate::commands::state::{Place, resolve, unusable};
use crate::exit::{Done, Failure, Outcome};
use crate::shell::Shell;
use crate::terminal::{Tone, count, paint};

/// Which messages to send again.
#[derive(Debug, clap::Args)]
pub struct RetryArguments {
    /// Ids of messages, or their beginnings.
    #[arg(required_unless_present = "dead", value_name = "ID")]
    ids: Vec<String>,
    /// All that were given up.
    #[arg(long, conflicts_with = "ids")]
    dead: bool,
    #[command(flatten)]
    place: Place,
}

/// Which message to forget.
#[derive(Debug, clap::Args)]
pub struct DropArguments {
    /// Ids of messages, or their beginnings.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Do it. Without this it is only said what would be forgotten.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

/// The answer for machines.
#[derive(Debug, Default, Serialize)]
struct Answer {
    /// Ids of the messages.
    done: Vec<String>,
    /// Ids of those that are being sent, delivered or gone.
    left: Vec<String>,
    /// Ids of alerts whose incidents are over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    over: Vec<String>,
}

/// Runs `retry`.
pub(super) async fn retry(shell: &Shell, arguments: &RetryArguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let outbox = opened.outbox();
    let messages = match arguments.dead {
        true => of_statuses(outbox, &[MessageStatus::Dead]).await?,
        false => named(outbox, &arguments.ids).await?,
    };
    let mut answer = Answer::default();
    for it in messages {
        if is_over(opened.store(), &it).await? {
            answer.over.push(it.message.message.id);
            continue;
        }
        let is_done = outbox.retry(&it.message.key(), Utc::now()).await.map_err(unusable)?;
        answer.add(it.message.message.id, is_done);
    }
    answer.tell(shell, "due: the next cycle sends what is due")
}

/// Whether it is an alert that was given up, of incidents that have all ended: sent now, after their
/// resolutions, it would raise an alert that nothing ends. One that waits goes before them.
async fn is_over(store: &dyn IncidentStore, it: &QueuedMessage) -> Result<bool, Failure> {
    let message = &it.message.message;
    if message.kind != MessageKind::Anomaly || it.status != MessageStatus::Dead {
        return Ok(false);
    }
    for id in &message.incident_ids {
        let Ok(id) = IncidentId::try_from(id.clone()) else { continue };
        let found = store.incident(&id, Utc::now()).await.map_err(unusable)?;
        if found.is_some_and(|it| it.record.end.is_none()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Runs `drop`.
pub(super) async fn forget(shell: &Shell, arguments: &DropArguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let outbox = opened.outbox();
    let keys = keys_named(outbox, &arguments.ids).await?;
    if !arguments.yes {
        let number = count(keys.len(), "message");
        let text = "nobody would be told what it says; say --yes to do it";
        return Err(Failure::Usage(anyhow!("this forgets {number}, and {text}")));
    }
    let mut answer = Answer::default();
    for key in keys {
        let is_done = outbox.forget(&key, Utc::now()).await.map_err(unusable)?;
        answer.add(key.id, is_done);
    }
    answer.tell(shell, "forgotten")
}

/// The same of all messages, those that cannot be read among them.
async fn keys_named(outbox: &dyn Outbox, ids: &[String]) -> Result<Vec<MessageKey>, Failure> {
    let readable = of_statuses(outbox, &MessageStatus::ALL).await?;
    let mut keys: Vec<MessageKey> = readable.iter().map(|it| it.message.key()).collect();
    let unreadable = outbox.unreadable().await.map_err(unusable)?;
    keys.extend(unreadable.into_iter().map(|it| it.key));
    chosen(ids, keys, |it| &it.id)
}

async fn named(outbox: &dyn Outbox, ids: &[String]) -> Result<Vec<QueuedMessage>, Failure> {
    let all = of_statuses(outbox, &MessageStatus::ALL).await?;
    chosen(ids, all, |it| &it.message.message.id)
}

/// Those that ids, or their beginnings, name; each once.
fn chosen<T: Clone>(
    ids: &[String],
    all: Vec<T>,
    id_of: impl Fn(&T) -> &String,
) -> Result<Vec<T>, Failure> {
    let known: Vec<String> = all.iter().map(|it| id_of(it).clone()).collect();
    let mut wanted = Vec::new();
    for id in ids {
        let id = resolve(id, "", &known, "message")?;
        if !wanted.contains(&id) {
            wanted.push(id);
        }
    }
    let named = |id: &&str| all.iter().find(|it| id_of(it) == id).cloned();
    Ok(wanted.iter().filter_map(named).collect())
}

impl Answer {
    fn add(&mut self, id: String, is_done: bool) {
        let list = if is_done { &mut self.done } else { &mut self.left };
        list.push(id);
    }

    fn tell(&self, shell: &Shell, what: &str) -> Outcome {
        if shell.json {
            shell.say_json(self)?;
        } else {
            let sign = paint(Tone::Good, "✓");
            shell.say(&format!("{sign} {} {what}", count(self.done.len(), "message")));
        }
        if !self.over.is_empty() {
            let ids = self.over.join(", ");
            shell.warn(&format!(
                "{ids}: the incident is over, and an alert sent now would never end; forget it \
                 with yaga outbox drop"
            ));
        }
        if !self.left.is_empty() {
            let ids = self.left.join(", ");
            shell.warn(&format!("{ids}: being sent, delivered or gone, so nothing was changed"));
        }
        let is_whole = self.left.is_empty() && self.over.is_empty();
        Ok(if is_whole { Done::Whole } else { Done::InPart })
    }
}
