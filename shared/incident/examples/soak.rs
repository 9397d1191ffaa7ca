//! Random histories of incidents against a model written independently, for as many as asked for.
//!
//! ```text
//! soak [--histories 1000000] [--start SEED] [--seed SEED]
//! ```
//! `--start` is the first seed; `--seed` replays one history and prints it if it fails.

#![expect(clippy::print_stdout, reason = "a program for people")]

#[path = "../tests/histories/check.rs"]
mod check;
#[path = "../tests/histories/entry.rs"]
mod entry;
#[path = "../tests/histories/generate.rs"]
mod generate;
#[path = "../tests/histories/model.rs"]
mod model;
#[path = "../tests/histories/random.rs"]
mod random;

use std::process::ExitCode;
use std::thread;

use check::{Coverage, check};

const HISTORIES: u64 = 1_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |name: &str| {
        let place = arguments.iter().position(|it| it == name)?;
        arguments.get(place + 1)?.parse::<u64>().ok()
    };
    if let Some(seed) = number("--seed") {
        let outcome = check(seed, &mut Coverage::default());
        println!("{:#?}", generate::history(seed));
        return report(outcome, seed, 1);
    }
    let start = number("--start").unwrap_or(1_000_000_000);
    let histories = number("--histories").unwrap_or(HISTORIES);
    println!("{histories} histories from seed {start}");
    report(run(start, histories), start, histories)
}

/// One thread a core; the first failure by seed is told, whoever found it.
fn run(start: u64, histories: u64) -> Result<(), String> {
    let threads = thread::available_parallelism().map_or(1, |it| it.get() as u64);
    let of_thread = |thread: u64| {
        let mut coverage = Coverage::default();
        for seed in (start + thread..start + histories).step_by(threads as usize) {
            check(seed, &mut coverage).map_err(|error| (seed, error))?;
        }
        Ok::<Coverage, (u64, String)>(coverage)
    };
    let outcomes: Vec<Result<Coverage, (u64, String)>> = thread::scope(|scope| {
        let handles: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || of_thread(thread))).collect();
        handles.into_iter().map(|it| it.join().expect("a check does not panic")).collect()
    });
    let failures = outcomes.iter().filter_map(|it| it.as_ref().err());
    if let Some((_, error)) = failures.min_by_key(|(seed, _)| *seed) {
        return Err(error.clone());
    }
    for (thread, coverage) in outcomes.iter().flatten().enumerate() {
        println!("thread {thread}: {coverage:?}");
    }
    Ok(())
}

fn report(outcome: Result<(), String>, start: u64, histories: u64) -> ExitCode {
    match outcome {
        Ok(()) => {
            println!("{histories} histories from seed {start} hold all invariants");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}\nreplay it with --seed");
            ExitCode::FAILURE
        }
    }
}
