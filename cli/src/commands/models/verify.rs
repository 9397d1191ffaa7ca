//! `yaga models verify`: reads every model that the catalog names, and looks for damage.
//!
//! For each: the envelope and its checksum, the digest in the catalog, the body, whose model it is,
//! where it lies, and the card beside it. Artifacts that the catalog does not name are no problem:
//! they are older, or did not pass their gate.

use std::collections::BTreeSet;

use artifact::catalog::ModelRef;
use artifact::{ArtifactError, Card, Catalog, key};
use detect::model::PeriodModel;
use domain::{ServiceName, Slot};
use futures_util::StreamExt;
use futures_util::stream;
use pipeline::ports::StoreError;
use pipeline::registry::{Registry, RegistryError};
use serde::Serialize;

use super::place::{Place, Stop, known_service, no_models};
use crate::exit::{Done, Outcome};
use crate::instant::parse_service;
use crate::shell::Shell;
use crate::terminal::{self, Tone, cell, count, paint};

/// Models that are read at once.
const READS_AT_ONCE: usize = 8;
/// Artifacts outside the catalog that are listed; `--json` has all of them.
const ORPHANS_SHOWN_MAX: usize = 10;

/// What to verify.
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
struct Findings {
    location: String,
    models_read: usize,
    problems: Vec<Problem>,
    /// Stored artifacts that the catalog does not name.
    orphans: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Problem {
    service: ServiceName,
    period: Slot,
    version: Version,
    key: String,
    problem: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum Version {
    Current,
    Previous,
}

/// A model that the catalog names.
struct Named<'a> {
    service: &'a ServiceName,
    period: &'a Slot,
    version: Version,
    model: &'a ModelRef,
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    match verify(shell, arguments).await {
        Ok(done) => Ok(done),
        Err(stop) => stop.settle(shell),
    }
}

async fn verify(shell: &Shell, arguments: &Arguments) -> Result<Done, Stop> {
    let registry = arguments.place.registry(shell).await?;
    let catalog = registry.catalog().await?.catalog;
    if catalog.services.is_empty() {
        return Err(Stop::NoModel(no_models(&registry.describe())));
    }
    if let Some(service) = &arguments.service {
        known_service(&catalog, service, &registry)?;
    }
    let named = named(&catalog, arguments.service.as_ref());
    let problems = read_all(shell, &registry, &named).await;
    let findings = Findings {
        location: registry.describe(),
        models_read: named.len(),
        problems,
        orphans: orphans(&registry, &catalog, arguments.service.as_ref()).await?,
    };
    if shell.json {
        shell.say_json(&findings)?;
    } else {
        tell(shell, &findings);
    }
    Ok(if findings.problems.is_empty() { Done::Whole } else { Done::InPart })
}

fn named<'a>(catalog: &'a Catalog, only: Option<&ServiceName>) -> Vec<Named<'a>> {
    let mut named = Vec::new();
    for (service, periods) in &catalog.services {
        if only.is_some_and(|only| only != service) {
            continue;
        }
        for (period, entry) in periods {
            let both = [(Version::Current, &entry.current), (Version::Previous, &entry.previous)];
            for (version, model) in both {
                let model = model.as_ref();
                named.extend(model.map(|model| Named { service, period, version, model }));
            }
        }
    }
    named
}

async fn read_all(shell: &Shell, registry: &Registry, named: &[Named<'_>]) -> Vec<Problem> {
    let bar = terminal::bar(shell.shows_progress(), "reading", Some(named.len() as u64));
    let found: Vec<Vec<Problem>> = stream::iter(named)
        .map(|named| async {
            let problems = problems_of(registry, named).await;
            bar.inc(1);
            let problem = |problem| Problem {
                service: named.service.clone(),
                period: named.period.clone(),
                version: named.version,
                key: named.model.key.clone(),
                problem,
            };
            problems.into_iter().map(problem).collect()
        })
        .buffered(READS_AT_ONCE)
        .collect()
        .await;
    bar.finish_and_clear();
    found.into_iter().flatten().collect()
}

async fn problems_of(registry: &Registry, named: &Named<'_>) -> Vec<String> {
    let model = match registry.model(named.model).await {
        Ok(model) => model,
        Err(error) => return vec![in_short(&error)],
    };
    let mut problems = misplaced(named, &model);
    match registry.card(&named.model.key).await {
        Ok(card) => problems.extend(contradiction(&card, named.model, &model)),
        Err(error) => problems.push(format!("card: {}", in_short(&error))),
    }
    problems
}

/// The location and the key are told once, elsewhere.
fn in_short(error: &RegistryError) -> String {
    match error {
        RegistryError::Store(StoreError::NotFound { .. }) => "it is not there".to_owned(),
        RegistryError::Artifact { error: ArtifactError::Envelope(error), .. } => error.to_string(),
        RegistryError::Artifact { error, .. } => error.to_string(),
        RegistryError::Digest { expected, found, .. } => format!(
            "its SHA-256 begins with {found}, but the catalog says {expected}: it was replaced"
        ),
        RegistryError::Card { reason, .. } => format!("it cannot be read: {reason}"),
        other => other.to_string(),
    }
}

/// What does not fit between a model, its key and the catalog.
fn misplaced(named: &Named<'_>, model: &PeriodModel) -> Vec<String> {
    let mut problems = Vec::new();
    if (&model.service, model.period) != (named.service, named.period.period) {
        problems.push(format!("it is the model of {} {}", model.service, model.period));
    }
    if model.training.trained_at_s != named.model.trained_at.timestamp() {
        problems.push("it was trained at another instant than the catalog says".to_owned());
    }
    let ModelRef { key, digest, trained_at, .. } = named.model;
    if *key != key::artifact_key(named.service, named.period, *trained_at, digest) {
        problems.push("its key is not made of its service, period, time and digest".to_owned());
    }
    problems
}

/// What a card says wrongly about its model.
fn contradiction(found: &Card, reference: &ModelRef, model: &PeriodModel) -> Option<String> {
    let expected = Card::of(model, &reference.digest, reference.bytes);
    let wrong: Vec<&str> = [
        ("service", found.service != expected.service),
        ("period", found.period != expected.period),
        ("digest", found.digest != expected.digest),
        ("bytes", found.bytes != expected.bytes),
        ("trained_at", found.trained_at != expected.trained_at),
        ("trained_on", found.trained_on != expected.trained_on),
        ("gate", found.gate.passed != expected.gate.passed),
    ]
    .into_iter()
    .filter_map(|(name, is_wrong)| is_wrong.then_some(name))
    .collect();
    (!wrong.is_empty()).then(|| format!("card: not what the model says: {}", wrong.join(", ")))
}

async fn orphans(
    registry: &Registry,
    catalog: &Catalog,
    only: Option<&ServiceName>,
) -> Result<Vec<String>, RegistryError> {
    let all = named(catalog, None);
    let known: BTreeSet<&str> = all.iter().map(|named| named.model.key.as_str()).collect();
    let prefix = only.map_or_else(|| format!("{}/", key::ROOT), key::service_prefix);
    let mut stored = registry.artifacts(&prefix).await?;
    stored.retain(|key| !known.contains(key.as_str()));
    Ok(stored)
}

fn tell(shell: &Shell, findings: &Findings) {
    if !findings.problems.is_empty() {
        let mut table = terminal::table(&["service", "period", "which", "problem"]);
        for problem in &findings.problems {
            let which = match problem.version {
                Version::Current => "in force",
                Version::Previous => "before",
            };
            table.add_row([
                cell(Tone::Strong, problem.service.as_str()),
                cell(Tone::Plain, &problem.period.to_string()),
                cell(Tone::Plain, which),
                cell(Tone::Bad, &problem.problem),
            ]);
        }
        shell.say(&table.trim_fmt());
        shell.say("");
    }
    let orphans = findings.orphans.len();
    if orphans > 0 {
        shell.say(&format!("{} not named by the catalog:", count(orphans, "artifact")));
        for key in findings.orphans.iter().take(ORPHANS_SHOWN_MAX) {
            shell.say(&paint(Tone::Faint, &format!("  {key}")));
        }
        if orphans > ORPHANS_SHOWN_MAX {
            let more = orphans - ORPHANS_SHOWN_MAX;
            shell.say(&paint(Tone::Faint, &format!("  and {more} more; --json has all of them")));
        }
        shell.say("");
    }
    let (tone, verdict) = match findings.problems.len() {
        0 => (Tone::Good, "sound".to_owned()),
        problems => (Tone::Bad, count(problems, "problem")),
    };
    shell.say(&format!(
        "{}: {} read from {}",
        paint(tone, &verdict),
        count(findings.models_read, "model"),
        findings.location
    ));
}
