//! Times the forest on one thread and prints JSON; `tests/bench/bench.py` compares it with others.
//!
//! `bench --data rows.f32 --features 5 [--trees 200] [--subsample 256] [--seed 1]`, where the file
//! holds rows of little-endian `f32`. Times are CPU time.

#![allow(clippy::print_stdout, reason = "printing is what this program does")]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use forest::{Forest, ForestParams, StepFunction, StoredForest, StoredSteps, Table, ValidParams};

/// CPU time each figure is measured over at least; the clock may tick every 4 ms.
const MEASURE_AT_LEAST: Duration = Duration::from_millis(150);
/// What a published univariate model may lose of its score.
const SIMPLIFY_ERROR: f64 = 0.002;
/// Bytes of an array's length in the fixed-width encoding of an artifact.
const LENGTH_BYTES: usize = 8;

type Anything<T> = Result<T, Box<dyn Error>>;

fn main() -> Anything<()> {
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()?;
    let args = Args::read()?;
    let table = read_table(&args.data, args.features)?;
    let mut figures = time_forest(&args.params, &table)?;
    if args.features == 1 {
        figures.extend(time_steps(&args.params, &table)?);
    }
    let fields: Vec<String> =
        figures.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    println!("{{{}}}", fields.join(","));
    Ok(())
}

type Figures = Vec<(&'static str, f64)>;

fn time_forest(params: &ValidParams, table: &Table) -> Anything<Figures> {
    let forest = Forest::fit(params, table)?;
    let fit = time(|| drop(black_box(Forest::fit(params, black_box(table)))));
    let batch = time(|| drop(black_box(forest.score_rows(black_box(table)))));
    let mut at = 0;
    let row = time(|| {
        at = (at + 7919) % table.rows();
        black_box(forest.anomaly_score(black_box(table.row(at))));
    });
    let mut at = 0;
    let attribute = time(|| {
        at = (at + 7919) % table.rows();
        black_box(forest.attribute(black_box(table.row(at))));
    });
    Ok(vec![
        ("fit_ms", fit * 1e3),
        ("batch_us_per_row", batch * 1e6 / table.rows() as f64),
        ("row_us", row * 1e6),
        ("attribute_us", attribute * 1e6),
        ("stored_bytes", forest_bytes(&StoredForest::from(&forest)) as f64),
        ("nodes", forest.nodes() as f64),
    ])
}

fn time_steps(params: &ValidParams, table: &Table) -> Anything<Figures> {
    let forest = Forest::fit(params, table)?;
    let collapsed = forest.collapse().ok_or("a forest of one feature collapses")?;
    let simple = collapsed.simplify(SIMPLIFY_ERROR);
    let collapse = time(|| drop(black_box(black_box(&forest).collapse())));
    let simplify = time(|| drop(black_box(black_box(&collapsed).simplify(SIMPLIFY_ERROR))));
    let batch_of = |steps: &StepFunction| {
        time(|| drop(black_box(steps.scores(black_box(table.values()))))) / table.rows() as f64
    };
    let mut at = 0;
    let row = time(|| {
        at = (at + 7919) % table.rows();
        black_box(simple.score(black_box(table.values()[at])));
    });
    Ok(vec![
        ("collapse_ms", collapse * 1e3),
        ("simplify_ms", simplify * 1e3),
        ("step_batch_us_per_row", batch_of(&collapsed) * 1e6),
        ("simple_batch_us_per_row", batch_of(&simple) * 1e6),
        ("simple_row_us", row * 1e6),
        ("step_cuts", collapsed.cuts().len() as f64),
        ("simple_cuts", simple.cuts().len() as f64),
        ("step_bytes", steps_bytes(&StoredSteps::from(collapsed)) as f64),
        ("simple_bytes", steps_bytes(&StoredSteps::from(simple)) as f64),
    ])
}

/// Mean seconds of one call.
fn time(mut call: impl FnMut()) -> f64 {
    call();
    let (mut calls, mut batch) = (0u64, 1u64);
    let start = cpu_time();
    loop {
        for _ in 0..batch {
            call();
        }
        calls += batch;
        batch = (batch * 2).min(10_000);
        let spent = cpu_time().saturating_sub(start);
        if spent >= MEASURE_AT_LEAST {
            return spent.as_secs_f64() / calls as f64;
        }
    }
}

/// CPU time of this thread where the system tells it, else time on the wall.
fn cpu_time() -> Duration {
    thread_local!(static START: Instant = Instant::now());
    let nanos = std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| START.with(Instant::elapsed), Duration::from_nanos)
}

/// Size in the fixed-width encoding.
fn forest_bytes(stored: &StoredForest) -> usize {
    let arrays = stored.splits.len()
        + stored.shared_leaves.len()
        + stored.leaf_sizes.len()
        + stored.split_features.len()
        + 4 * stored.thresholds.len();
    1 + 4 + 4 + 5 * LENGTH_BYTES + arrays
}

fn steps_bytes(stored: &StoredSteps) -> usize {
    4 + 4 + 2 * LENGTH_BYTES + 4 * stored.cuts.len() + 4 * stored.sums.len()
}

fn read_table(path: &str, features: usize) -> Anything<Table> {
    let bytes = std::fs::read(path)?;
    let values = bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
    Ok(Table::from_values(values, features)?)
}

struct Args {
    data: String,
    features: usize,
    params: ValidParams,
}

impl Args {
    fn read() -> Anything<Self> {
        let (mut data, mut features, mut params) = (None, 1, ForestParams::default());
        let mut words = std::env::args().skip(1);
        while let Some(flag) = words.next() {
            let value = words.next().ok_or_else(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--data" => data = Some(value),
                "--features" => features = value.parse()?,
                "--trees" => params.trees = value.parse()?,
                "--subsample" => params.subsample = value.parse()?,
                "--seed" => params.seed = value.parse()?,
                _ => return Err(format!("unknown option {flag}").into()),
            }
        }
        let data = data.ok_or("--data is missing")?;
        Ok(Self { data, features, params: params.validate()? })
    }
}
