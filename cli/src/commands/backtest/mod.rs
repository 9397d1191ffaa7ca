//! `yaga backtest`: replays recorded metrics, and reports what would have been alerted.
//!
//! - [`input`]: configuration, labels and the call graph
//! - [`sides`]: where history and replayed metrics come from: recordings, or a server
//! - [`summary`]: all figures of a run
//! - [`files`]: the folder of results
//! - [`report`]: the page for people
//! - [`compare`]: alerts that another run had and this one has not, and the other way round
//! - [`explain`]: one cycle, taken apart
//! - [`tell`]: the result in the terminal

mod compare;
mod explain;
mod files;
mod input;
mod report;
mod sides;
mod summary;
mod tell;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_local::Folder;
use anyhow::Context;
use chrono::{DateTime, Utc};
use detect::residual::CallGraph;
use domain::ServiceName;
use incident::Rules;
use pipeline::backtest::accuracy::{self, Accuracy, Alert, Points};
use pipeline::backtest::decided::Decided;
use pipeline::backtest::{Incidents, Judge, Notified, Track, classes, replay};
use pipeline::registry::Registry;

use crate::commands::train::train_with;
use crate::exit::{Done, Failure, Outcome};
use crate::instant;
use crate::shell::Shell;
use crate::terminal;
use input::Input;
use summary::Timings;

/// Notes that are shown; the summary has all of them.
const NOTES_SHOWN_MAX: usize = 12;

/// What to replay.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Recording to learn from, and to warm up with.
    #[arg(long, value_name = "FILE", value_parser = sides::parse_recording,
          required_unless_present = "from", requires = "metrics")]
    history: Option<PathBuf>,
    /// Recording to replay. What the history holds as well is not replayed.
    #[arg(long, value_name = "FILE", value_parser = sides::parse_recording, requires = "history")]
    metrics: Option<PathBuf>,
    /// Replay the configured metric source from here on, and learn from what lies before.
    #[arg(long, value_name = "INSTANT", value_parser = instant::parse,
          requires = "to", conflicts_with = "history")]
    from: Option<DateTime<Utc>>,
    /// Replay the configured metric source up to here.
    #[arg(long, value_name = "INSTANT", value_parser = instant::parse, requires = "from")]
    to: Option<DateTime<Utc>>,
    /// Learn from no more than the last so many days of each history.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=365))]
    history_days: Option<u32>,
    /// Labelled incidents: incident_id, service, start, end, kind, root_cause_service.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Events that excuse alerts: service, start, end, kind. Only `maintenance` does.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Which service calls which: caller, callee.
    #[arg(long, value_name = "FILE")]
    graph: Option<PathBuf>,
    /// Zone of the week's periods, like Europe/Paris; otherwise the configuration's.
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Length of a cycle, like 90s, 2m or 1h; a service's own step where that is longer.
    #[arg(long, value_name = "LENGTH", default_value = "2m", value_parser = input::parse_length)]
    cycle: i64,
    /// Folder for the results.
    #[arg(long, value_name = "DIR", required_unless_present = "explain")]
    out: Option<PathBuf>,
    /// Folder of another run's results, to compare with.
    #[arg(long, value_name = "DIR")]
    compare: Option<PathBuf>,
    /// Replay only the cycle of this instant, and say why it decided as it did.
    #[arg(long, value_name = "INSTANT", value_parser = instant::parse)]
    explain: Option<DateTime<Utc>>,
    /// Only this service. May be repeated.
    #[arg(long = "service", value_name = "NAME", value_parser = instant::parse_service)]
    services: Vec<ServiceName>,
}

/// A replay and everything that it was made of.
pub struct Run<'a> {
    input: &'a Input,
    judge: &'a dyn Judge,
    with_model: usize,
    tracks: Vec<Track>,
    incidents: Incidents,
    /// As announced: folded by root cause.
    alerts: Vec<Alert>,
    /// Before folding.
    alerts_by_service: Vec<Alert>,
    /// Who would have been told how often.
    notified: Notified,
    /// With labels: of the folded alerts, and before folding.
    accuracy: Option<(Accuracy, Accuracy)>,
    /// With labels: how well scores rank what is labelled.
    vus_pr: Option<f64>,
    /// What people should know of the models, for some services.
    notes: Vec<String>,
}

/// Runs the command.
pub fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    shell.block_on(perform(shell, arguments))?
}

async fn perform(shell: &Shell, arguments: &Arguments) -> Outcome {
    let mut timings = Timings::default();
    let started = Instant::now();
    let input = Input::open(shell, arguments).await?;
    timings.read = started.elapsed();
    let folder = tempfile::tempdir().context("there is no place for models")?;
    let registry = Registry::new(Arc::new(Folder::new(folder.path())));
    timed(&mut timings.learn, learn(shell, &input, folder.path())).await?;
    let services = input.tapes.iter().map(|tape| tape.service.clone());
    let graph = CallGraph::of(input.graph.iter().cloned());
    let judge = Decided::load(&registry, &input.settings.config, services, graph).await;
    let judge = judge.map_err(|error| Failure::Registry(error.into()))?;
    if let Some(at) = arguments.explain {
        return explain::run(shell, &input, &judge, at);
    }
    let run = timed(&mut timings.replay, async { Run::of(shell, &input, &judge) }).await;
    for note in run.notes.iter().take(NOTES_SHOWN_MAX) {
        shell.warn(note);
    }
    let out = arguments.out.as_deref().context("--out is required")?;
    let compared = match &arguments.compare {
        Some(other) => Some(compare::with(&run, other, out)?),
        None => None,
    };
    timed(&mut timings.report, async { files::write(&run, out) }).await?;
    timings.total = started.elapsed();
    let summary = summary::Summary::of(&run, &timings);
    files::write_summary(&summary, out)?;
    if shell.json {
        shell.say_json(&summary)?;
    } else {
        tell::tell(shell, &run, &summary, out, compared.as_ref());
    }
    Ok(Done::Whole)
}

/// Trains into a folder that is gone afterwards, each service to the end of its own history.
/// Services without enough history get no model.
async fn learn(shell: &Shell, input: &Input, folder: &std::path::Path) -> Result<(), Failure> {
    let mut settings = input.settings.clone();
    let folder = folder.to_string_lossy().into_owned();
    settings.config.model.location = domain::config::valid::ModelsLocation::Folder(folder);
    for (until_s, services) in classes(&input.tapes) {
        let until = DateTime::from_timestamp(until_s, 0).unwrap_or_default();
        let source = &input.history.source;
        train_with(shell, &settings, source, until, Some(services), Vec::new()).await?;
    }
    Ok(())
}

impl<'a> Run<'a> {
    fn of(shell: &Shell, input: &'a Input, judge: &'a Decided<'a>) -> Run<'a> {
        let cycles: usize = input.tapes.iter().map(|it| it.ticks(input.cycle_s).len()).sum();
        let bar = terminal::bar(shell.shows_progress(), "replaying", Some(cycles as u64));
        let tracks = replay(&input.tapes, judge, input.cycle_s, &|done| bar.inc(done as u64));
        bar.finish_and_clear();
        let incidents = Incidents::of(&tracks, judge, &Rules::of(&input.settings.config));
        let notified = Notified::of(&incidents, input.truth.as_ref());
        let alerts: Vec<Alert> = incidents.alerts.iter().map(Alert::from).collect();
        let alerts_by_service: Vec<Alert> = incidents.announced().map(Alert::from).collect();
        let accuracy = input.truth.as_ref().map(|truth| {
            (accuracy::judge(truth, &alerts), accuracy::judge(truth, &alerts_by_service))
        });
        let points: Vec<Points> = tracks.iter().map(|track| track.points(judge)).collect();
        let vus_pr = input.truth.as_ref().and_then(|truth| accuracy::vus_pr(truth, &points));
        Run {
            input,
            judge,
            with_model: judge.with_model(),
            tracks,
            incidents,
            alerts,
            alerts_by_service,
            notified,
            accuracy,
            vus_pr,
            notes: judge.notes(),
        }
    }
}

async fn timed<T>(took: &mut Duration, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let result = work.await;
    *took = started.elapsed();
    result
}
