//! `yaga`: the command for one machine, and the operator's tool for any registry.
//!
//! - [`commands`]: one file per sub-command
//! - [`exit`]: exit codes
//! - [`instant`]: instants and services as people type them
//! - [`plot`]: a curve as text
//! - [`shell`]: environment, logging, and whether a person is looking
//! - [`terminal`]: how the command looks

#![expect(unreachable_pub, reason = "in a program, `pub` means: for the other modules")]

mod commands;
mod exit;
mod instant;
mod plot;
mod shell;
mod terminal;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Learns how services behave from their metrics, and says which one misbehaves now.
#[derive(Debug, Parser)]
#[command(name = "yaga", version, max_term_width = 100, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Configuration document; otherwise CONFIG_FILE, ./yaga.json or ./config.json.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<String>,
    /// Print one JSON document for machines instead of text for people.
    #[arg(long, global = true)]
    json: bool,
    /// Say more about what is being done.
    #[arg(long, short, global = true)]
    verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the main job in a minute: simulate, learn, replay a day with faults.
    Demo(commands::demo::Arguments),
    /// Write a recording of a simulated estate, with labelled faults.
    Simulate(commands::simulate::Arguments),
    /// Learn models from history and put them in force.
    Train(commands::train::Arguments),
    /// Say what is wrong now, or was at an instant.
    Infer(commands::infer::Arguments),
    /// Replay recorded metrics, and report what would have been alerted and how good that is.
    Backtest(commands::backtest::Arguments),
    /// Look at models, and decide which ones are in force.
    #[command(subcommand)]
    Models(commands::models::Command),
    /// Look at incidents, and say what you do about them.
    #[command(subcommand)]
    Incidents(commands::incidents::Command),
    /// Look at messages that wait, and send or drop them.
    #[command(subcommand)]
    Outbox(commands::outbox::Command),
    /// Check the configuration, or describe it.
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Which period of the week rules an instant, why, and until when.
    Period(commands::period::Arguments),
    /// Judge a situation by the objectives of its service, or show these.
    #[command(subcommand)]
    Slo(commands::slo::Command),
    /// Score any numeric table with the bare isolation forest.
    Forest(commands::forest::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let shell = shell::Shell::new(arguments.config, arguments.json, arguments.verbose);
    let outcome = match arguments.command {
        Command::Demo(arguments) => commands::demo::run(&shell, &arguments),
        Command::Simulate(arguments) => commands::simulate::run(&shell, &arguments),
        Command::Train(arguments) => commands::train::run(&shell, &arguments),
        Command::Infer(arguments) => commands::infer::run(&shell, &arguments),
        Command::Backtest(arguments) => commands::backtest::run(&shell, &arguments),
        Command::Models(command) => commands::models::run(&shell, &command),
        Command::Incidents(command) => commands::incidents::run(&shell, &command),
        Command::Outbox(command) => commands::outbox::run(&shell, &command),
        Command::Config(command) => commands::config::run(&shell, &command),
        Command::Period(arguments) => commands::period::run(&shell, &arguments),
        Command::Slo(command) => commands::slo::run(&shell, &command),
        Command::Forest(arguments) => commands::forest::run(&shell, &arguments),
    };
    exit::report(&shell, outcome)
}
