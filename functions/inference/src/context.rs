//! What a cold start makes once, and what stays warm between cycles.

use pipeline::infer::Warm;
use tokio::sync::{Mutex, OnceCell};
use wiring::{Assembly, AssemblyError};

/// Settings and adapters are made at the first invocation, so that a mistake in the settings is
/// the answer of an invocation and not a process that dies.
#[derive(Debug, Default)]
pub(crate) struct Context {
    assembly: OnceCell<Assembly>,
    /// The recent past of the metrics and the models in use.
    pub(crate) warm: Mutex<Warm>,
}

impl Context {
    /// Settings and adapters; tried again at the next invocation if they could not be made.
    pub(crate) async fn assembly(&self) -> Result<&Assembly, AssemblyError> {
        self.assembly.get_or_try_init(assemble).await
    }
}

async fn assemble() -> Result<Assembly, AssemblyError> {
    let assembly = Assembly::from_environment(&|name| std::env::var(name).ok()).await?;
    let level = assembly.settings.config.log_level.as_str();
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(tracing_subscriber::EnvFilter::new(level))
        .with_target(false)
        .init();
    Ok(assembly)
}
