//! `yaga slo`: judges one situation by the objectives of a service, and shows these objectives.
//!
//! - [`evaluate`]: one situation from standard input
//! - [`situation`]: how a situation is written
//! - [`show`]: the thresholds of a service, and where each comes from

mod evaluate;
mod show;
mod situation;

use anyhow::anyhow;
use domain::config::SloSettings;
use wiring::Settings;

use crate::exit::{Failure, Outcome};
use crate::shell::Shell;

/// What to do with objectives.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Judge one situation, a JSON document on standard input.
    ///
    /// Like {"service": "booking", "metrics": {"application_latency": 450, "error_rate": 0.001,
    /// "request_rate": 52, "request_rate_mean": 50}, "anomalies": {"latency_high": "critical"},
    /// "time_period": "business_hours", "timestamp": "2026-03-04T10:00:00Z"}
    Evaluate,
    /// The thresholds of a service, where each comes from, and whether it is busy now.
    Show(show::Arguments),
}

/// Runs the command.
pub fn run(shell: &Shell, command: &Command) -> Outcome {
    let settings = shell.block_on(shell.settings())??;
    match command {
        Command::Evaluate => evaluate::run(shell, &settings),
        Command::Show(arguments) => show::run(shell, &settings, arguments),
    }
}

/// The objectives of the configuration.
fn objectives(settings: &Settings) -> Result<&SloSettings, Failure> {
    settings.config.slos.as_ref().ok_or_else(|| {
        Failure::Usage(anyhow!(
            "objectives are not judged: the configuration has no section slos, or slos.enabled is \
             false; {{\"slos\": {{\"enabled\": true}}}} judges by the defaults"
        ))
    })
}
