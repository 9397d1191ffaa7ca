//! `yaga outbox`: messages that were committed and not delivered, and what to do about them.
//!
//! - [`list`]: what waits, what was given up
//! - [`change`]: sends a message again, or forgets it

mod change;
mod list;

use pipeline::ports::incidents::LIST_MAX;
use pipeline::ports::outbox::{MessageStatus, Outbox, QueuedMessage};

use crate::commands::state::unusable;
use crate::exit::{Failure, Outcome};
use crate::shell::Shell;

/// What to do with messages.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Messages that wait or were given up.
    List(list::Arguments),
    /// Have messages sent by the next cycle, however often they failed.
    Retry(change::RetryArguments),
    /// Forget a message that was not delivered.
    Drop(change::DropArguments),
}

/// Runs the command.
pub fn run(shell: &Shell, command: &Command) -> Outcome {
    shell.block_on(async {
        match command {
            Command::List(arguments) => list::run(shell, arguments).await,
            Command::Retry(arguments) => change::retry(shell, arguments).await,
            Command::Drop(arguments) => change::forget(shell, arguments).await,
        }
    })?
}

/// Messages of some statuses, oldest first.
async fn of_statuses(
    outbox: &dyn Outbox,
    statuses: &[MessageStatus],
) -> Result<Vec<QueuedMessage>, Failure> {
    let mut found = Vec::new();
    for status in statuses {
        let now = chrono::Utc::now();
        found.extend(outbox.list(*status, now, LIST_MAX).await.map_err(unusable)?);
    }
    found.sort_by_key(|it| (it.message.created_at, it.message.seq));
    Ok(found)
}
