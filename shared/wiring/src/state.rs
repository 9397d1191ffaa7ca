//! Where incidents are kept, chosen by the form of one setting.

use std::sync::Arc;

use adapter_aws::{DynamoIncidents, DynamoOptions};
use domain::config::valid::{Config, StateLocation};
use pipeline::ports::incidents::{IncidentStore, StateError};
use pipeline::ports::outbox::Outbox;

use crate::Environment;

pub use adapter_aws::Engine;

/// Opens a file of incident state. Whoever can do it hands it in: what runs on Lambda cannot, and
/// does not carry the engine.
pub type OpenFile<'a> = &'a (dyn Fn(&str) -> Result<Arc<dyn Engine>, String> + Sync);

/// Incident state and the outbox in it.
#[derive(Clone)]
pub struct State {
    pub incidents: Arc<dyn IncidentStore>,
    pub outbox: Arc<dyn Outbox>,
}

/// Why there is no incident state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateSettingsError {
    #[error(
        "incidents would be kept in the file {path}, which cannot be opened here; set FINGERPRINT_DB=dynamodb://table"
    )]
    NoFilesHere { path: String },
    #[error("{0}")]
    Unopened(String),
    #[error(transparent)]
    State(#[from] StateError),
}

/// The incident state that `fingerprinting.db_path` (or `FINGERPRINT_DB`) asks for, if it does. A
/// table is connected when it is first used; a file is opened, and made if there is none, at once.
pub async fn state(
    config: &Config,
    env: Environment<'_>,
    open_file: Option<OpenFile<'_>>,
) -> Result<Option<State>, StateSettingsError> {
    let Some(location) = &config.state else { return Ok(None) };
    let store = match (location, open_file) {
        (StateLocation::Table(table), _) => DynamoIncidents::new(table, options(env)),
        (StateLocation::File(path), None) => {
            return Err(StateSettingsError::NoFilesHere { path: path.clone() });
        }
        (StateLocation::File(path), Some(open)) => {
            let engine = open(path).map_err(StateSettingsError::Unopened)?;
            let store = DynamoIncidents::inside(engine);
            store.ensure_table().await?;
            store
        }
    };
    let store = Arc::new(store);
    Ok(Some(State { incidents: Arc::clone(&store) as Arc<dyn IncidentStore>, outbox: store }))
}

/// A server of one's own (`AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`) needs no region.
fn options(env: Environment<'_>) -> DynamoOptions {
    let own = env("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| env("AWS_ENDPOINT_URL"));
    DynamoOptions { endpoint: own, ..DynamoOptions::default() }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "State({})", self.incidents.describe())
    }
}
