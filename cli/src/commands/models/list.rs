//! `yaga models list`: services and periods, and which model serves each.

use artifact::Catalog;
use artifact::catalog::{Entry, ModelRef, Shortfall};
use chrono::{DateTime, Utc};
use comfy_table::Cell;
use domain::{Period, ServiceName, Slot, Variant};
use pipeline::ports::Clock;
use serde::Serialize;
use wiring::SystemClock;

use super::place::{Place, Stop, known_service, no_models};
use super::words::wrap;
use crate::exit::{Done, Outcome};
use crate::instant::parse_service;
use crate::shell::Shell;
use crate::terminal::{Tone, ago, bytes, cell, count, instant, number, paint, table};

/// What to list.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only this service.
    #[arg(long, value_name = "NAME", value_parser = parse_service)]
    service: Option<ServiceName>,
    #[command(flatten)]
    place: Place,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Listing<'a> {
    location: String,
    updated_at: Option<DateTime<Utc>>,
    services: Vec<ServiceListing<'a>>,
    models_in_force: usize,
    bytes_in_force: u64,
}

#[derive(Debug, Serialize)]
struct ServiceListing<'a> {
    service: &'a ServiceName,
    periods: Vec<PeriodListing<'a>>,
}

#[derive(Debug, Serialize)]
struct PeriodListing<'a> {
    /// With the variant, if it is of one: `night_hours@holiday`.
    period: Slot,
    state: State,
    /// Whose model judges this period.
    served_by: Option<Slot>,
    model: Option<&'a ModelRef>,
    previous: Option<&'a ModelRef>,
    /// Why the last training run put no model in force.
    shortfall: Option<&'a Shortfall>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    InForce,
    /// In force although it did not pass its gate: no better one is there.
    Provisional,
    /// In force because the last training run made none that passed.
    Kept,
    /// Another period's model judges this one.
    FallsBack,
    WithoutModel,
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    match list(shell, arguments).await {
        Ok(done) => Ok(done),
        Err(stop) => stop.settle(shell),
    }
}

async fn list(shell: &Shell, arguments: &Arguments) -> Result<Done, Stop> {
    let registry = arguments.place.registry(shell).await?;
    let catalog = registry.catalog().await?.catalog;
    if let Some(service) = &arguments.service {
        known_service(&catalog, service, &registry)?;
    }
    let listing = listing(&catalog, arguments.service.as_ref(), registry.describe());
    if shell.json {
        shell.say_json(&listing)?;
    } else if !listing.services.is_empty() {
        tell(shell, &listing);
    }
    if catalog.services.is_empty() {
        return Err(Stop::NoModel(no_models(&listing.location)));
    }
    Ok(if listing.models_in_force == 0 { Done::NoModels } else { Done::Whole })
}

fn listing<'a>(catalog: &'a Catalog, only: Option<&ServiceName>, location: String) -> Listing<'a> {
    let wanted = |service: &ServiceName| only.is_none_or(|only| only == service);
    let services: Vec<ServiceListing<'_>> = catalog
        .services
        .keys()
        .filter(|service| wanted(service))
        .map(|service| ServiceListing {
            service,
            periods: all_slots(catalog, service)
                .into_iter()
                .map(|slot| period_listing(catalog, service, slot))
                .collect(),
        })
        .collect();
    let in_force = || services.iter().flat_map(|it| &it.periods).filter_map(|it| it.model);
    Listing {
        location,
        updated_at: catalog.updated_at,
        models_in_force: in_force().count(),
        bytes_in_force: in_force().map(|model| model.bytes).sum(),
        services,
    }
}

/// The five periods of a service, and those of each variant that it has.
pub(super) fn all_slots(catalog: &Catalog, service: &ServiceName) -> Vec<Slot> {
    let known = catalog.services.get(service).into_iter().flatten();
    let mut variants: Vec<_> = known.map(|(slot, _)| slot.variant.clone()).collect();
    variants.push(None);
    variants.sort();
    variants.dedup();
    let slots = |variant: Option<Variant>| Period::ALL.map(|it| Slot::of(variant.clone(), it));
    variants.into_iter().flat_map(slots).collect()
}

fn period_listing<'a>(
    catalog: &'a Catalog,
    service: &ServiceName,
    slot: Slot,
) -> PeriodListing<'a> {
    let route = catalog.route(service, &slot);
    let entry: Option<&Entry> = catalog.entry(service, &slot);
    let shortfall = entry.and_then(|entry| entry.shortfall.as_ref());
    PeriodListing {
        period: slot,
        state: match &route {
            None => State::WithoutModel,
            Some(route) if route.is_fallback => State::FallsBack,
            Some(route) => standing(route.model, shortfall),
        },
        served_by: route.map(|route| route.slot),
        model: entry.and_then(|entry| entry.current.as_ref()),
        previous: entry.and_then(|entry| entry.previous.as_ref()),
        shortfall,
    }
}

/// A run that is dissatisfied with the model that it put in force notes it under the same time.
fn standing(model: &ModelRef, shortfall: Option<&Shortfall>) -> State {
    match shortfall {
        None => State::InForce,
        Some(it) if it.at.timestamp() == model.trained_at.timestamp() => State::Provisional,
        Some(_) => State::Kept,
    }
}

fn tell(shell: &Shell, listing: &Listing<'_>) {
    let now = SystemClock.now();
    let mut table =
        table(&["service", "period", "state", "trained (UTC)", "age", "size", "before"]);
    for ServiceListing { service, periods } in &listing.services {
        for (index, period) in periods.iter().enumerate() {
            let name = if index == 0 { service.as_str() } else { "" };
            table.add_row(row(name, period, now));
        }
    }
    shell.say(&table.trim_fmt());
    shell.say("");
    tell_reasons(shell, listing);
    let updated = listing.updated_at.map_or_else(|| "never".to_owned(), instant);
    shell.say(&format!(
        "{} of {} in force, {}, in {} (changed {updated})",
        count(listing.models_in_force, "model"),
        count(listing.services.len(), "service"),
        bytes(listing.bytes_in_force),
        listing.location,
    ));
    shell.say(&paint(Tone::Faint, "One model in detail: yaga models show SERVICE PERIOD"));
}

fn row(service: &str, period: &PeriodListing<'_>, now: DateTime<Utc>) -> Vec<Cell> {
    let (tone, state) = match period.state {
        State::InForce => (Tone::Good, "in force".to_owned()),
        State::Provisional => (Tone::Warning, "provisional".to_owned()),
        State::Kept => (Tone::Warning, "kept".to_owned()),
        State::FallsBack | State::WithoutModel => match &period.served_by {
            Some(other) => (Tone::Warning, format!("→ {other}")),
            None => (Tone::Bad, "no model".to_owned()),
        },
    };
    let model = |text: &dyn Fn(&ModelRef) -> String| period.model.map_or_else(String::new, text);
    let before =
        period.previous.map(|it| it.trained_at.date_naive().to_string()).unwrap_or_default();
    vec![
        cell(Tone::Strong, service),
        Cell::new(&period.period),
        cell(tone, &state),
        Cell::new(model(&|it| minute(it.trained_at))),
        cell(Tone::Faint, &model(&|it| ago(it.trained_at, now))),
        number(model(&|it| bytes(it.bytes))),
        cell(Tone::Faint, &before),
    ]
}

/// An instant without its zone, which the heading names.
fn minute(at: DateTime<Utc>) -> String {
    instant(at).trim_end_matches(" UTC").to_owned()
}

/// Why periods have no new model.
fn tell_reasons(shell: &Shell, listing: &Listing<'_>) {
    let mut any = false;
    for ServiceListing { service, periods } in &listing.services {
        for period in periods {
            let Some(shortfall) = period.shortfall else { continue };
            any = true;
            let place = paint(Tone::Strong, &format!("{service} {}", period.period));
            let at = paint(Tone::Faint, &format!("({})", instant(shortfall.at)));
            shell.say(&wrap(&format!("{place}: {} {at}", shortfall.reason), 2));
        }
    }
    if any {
        shell.say("");
    }
}
