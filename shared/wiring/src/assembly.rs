//! Everything that a function or a command works with, assembled from the environment.

use chrono::{DateTime, Utc};
use pipeline::registry::Registry;

use crate::adapters::{Source, SourceSettingsError, registry, source};
use crate::settings::{Settings, SettingsError};
use crate::state::StateSettingsError;
use crate::{Environment, Incidents, SystemClock};

/// Settings and the adapters that they ask for. Nothing is connected before it is used.
#[derive(Debug, Clone)]
pub struct Assembly {
    pub settings: Settings,
    pub source: Source,
    pub registry: Registry,
    /// `None` where incidents are kept nowhere.
    pub incidents: Option<Incidents>,
    pub clock: SystemClock,
}

/// Why nothing could be assembled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Source(#[from] SourceSettingsError),
    #[error(transparent)]
    State(#[from] StateSettingsError),
}

impl Assembly {
    /// Reads the settings that the environment names and builds what they ask for. Incidents may
    /// be kept in a table only.
    pub async fn from_environment(env: Environment<'_>) -> Result<Assembly, AssemblyError> {
        let settings = Settings::load(env).await?;
        let source = source(&settings.config, env)?;
        let registry = registry(&settings.config, env);
        let incidents = Incidents::from_settings(&settings.config, env, None).await?;
        Ok(Assembly { settings, source, registry, incidents, clock: SystemClock })
    }
}

impl Source {
    /// The instant that a run is about if nobody says otherwise: the end of a recording, or now.
    pub fn latest(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.newest.unwrap_or(now)
    }
}
