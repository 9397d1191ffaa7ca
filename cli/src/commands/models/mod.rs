//! `yaga models`: looks at models, and decides which ones are in force.
//!
//! - [`list`]: services and periods, and which model serves each
//! - [`show`]: one model, explained from its artifact
//! - [`diff`]: what changed from one model to the next
//! - [`runs`]: the last training runs
//! - [`change`]: promote and roll back
//! - [`verify`]: reads everything that the catalog names
//!
//! [`place`] finds the registry and what the arguments name in it; [`zones`] says which values of
//! a metric its forest flags.

mod change;
mod diff;
mod list;
mod place;
mod runs;
mod show;
mod verify;
mod words;
mod zones;

use crate::exit::Outcome;
use crate::shell::Shell;

/// What to do with the models.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Services and periods, and which model serves each.
    List(list::Arguments),
    /// Explain one model: what it learned from, what it expects, what it flags.
    Show(show::Arguments),
    /// What changed from the model before to the one in force.
    Diff(diff::Arguments),
    /// The last training runs, and what came of them.
    Runs(runs::Arguments),
    /// Put a stored model in force.
    Promote(change::PromoteArguments),
    /// Put the model before in force again.
    Rollback(change::RollbackArguments),
    /// Read every model that the catalog names, and look for damage.
    Verify(verify::Arguments),
}

/// Runs the command.
pub fn run(shell: &Shell, command: &Command) -> Outcome {
    shell.block_on(async {
        match command {
            Command::List(arguments) => list::run(shell, arguments).await,
            Command::Show(arguments) => show::run(shell, arguments).await,
            Command::Diff(arguments) => diff::run(shell, arguments).await,
            Command::Runs(arguments) => runs::run(shell, arguments).await,
            Command::Promote(arguments) => change::promote(shell, arguments).await,
            Command::Rollback(arguments) => change::roll_back(shell, arguments).await,
            Command::Verify(arguments) => verify::run(shell, arguments).await,
        }
    })?
}
