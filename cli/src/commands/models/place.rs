//! Finds the registry, and what the arguments name in it.

use std::ffi::OsStr;

use anyhow::anyhow;
use artifact::Catalog;
use artifact::catalog::{Entry, ModelRef};
use artifact::key::ROOT;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use detect::model::PeriodModel;
use domain::slot::SlotError;
use domain::{Period, ServiceName, Slot};
use pipeline::ports::StoreError;
use pipeline::registry::{Registry, RegistryError};
use wiring::Settings;

use crate::exit::{Done, Failure};
use crate::shell::Shell;

/// Names that a message lists.
const NAMES_SHOWN_MAX: usize = 8;
/// How alike two names are at least, from 0 to 1, for one to be offered for the other.
const ALIKE_MIN: f64 = 0.7;
/// The variable that goes before all others that say where models are.
const LOCATION_VARIABLE: &str = "YAGA__MODEL__MODELS_DIRECTORY";

/// Where the models are.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// Folder or s3://bucket/prefix of the models; otherwise MODELS_DIR or the configuration's.
    #[arg(long, value_name = "LOCATION")]
    models: Option<String>,
}

impl Place {
    /// The registry that is meant.
    pub(super) async fn registry(&self, shell: &Shell) -> Result<Registry, Failure> {
        let env = |name: &str| match &self.models {
            Some(location) if name == LOCATION_VARIABLE => Some(location.clone()),
            _ => shell.env(name),
        };
        let settings = Settings::load(&env).await.map_err(|error| {
            let variable = format!("environment variable {LOCATION_VARIABLE}");
            let flag = if self.models.is_some() { "--models" } else { variable.as_str() };
            Failure::Usage(anyhow!(error.to_string().replace(&variable, flag)))
        })?;
        Ok(wiring::registry(&settings.config, &env))
    }
}

/// Reads a period, or `PERIOD@VARIANT`; a wrong period is answered with the nearest and all others.
#[derive(Debug, Clone, Copy)]
pub(super) struct SlotParser;

impl TypedValueParser for SlotParser {
    type Value = Slot;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<Slot, clap::Error> {
        let text = value.to_string_lossy();
        let period = text.split('@').next().unwrap_or_default();
        periods().parse_ref(command, argument, OsStr::new(period))?;
        let wrong = |error: SlotError| {
            let text = format!("{error}\n");
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, text).with_cmd(command)
        };
        Slot::parse(&text).map_err(wrong)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = Period::ALL.map(|period| PossibleValue::new(period.as_str()));
        Some(Box::new(names.into_iter()))
    }
}

fn periods() -> PossibleValuesParser {
    PossibleValuesParser::new(Period::ALL.map(Period::as_str))
}

/// Why a command ends before it has done what it is for.
#[derive(Debug)]
pub(super) enum Stop {
    Failed(Failure),
    /// There is no such model: what to say about it.
    NoModel(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

impl From<RegistryError> for Stop {
    fn from(error: RegistryError) -> Stop {
        Stop::Failed(unusable(error))
    }
}

impl Stop {
    /// Tells it as the outcome of the command.
    pub(super) fn settle(self, shell: &Shell) -> Result<Done, Failure> {
        match self {
            Stop::Failed(failure) => Err(failure),
            Stop::NoModel(text) => {
                shell.complain(&text);
                Ok(Done::NoModels)
            }
        }
    }
}

/// The failure of a registry that cannot be used.
pub(super) fn unusable(error: RegistryError) -> Failure {
    match error {
        RegistryError::Store(error @ StoreError::BadKey { .. }) => Failure::Usage(error.into()),
        error => Failure::Registry(error.into()),
    }
}

/// A service's periods in the catalog.
pub(super) fn known_service(
    catalog: &Catalog,
    service: &ServiceName,
    registry: &Registry,
) -> Result<(), Stop> {
    let location = registry.describe();
    if catalog.services.contains_key(service) {
        return Ok(());
    }
    if catalog.services.is_empty() {
        return Err(Stop::NoModel(no_models(&location)));
    }
    let names: Vec<&str> = catalog.services.keys().map(ServiceName::as_str).collect();
    let hint = match nearest(service.as_str(), &names) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("it has {}", listed(&names)),
    };
    Err(Stop::NoModel(format!("there are no models of {service} in {location}; {hint}")))
}

/// The entry of a service's slot with a model in force.
pub(super) fn current<'a>(
    catalog: &'a Catalog,
    service: &ServiceName,
    slot: &Slot,
    registry: &Registry,
) -> Result<(&'a Entry, &'a ModelRef), Stop> {
    known_service(catalog, service, registry)?;
    let entry = catalog.entry(service, slot);
    if let Some((entry, model)) = entry.and_then(|entry| Some((entry, entry.current.as_ref()?))) {
        return Ok((entry, model));
    }
    let reason = entry.and_then(|entry| entry.shortfall.as_ref()).map(|it| it.reason.as_str());
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let stand_in = match catalog.route(service, slot) {
        Some(route) => format!("; {} stands in", route.slot),
        None => String::new(),
    };
    Err(Stop::NoModel(format!("{service} has no model of its own for {slot}{reason}{stand_in}")))
}

/// The model at a key that somebody typed: with or without the registry's location in front.
pub(super) async fn model_at(
    registry: &Registry,
    key: &str,
) -> Result<(PeriodModel, ModelRef), Stop> {
    let location = registry.describe();
    // A folder may be called `models`, as the first part of every key is.
    let without_location = || key.strip_prefix(location.as_str())?.strip_prefix('/');
    let is_inside = key.starts_with(ROOT);
    let inside = if is_inside { key } else { without_location().unwrap_or(key) };
    match registry.model_at(inside).await {
        Err(RegistryError::Store(StoreError::NotFound { .. })) => Err(Stop::NoModel(format!(
            "there is no object {inside} in {location}; a key looks like \
             models/v1/SERVICE/PERIOD/….bin, `yaga models list --json` has those in use"
        ))),
        outcome => Ok(outcome?),
    }
}

/// What to do about a registry without models.
pub(super) fn no_models(location: &str) -> String {
    format!(
        "there are no models in {location} yet; learn some with `yaga train`, or name another place with \
         --models or MODELS_DIR"
    )
}

/// The name that `word` most likely means.
fn nearest<'a>(word: &str, names: &[&'a str]) -> Option<&'a str> {
    let alike = |name: &str| strsim::jaro_winkler(&word.to_lowercase(), &name.to_lowercase());
    let best = names.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(best) >= ALIKE_MIN).then_some(*best)
}

fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(NAMES_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
