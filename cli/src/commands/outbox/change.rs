//! `yaga outbox retry` and `drop`: sends messages again, or forgets them.

use anyhow::anyhow;
use chrono::Utc;
use pipeline::ports::outbox::{MessageStatus, Outbox, QueuedMessage};
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
        let is_done = outbox.retry(&it.message.key(), Utc::now()).await.map_err(unusable)?;
        answer.add(it, is_done);
    }
    answer.tell(shell, "due: the next cycle sends what is due")
}

/// Runs `drop`.
pub(super) async fn forget(shell: &Shell, arguments: &DropArguments) -> Outcome {
    let opened = arguments.place.open(shell).await?;
    let outbox = opened.outbox();
    let messages = named(outbox, &arguments.ids).await?;
    if !arguments.yes {
        let number = count(messages.len(), "message");
        let text = "nobody would be told what it says; say --yes to do it";
        return Err(Failure::Usage(anyhow!("this forgets {number}, and {text}")));
    }
    let mut answer = Answer::default();
    for it in messages {
        let is_done = outbox.forget(&it.message.key(), Utc::now()).await.map_err(unusable)?;
        answer.add(it, is_done);
    }
    answer.tell(shell, "forgotten")
}

async fn named(outbox: &dyn Outbox, ids: &[String]) -> Result<Vec<QueuedMessage>, Failure> {
    let all = of_statuses(outbox, &MessageStatus::ALL).await?;
    let known: Vec<String> = all.iter().map(|it| it.message.message.id.clone()).collect();
    let mut wanted = Vec::new();
    for id in ids {
        let id = resolve(id, "", &known, "message")?;
        wanted.extend(all.iter().find(|it| it.message.message.id == id).cloned());
    }
    wanted.dedup_by_key(|it| it.message.message.id.clone());
    Ok(wanted)
}

impl Answer {
    fn add(&mut self, it: QueuedMessage, is_done: bool) {
        let list = if is_done { &mut self.done } else { &mut self.left };
        list.push(it.message.message.id);
    }

    fn tell(&self, shell: &Shell, what: &str) -> Outcome {
        if shell.json {
            shell.say_json(self)?;
        } else {
            let sign = paint(Tone::Good, "✓");
            shell.say(&format!("{sign} {} {what}", count(self.done.len(), "message")));
        }
        if self.left.is_empty() {
            return Ok(Done::Whole);
        }
        let ids = self.left.join(", ");
        shell.warn(&format!("{ids}: being sent, delivered or gone, so nothing was changed"));
        Ok(Done::InPart)
    }
}
