//! `yaga demo`: the main job in a minute, without a server and without an account.
//!
//! A made-up estate is simulated, models are learned from its history, and one day with faults is
//! replayed cycle by cycle. Everything takes the ways that it takes in production; only the metrics
//! come from a recording and the models lie in a folder.
//!
//! - [`stage`]: simulates the estate and writes it to a folder
//! - [`replay`]: runs the cycles and tells what yaga says as it goes
//! - [`inbox`]: who is told
//! - [`life`]: from messages to the life of each incident
//! - [`verdict`]: what was told of, beside the faults that there really were
//! - [`whole_life`]: one incident from start to end
//! - [`report`]: the result in words

mod inbox;
mod life;
mod replay;
mod report;
mod stage;
mod verdict;
mod whole_life;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pipeline::train::TrainingReport;
use serde::Serialize;

use crate::commands::train::train_with;
use crate::exit::{Done, Failure, Outcome};
use crate::shell::Shell;
use life::Life;
use replay::Replayed;
use stage::{Part, Stage};
use verdict::Verdict;

/// What to show.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Keep recordings, models and configuration in this folder; it must be new or empty.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Services of the estate, 1 to 200.
    #[arg(long, default_value_t = 6)]
    services: usize,
    /// Another seed, other services' habits and other faults.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Days to learn from.
    #[arg(long, default_value_t = 30, hide = true)]
    days: u32,
    /// Hours to replay.
    #[arg(long, default_value_t = 24, hide = true)]
    hours: u32,
}

/// How long each part took.
#[derive(Debug, Clone, Copy, Default)]
struct Timings {
    simulate: Duration,
    learn: Duration,
    replay: Duration,
    cycles: u32,
}

/// Runs the command.
pub fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    shell.block_on(perform(shell, arguments))?
}

async fn perform(shell: &Shell, arguments: &Arguments) -> Outcome {
    let mut timings = Timings::default();
    let is_told = !shell.json;
    if is_told {
        report::tell_start(shell, arguments);
    }
    let stage = timed(&mut timings.simulate, async { Stage::set(shell, arguments) }).await?;
    if is_told {
        report::tell_stage(shell, &stage, timings.simulate);
    }
    let learned = timed(&mut timings.learn, learn(shell, &stage)).await?;
    if is_told {
        report::tell_learned(shell, &learned, timings.learn);
        report::tell_replay(shell, &stage);
    }
    let replayed = timed(&mut timings.replay, replay::replay(shell, &stage)).await?;
    timings.cycles = replayed.cycles;
    let verdict = Verdict::new(&replayed.lives, &stage.estate);
    if shell.json {
        shell.say_json(&Document::new(&learned, &verdict, &replayed, &timings))?;
    } else {
        report::tell_end(shell, &stage, &verdict, &timings);
        whole_life::tell(shell, &stage, &replayed);
        report::tell_next(shell, &stage, &verdict);
    }
    Ok(Done::Whole)
}

async fn learn(shell: &Shell, stage: &Stage) -> Result<TrainingReport, Failure> {
    let settings = stage.settings(Part::Train)?;
    let source = shell.source(&settings)?;
    train_with(shell, &settings, &source, stage.test_from, None, Vec::new()).await
}

async fn timed<T>(took: &mut Duration, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let result = work.await;
    *took = started.elapsed();
    result
}

/// The result for machines.
#[derive(Debug, Serialize)]
struct Document<'a> {
    models: usize,
    verdict: &'a Verdict,
    incidents: &'a [Life],
    /// Messages that went out.
    alerts: usize,
    resolutions: usize,
    simulate_ms: u128,
    learn_ms: u128,
    replay_ms: u128,
    cycles: u32,
    memory_peak_bytes: Option<u64>,
}

impl<'a> Document<'a> {
    fn new(
        learned: &TrainingReport,
        verdict: &'a Verdict,
        replayed: &'a Replayed,
        timings: &Timings,
    ) -> Document<'a> {
        Document {
            models: learned.promoted + learned.provisional,
            verdict,
            incidents: &replayed.lives,
            alerts: replayed.alerts,
            resolutions: replayed.resolutions,
            simulate_ms: timings.simulate.as_millis(),
            learn_ms: timings.learn.as_millis(),
            replay_ms: timings.replay.as_millis(),
            cycles: timings.cycles,
            memory_peak_bytes: memory_peak_bytes(),
        }
    }
}

/// The most memory that this process ever had, where the system tells.
fn memory_peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
