//! One backtest of a pack.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use detect::residual::CallGraph;
use domain::config::{self, valid::Config};
use incident::Rules;
use pipeline::backtest::accuracy::{self, Accuracy, Alert, Points, Truth, vus_pr};
use pipeline::backtest::decided::Decided;
use pipeline::backtest::{Incidents, Part, Tape, classes, read_tapes, replay};
use pipeline::registry::Registry;
use pipeline::train::{Silent, TrainPorts, TrainRequest, train};
use testkit::{FixedClock, MemoryStore};

use crate::Anything;
use crate::pack::{Pack, Samples};

/// How to replay a pack.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// What opens anomalies: `residual` or `forest`.
    pub(crate) opening: &'static str,
    pub(crate) cycle_s: i64,
    /// Days of history that are used.
    pub(crate) history_days: Option<u32>,
}

/// What came of it.
pub(crate) struct Result {
    pub(crate) folded: Accuracy,
    pub(crate) by_service: Accuracy,
    pub(crate) vus_pr: Option<f64>,
    alerts: [Vec<Alert>; 2],
    points: Vec<Points>,
}

/// Learns from the part `train`, replays the part `test`, and counts.
pub(crate) async fn backtest(
    pack: &Pack,
    settings: &Settings,
) -> std::result::Result<Result, Anything> {
    let config = config(pack, settings)?;
    let [history, metrics] = &pack.parts;
    let tapes = read_tapes(part(history), part(metrics), &config).await?;
    let registry = Registry::new(Arc::new(MemoryStore::new()));
    learn(history, &tapes, &config, &registry).await?;
    let services = tapes.iter().map(|tape| tape.service.clone());
    let graph = CallGraph::of(pack.graph.iter().cloned());
    let judge = Decided::load(&registry, &config, services, graph).await?;
    let tracks = replay(&tapes, &judge, settings.cycle_s, &|_| {});
    let incidents = Incidents::of(&tracks, &judge, &Rules::of(&config));
    let truth = Truth::new(pack.labels.clone(), pack.maintenance.clone(), &tapes);
    let folded: Vec<Alert> = incidents.alerts.iter().map(Alert::from).collect();
    let by_service: Vec<Alert> = incidents.announced().map(Alert::from).collect();
    let points: Vec<Points> = tracks.iter().map(|track| track.points(&judge)).collect();
    Ok(Result {
        folded: accuracy::judge(&truth, &folded),
        by_service: accuracy::judge(&truth, &by_service),
        vus_pr: vus_pr(&truth, &points),
        alerts: [folded, by_service],
        points,
    })
}

/// Writes alerts and scores, for other tools.
pub(crate) fn write(result: &Result, folder: &Path) -> std::result::Result<(), Anything> {
    std::fs::create_dir_all(folder)?;
    for (name, alerts) in ["alerts.jsonl", "alerts_by_service.jsonl"].iter().zip(&result.alerts) {
        let lines: Vec<String> =
            alerts.iter().map(serde_json::to_string).collect::<std::result::Result<_, _>>()?;
        std::fs::write(folder.join(name), lines.join("\n"))?;
    }
    let mut table = csv::Writer::from_path(folder.join("scores.csv"))?;
    table.write_record(["timestamp", "service", "score"])?;
    for Points { service, scores } in &result.points {
        for (time, score) in scores {
            table.write_record([&time.to_string(), service, &format!("{score:.6}")])?;
        }
    }
    table.flush()?;
    Ok(())
}

pub(crate) fn config(pack: &Pack, settings: &Settings) -> std::result::Result<Config, Anything> {
    let mut document = serde_json::json!({"detection": {"opening": settings.opening}});
    if let Some(zone) = &pack.timezone {
        document["time_periods"] = serde_json::json!({"timezone": zone});
    }
    let loaded = config::load(Some(&document.to_string()), &|_| None);
    let mut config = loaded.map_err(|problems| problems.to_string())?.config;
    config.metrics = pack.metrics.clone();
    config.training.cycle_s = settings.cycle_s;
    config.training.lookback_days = settings.history_days.unwrap_or(config.training.lookback_days);
    Ok(config)
}

fn part(samples: &Samples) -> Part<'_> {
    let (oldest_s, newest_s) = samples.span();
    Part { source: samples, after_s: oldest_s - 1, until_s: newest_s }
}

async fn learn(
    history: &Samples,
    tapes: &[Tape],
    config: &Config,
    registry: &Registry,
) -> std::result::Result<(), Anything> {
    for (until_s, services) in classes(tapes) {
        let at: DateTime<Utc> = DateTime::from_timestamp(until_s, 0).ok_or("a time too far")?;
        let clock = FixedClock::at(at);
        let ports = TrainPorts { source: history, registry, clock: &clock, progress: &Silent };
        let config_digest = String::new();
        let (services, incidents) = (Some(services), Vec::new());
        let request = TrainRequest { at, services, incidents, config_digest };
        train(&request, config, &ports).await?;
    }
    Ok(())
}
