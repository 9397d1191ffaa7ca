//! Metric source and registry, each chosen by the form of one setting.

use std::sync::Arc;

use adapter_aws::{S3Options, S3Store};
use adapter_http::VictoriaMetrics;
use adapter_local::{Folder, Recording};
use chrono::{DateTime, Utc};
use domain::config::ENDPOINT_UNSET;
use domain::config::valid::{Config, MetricsLocation, ModelsLocation};
use pipeline::ports::{MetricSource, ObjectStore, SourceError};
use pipeline::registry::Registry;

use crate::Environment;

/// A metric source, and the newest instant that it knows if it does not go on.
#[derive(Clone)]
pub struct Source {
    pub port: Arc<dyn MetricSource>,
    /// End of a recording; `None` for a live source, whose newest instant is now.
    pub newest: Option<DateTime<Utc>>,
}

/// Why there is no metric source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceSettingsError {
    #[error("{ENDPOINT_UNSET}")]
    Unset,
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// The metric source that `victoria_metrics.endpoint` (or `VM_ENDPOINT`) asks for.
///
/// `VM_AUTH_TOKEN` is sent as bearer token, if it is set.
pub fn source(config: &Config, env: Environment<'_>) -> Result<Source, SourceSettingsError> {
    match &config.victoria_metrics.endpoint {
        None => Err(SourceSettingsError::Unset),
        Some(MetricsLocation::Http(endpoint)) => {
            let token = env("VM_AUTH_TOKEN").filter(|token| !token.is_empty());
            let source = VictoriaMetrics::new(endpoint, &config.victoria_metrics, token);
            Ok(Source { port: Arc::new(source), newest: None })
        }
        Some(MetricsLocation::Recording(path)) => {
            let recording = Recording::new(path, &config.metrics);
            let newest = recording.contents()?.newest_s;
            let newest = newest.and_then(|second| DateTime::from_timestamp(second, 0));
            Ok(Source { port: Arc::new(recording), newest })
        }
    }
}

/// The registry that `model.models_directory` (or `MODELS_DIR`) asks for.
pub fn registry(config: &Config, env: Environment<'_>) -> Registry {
    Registry::new(object_store(config, env))
}

/// The store of models, and of what is kept beside them.
pub(crate) fn object_store(config: &Config, env: Environment<'_>) -> Arc<dyn ObjectStore> {
    match &config.model.location {
        ModelsLocation::S3 { bucket, prefix } => Arc::new(s3_store(bucket, prefix, env)),
        ModelsLocation::Folder(path) => Arc::new(Folder::new(path)),
    }
}

/// An S3 store. A server of one's own (`AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`) rarely
/// answers to one host name per bucket, so its buckets are addressed by path.
pub(crate) fn s3_store(bucket: &str, prefix: &str, env: Environment<'_>) -> S3Store {
    let own = env("AWS_ENDPOINT_URL_S3").or_else(|| env("AWS_ENDPOINT_URL"));
    S3Store::new(bucket, prefix, S3Options { path_style: own.is_some(), ..S3Options::default() })
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.port.describe())
    }
}
