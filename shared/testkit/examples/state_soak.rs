//! Random histories of incident state with everything that can go wrong.
//!
//! `state_soak [FIRST SEED] [HISTORIES]`; a history that fails names its seed.

use std::process::ExitCode;

use testkit::soak::{Tally, soak};

/// Histories unless said otherwise, and cycles of each.
const HISTORIES: u64 = 20_000;
const CYCLES: i64 = 60;

#[expect(clippy::print_stdout, reason = "a program that reports")]
fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (Ok(first), Ok(histories)) =
        (numbers.next().unwrap_or(Ok(0)), numbers.next().unwrap_or(Ok(HISTORIES)))
    else {
        println!("state_soak [FIRST SEED] [HISTORIES]");
        return ExitCode::from(2);
    };
    let mut sum = Tally::default();
    for seed in first..first + histories {
        sum += soak(seed, CYCLES);
    }
    println!("{histories} histories, no transition lost or doubled: {sum:?}");
    ExitCode::SUCCESS
}
