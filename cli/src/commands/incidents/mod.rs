//! `yaga incidents`: what was told, what is going on, and why.
//!
//! - [`walk`]: the state machine on a sequence of cycles

mod walk;

use crate::exit::Outcome;
use crate::shell::Shell;

/// What to do with incidents.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Walk the state machine through a sequence of cycles, and see which messages it would send.
    Walk(walk::Arguments),
}

/// Runs the command.
pub fn run(shell: &Shell, command: &Command) -> Outcome {
    match command {
        Command::Walk(arguments) => walk::run(shell, arguments),
    }
}
