//! `yaga models diff`: what changed from one model to the next.

use anyhow::anyhow;
use artifact::catalog::ModelRef;
use artifact::key::slot_of;
use chrono::DateTime;
use detect::model::{Axis, MetricModel, PeriodModel, UnivariateForest};
use domain::{MetricKind, ServiceName, Slot};
use pipeline::registry::Registry;
use serde::Serialize;

use super::place::{Place, SlotParser, Stop, current, model_at};
use super::words::{percent, value};
use super::zones::bounds;
use crate::exit::{Done, Failure, Outcome};
use crate::instant::parse_service;
use crate::shell::Shell;
use crate::terminal::{Tone, cell, instant, paint, table};

/// A relative change up to which figures count as alike.
const NO_CHANGE: f64 = 0.001;
/// A relative change from which on a figure is highlighted.
const LARGE_CHANGE: f64 = 0.25;
/// A change of a share, in points, from which on it is highlighted.
const LARGE_SHARE_CHANGE: f64 = 0.02;
/// A change of a decision score from which on it is highlighted.
const LARGE_SCORE_CHANGE: f64 = 0.05;

/// Which models to compare.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The service.
    #[arg(value_parser = parse_service)]
    service: ServiceName,
    /// The period of the week, or PERIOD@VARIANT.
    #[arg(value_parser = SlotParser)]
    period: Slot,
    /// Key of the older model; otherwise the one before the one in force.
    #[arg(long, value_name = "KEY")]
    from: Option<String>,
    /// Key of the newer model; otherwise the one in force.
    #[arg(long, value_name = "KEY")]
    to: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Difference {
    service: ServiceName,
    period: Slot,
    from: ModelRef,
    to: ModelRef,
    /// Figures of the models as a whole, then of each metric.
    figures: Vec<Figure>,
}

/// One figure in both models.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Figure {
    /// Absent for figures of the whole model.
    metric: Option<String>,
    name: &'static str,
    from: Option<f64>,
    to: Option<f64>,
    is_large: bool,
    #[serde(skip)]
    shown: (String, String),
    #[serde(skip)]
    change: String,
}

/// How a figure is written, and what a large change of it is.
#[derive(Debug, Clone, Copy)]
enum Form<'a> {
    Count,
    Share,
    Score,
    Value(MetricKind, &'a str),
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    match compare(shell, arguments).await {
        Ok(done) => Ok(done),
        Err(stop) => stop.settle(shell),
    }
}

async fn compare(shell: &Shell, arguments: &Arguments) -> Result<Done, Stop> {
    let registry = arguments.place.registry(shell).await?;
    let (from, to) = both(&registry, arguments).await?;
    let difference = Difference {
        service: arguments.service.clone(),
        period: arguments.period.clone(),
        figures: figures(&from.0, &to.0),
        from: from.1,
        to: to.1,
    };
    if shell.json {
        shell.say_json(&difference)?;
    } else {
        tell(shell, &difference, &from.0, &to.0);
    }
    Ok(Done::Whole)
}

type Read = (PeriodModel, ModelRef);

async fn both(registry: &Registry, arguments: &Arguments) -> Result<(Read, Read), Stop> {
    let Arguments { service, period, .. } = arguments;
    if let (Some(from), Some(to)) = (&arguments.from, &arguments.to) {
        return Ok((
            named(registry, from, arguments).await?,
            named(registry, to, arguments).await?,
        ));
    }
    let catalog = registry.catalog().await?.catalog;
    let (entry, in_force) = current(&catalog, service, period, registry)?;
    let to = match &arguments.to {
        Some(key) => named(registry, key, arguments).await?,
        None => (registry.model(in_force).await?, in_force.clone()),
    };
    let from = match (&arguments.from, &entry.previous) {
        (Some(key), _) => named(registry, key, arguments).await?,
        (None, Some(previous)) => (registry.model(previous).await?, previous.clone()),
        (None, None) => {
            return Err(Stop::NoModel(format!(
                "{service} has only one model for {period} so far; name another one with --from KEY"
            )));
        }
    };
    Ok((from, to))
}

async fn named(registry: &Registry, key: &str, arguments: &Arguments) -> Result<Read, Stop> {
    let (model, reference) = model_at(registry, key).await?;
    let slot = slot_of(&reference.key).unwrap_or_else(|| model.period.into());
    if (&model.service, &slot) != (&arguments.service, &arguments.period) {
        return Err(Stop::Failed(Failure::Usage(anyhow!(
            "{key} is the model of {} {}, not of {} {}",
            model.service,
            slot,
            arguments.service,
            arguments.period
        ))));
    }
    Ok((model, reference))
}

fn figures(from: &PeriodModel, to: &PeriodModel) -> Vec<Figure> {
    let of = |name, form, figure: &dyn Fn(&PeriodModel) -> f64| {
        Figure::new(None, name, form, Some(figure(from)), Some(figure(to)))
    };
    let mut figures = vec![
        of("rows to learn", Form::Count, &|it| f64::from(it.training.rows_training)),
        of("rows held out", Form::Count, &|it| f64::from(it.training.rows_validation)),
        of("data quality", Form::Count, &|it| it.quality.score),
        of("gate: normal rows with a signal", Form::Share, &|it| it.gate.rates.signal_share),
        of("gate: normal rows with an alert", Form::Share, &|it| it.gate.rates.alert_share),
        of("gate: injected faults seen", Form::Share, &|it| it.gate.rates.faults_seen_share),
    ];
    let mut names: Vec<&str> = to.metrics.iter().map(|metric| metric.name.as_str()).collect();
    let gone = from.metrics.iter().map(|metric| metric.name.as_str());
    names.extend(gone.filter(|name| to.metric(name).is_none()));
    for name in names {
        figures.extend(figures_of_metric(name, from.metric(name), to.metric(name)));
    }
    figures
}

fn figures_of_metric(
    name: &str,
    from: Option<&MetricModel>,
    to: Option<&MetricModel>,
) -> Vec<Figure> {
    let Some(any) = to.or(from) else { return Vec::new() };
    let value = Form::Value(any.kind, &any.unit);
    let axis = any.forest.as_ref().map(|forest| forest.axis);
    let flagged = if axis == Some(Axis::Deviation) { Form::Score } else { value };
    let of = |label, form, figure: &dyn Fn(&MetricModel) -> Option<f64>| {
        Figure::new(Some(name), label, form, from.and_then(figure), to.and_then(figure))
    };
    fn forest<'a>(
        figure: impl Fn(&UnivariateForest) -> Option<f64> + 'a,
    ) -> impl Fn(&MetricModel) -> Option<f64> + 'a {
        move |metric| figure(metric.forest.as_ref()?)
    }
    let cut = |which: fn(&detect::model::SeverityThresholds) -> f64| {
        forest(move |it| it.calibration.thresholds.as_ref().map(which))
    };
    vec![
        of("median", value, &|it| Some(it.statistics.summary.p50)),
        of("95 % are below", value, &|it| Some(it.statistics.summary.p95)),
        of("flags below", flagged, &|it| bounds(it).0),
        of("flags above", flagged, &|it| bounds(it).1),
        of("contamination", Form::Share, &forest(|it| Some(it.contamination.value))),
        of("critical at", Form::Score, &cut(|it| it.critical)),
        of("high at", Form::Score, &cut(|it| it.high)),
        of("medium at", Form::Score, &cut(|it| it.medium)),
        of("low at", Form::Score, &cut(|it| it.low)),
    ]
    .into_iter()
    .filter(|figure| figure.from.is_some() || figure.to.is_some())
    .collect()
}

impl Figure {
    fn new(
        metric: Option<&str>,
        name: &'static str,
        form: Form<'_>,
        from: Option<f64>,
        to: Option<f64>,
    ) -> Figure {
        let show = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), |it| form.show(it));
        let (is_large, change) = match (from, to) {
            (Some(from), Some(to)) => form.change(from, to),
            (None, None) => (false, String::new()),
            (Some(_), None) => (true, "gone".to_owned()),
            (None, Some(_)) => (true, "new".to_owned()),
        };
        let metric = metric.map(str::to_owned);
        Figure { metric, name, from, to, is_large, shown: (show(from), show(to)), change }
    }
}

impl Form<'_> {
    fn show(self, figure: f64) -> String {
        match self {
            Form::Count => format!("{figure:.0}"),
            Form::Share => percent(figure),
            Form::Score => format!("{figure:+.3}"),
            Form::Value(kind, unit) => value(kind, unit, figure),
        }
    }

    /// Whether a change is large, and the change itself.
    fn change(self, from: f64, to: f64) -> (bool, String) {
        let difference = to - from;
        if difference == 0.0 {
            return (false, "=".to_owned());
        }
        if difference.abs() < NO_CHANGE * from.abs().max(to.abs()) {
            return (false, "≈".to_owned());
        }
        match self {
            Form::Share => {
                let text = format!("{:+.1} points", 100.0 * difference);
                (difference.abs() >= LARGE_SHARE_CHANGE, text)
            }
            Form::Score => (difference.abs() >= LARGE_SCORE_CHANGE, format!("{difference:+.3}")),
            Form::Count | Form::Value(..) if from == 0.0 => (true, "from zero".to_owned()),
            Form::Count | Form::Value(..) => {
                let relative = difference / from.abs();
                (relative.abs() >= LARGE_CHANGE, format!("{:+.1} %", 100.0 * relative))
            }
        }
    }
}

fn tell(shell: &Shell, difference: &Difference, from: &PeriodModel, to: &PeriodModel) {
    let title = format!("{} {}", difference.service, difference.period);
    shell.say(&paint(Tone::Strong, &title));
    for (label, model, reference) in [("from", from, &difference.from), ("to", to, &difference.to)]
    {
        let at = |epoch_s| DateTime::from_timestamp(epoch_s, 0).unwrap_or_default();
        let window = format!(
            "learned {} from {} to {}",
            instant(reference.trained_at),
            instant(at(model.training.from_s)),
            instant(at(model.training.until_s))
        );
        shell.say(&format!("  {label:<5} {window}"));
        shell.say(&format!("        {}", paint(Tone::Faint, &reference.key)));
    }
    shell.say("");
    if from.training.data_digest == to.training.data_digest {
        shell.say("Both learned from the same rows.");
    }
    let large = difference.figures.iter().filter(|figure| figure.is_large).count();
    shell.say(&figures_table(&difference.figures));
    shell.say("");
    shell.say(&match large {
        0 => paint(Tone::Good, "No large change."),
        1 => paint(Tone::Warning, "1 large change, marked with !"),
        large => paint(Tone::Warning, &format!("{large} large changes, marked with !")),
    });
}

fn figures_table(figures: &[Figure]) -> String {
    let mut table = table(&["metric", "figure", "from", "to", "change", ""]);
    let mut last: Option<&str> = None;
    for figure in figures {
        let metric = figure.metric.as_deref();
        let name = if metric == last { "" } else { metric.unwrap_or_default() };
        last = metric;
        let (tone, mark) = if figure.is_large { (Tone::Warning, "!") } else { (Tone::Plain, "") };
        table.add_row([
            cell(Tone::Strong, name),
            cell(tone, figure.name),
            cell(tone, &figure.shown.0),
            cell(tone, &figure.shown.1),
            cell(tone, &figure.change),
            cell(tone, mark),
        ]);
    }
    table.trim_fmt()
}
