//! Random histories of one service, through the lifecycle and a model written independently.
//!
//! `make soak` runs a million of them (`examples/soak.rs`).

mod check;
mod entry;
mod generate;
mod model;
mod random;

use check::{Coverage, check};

#[test]
fn twenty_thousand_histories_agree_with_the_model() {
    let mut coverage = Coverage::default();
    for seed in 0..20_000 {
        check(seed, &mut coverage).unwrap_or_else(|error| panic!("{error}"));
    }
    let Coverage { alerts, resolutions, reopened, stale, unobserved, .. } = coverage;
    let Coverage { flapping, held, overflow, dropped, .. } = coverage;
    let rare = [resolutions, reopened, stale, unobserved, flapping, held, overflow, dropped];
    assert!(alerts > 20_000 && rare.iter().all(|count| *count > 100), "{coverage:?}");
}
