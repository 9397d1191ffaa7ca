//! What training and a cycle cost: CPU seconds, memory and bytes, each beside its goal.
//!
//! Simulates twelve services, learns thirty days of them from a recording, runs warm cycles, and
//! decides for a thousand services. Prints a table, or JSON lines with `--json`; exits with 1 if a
//! goal is missed. Figures of CPU time and memory are the process's own, from `/proc`.

#![expect(clippy::print_stdout, reason = "printing figures is what this program does")]

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use adapter_local::{Folder, RecordedSeries, Recording, write_recording};
use chrono::{DateTime, Duration, Utc};
use domain::config;
use domain::{Series, ServiceName};
use pipeline::infer::gather::{CycleInput, gather};
use pipeline::infer::{CycleRequest, InferPorts, Warm, decide, infer_cycle};
use pipeline::registry::Registry;
use pipeline::train::{Silent, TrainPorts, TrainRequest, train};
use simulate::{EstateParams, FaultPlan, simulate};
use testkit::FixedClock;

type Anything = Box<dyn Error>;

const SERVICES: usize = 12;
const FLEET: usize = 1000;
const WARM_CYCLES: u32 = 30;
const DECISIONS: u32 = 5;

struct Figure {
    what: &'static str,
    value: f64,
    unit: &'static str,
    goal: f64,
}

fn main() -> Result<ExitCode, Anything> {
    let folder = tempfile::tempdir()?;
    let recording = folder.path().join("recording.jsonl.gz");
    let trained_at = record(&recording)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(&recording, trained_at))?;
    let json = std::env::args().any(|argument| argument == "--json");
    for Figure { what, value, unit, goal } in &figures {
        let met = if value <= goal { "met" } else { "MISSED" };
        if json {
            println!(
                "{{\"what\":\"{what}\",\"value\":{value:.3},\"unit\":\"{unit}\",\"goal\":{goal}}}"
            );
        } else {
            println!("{what:<52} {value:>9.2} {unit:<4} goal {goal:>6} {met}");
        }
    }
    let missed = figures.iter().any(|figure| figure.value > figure.goal);
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Thirty days and some hours of a simulated estate, written to a file.
fn record(path: &std::path::Path) -> Result<DateTime<Utc>, Anything> {
    let start: DateTime<Utc> = "2026-03-02T00:00:00Z".parse()?;
    let params = EstateParams {
        services: SERVICES,
        start_s: start.timestamp(),
        train_days: 30,
        test_days: 0.5,
        step_s: 60,
        seed: 5,
        faults: FaultPlan::None,
    };
    let estate = simulate(&params, |_| 0)?;
    let series = estate.series.into_iter().map(|it| RecordedSeries {
        metric: it.metric.as_str().to_owned(),
        service: ServiceName::new(it.service).unwrap_or_else(|error| panic!("{error}")),
        series: Series { times_s: it.timestamps_s, values: it.values },
    });
    write_recording(path, series)?;
    Ok(start + Duration::days(30))
}

async fn measure(path: &std::path::Path, at: DateTime<Utc>) -> Result<Vec<Figure>, Anything> {
    let config = config::load(None, &|_| None)?.config;
    let folder = tempfile::tempdir()?;
    let registry = Registry::new(Arc::new(Folder::new(folder.path())));
    let recording = Recording::new(path, &config.metrics);
    let clock = FixedClock::at(at);
    let mut figures = Vec::new();

    reset_peak();
    let before = cpu_seconds();
    let request =
        TrainRequest { at, services: None, incidents: Vec::new(), config_digest: String::new() };
    let ports =
        TrainPorts { source: &recording, registry: &registry, clock: &clock, progress: &Silent };
    train(&request, &config, &ports).await?;
    let per_service = (cpu_seconds() - before) / SERVICES as f64;
    figures.push(figure("training, reading included, CPU per service", per_service, "s", 1.0));
    figures.push(figure("training of 12 services, peak memory", peak_mebibytes(), "MiB", 300.0));
    let largest = largest_artifact(&registry).await?;
    figures.push(figure("largest artifact", largest / 1024.0, "KiB", 256.0));

    let ports =
        InferPorts { source: &recording, registry: &registry, incidents: None, deadline: None };
    let mut warm = Warm::default();
    let request = |cycle: u32| CycleRequest {
        at: at + Duration::hours(10) + Duration::minutes(2 * i64::from(cycle)),
        services: None,
    };
    infer_cycle(&request(0), &config, &ports, &mut warm).await?;
    let before = cpu_seconds();
    for cycle in 1..=WARM_CYCLES {
        infer_cycle(&request(cycle), &config, &ports, &mut warm).await?;
    }
    let per_cycle = 1000.0 * (cpu_seconds() - before) / f64::from(WARM_CYCLES);
    figures.push(figure("warm cycle over 12 services, CPU", per_cycle, "ms", 50.0));

    let input = gather(&request(WARM_CYCLES), &config, &ports, &mut warm).await?;
    let fleet = thousand(&input);
    let before = cpu_seconds();
    for _ in 0..DECISIONS {
        std::hint::black_box(decide::decide(&fleet, &config));
    }
    let per_decision = 1000.0 * (cpu_seconds() - before) / f64::from(DECISIONS);
    figures.push(figure("decide over 1000 services, CPU", per_decision, "ms", 150.0));
    Ok(figures)
}

fn figure(what: &'static str, value: f64, unit: &'static str, goal: f64) -> Figure {
    Figure { what, value, unit, goal }
}

/// The services of a cycle, repeated, each with a model of its own in memory: no cache helps.
fn thousand(input: &CycleInput) -> CycleInput {
    let mut fleet = input.clone();
    fleet.services = (0..FLEET)
        .map(|index| {
            let mut service = input.services[index % input.services.len()].clone();
            if let Ok(routed) = &mut service.model {
                routed.model = Arc::new((*routed.model).clone());
            }
            service
        })
        .collect();
    fleet
}

async fn largest_artifact(registry: &Registry) -> Result<f64, Anything> {
    let catalog = registry.catalog().await?.catalog;
    let sizes: BTreeMap<u64, ()> = catalog
        .services
        .values()
        .flat_map(|periods| periods.values())
        .filter_map(|entry| Some((entry.current.as_ref()?.bytes, ())))
        .collect();
    Ok(sizes.keys().last().copied().unwrap_or(0) as f64)
}

/// User and system time of this process so far.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let times: Vec<f64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    times.iter().sum::<f64>() / TICKS_PER_SECOND
}

/// Makes the peak begin anew, so that making the data does not count.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_mebibytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    let kibibytes: f64 =
        line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0.0);
    kibibytes / 1024.0
}
