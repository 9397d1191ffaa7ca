//! `yaga models promote` and `rollback`: decide which models are in force.
//!
//! A model is read and checked before it is put in force. The catalog is swapped as a whole, so a
//! training run at the same time loses nothing.

use anyhow::anyhow;
use artifact::catalog::{CatalogError, ModelRef};
use artifact::key::{artifact_key, slot_of};
use detect::model::PeriodModel;
use domain::{ServiceName, Slot};
use pipeline::registry::RegistryError;
use serde::Serialize;
use wiring::SystemClock;

use super::place::{Place, SlotParser, Stop, known_service, model_at};
use crate::exit::{Done, Failure, Outcome};
use crate::instant::parse_service;
use crate::shell::Shell;
use crate::terminal::{Tone, instant, paint};

/// Which model to put in force.
#[derive(Debug, clap::Args)]
pub struct PromoteArguments {
    /// Key of a stored model, like models/v1/booking/night_hours/20260302T020000Z-0123456789ab.bin.
    key: String,
    /// Put it in force even if it did not pass its gate.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Place,
}

/// Which service and period to roll back.
#[derive(Debug, clap::Args)]
#[command(override_usage = "yaga models rollback <SERVICE> <PERIOD | --all>")]
pub struct RollbackArguments {
    /// Service whose model before is put in force again.
    #[arg(value_parser = parse_service)]
    service: ServiceName,
    /// Its period; PERIOD@VARIANT for the models of a variant.
    #[arg(value_parser = SlotParser, required_unless_present = "all")]
    period: Option<Slot>,
    /// All periods of the service that have a model before, variants too.
    #[arg(long, conflicts_with = "period")]
    all: bool,
    #[command(flatten)]
    place: Place,
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Change {
    service: ServiceName,
    period: Slot,
    in_force: ModelRef,
    /// What was in force before; it can be rolled back to.
    replaced: Option<ModelRef>,
    /// False if the model was in force already.
    changed: bool,
}

/// Runs `promote`.
pub(super) async fn promote(shell: &Shell, arguments: &PromoteArguments) -> Outcome {
    match put_in_force(shell, arguments).await {
        Ok(change) if shell.json => shell.say_json(&change).map(|()| Done::Whole),
        Ok(change) => {
            tell(shell, &change);
            Ok(Done::Whole)
        }
        Err(stop) => stop.settle(shell),
    }
}

async fn put_in_force(shell: &Shell, arguments: &PromoteArguments) -> Result<Change, Stop> {
    let registry = arguments.place.registry(shell).await?;
    let (model, reference) = model_at(&registry, &arguments.key).await?;
    let period = check_place(&model, &reference)?;
    check_gate(shell, &model, arguments.force)?;
    let (service, period) = (&model.service, &period);
    let replaced = registry
        .swap(&SystemClock, |catalog| {
            let before = catalog.entry(service, period).and_then(|entry| entry.current.clone());
            catalog.promote(service, period, reference.clone());
            Ok(before)
        })
        .await?;
    let changed = replaced.as_ref().is_none_or(|before| before.key != reference.key);
    Ok(Change {
        service: service.clone(),
        period: period.clone(),
        in_force: reference,
        replaced: replaced.filter(|_| changed),
        changed,
    })
}

/// The slot of a model. One that lies where another one's should be is not put in force.
fn check_place(model: &PeriodModel, reference: &ModelRef) -> Result<Slot, Stop> {
    let ModelRef { key, digest, trained_at, .. } = reference;
    let variant = slot_of(key).and_then(|slot| slot.variant);
    let slot = Slot::of(variant, model.period);
    let expected = artifact_key(&model.service, &slot, *trained_at, digest);
    if *key == expected {
        return Ok(slot);
    }
    Err(Stop::Failed(Failure::Registry(anyhow!(
        "{key} holds the model of {} {} that belongs to {expected}; it was moved or renamed",
        model.service,
        model.period
    ))))
}

fn check_gate(shell: &Shell, model: &PeriodModel, force: bool) -> Result<(), Stop> {
    if model.gate.passed {
        return Ok(());
    }
    let reasons = match model.gate.reasons() {
        reasons if reasons.is_empty() => "it was never judged".to_owned(),
        reasons => reasons.join("; "),
    };
    if force {
        shell.warn(&format!("the model did not pass its gate: {reasons}"));
        return Ok(());
    }
    Err(Stop::Failed(Failure::Usage(anyhow!(
        "the model did not pass its gate: {reasons}; --force puts it in force all the same"
    ))))
}

/// Runs `rollback`.
pub(super) async fn roll_back(shell: &Shell, arguments: &RollbackArguments) -> Outcome {
    match go_back(shell, arguments).await {
        Ok((changes, stuck)) => {
            if shell.json {
                shell.say_json(&changes)?;
            } else {
                changes.iter().for_each(|change| tell(shell, change));
                tell_stuck(shell, &arguments.service, &stuck);
            }
            Ok(if stuck.is_empty() { Done::Whole } else { Done::InPart })
        }
        Err(stop) => stop.settle(shell),
    }
}

/// What was changed, and the periods with nothing to go back to.
async fn go_back(
    shell: &Shell,
    arguments: &RollbackArguments,
) -> Result<(Vec<Change>, Vec<Slot>), Stop> {
    let registry = arguments.place.registry(shell).await?;
    let service = &arguments.service;
    let catalog = registry.catalog().await?.catalog;
    known_service(&catalog, service, &registry)?;
    let wanted = match &arguments.period {
        Some(period) => vec![period.clone()],
        None => catalog.slots_of(service),
    };
    let previous = |period: &Slot| catalog.entry(service, period)?.previous.as_ref();
    let (back, stuck): (Vec<Slot>, Vec<Slot>) =
        wanted.into_iter().partition(|period| previous(period).is_some());
    if back.is_empty() {
        return Err(Stop::NoModel(nothing_before(service, arguments.period.as_ref())));
    }
    for reference in back.iter().filter_map(previous) {
        // A model that cannot be read must not come into force.
        registry.model(reference).await?;
    }
    let changes = registry
        .swap(&SystemClock, |catalog| {
            back.iter().map(|period| swap_back(catalog, service, period)).collect()
        })
        .await;
    match changes {
        Err(RegistryError::Change(error)) => Err(Stop::NoModel(error.to_string())),
        changes => Ok((changes?, stuck)),
    }
}

fn swap_back(
    catalog: &mut artifact::Catalog,
    service: &ServiceName,
    period: &Slot,
) -> Result<Change, CatalogError> {
    catalog.roll_back(service, period)?;
    let entry = catalog.entry(service, period).cloned().unwrap_or_default();
    let unknown = || CatalogError::Unknown { service: service.clone(), slot: period.clone() };
    Ok(Change {
        service: service.clone(),
        period: period.clone(),
        in_force: entry.current.ok_or_else(unknown)?,
        replaced: entry.previous,
        changed: true,
    })
}

fn nothing_before(service: &ServiceName, period: Option<&Slot>) -> String {
    let place = period.map_or_else(|| "any period".to_owned(), |period| period.to_string());
    format!("{service} has no earlier model for {place} to go back to; nothing was changed")
}

fn tell(shell: &Shell, change: &Change) {
    let place = paint(Tone::Strong, &format!("{} {}", change.service, change.period));
    let named = |model: &ModelRef| format!("{} ({})", model.key, instant(model.trained_at));
    if !change.changed {
        shell.say(&format!("{place}: {} was in force already", named(&change.in_force)));
        return;
    }
    shell.say(&format!("{place}: {}", paint(Tone::Good, "changed")));
    shell.say(&format!("  in force now  {}", named(&change.in_force)));
    let replaced = change.replaced.as_ref().map_or_else(|| "no model".to_owned(), named);
    shell.say(&format!("  in place of   {replaced}"));
    if change.replaced.is_some() {
        let undo = format!("  Undo: yaga models rollback {} {}", change.service, change.period);
        shell.say(&paint(Tone::Faint, &undo));
    }
}

fn tell_stuck(shell: &Shell, service: &ServiceName, stuck: &[Slot]) {
    for period in stuck {
        shell.warn(&format!("{service} {period}: no earlier model; it stays as it is"));
    }
}
