//! Replays the test day in cycles, and tells what yaga says as it goes.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adapter_embedded::{EmbeddedDynamo, Owner};
use anyhow::Context;
use chrono::{DateTime, Utc};
use domain::config::valid::Config;
use domain::limits::CYCLE_S;
use incident::IncidentId;
use indicatif::ProgressBar;
use payload::message::Message;
use payload::result::{Anomaly, Evaluation};
use payload::run::Cycle;
use pipeline::deliver::Receiver;
use pipeline::infer::{CycleRequest, InferPorts, Warm, infer_cycle};
use pipeline::ports::incidents::{IncidentHistory, IncidentStore};
use pipeline::ports::{Clock, Publisher};
use wiring::state::Engine;
use wiring::{Incidents, Settings};

use super::inbox::{Inbox, ReplayClock};
use super::life::{Change, Life, Lives};
use super::stage::{MESSAGES, Part, Stage};
use crate::commands::infer::{brief, failure};
use crate::commands::state::unusable;
use crate::exit::Failure;
use crate::shell::Shell;
use crate::terminal::{self, Tone};

/// Cycles that a sparkline shows: half an hour.
const SPARK_CYCLES: usize = 15;

/// What the replay brought.
#[derive(Debug)]
pub struct Replayed {
    pub lives: Vec<Life>,
    pub alerts: usize,
    pub resolutions: usize,
    pub cycles: u32,
    /// The incident that is told from start to end, as it is kept.
    pub example: Option<IncidentHistory>,
}

/// Runs every cycle of the test part, each with what the one before it left warm. Incidents are
/// kept in a file, and messages go to another one.
pub async fn replay(shell: &Shell, stage: &Stage) -> Result<Replayed, Failure> {
    let settings = stage.settings(Part::Test)?;
    let source = shell.source(&settings)?;
    let registry = shell.registry(&settings);
    let inbox = Inbox::new(&stage.folder().join(MESSAGES));
    let inbox = Arc::new(inbox.context("the messages of the demo cannot be written")?);
    let kept = incidents(&settings, &inbox).await?;
    let clock = ReplayClock::default();
    let mut warm = Warm::default();
    let ticks = ticks(stage);
    let bar = terminal::bar(shell.shows_progress(), "replaying", Some(ticks.len() as u64));
    let mut log = Log::new(shell, stage, &settings.config, &bar);
    let mut cycles = 0;
    for at in ticks {
        clock.set(at);
        let writer = kept.writer();
        let incidents = Some(kept.ports(&writer, &clock));
        let ports = InferPorts {
            source: source.port.as_ref(),
            registry: &registry,
            incidents,
            deadline: None,
        };
        let request = CycleRequest { at, services: None };
        let cycle = infer_cycle(&request, &settings.config, &ports, &mut warm).await;
        log.take(at, &cycle.map_err(failure)?, &inbox.empty());
        cycles += 1;
    }
    bar.finish_and_clear();
    let lives = log.lives.all();
    let example = example(&lives, kept.state.incidents.as_ref(), clock.now()).await?;
    let Lives { alerts, resolutions, .. } = log.lives;
    Ok(Replayed { lives, alerts, resolutions, cycles, example })
}

/// State in the file that the settings name, and one receiver. What is lost with the machine can
/// be replayed, so no write waits for the disk.
async fn incidents(settings: &Settings, inbox: &Arc<Inbox>) -> Result<Incidents, Failure> {
    let since = payload::instant(Utc::now());
    let owner = Owner { command: "yaga demo".to_owned(), since };
    let open = |path: &str| -> Result<Arc<dyn Engine>, String> {
        let opened = EmbeddedDynamo::open(Path::new(path), &owner);
        let engine = opened.and_then(EmbeddedDynamo::without_waiting);
        Ok(Arc::new(engine.map_err(|error| error.to_string())?))
    };
    let kept = Incidents::from_settings(&settings.config, &|_| None, Some(&open)).await;
    let kept = kept.map_err(|error| Failure::State(error.into()))?;
    let mut kept = kept.context("the demo has no place for incidents")?;
    let publisher = Arc::clone(inbox) as Arc<dyn Publisher>;
    kept.receivers = vec![Receiver { name: "file", publisher }];
    Ok(kept)
}

/// The incident with the most to tell: over, bad, many affected, long.
async fn example(
    lives: &[Life],
    store: &dyn IncidentStore,
    now: DateTime<Utc>,
) -> Result<Option<IncidentHistory>, Failure> {
    let over = lives.iter().filter(|life| life.over_s.is_some());
    let most =
        over.max_by_key(|life| (life.worst, life.affected.len(), life.last_s - life.opened_s));
    let id = most.and_then(|life| IncidentId::try_from(life.incident_id.clone()).ok());
    match id {
        Some(id) => store.incident(&id, now).await.map_err(unusable),
        None => Ok(None),
    }
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

/// Follows the messages, and says when an incident opens or is over.
struct Log<'a> {
    shell: &'a Shell,
    stage: &'a Stage,
    config: &'a Config,
    bar: &'a ProgressBar,
    name_columns: usize,
    lives: Lives,
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
            lives: Lives::default(),
            past: BTreeMap::new(),
        }
    }

    fn take(&mut self, at: DateTime<Utc>, cycle: &Cycle, messages: &[Message]) {
        self.bar.inc(1);
        self.bar.set_message(terminal::clock(&self.stage.calendar, at));
        for evaluation in cycle.results.iter().filter_map(|result| result.evaluation()) {
            self.remember(evaluation);
        }
        let mut lives = std::mem::take(&mut self.lives);
        let what = |anomaly: &Anomaly| brief(anomaly, &self.config.metrics);
        for message in messages {
            lives.take(message, what, |change| match change {
                Change::Opened { evaluation, anomaly } => self.tell_opened(at, evaluation, anomaly),
                Change::Over { life } => self.tell_over(at, life),
            });
        }
        self.lives = lives;
    }

    fn remember(&mut self, evaluation: &Evaluation) {
        let past = self.past.entry(evaluation.service_name.clone()).or_default();
        past.push_back(evaluation.current_metrics.clone());
        if past.len() > SPARK_CYCLES {
            past.pop_front();
        }
    }

    fn tell_opened(&self, at: DateTime<Utc>, evaluation: &Evaluation, anomaly: &Anomaly) {
        let spark = self.sparkline(&evaluation.service_name, anomaly.root_metric.as_deref());
        let what = brief(anomaly, &self.config.metrics);
        let is_again = anomaly.tracking.as_ref().is_some_and(|tracking| tracking.reopened);
        let what = if is_again { format!("again: {what}") } else { what };
        let tone = Tone::of(anomaly.severity);
        let sign = terminal::paint(tone, &format!("● {:<8}", anomaly.severity));
        self.say(at, &sign, &evaluation.service_name, &what, &terminal::paint(tone, &spark));
    }

    fn tell_over(&self, at: DateTime<Utc>, life: &Life) {
        let length_s = (life.over_s.unwrap_or(life.last_s) - life.opened_s).max(0) as u64;
        let length = terminal::minutes(Duration::from_secs(length_s));
        let affected = match life.affected.len() {
            0 => String::new(),
            services => format!(", +{services} affected"),
        };
        let what = format!("over after {length}, at worst {}{affected}", life.worst);
        let sign = terminal::paint(Tone::Good, &format!("○ {:<8}", "over"));
        self.say(at, &sign, &life.service, &what, "");
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
