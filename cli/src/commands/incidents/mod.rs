//! `yaga incidents`: what is going on, what was told, and what people do about it.
//!
//! - [`list`]: incidents in a table; the history of one pattern
//! - [`show`]: one incident and all that happened to it
//! - [`change`]: acknowledge, silence, assign, close, tell an end again, false alarms
//! - [`reset`]: ends all incidents of a service
//! - [`stats`]: sums over incidents
//! - [`walk`]: the state machine on a sequence of cycles
//!
//! [`find`] finds what the arguments name, [`words`] says it for people.

mod change;
mod find;
mod list;
mod reset;
mod show;
mod stats;
mod walk;
pub mod words;

use crate::exit::Outcome;
use crate::shell::Shell;

/// What to do with incidents.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Incidents that are going on, or all that are kept.
    List(list::Arguments),
    /// One incident, and all that happened to it.
    Show(show::Arguments),
    /// All incidents of one pattern of one service: how often it comes back, and for how long.
    History(list::HistoryArguments),
    /// Say that you are at it: alerts are not repeated.
    Ack(change::AckArguments),
    /// No alerts for a while; the end is still told.
    Silence(change::SilenceArguments),
    /// Say who takes care of it.
    Assign(change::AssignArguments),
    /// End it. If the trouble goes on, another incident begins: silence it instead.
    Close(change::CloseArguments),
    /// Say that nothing was wrong: training learns from that time instead of leaving it out.
    FalseAlarm(change::FalseAlarmArguments),
    /// Tell the end of an incident once more, for a receiver that takes it for open still.
    Resend(change::ResendArguments),
    /// End all incidents of a service, or of all, and forget what might come back.
    Reset(reset::Arguments),
    /// What is going on, and what comes back, in numbers.
    Stats(stats::Arguments),
    /// Walk the state machine through a sequence of cycles, and see which messages it would send.
    Walk(walk::Arguments),
}

/// Runs the command.
pub fn run(shell: &Shell, command: &Command) -> Outcome {
    shell.block_on(async {
        match command {
            Command::List(arguments) => list::run(shell, arguments).await,
            Command::Show(arguments) => show::run(shell, arguments).await,
            Command::History(arguments) => list::history(shell, arguments).await,
            Command::Ack(arguments) => change::acknowledge(shell, arguments).await,
            Command::Silence(arguments) => change::silence(shell, arguments).await,
            Command::Assign(arguments) => change::assign(shell, arguments).await,
            Command::Close(arguments) => change::close(shell, arguments).await,
            Command::FalseAlarm(arguments) => change::false_alarm(shell, arguments).await,
            Command::Resend(arguments) => change::resend(shell, arguments).await,
            Command::Reset(arguments) => reset::run(shell, arguments).await,
            Command::Stats(arguments) => stats::run(shell, arguments).await,
            Command::Walk(arguments) => walk::run(shell, arguments).await,
        }
    })?
}
