//! Replays the test day in cycles, and tells what yaga says as it goes.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::Severity;
use domain::config::valid::Config;
use domain::limits::CYCLE_S;
use indicatif::ProgressBar;
use payload::result::{Anomaly, Evaluation};
use payload::run::Cycle;
use pipeline::infer::{CycleRequest, InferPorts, Warm, infer_cycle};

use super::episode::{Change, Episode, Episodes};
use super::stage::{Part, Stage};
use crate::commands::infer::brief;
use crate::exit::Failure;
use crate::shell::Shell;
use crate::terminal::{self, Tone};

/// Cycles that a sparkline shows: half an hour.
const SPARK_CYCLES: usize = 15;

/// What the replay brought.
#[derive(Debug)]
pub struct Replayed {
    pub episodes: Vec<Episode>,
    pub cycles: u32,
}

/// Runs every cycle of the test part, each with what the one before it left warm.
pub async fn replay(shell: &Shell, stage: &Stage) -> Result<Replayed, Failure> {
    let settings = stage.settings(Part::Test)?;
    let source = shell.source(&settings)?;
    let registry = shell.registry(&settings);
    let ports = InferPorts { source: source.port.as_ref(), registry: &registry, incidents: None };
    let mut warm = Warm::default();
    let ticks = ticks(stage);
    let bar = terminal::bar(shell.shows_progress(), "replaying", Some(ticks.len() as u64));
    let mut log = Log::new(shell, stage, &settings.config, &bar);
    let mut cycles = 0;
    for at in ticks {
        let request = CycleRequest { at, services: None };
        let cycle = infer_cycle(&request, &settings.config, &ports, &mut warm).await;
        log.take(at, &cycle.map_err(|error| Failure::Registry(error.into()))?);
        cycles += 1;
    }
    bar.finish_and_clear();
    Ok(Replayed { episodes: log.episodes.finish(), cycles })
}

/// The instants of the cycles.
fn ticks(stage: &Stage) -> Vec<DateTime<Utc>> {
    let (from_s, until_s) = (stage.test_from.timestamp(), stage.test_until.timestamp());
    let first_s = (from_s + CYCLE_S - 1).div_euclid(CYCLE_S) * CYCLE_S;
    (first_s..until_s)
        .step_by(CYCLE_S as usize)
        .filter_map(|second| DateTime::from_timestamp(second, 0))
        .collect()
}

/// Folds cycles into episodes, and says when one opens or ends.
struct Log<'a> {
    shell: &'a Shell,
    stage: &'a Stage,
    config: &'a Config,
    bar: &'a ProgressBar,
    name_columns: usize,
    episodes: Episodes,
    /// By service: the values of its metrics in the last cycles.
    past: BTreeMap<String, VecDeque<BTreeMap<String, Option<f64>>>>,
}

impl<'a> Log<'a> {
    fn new(
        shell: &'a Shell,
        stage: &'a Stage,
        config: &'a Config,
        bar: &'a ProgressBar,
    ) -> Log<'a> {
        let names = stage.estate.services.iter().map(|service| service.name.chars().count());
        Log {
            shell,
            stage,
            config,
            bar,
            name_columns: names.max().unwrap_or(0),
            episodes: Episodes::default(),
            past: BTreeMap::new(),
        }
    }

    fn take(&mut self, at: DateTime<Utc>, cycle: &Cycle) {
        self.bar.inc(1);
        self.bar.set_message(terminal::clock(&self.stage.calendar, at));
        for evaluation in cycle.results.iter().filter_map(|result| result.evaluation()) {
            self.remember(evaluation);
            let anomaly = evaluation.anomalies.values().max_by_key(|it| it.severity);
            let what = || anomaly.map_or_else(String::new, |it| brief(it, &self.config.metrics));
            let (service, severity) = (&evaluation.service_name, evaluation.overall_severity);
            match self.episodes.take(service, at.timestamp(), severity, what) {
                None => {}
                Some(Change::Opened) => self.tell_opened(at, evaluation, anomaly),
                Some(Change::Ended(episode)) => self.tell_ended(at, &episode),
            }
        }
    }

    fn remember(&mut self, evaluation: &Evaluation) {
        let past = self.past.entry(evaluation.service_name.clone()).or_default();
        past.push_back(evaluation.current_metrics.clone());
        if past.len() > SPARK_CYCLES {
            past.pop_front();
        }
    }

    fn tell_opened(&self, at: DateTime<Utc>, evaluation: &Evaluation, anomaly: Option<&Anomaly>) {
        let Some(anomaly) = anomaly else { return };
        let spark = self.sparkline(&evaluation.service_name, anomaly.root_metric.as_deref());
        let what = brief(anomaly, &self.config.metrics);
        let tone = Tone::of(anomaly.severity);
        let sign = terminal::paint(tone, &format!("● {:<8}", anomaly.severity));
        self.say(at, &sign, &evaluation.service_name, &what, &terminal::paint(tone, &spark));
    }

    fn tell_ended(&self, at: DateTime<Utc>, episode: &Episode) {
        let length_s = (episode.last_s - episode.opened_s + CYCLE_S).max(0) as u64;
        let length = terminal::minutes(Duration::from_secs(length_s));
        let what = if episode.worst > Severity::High {
            format!("as usual again, after {length}, at worst {}", episode.worst)
        } else {
            format!("as usual again, after {length}")
        };
        let sign = terminal::paint(Tone::Good, &format!("○ {:<8}", "over"));
        self.say(at, &sign, &episode.service, &what, "");
    }

    /// One line of at most a hundred columns.
    fn say(&self, at: DateTime<Utc>, sign: &str, service: &str, what: &str, spark: &str) {
        const SIGN_AND_GAPS: usize = 2 + 5 + 2 + 10 + 2 + 2 + 2;
        if self.shell.json {
            return;
        }
        let columns = terminal::COLUMNS - SIGN_AND_GAPS - self.name_columns - SPARK_CYCLES;
        let clock = terminal::paint(Tone::Faint, &terminal::clock(&self.stage.calendar, at));
        let name = format!("{service:<width$}", width = self.name_columns);
        let name = terminal::paint(Tone::Strong, &name);
        let what = terminal::shorten(what, columns);
        let line = format!("  {clock}  {sign}  {name}  {what:<columns$}  {spark}");
        self.bar.suspend(|| self.shell.say(line.trim_end()));
    }

    fn sparkline(&self, service: &str, metric: Option<&str>) -> String {
        let (Some(past), Some(metric)) = (self.past.get(service), metric) else {
            return String::new();
        };
        terminal::sparkline(past.iter().map(|values| values.get(metric).copied().flatten()))
    }
}
