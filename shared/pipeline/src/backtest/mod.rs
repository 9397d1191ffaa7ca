//! Replays recorded metrics cycle by cycle: what would have been said, and how good that is.
//!
//! ```text
//! history, metrics -> tape -> ticks -+-> findings -> lives -> incidents -> alerts -> accuracy
//!                            judge --+
//! ```
//!
//! - [`tape`]: the samples of a service on one line of time, and its cycles
//! - [`history`]: which services learn together, and until when
//! - [`judge`]: the seam: what a cycle decides
//! - [`decided`]: the judge that serves: `infer::decide` decides
//! - [`explanation`]: one cycle, taken apart
//! - `lives`: all services through the state machine, cycle by cycle
//! - [`incident`], [`episode`]: what came of it
//! - [`notified`]: who would have been told how often, and what objectives silenced
//! - [`accuracy`]: alerts beside labelled incidents
//!
//! Everything but reading is pure: the same samples and models give the same bytes, on any number
//! of threads. A cycle replayed alone gives what it gives in a row.

pub mod accuracy;
pub mod decided;
pub mod episode;
pub mod explanation;
pub mod history;
pub mod incident;
pub mod judge;
mod lives;
pub mod notified;
pub mod tape;
#[cfg(test)]
mod testing;

use domain::ServiceName;
use rayon::prelude::*;

use accuracy::Points;
pub use explanation::{Explanation, Gate, MetricExplanation};
pub use history::{classes, understood};
pub use incident::{Incident, Incidents, Notification};
pub use judge::{Band, Cause, Finding, Judge, Scale, Usual};
pub use notified::{Fates, Notified, fates};
pub use tape::{Part, Span, Tape, Tick, read_tapes};

/// Cycles that are judged at once: a judge begins each part with a day of warm-up, and parts are to
/// fill all cores.
const CYCLES_AT_ONCE: usize = 2_520;

/// One service, replayed.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    pub service: ServiceName,
    /// Length of its cycles.
    pub cycle_s: i64,
    /// One per cycle with data, in order.
    pub findings: Vec<Finding>,
}

impl Track {
    /// Its scores as they are published; the lowest of the scale where nothing could be judged.
    pub fn points(&self, judge: &dyn Judge) -> Points {
        let floor = judge.scale(&self.service).floor;
        let scores = self.findings.iter().map(|finding| {
            (finding.stamp_s, if finding.is_judged() { finding.published } else { floor })
        });
        Points { service: self.service.to_string(), scores: scores.collect() }
    }

    /// Whether cycles say where metrics would be if all were as usual.
    pub fn has_bands(&self) -> bool {
        self.findings.iter().any(|it| !it.bands.is_empty())
    }

    /// Where a metric would have been at an instant if all had been as usual, by its place in the
    /// metric set: what the cycle said that the instant lies in.
    pub fn usual(&self, metric: usize, time_s: i64) -> Option<Usual> {
        let cycle = self.findings.partition_point(|it| it.at_s < time_s);
        let finding = self.findings.get(cycle).filter(|it| it.at_s < time_s + self.cycle_s)?;
        let [low, middle, high] = finding.bands.get(metric).copied().flatten()?.map(f64::from);
        Some(Usual { low, middle, high })
    }
}

/// Replays every service on all cores; `progress` is told how many more cycles are done.
pub fn replay(
    tapes: &[Tape],
    judge: &dyn Judge,
    cycle_s: i64,
    progress: &(dyn Fn(usize) + Sync),
) -> Vec<Track> {
    tapes.par_iter().map(|tape| replay_one(tape, judge, cycle_s, progress)).collect()
}

fn replay_one(
    tape: &Tape,
    judge: &dyn Judge,
    cycle_s: i64,
    progress: &(dyn Fn(usize) + Sync),
) -> Track {
    let ticks = tape.ticks(cycle_s);
    let parts: Vec<Vec<Finding>> = ticks
        .par_chunks(CYCLES_AT_ONCE)
        .map(|ticks| {
            let findings = judge.judge(tape, ticks);
            progress(ticks.len());
            findings
        })
        .collect();
    Track {
        service: tape.service.clone(),
        cycle_s: tape.cycle_s(cycle_s),
        findings: parts.into_iter().flatten().collect(),
    }
}
