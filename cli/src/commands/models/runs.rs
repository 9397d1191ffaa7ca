//! `yaga models runs`: the last training runs, and what came of them.

use artifact::run::{TrainingRun, Validation};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::place::{Place, Stop};
use crate::exit::{Done, Outcome};
use crate::shell::Shell;
use crate::terminal::{Tone, cell, count, duration, instant, number, paint, table, wrap};

/// Reasons of the newest run that are shown; `--json` has all of them.
const REASONS_SHOWN_MAX: usize = 5;

/// What to list.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many runs, the newest first.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=200))]
    last: u16,
    #[command(flatten)]
    place: Place,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    location: String,
    runs: &'a [TrainingRun],
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    match list(shell, arguments).await {
        Ok(done) => Ok(done),
        Err(stop) => stop.settle(shell),
    }
}

async fn list(shell: &Shell, arguments: &Arguments) -> Result<Done, Stop> {
    let registry = arguments.place.registry(shell).await?;
    let runs = registry.runs(usize::from(arguments.last)).await?;
    if shell.json {
        shell.say_json(&Listing { location: registry.describe(), runs: &runs })?;
    } else {
        tell(shell, &runs, &registry.describe());
    }
    Ok(if runs.is_empty() { Done::NoModels } else { Done::Whole })
}

fn tell(shell: &Shell, runs: &[TrainingRun], location: &str) {
    let Some(newest) = runs.first() else {
        shell.say(&format!("{location} holds no record of a training run; run `yaga train`"));
        return;
    };
    let header = ["started (UTC)", "took", "status", "validation", "services", "passed", "warned"];
    let mut table = table(&[&header[..], &["failed", "data"][..]].concat());
    for run in runs {
        let started = run.started_at.parse::<DateTime<Utc>>();
        let took = std::time::Duration::from_millis(run.duration_ms.max(0) as u64);
        table.add_row(vec![
            cell(Tone::Strong, &started.map_or_else(|_| run.started_at.clone(), instant)),
            number(duration(took)),
            cell(Tone::Plain, &run.status),
            cell(tone(run.validation), run.validation.as_str()),
            number(run.services),
            number(run.periods.passed),
            number(run.periods.warned),
            number(run.periods.failed),
            cell(Tone::Faint, &run.data_digest.chars().take(12).collect::<String>()),
        ]);
    }
    shell.say(&table.trim_fmt());
    tell_reasons(shell, newest);
    shell.say("");
    shell.say(&format!("{} in {location}", count(runs.len(), "run")));
}

fn tell_reasons(shell: &Shell, run: &TrainingRun) {
    let error = run.error.iter().map(|error| (String::new(), error));
    let more = |it: &artifact::run::Reason| match it.count - it.places.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let reasons = run.reasons.iter().take(REASONS_SHOWN_MAX);
    let reasons = reasons.map(|it| (format!("{}{}", it.places.join(", "), more(it)), &it.reason));
    for (places, reason) in error.chain(reasons) {
        shell.say("");
        shell.say(&format!(" {}", paint(Tone::Strong, &places)));
        for line in wrap(reason, crate::terminal::columns() - 3) {
            shell.say(&format!("   {line}"));
        }
    }
}

fn tone(validation: Validation) -> Tone {
    match validation {
        Validation::Passed => Tone::Good,
        Validation::Warning => Tone::Warning,
        Validation::Failed => Tone::Bad,
    }
}
