//! `yaga models show`: explains one model from its artifact, or sums up a service's models.

mod metric;
mod text;

use artifact::catalog::ModelRef;
use artifact::{Card, Catalog, key};
use comfy_table::Cell;
use detect::model::PeriodModel;
use domain::{ServiceName, Slot};
use pipeline::registry::Registry;
use serde::Serialize;

use super::list::all_slots;
use super::place::{Place, SlotParser, Stop, current, known_service, model_at};
use super::zones::{Zone, flagged_zones};
use crate::exit::{Done, Failure, Outcome};
use crate::instant::parse_service;
use crate::shell::Shell;
use crate::terminal::{Tone, cell, instant, number, paint, table};

/// Which model to show.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The service.
    #[arg(value_parser = parse_service, required_unless_present = "key")]
    service: Option<ServiceName>,
    /// The period of the week, or PERIOD@VARIANT; without it, all periods in short.
    #[arg(value_parser = SlotParser)]
    period: Option<Slot>,
    /// Key of a stored model; otherwise the one in force.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// A model and what the catalog says of it.
struct Shown {
    model: PeriodModel,
    slot: Slot,
    reference: ModelRef,
    standing: Standing,
    /// What was in force before it.
    previous: Option<ModelRef>,
}

/// What a model is to the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    InForce,
    Before,
    Stored,
}

/// The answer for machines: the card, and what it lacks.
#[derive(Debug, Serialize)]
struct Explanation<'a> {
    key: &'a str,
    /// Its period, and the variant if it is of one: `night_hours@holiday`.
    slot: &'a Slot,
    standing: Standing,
    previous: Option<&'a ModelRef>,
    /// Values that each metric's forest flags, in its own unit.
    flagged: Vec<FlaggedMetric<'a>>,
    correlated: &'a [detect::model::CorrelatedPair],
    card: Card,
}

#[derive(Debug, Serialize)]
struct FlaggedMetric<'a> {
    metric: &'a str,
    zones: Vec<Zone>,
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    match show(shell, arguments).await {
        Ok(done) => Ok(done),
        Err(stop) => stop.settle(shell),
    }
}

async fn show(shell: &Shell, arguments: &Arguments) -> Result<Done, Stop> {
    let registry = arguments.place.registry(shell).await?;
    let catalog = registry.catalog().await?.catalog;
    let shown = match (&arguments.key, &arguments.service, &arguments.period) {
        (Some(key), _, _) => stored(&registry, &catalog, key, arguments).await?,
        (None, Some(service), Some(period)) => {
            in_force(&registry, &catalog, service, period).await?
        }
        (None, Some(service), None) => return sum_up(shell, &registry, &catalog, service).await,
        (None, None, _) => unreachable!("the arguments need a service or a key"),
    };
    if shell.json {
        shell.say_json(&explain(&shown))?;
    } else {
        text::lines(&shown).iter().for_each(|line| shell.say(line));
    }
    Ok(Done::Whole)
}

async fn in_force(
    registry: &Registry,
    catalog: &Catalog,
    service: &ServiceName,
    slot: &Slot,
) -> Result<Shown, Stop> {
    let (entry, reference) = current(catalog, service, slot, registry)?;
    let model = registry.model(reference).await?;
    let previous = entry.previous.clone();
    let (slot, reference) = (slot.clone(), reference.clone());
    Ok(Shown { model, slot, reference, standing: Standing::InForce, previous })
}

/// The model at the key that was given, which must be the one that the other arguments mean.
async fn stored(
    registry: &Registry,
    catalog: &Catalog,
    key: &str,
    arguments: &Arguments,
) -> Result<Shown, Stop> {
    let (model, reference) = model_at(registry, key).await?;
    let is_service = arguments.service.as_ref().is_none_or(|service| *service == model.service);
    let slot = key::slot_of(&reference.key).unwrap_or_else(|| model.period.into());
    let is_period = arguments.period.as_ref().is_none_or(|wanted| *wanted == slot);
    if !is_service || !is_period {
        return Err(Stop::Failed(Failure::Usage(anyhow::anyhow!(
            "{key} is the model of {} {}, not the one that was asked for",
            model.service,
            slot
        ))));
    }
    let entry = catalog.entry(&model.service, &slot);
    let is = |named: Option<&ModelRef>| named.is_some_and(|named| named.key == reference.key);
    let (standing, previous) = match entry {
        Some(entry) if is(entry.current.as_ref()) => (Standing::InForce, entry.previous.clone()),
        Some(entry) if is(entry.previous.as_ref()) => (Standing::Before, None),
        _ => (Standing::Stored, None),
    };
    Ok(Shown { model, slot, reference, standing, previous })
}

fn explain(shown: &Shown) -> Explanation<'_> {
    let Shown { model, slot, reference, standing, previous } = shown;
    let flagged = model
        .metrics
        .iter()
        .map(|metric| FlaggedMetric { metric: &metric.name, zones: flagged_zones(metric) });
    Explanation {
        key: &reference.key,
        slot,
        standing: *standing,
        previous: previous.as_ref(),
        flagged: flagged.collect(),
        correlated: &model.correlated,
        card: Card::of(model, &reference.digest, reference.bytes),
    }
}

/// One row per period.
async fn sum_up(
    shell: &Shell,
    registry: &Registry,
    catalog: &Catalog,
    service: &ServiceName,
) -> Result<Done, Stop> {
    known_service(catalog, service, registry)?;
    let mut models: Vec<Shown> = Vec::new();
    for slot in catalog.slots_of(service) {
        models.push(in_force(registry, catalog, service, &slot).await?);
    }
    if shell.json {
        let all: Vec<Explanation<'_>> = models.iter().map(explain).collect();
        shell.say_json(&all)?;
    } else {
        tell_periods(shell, catalog, service, &models);
    }
    Ok(if models.is_empty() { Done::NoModels } else { Done::Whole })
}

fn tell_periods(shell: &Shell, catalog: &Catalog, service: &ServiceName, models: &[Shown]) {
    shell.say(&paint(Tone::Strong, service.as_str()));
    let mut table = table(&["period", "trained", "rows", "forests", "together", "gate", "quality"]);
    for slot in all_slots(catalog, service) {
        table.add_row(match models.iter().find(|shown| shown.slot == slot) {
            Some(shown) => summary(shown),
            None => {
                let text = stand_in(catalog, service, &slot);
                vec![Cell::new(&slot), cell(Tone::Warning, &text)]
            }
        });
    }
    shell.say(&table.trim_fmt());
    if let Some(Shown { slot, .. }) = models.first() {
        shell.say("");
        let hint = format!("One of them in detail: yaga models show {service} {slot}");
        shell.say(&paint(Tone::Faint, &hint));
    }
}

fn summary(Shown { model, slot, .. }: &Shown) -> Vec<Cell> {
    let forests = model.metrics.iter().filter(|metric| metric.forest.is_some()).count();
    let yes_no = |is: bool, yes, no| match is {
        true => cell(Tone::Good, yes),
        false => cell(Tone::Warning, no),
    };
    let trained_at = chrono::DateTime::from_timestamp(model.training.trained_at_s, 0);
    vec![
        Cell::new(slot),
        Cell::new(trained_at.map_or_else(String::new, instant)),
        number(model.training.rows_training + model.training.rows_validation),
        Cell::new(format!("{forests} of {}", model.metrics.len())),
        yes_no(model.multivariate.is_some(), "yes", "no"),
        yes_no(model.gate.passed, "passed", "not passed"),
        Cell::new(format!("{:?} {:.0}", model.quality.grade, model.quality.score)),
    ]
}

fn stand_in(catalog: &Catalog, service: &ServiceName, slot: &Slot) -> String {
    let route = catalog.route(service, slot);
    route.map_or_else(|| "no model".to_owned(), |route| format!("→ {}", route.slot))
}
