//! `yaga train`: learns models from history and puts them in force.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use comfy_table::Cell;
use detect::quality::Grade;
use domain::config::valid::{ExcludedPeriod, StateLocation};
use domain::{Period, ServiceName};
use indicatif::ProgressBar;
use pipeline::ports::Clock;
use pipeline::train::known;
use pipeline::train::{
    PeriodReport, PeriodStatus, Progress, RunStatus, ServiceReport, TrainError, TrainEvent,
    TrainPorts, TrainRequest, TrainingReport, train,
};
use wiring::{Settings, Source, SystemClock};

use crate::commands::known_incidents;
use crate::exit::{Done, Failure, Outcome};
use crate::instant;
use crate::shell::Shell;
use crate::terminal::{self, Tone};

/// Reasons that are shown; `--json` has all of them.
const REASONS_SHOWN_MAX: usize = 12;
/// Services and periods that are named with a reason.
const PLACES_SHOWN_MAX: usize = 4;

/// What to learn from.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// End of the history; otherwise the recording's newest sample, or now.
    #[arg(long, value_name = "INSTANT", value_parser = instant::parse)]
    at: Option<DateTime<Utc>>,
    /// Only this service. May be repeated.
    #[arg(long = "service", value_name = "NAME", value_parser = instant::parse_service)]
    services: Vec<ServiceName>,
    /// A table of known incidents to leave out: columns service, start, end.
    #[arg(long, value_name = "FILE")]
    incidents: Option<PathBuf>,
}

/// Runs the command.
pub fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let report = shell.block_on(learn(shell, arguments))??;
    if shell.json {
        shell.say_json(&report.0)?;
    } else {
        tell(shell, &report.0, &report.1);
        if report.2 > 0 {
            let known = terminal::count(report.2, "known incident");
            shell.say(&terminal::paint(Tone::Faint, &format!("Left out of it: {known}.")));
        }
    }
    Ok(done(&report.0))
}

/// The report, where the models are, and how many incidents were left out.
async fn learn(
    shell: &Shell,
    arguments: &Arguments,
) -> Result<(TrainingReport, String, usize), Failure> {
    let incidents = match &arguments.incidents {
        Some(path) => known_incidents::read(path)?,
        None => Vec::new(),
    };
    let settings = shell.settings().await?;
    let source = shell.source(&settings)?;
    let at = arguments.at.or(source.newest).unwrap_or_else(Utc::now);
    let services = (!arguments.services.is_empty()).then(|| arguments.services.clone());
    let own = own_incidents(shell, &settings, services.as_deref(), at).await;
    let incidents = [incidents, own].concat();
    let left_out = incidents.len();
    let report = train_with(shell, &settings, &source, at, services, incidents).await?;
    Ok((report, shell.registry(&settings).describe(), left_out))
}

/// The incidents that were found here before. They are read before training, which takes longer than
/// anybody should have to wait for the file that they are in.
async fn own_incidents(
    shell: &Shell,
    settings: &Settings,
    services: Option<&[ServiceName]>,
    at: DateTime<Utc>,
) -> Vec<ExcludedPeriod> {
    let is_there = match &settings.config.state {
        Some(StateLocation::File(path)) => Path::new(path).exists(),
        Some(StateLocation::Table(_)) => true,
        None => false,
    };
    let opened = if is_there { shell.incidents(settings).await } else { Ok(None) };
    let opened = opened.unwrap_or_else(|failure| {
        shell.warn(&format!("recent incidents are not left out: {failure}"));
        None
    });
    let store = opened.as_ref().map(|it| it.state.incidents.as_ref());
    let registry = shell.registry(settings);
    let by = (&registry, &SystemClock as &dyn Clock);
    let own = known::own_incidents(store, services, at, &settings.config, by).await;
    own.warnings.iter().for_each(|warning| shell.warn(warning));
    own.left_out
}

/// Trains with progress bars. Used by the demo, too.
pub async fn train_with(
    shell: &Shell,
    settings: &Settings,
    source: &Source,
    at: DateTime<Utc>,
    services: Option<Vec<ServiceName>>,
    incidents: Vec<ExcludedPeriod>,
) -> Result<TrainingReport, Failure> {
    let registry = shell.registry(settings);
    let progress = Bars::new(shell.shows_progress(), settings.config.metrics.len());
    let config_digest = settings.digest.clone();
    let request = TrainRequest { at, services, incidents, config_digest };
    let ports = TrainPorts {
        source: source.port.as_ref(),
        registry: &registry,
        clock: &SystemClock,
        progress: &progress,
    };
    let report = train(&request, &settings.config, &ports).await;
    progress.clear();
    report.map_err(|error| match error {
        TrainError::Registry(error) => Failure::Registry(error.into()),
        error @ (TrainError::Source(_) | TrainError::NoServices { .. }) => {
            Failure::Source(error.into())
        }
    })
}

/// A bar for what is read and one for what is fitted.
struct Bars {
    read: ProgressBar,
    fitted: ProgressBar,
}

impl Bars {
    fn new(is_shown: bool, metrics: usize) -> Bars {
        let labels = [("reading", Some(metrics as u64)), ("learning", None)];
        let [read, fitted] = terminal::bars(is_shown, labels);
        Bars { read, fitted }
    }

    fn clear(&self) {
        self.read.finish_and_clear();
        self.fitted.finish_and_clear();
    }
}

impl Progress for Bars {
    fn on(&self, event: TrainEvent<'_>) {
        match event {
            TrainEvent::Planned { services } => {
                terminal::measure(&self.fitted, services as u64);
            }
            TrainEvent::MetricRead { metric, services } => {
                self.read.inc(1);
                self.read.set_message(format!("{metric} of {services} services"));
                if self.fitted.length().is_none() {
                    terminal::measure(&self.fitted, services as u64);
                }
            }
            TrainEvent::ServiceFitted { service } => {
                self.fitted.inc(1);
                self.fitted.set_message(service.to_string());
            }
            TrainEvent::BatchStored { .. } => self.read.set_position(0),
        }
    }
}

fn done(report: &TrainingReport) -> Done {
    let all_failed = report.services.iter().all(|service| service.error.is_some());
    match report.status {
        _ if all_failed => Done::SourceUnavailable,
        RunStatus::Completed => Done::Whole,
        RunStatus::Partial | RunStatus::Failed => Done::InPart,
    }
}

fn tell(shell: &Shell, report: &TrainingReport, registry: &str) {
    shell.say(&services_table(&report.services).trim_fmt());
    if report.status != RunStatus::Completed {
        shell.say(&terminal::paint(Tone::Faint, LEGEND));
    }
    tell_reasons(shell, &report.services);
    if shell.verbose {
        tell_recommendations(shell, &report.services);
    }
    shell.say("");
    shell.say(&summary(report, registry));
    if report.promoted + report.provisional + report.kept > 0 {
        shell.say(&format!("Next: yaga infer{}", shell.config_argument()));
    }
}

const LEGEND: &str = " ✓ new   ~ new but provisional: its gate was not passed, and there is none that did\n \
    = the one before it kept   ✗ held back   – too little data   → whose model stands in";

fn services_table(services: &[ServiceReport]) -> comfy_table::Table {
    let periods: Vec<Period> = Period::ALL
        .into_iter()
        .filter(|period| services.iter().flat_map(|it| &it.periods).any(|it| it.period == *period))
        .collect();
    let header: Vec<&str> = ["service", "rows", "quality"]
        .into_iter()
        .chain(periods.iter().map(|period| short_name(*period)))
        .collect();
    let mut table = terminal::table(&header);
    for service in services {
        let mut row = vec![
            terminal::cell(Tone::Strong, &service.title()),
            terminal::number(service.rows),
            quality_cell(service),
        ];
        row.extend(periods.iter().map(|period| {
            let report = service.periods.iter().find(|it| it.period == *period);
            report.map_or_else(|| Cell::new(""), mark)
        }));
        table.add_row(row);
    }
    table
}

/// The period without the words that all of them share.
fn short_name(period: Period) -> &'static str {
    match period {
        Period::BusinessHours => "business",
        Period::EveningHours => "evening",
        Period::NightHours => "night",
        Period::WeekendDay => "wkend day",
        Period::WeekendNight => "wkend night",
    }
}

fn quality_cell(service: &ServiceReport) -> Cell {
    let (Some(grade), Some(score)) = (service.quality, service.quality_score) else {
        return terminal::cell(Tone::Bad, "unread");
    };
    let tone = match grade {
        Grade::A | Grade::B => Tone::Good,
        Grade::C | Grade::D => Tone::Warning,
        Grade::F => Tone::Bad,
    };
    terminal::cell(tone, &format!("{grade:?} {score:.0}"))
}

fn mark(report: &PeriodReport) -> Cell {
    let (tone, sign) = match report.status {
        PeriodStatus::Promoted => (Tone::Good, "✓"),
        PeriodStatus::Provisional => (Tone::Warning, "~"),
        PeriodStatus::Kept => (Tone::Note, "="),
        PeriodStatus::HeldBack => (Tone::Bad, "✗"),
        PeriodStatus::TooLittleData => (Tone::Warning, "–"),
    };
    match report.falls_back_to {
        Some(other) => terminal::cell(tone, &format!("{sign} → {}", short_name(other))),
        None => terminal::cell(tone, sign),
    }
}

/// Each reason once, with the services and periods that it holds for.
fn tell_reasons(shell: &Shell, services: &[ServiceReport]) {
    let reasons = reasons(services);
    if !reasons.is_empty() {
        shell.say("");
    }
    for (reason, places) in reasons.iter().take(REASONS_SHOWN_MAX) {
        let more = places.len().saturating_sub(PLACES_SHOWN_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let listed = places.iter().take(PLACES_SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
        shell.say(&format!(" {}", terminal::paint(Tone::Strong, &format!("{listed}{more}"))));
        for line in terminal::wrap(reason, terminal::columns() - 3) {
            shell.say(&format!("   {line}"));
        }
    }
    if reasons.len() > REASONS_SHOWN_MAX {
        let more = reasons.len() - REASONS_SHOWN_MAX;
        shell.say(&format!(" and {more} more reasons; --json has all of them"));
    }
}

/// Reasons and their places, in the order of the services.
fn reasons(services: &[ServiceReport]) -> Vec<(&str, Vec<String>)> {
    let mut found: Vec<(&str, Vec<String>)> = Vec::new();
    let mut note = |reason, place: String| match found.iter_mut().find(|it| it.0 == reason) {
        Some((_, places)) => places.push(place),
        None => found.push((reason, vec![place])),
    };
    for service in services {
        let name = service.title();
        if let Some(error) = &service.error {
            note(error.as_str(), name.to_string());
        }
        for period in &service.periods {
            if let Some(reason) = &period.reason {
                note(reason.as_str(), format!("{name} {}", short_name(period.period)));
            }
        }
    }
    found
}

fn tell_recommendations(shell: &Shell, services: &[ServiceReport]) {
    for service in services {
        for text in &service.recommendations {
            shell.say(&format!("{}: {text}", terminal::paint(Tone::Strong, &service.title())));
        }
    }
}

fn summary(report: &TrainingReport, registry: &str) -> String {
    let (tone, word) = match report.status {
        RunStatus::Completed => (Tone::Good, "done"),
        RunStatus::Partial => (Tone::Warning, "done in part"),
        RunStatus::Failed => (Tone::Bad, "no new model"),
    };
    let took = Duration::from_millis(report.duration_ms.max(0) as u64);
    let until = report.at.parse::<DateTime<Utc>>().map(terminal::instant);
    format!(
        "{}: {} put in force ({} provisional), {} kept, {} missing, of {}\n\
         history until {}, learned in {}, models in {registry}",
        terminal::paint(tone, word),
        terminal::count(report.promoted + report.provisional, "model"),
        report.provisional,
        report.kept,
        report.without_model,
        terminal::count(report.services_count(), "service"),
        until.unwrap_or_else(|_| report.at.clone()),
        terminal::duration(took),
    )
}
