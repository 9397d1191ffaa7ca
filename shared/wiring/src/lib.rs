//! Builds the adapters that the settings ask for; shared by the command and the functions.
//!
//! - [`settings`]: finds, reads and checks the configuration document
//! - [`adapters`]: metric source and registry, chosen by the form of one setting each
//! - [`receivers`]: where alerts and scores go
//! - [`assembly`]: both together, from the environment
//! - [`event`]: what the functions are called with
//! - [`moment`]: the instant that a cycle judges, unless it lies in the future
//! - [`state`]: where incidents are kept, likewise
//! - [`incidents`]: state, receivers and invocations together
//! - [`clock`]: the system's clock
//!
//! The environment is handed in as a function: only the shells read it.

pub mod adapters;
pub mod assembly;
pub mod clock;
mod contexts;
pub mod event;
pub mod incidents;
pub mod moment;
pub mod receivers;
pub mod settings;
pub mod state;

pub use adapters::{Source, registry, source};
pub use assembly::{Assembly, AssemblyError};
pub use clock::SystemClock;
pub use incidents::Incidents;
pub use moment::FutureInstant;
pub use receivers::{receivers, score_sink};
pub use settings::{Settings, SettingsError};
pub use state::{State, StateSettingsError};

/// Looks up an environment variable.
pub type Environment<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);
