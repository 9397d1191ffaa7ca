//! What a cold start makes once: settings and adapters.

use tokio::sync::OnceCell;
use wiring::{Assembly, AssemblyError};

/// Made at the first invocation, so that a mistake in the settings is the answer of an invocation
/// and not a process that dies.
#[derive(Debug, Default)]
pub(crate) struct Context(OnceCell<Assembly>);

impl Context {
    /// Settings and adapters; tried again at the next invocation if they could not be made.
    pub(crate) async fn assembly(&self) -> Result<&Assembly, AssemblyError> {
        self.0.get_or_try_init(assemble).await
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
