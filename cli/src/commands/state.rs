//! Finds the state of incidents, for commands that look at it or change it.

use std::path::Path;

use anyhow::anyhow;
use domain::config::valid::StateLocation;
use pipeline::ports::incidents::{IncidentStore, StateError};
use pipeline::ports::outbox::Outbox;
use wiring::{Incidents, Settings};

use crate::exit::Failure;
use crate::shell::Shell;

/// Ids that a message lists.
const IDS_SHOWN_MAX: usize = 5;
/// How alike two ids are at least, from 0 to 1, for one to be offered for the other.
const ALIKE_MIN: f64 = 0.75;
/// The variable that goes before all others that say where incidents are.
const LOCATION_VARIABLE: &str = "YAGA__FINGERPRINTING__DB_PATH";

/// Where incidents are kept.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// File or dynamodb://table of the incidents; otherwise FINGERPRINT_DB or the configuration's.
    #[arg(long, value_name = "LOCATION")]
    state: Option<String>,
}

/// The state of incidents, open.
#[derive(Debug)]
pub struct Opened {
    pub incidents: Incidents,
    pub settings: Settings,
}

impl Place {
    /// Opens the state that is meant. A file that is not there is a mistake, and not made.
    pub async fn open(&self, shell: &Shell) -> Result<Opened, Failure> {
        let env = |name: &str| match &self.state {
            Some(location) if name == LOCATION_VARIABLE => Some(location.clone()),
            _ => shell.env(name),
        };
        let settings = Settings::load(&env).await.map_err(|error| {
            let variable = format!("environment variable {LOCATION_VARIABLE}");
            let flag = if self.state.is_some() { "--state" } else { variable.as_str() };
            Failure::Usage(anyhow!(error.to_string().replace(&variable, flag)))
        })?;
        match &settings.config.state {
            Some(StateLocation::File(path)) if !Path::new(path).exists() => {
                return Err(Failure::State(anyhow!(
                    "there is no file {path}: no incident was kept there yet; `yaga infer` makes \
                     it, or name another place with --state or FINGERPRINT_DB"
                )));
            }
            _ => {}
        }
        let opened = shell.incidents(&settings).await?;
        let incidents = opened.ok_or_else(|| Failure::Usage(anyhow!(NOWHERE)))?;
        Ok(Opened { incidents, settings })
    }
}

const NOWHERE: &str = "incidents are kept nowhere; set FINGERPRINT_DB (or fingerprinting.db_path) \
                       to a file like ./state.db or to dynamodb://table, or use --state";

impl Opened {
    /// Where incidents are.
    pub fn store(&self) -> &dyn IncidentStore {
        self.incidents.state.incidents.as_ref()
    }

    /// Where messages are.
    pub fn outbox(&self) -> &dyn Outbox {
        self.incidents.state.outbox.as_ref()
    }
}

/// The failure of a state that cannot be used.
pub fn unusable(error: StateError) -> Failure {
    Failure::State(error.into())
}

/// The one of `known` that `text` is, or is the beginning of, with or without `start`.
pub fn resolve<'a>(
    text: &str,
    start: &str,
    known: &'a [String],
    what: &str,
) -> Result<&'a str, Failure> {
    let text = text.trim();
    let bare = |id: &str| id.strip_prefix(start).unwrap_or(id).to_owned();
    let wanted = bare(text);
    if wanted.is_empty() {
        return Err(Failure::Usage(anyhow!(
            "the {what} is empty; write {start}… or its beginning"
        )));
    }
    let fitting: Vec<&str> =
        known.iter().map(String::as_str).filter(|id| bare(id).starts_with(&wanted)).collect();
    match fitting[..] {
        [id] => Ok(id),
        [] => Err(Failure::Usage(anyhow!(
            "there is no {what} {text}; {}",
            hint(&wanted, known, &bare)
        ))),
        _ => Err(Failure::Usage(anyhow!("{text} may be any of {}", listed(&fitting)))),
    }
}

fn hint(wanted: &str, known: &[String], bare: &dyn Fn(&str) -> String) -> String {
    let alike = |id: &str| strsim::jaro_winkler(wanted, &bare(id));
    let best = known.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
    match best {
        None => "none is kept".to_owned(),
        Some(best) if alike(best) >= ALIKE_MIN => format!("did you mean {best}?"),
        Some(_) => {
            let all: Vec<&str> = known.iter().map(String::as_str).collect();
            format!("there are {}", listed(&all))
        }
    }
}

fn listed(ids: &[&str]) -> String {
    let shown = ids.iter().take(IDS_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(IDS_SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let known = ["incident_0123aa", "incident_0123bb", "incident_ffffff"].map(str::to_owned);
        let found = resolve(text, "incident_", &known, "incident");
        let found = match found {
            Ok(id) => id.to_owned(),
            Err(Failure::Usage(error)) => error.to_string(),
            Err(other) => format!("{other:?}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn an_id_may_be_its_beginning() {
        check("incident_ffffff", "incident_ffffff");
        check("0123a", "incident_0123aa");
        check("incident_0123b", "incident_0123bb");
        check("0123", "0123 may be any of incident_0123aa, incident_0123bb");
    }

    #[test]
    fn an_unknown_id_is_answered_with_the_nearest() {
        check("0123ab", "there is no incident 0123ab; did you mean incident_0123bb?");
        let all = "incident_0123aa, incident_0123bb, incident_ffffff";
        check("77777", &format!("there is no incident 77777; there are {all}"));
        check(" ", "the incident is empty; write incident_… or its beginning");
    }
}
